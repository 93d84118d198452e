"""Logs: structlog over the standard library. One JSON object a line in production, readable text in the demo.

Everything that is logged, by us or by a library, passes `mask` last: phones, e-mail addresses, passwords,
bearer tokens, the keys inside addresses, and, where a name beside them says what they are, ID numbers, legal names and
dates of birth do not reach a line. Write lines that need no mask all the same.
"""

import logging
import logging.config
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "***"
# A line is for reading. Longer texts (a provider's error page, say) are cut before they are searched.
LONGEST = 20_000

_SECRET_KEY = re.compile(
    r"pass(?:word|key|phrase)|secret|token|credential|authori[sz]ation|cookie|session_?key|csrf|(?:^|_)(?:otp|pin)$",
    re.IGNORECASE,
)
_PERSONAL = r"legal_?name|id_?number|birth_?(?:date|day|month|year)|date_?of_?birth"
_PERSONAL_KEY = re.compile(_PERSONAL, re.IGNORECASE)
_SECRET_WORD = (
    r"[\w-]*(?:password|passkey|secret|token|credential|authorization|sessionid|csrf\w*|api[_-]?key)"  # noqa: S105
)
_PATTERNS: list[tuple[re.Pattern[str], str]] = [
    # The key of a callback's address: /hooks/<rail>/<kind>/<token>/
    (re.compile(r"(/hooks/[^/\s]{1,40}/[^/\s]{1,40}/)[^/\s\"'?]+"), rf"\1{HIDDEN}"),
    # What a reset link opens with: /accounts/password/reset/key/<who>-<key>/
    (re.compile(r"(/reset/key/)(?!done/)[^/\s\"'?]+"), rf"\1{HIDDEN}"),
    # M-Pesa's name of a prompt: its day, time, and the number that was asked.
    (re.compile(r"\b(ws_CO_)\w+"), rf"\1{HIDDEN}"),
    # The password in postgresql://user:password@host
    (re.compile(r"(\w://[^:/\s@]{1,80}:)[^@/\s]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{4,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    # password=..., "SecurityCredential": "...", token: ...
    (
        re.compile(rf"(\b{_SECRET_WORD}[\"']?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&}}\]\)]+)", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    # legal_name='...', "id_number": "...", birth_date=datetime.date(1990, 3, 27), date of birth as an address has it
    (
        re.compile(
            rf"(\b\w*(?:{_PERSONAL})\w*(?:\\?[\"'])?\s*[:=]\s*)"
            r"(\"[^\"]*\"|'[^']*'|[\w.]+\([^)]*\)|[^,;&}\]\)\n]+)",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b([\w.+-])[\w.+-]*@((?:[\w-]+\.)+\w+)"), rf"\1{HIDDEN}@\2"),
    # 254712345678, +254712345678, 0712345678 -> 2547****5678
    (re.compile(r"(?<![\w.])(?:\+?254|0)([17])[0-9]{4}([0-9]{4})(?![\w])"), r"254\1****\2"),
]


def masked(text: str) -> str:
    """The text without what looks like a person's data or a secret."""
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text)} characters)"
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def _masked_value(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, bytes):
        return masked(value.decode(errors="replace"))
    if isinstance(value, Mapping):
        return {key: _masked_pair(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked_value(item) for item in value]
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        # A phone kept as a number is still a phone.
        text = masked(str(value))
        return value if text == str(value) else text
    return masked(str(value))


def _masked_pair(key: str, value: Any) -> Any:
    if value and not isinstance(value, bool) and (_SECRET_KEY.search(key) or _PERSONAL_KEY.search(key)):
        return HIDDEN
    return _masked_value(value)


def mask(logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
    """The last processor before a line is written."""
    return {key: _masked_pair(key, value) for key, value in event_dict.items()}


def _shared() -> list[Processor]:
    """What lines of ours and of libraries have in common."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(allow=("status_code",)),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def formatter(*, json: bool) -> logging.Formatter:
    """From a log record to a line."""
    last: Processor
    if json:
        last = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        last = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            mask,
            last,
        ],
    )


class _Bugs(logging.Filter):
    """Lines about an exception. (An answer of 503 that a page gave on purpose is none.)"""

    def filter(self, record: logging.LogRecord) -> bool:
        return bool(record.exc_info)


def configure(config: Mapping[str, Any]) -> None:
    """Django calls this with `settings.LOGGING`: {"json": bool, "level": name of the lowest level to write}."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"bugs": {"()": _Bugs}},
            "formatters": {"line": {"()": formatter, "json": config["json"]}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": config["level"]},
            "loggers": {
                # Django brings handlers of its own; its lines go the way of all others.
                "django": {"handlers": [], "level": "INFO", "propagate": True},
                # Every answer has its access line; only a bug has a second one, with the traceback.
                "django.request": {"level": "ERROR", "filters": ["bugs"]},
                "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
                # These tell every call with its full address, or every periodic job.
                "httpx": {"level": "WARNING"},
                "httpcore": {"level": "WARNING"},
                "urllib3": {"level": "WARNING"},
                "botocore": {"level": "WARNING"},
                # What a photo says about its owner.
                "PIL": {"level": "WARNING"},
                "procrastinate": {"level": "WARNING"},
                "_granian": {"handlers": [], "level": "WARNING", "propagate": True},
                "granian.access": {"handlers": [], "level": "WARNING", "propagate": True},
            },
        }
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
