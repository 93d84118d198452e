"""What production must not start with. `check --deploy` lists it; `refuse_unsafe`, called at start, refuses it.

`settings.py` refuses what is missing. Here stands what is there and unsafe. In demo mode nothing of it applies: its
secrets are public and its money is play money.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

# Written in settings.py and in .env.example, so anybody may know them.
DEMO_KEYS = frozenset(
    {
        b"demo-document-key-32-bytes-long!",
        b"demo-field-key-32-bytes-long!!!!",
        b"demo-lookup-key-32-bytes-long!!!",
    }
)
# Of a session of the database. Without them a slow statement or lock piles up until nothing answers (faults.md W08).
TIMEOUTS = ("statement_timeout=", "lock_timeout=", "idle_in_transaction_session_timeout=")
_YEAR_SECONDS = 31_536_000
_SANDBOX = "sandbox.safaricom.co.ke"
_SHARED_CACHES = (
    "db.DatabaseCache",
    "redis.RedisCache",
    "memcached.PyMemcacheCache",
    "memcached.PyLibMCCache",
)

_GUARDS = frozenset(
    {
        "goldwallet.middleware.HeadersMiddleware",
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "django.middleware.csp.ContentSecurityPolicyMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django_otp.middleware.OTPMiddleware",
        "accounts.middleware.SessionLifetimeMiddleware",
    }
)
#: Guesses of a minute that are too many.
_GUESSES = {"sign_in_account": 10, "sign_in_everywhere": 10, "sign_in_address": 100, "code_address": 100}


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    says: str
    broken: Callable[[Any], bool]


UNSAFE = (
    Rule("E001", "DEBUG shows the program's insides to everybody.", lambda c: c.DEBUG),
    Rule(
        "E002",
        "SECRET_KEY is too weak; use 50 random characters.",
        lambda c: len(c.SECRET_KEY) < 50 or len(set(c.SECRET_KEY)) < 10,
    ),
    Rule(
        "E003",
        "ALLOWED_HOSTS must list our names, without *.",
        lambda c: not c.ALLOWED_HOSTS or _any_host(c.ALLOWED_HOSTS),
    ),
    Rule(
        "E004",
        "BASE_URL must be our public https address: the provider's callbacks go there.",
        lambda c: not _public_https(c.BASE_URL),
    ),
    Rule(
        "E005",
        "Cookies must be sent over https alone.",
        lambda c: not (c.SESSION_COOKIE_SECURE and c.CSRF_COOKIE_SECURE),
    ),
    Rule(
        "E006",
        "The session's cookie must be out of reach of scripts and of other sites.",
        lambda c: not c.SESSION_COOKIE_HTTPONLY or c.SESSION_COOKIE_SAMESITE not in {"Lax", "Strict"},
    ),
    Rule(
        "E007",
        "SECURE_SSL_REDIRECT must stay on: http is sent on to https, also when a proxy does so before us.",
        lambda c: not c.SECURE_SSL_REDIRECT,
    ),
    Rule(
        "E008",
        "FIELD_KEYS or DOCUMENT_KEYS holds a key of the demo, which is public, or one that is not random.",
        lambda c: _known([*c.FIELD_KEYS.values(), *c.DOCUMENT_KEYS.values()]),
    ),
    Rule(
        "E009",
        "LOOKUP_KEY must be the base64 of 32 random bytes, and not the demo's.",
        lambda c: not _is_key(c.LOOKUP_KEY),
    ),
    Rule(
        "E010",
        "LOOKUP_KEY, FIELD_KEYS and DOCUMENT_KEYS must not share a key.",
        lambda c: _keys_shared(c),
    ),
    Rule(
        "E011",
        "DARAJA_BASE_URL must be an https address, not a program on this machine.",
        lambda c: not _public_https(c.DARAJA["base_url"]),
    ),
    Rule(
        "E012",
        "SIMULATOR_URL belongs to the demo: it would be handed people's mail and codes.",
        lambda c: bool(c.SIMULATOR_URL),
    ),
    Rule(
        "E013",
        "The cache must be shared by all processes: what one has told, another must not tell again.",
        lambda c: not c.CACHES["default"]["BACKEND"].endswith(_SHARED_CACHES),
    ),
    Rule("E014", "Passwords must be hashed with Argon2.", lambda c: "Argon2" not in c.PASSWORD_HASHERS[0]),
    Rule(
        "E015",
        "The content security policy must not allow inline or evaluated script.",
        lambda c: _open_policy(c.SECURE_CSP),
    ),
    Rule(
        "E016",
        "Mail must go to a mail server.",
        lambda c: "smtp" not in c.MAILERS["default"]["BACKEND"],
    ),
    Rule(
        "E017",
        "METRICS_TOKEN is too short; use 20 random characters, or none.",
        lambda c: 0 < len(c.METRICS_TOKEN) < 20,
    ),
    Rule(
        "E018",
        "goldwallet.allow_truncate is for tests: it opens the ledger to TRUNCATE.",
        lambda c: "allow_truncate" in _session(c),
    ),
    Rule(
        "E019",
        "SCHEMA_GUARDED must stay on: a database that lacks a guard must not be served.",
        lambda c: not c.SCHEMA_GUARDED,
    ),
    Rule(
        "E020",
        "Every connection must limit its statements, its waits for locks and its idle transactions.",
        lambda c: not all(name in _session(c) for name in TIMEOUTS),
    ),
    Rule(
        "E021",
        "DOCUMENT_S3_ENDPOINT must be an https address, not a program on this machine.",
        lambda c: c.DOCUMENT_STORE == "s3" and not _amazon_or_https(c.DOCUMENT_S3["endpoint"]),
    ),
    Rule(
        "E022",
        "DOCUMENT_S3_SSE must be AES256 or aws:kms: the bucket encrypts as well.",
        lambda c: c.DOCUMENT_STORE == "s3" and c.DOCUMENT_S3["sse"] not in {"AES256", "aws:kms"},
    ),
    Rule(
        "E023",
        "DOCUMENT_FOLDER must not lie among files that are served.",
        lambda c: c.DOCUMENT_STORE == "folder" and _served(c),
    ),
    Rule(
        "E024",
        "SECURE_HSTS_SECONDS must be a year or more: browsers that were here once come by https alone.",
        lambda c: c.SECURE_HSTS_SECONDS < _YEAR_SECONDS,
    ),
    Rule(
        "E025",
        "TRUSTED_PROXY_COUNT must be 1 or more behind a proxy: else everybody has the proxy's address, and one guesser "
        "shuts all others out.",
        lambda c: bool(c.SECURE_PROXY_SSL_HEADER) and c.ALLAUTH_TRUSTED_PROXY_COUNT < 1,
    ),
    Rule(
        "E026",
        "CSRF_TRUSTED_ORIGINS must be https addresses without *: whoever is named there may post to us.",
        lambda c: any("*" in origin or not _public_https(origin) for origin in c.CSRF_TRUSTED_ORIGINS),
    ),
    Rule(
        "E027",
        "A middleware that guards is missing: of tokens, headers, the policy, sessions or frames.",
        lambda c: bool(_GUARDS - set(c.MIDDLEWARE)),
    ),
    Rule(
        "E028",
        "Our pages must not be shown within others' (X_FRAME_OPTIONS and frame-ancestors).",
        lambda c: c.X_FRAME_OPTIONS != "DENY" or "'none'" not in c.SECURE_CSP.get("frame-ancestors", []),
    ),
    Rule(
        "E029",
        "RATE_LIMITS must limit guesses: ten a minute for an account, a hundred for an address, at most.",
        lambda c: _guessing_unlimited(c.RATE_LIMITS),
    ),
)
DOUBTFUL = (
    Rule(
        "W001",
        "DARAJA_BASE_URL is the sandbox: payments there are play money, and gold would be given for them.",
        lambda c: urlsplit(c.DARAJA["base_url"]).hostname == _SANDBOX,
    ),
    Rule(
        "W002",
        "LOG_LEVEL is DEBUG: libraries may log more than they should.",
        lambda c: c.LOG_LEVEL.upper() == "DEBUG",
    ),
    Rule(
        "W003",
        "Mail is handed on without TLS.",
        lambda c: not c.MAILERS["default"].get("OPTIONS", {}).get("use_tls", True),
    ),
)


@register(Tags.security, deploy=True)
def deployment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """`manage.py check --deploy`."""
    return [] if settings.DEMO else [*unsafe(settings), *doubtful(settings)]


@register(Tags.database)
def database(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """`manage.py check --database default`, and each `migrate`: is the database one to keep money in?"""
    return [] if settings.DEMO or "default" not in (databases or ()) else list(unsafe_database())


def refuse_unsafe() -> None:
    """Raise ImproperlyConfigured, with all reasons, when production would run with an unsafe setting."""
    if settings.DEMO:
        return
    reasons = [f"{problem.msg} ({problem.id})" for problem in unsafe(settings)]
    if reasons:
        raise ImproperlyConfigured("Production does not start like this:\n- " + "\n- ".join(reasons))


def unsafe(config: Any) -> list[CheckMessage]:
    """Settings that production does not start with."""
    return [Error(rule.says, id=f"goldwallet.{rule.id}") for rule in UNSAFE if rule.broken(config)]


def doubtful(config: Any) -> list[CheckMessage]:
    """Settings that have their uses and are no way to take real money."""
    return [Warning(rule.says, id=f"goldwallet.{rule.id}") for rule in DOUBTFUL if rule.broken(config)]


_DATABASE = """
SELECT current_setting('server_version_num')::int >= 150000,
       current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on',
       current_setting('synchronous_commit') <> 'off'
"""


def unsafe_database() -> Iterator[CheckMessage]:
    """A server that may forget what it has acknowledged, or that is too old."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_DATABASE)
        new, writes, waits = cursor.fetchone()
    if not new:
        yield Error("PostgreSQL must be version 15 or newer.", id="goldwallet.E101")
    if not writes:
        yield Error(
            "fsync and full_page_writes must be on: money is not kept in memory.", id="goldwallet.E102"
        )
    if not waits:
        yield Error("synchronous_commit must be on: what we acknowledge must survive.", id="goldwallet.E103")


def _session(config: Any) -> str:
    """What each connection sets when it opens."""
    return str(config.DATABASES["default"].get("OPTIONS", {}).get("options", ""))


def _any_host(names: Sequence[str]) -> bool:
    return any("*" in name or name in {".", ""} for name in names)


#: Last parts of names that lead to a machine nearby, whatever stands before them.
_NEARBY = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "localdomain")


def _public_https(address: str) -> bool:
    """An https address out in the world: what we call must not be a machine beside us (faults.md X06)."""
    parts = urlsplit(address)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "https" or not host or parts.username is not None:
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        last = host.rpartition(".")[2]
    # `127.1`, `0x7f000001` and `2130706433` are addresses as well, to those who call them.
    return "." in host and last not in _NEARBY and not re.fullmatch(r"\d+|0x[0-9a-f]*", last)


def _amazon_or_https(endpoint: str) -> bool:
    return not endpoint or _public_https(endpoint)


def _guessing_unlimited(limits: Mapping[str, tuple[int, int]]) -> bool:
    """`limits`: how often within how many seconds."""
    return any(
        name not in limits or limits[name][0] * 60 > most * limits[name][1] for name, most in _GUESSES.items()
    )


def _served(c: Any) -> bool:
    place = Path(c.DOCUMENT_FOLDER).resolve()
    served = [Path(folder).resolve() for folder in (c.STATIC_ROOT, *c.STATICFILES_DIRS)]
    return any(place == folder or folder in place.parents for folder in served)


def _known(keys: Iterable[bytes]) -> bool:
    return any(key in DEMO_KEYS or len(set(key)) < 8 for key in keys)


def _is_key(encoded: bytes) -> bool:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(key) == 32 and not _known([key])


def _keys_shared(c: Any) -> bool:
    keys = [*c.FIELD_KEYS.values(), *c.DOCUMENT_KEYS.values()]
    if _is_key(c.LOOKUP_KEY):
        keys.append(base64.b64decode(c.LOOKUP_KEY))
    return len(keys) != len(set(keys))


def _open_policy(policy: Any) -> bool:
    scripts = policy.get("script-src") or policy.get("default-src") or ["*"]
    return any(word in str(source) for source in scripts for word in ("unsafe-", "*"))
