"""Everything into which a person's data or a secret could run: the log, every column of every table, the metrics, the
headers of answers, mails, and the folder of photos. A net is drawn through all of it for what was planted.
"""

import base64
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client
from psycopg import sql

from accounts.session_store import SessionStore
from goldwallet import logs

#: Loggers of libraries that keep to warnings in production; here they tell all they know. Not Django's: below INFO it
#: tells whole pages and queries, so no setting of ours lets it (`goldwallet.logs.configure`).
TALKATIVE = [
    "httpx",
    "httpcore",
    "urllib3",
    "botocore",
    "boto3",
    "s3transfer",
    "procrastinate",
    "asyncio",
    "allauth",
]


class Net:
    """What was planted, by what it is; and what was caught: by place and what it is, an excerpt."""

    def __init__(self, *, documents: Path) -> None:
        self.documents = documents
        self.texts: set[str] = set()
        self.planted: dict[str, list[re.Pattern[str]]] = {}
        self.lines: list[str] = []
        self.headers: list[str] = []
        self.caught: dict[tuple[str, str], str] = {}

    def plant(self, what: str, *texts: str) -> None:
        """Each text as it is, in an address, in JSON and in base64; and it must stand alone, when it is short."""
        for text in set(texts) - self.texts:
            self.texts.add(text)
            short = len(text) < 9
            forms = {text} if short else {text, quote(text, safe=""), text.replace("/", "\\/"), _base64(text)}
            for form in forms:
                bare = re.escape(form)
                alone = rf"(?<![0-9A-Za-z.]){bare}(?![0-9A-Za-z])" if short else bare
                self.planted.setdefault(what, []).append(re.compile(alone, re.IGNORECASE))

    def draw(self, place: str, text: str) -> None:
        for what, patterns in self.planted.items():
            found = next(filter(None, (pattern.search(text) for pattern in patterns)), None)
            if found is not None:
                self.caught.setdefault((place, what), text[max(0, found.start() - 200) : found.end() + 100])

    def draw_all(self) -> dict[tuple[str, str], str]:
        """Through every place, as it is now. What is caught stays caught, so this is done after each step."""
        for line in self.lines:
            self.draw("log", line)
        for header in self.headers:
            self.draw("headers", header)
        for column, text in stored():
            self.draw(column, text)
        for file in self.documents.glob("**/*"):
            if file.is_file():
                self.draw("photos", f"{file.name} {file.read_bytes().decode('latin-1')}")
        self.draw("metrics", metrics())
        return self.caught


def _base64(text: str) -> str:
    """But for what depends on what follows it."""
    return base64.b64encode(text.encode()).decode().rstrip("=")[:-1]


class Lines(logging.Handler):
    """Keeps lines as production writes them."""

    def __init__(self, net: Net) -> None:
        super().__init__(logging.DEBUG)
        self.net = net
        self.setFormatter(logs.formatter(json=True))

    def emit(self, record: logging.LogRecord) -> None:
        self.net.lines.append(self.format(record))


@contextmanager
def hung_up(net: Net, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Every logger at its most talkative, and its lines in the net."""
    for name in TALKATIVE:
        caplog.set_level(logging.DEBUG, logger=name)
    caplog.set_level(logging.DEBUG)
    # No test empties the cache's table, since it is no model's.
    cache.clear()
    handler = Lines(net)
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)


class Browser(Client):
    """Notes the headers of each answer, and the key of its session as one more canary."""

    def __init__(self, net: Net, **options: Any) -> None:
        super().__init__(**options)
        self.net = net

    def request(self, **request: Any) -> Any:
        answer = super().request(**request)
        self.net.headers.append(str(dict(answer.headers)))
        cookie = self.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None and cookie.value:
            self.net.plant("session key", cookie.value)
        return answer


# --- places ---------------------------------------------------------------------------------------

_COLUMNS = """
SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position)
FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND is_generated = 'NEVER'
GROUP BY table_name
"""


def stored() -> Iterator[tuple[str, str]]:
    """Every value of every column of every table as a text, with the column's name. Sealed ones too: nothing is to be
    readable in them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS)
        tables = cursor.fetchall()
        for table, columns in tables:
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            cursor.execute(sql.SQL("SELECT {} FROM {}").format(names, sql.Identifier(table)))
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    if value is not None:
                        yield f"{table}.{column}", _readable(table, column, value)


def _readable(table: str, column: str, value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("latin-1")
    if (table, column) == ("accounts_session", "session_data"):
        return json.dumps(SessionStore().decode(value), default=str, ensure_ascii=False)
    if (table, column) == ("goldwallet_cache", "value"):
        return base64.b64decode(value).decode("latin-1")
    if isinstance(value, dict | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def metrics() -> str:
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    return str(answer.content.decode())


def mails() -> str:
    return "\n".join(f"{message.subject}\n{message.body}" for message in mail.outbox)
