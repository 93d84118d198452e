"""What a look at a page asks the database, and how many rows each of its lists has: HTML, a file of rows, a PDF."""

import datetime as dt
import re
from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from unittest.mock import patch

from django.core.cache import cache
from django.db import connection
from django.http import HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controls.selectors import thresholds_forget
from goldwallet.test import pdf

#: So many questions a page of the desk may ask.
MOST = 25

#: What lists -> what it lists.
_LISTS = {"table": "tr", "ul": "li", "ol": "li"}
_HEADS = {"h1", "h2", "h3", "h4", "summary", "caption", "label"}
#: What differs from thing to thing in the words before a list.
_NUMBERS = re.compile(r"[0-9][0-9 ,]*")


class _Lists(HTMLParser):
    """Counts by the words that stand before a list."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, int] = {}
        self._open: list[tuple[str, str]] = []
        self._head, self._in_head = "", False
        self._quiet = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"nav", "header", "footer"}:
            self._quiet += 1
        if self._quiet:
            return
        if tag in _HEADS:
            self._head, self._in_head = "", True
        if tag in _LISTS:
            label = dict(attrs).get("aria-label") or dict(attrs).get("name") or self._head.strip()
            self._open.append((tag, _NUMBERS.sub("#", f"{tag}: {' '.join(label.split())}")))
        elif self._open and tag == _LISTS[self._open[-1][0]]:
            label = self._open[-1][1]
            self.rows[label] = self.rows.get(label, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        if tag in {"nav", "header", "footer"}:
            self._quiet -= 1
        if tag in _HEADS:
            self._in_head = False
        if self._open and tag == self._open[-1][0] and not self._quiet:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._in_head:
            self._head += data


def rows_of(answer: HttpResponseBase) -> dict[str, int]:
    """The lists of an answer by their names. Raises AssertionError for an answer that is no page."""
    assert answer.status_code == 200, answer
    content: Any = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    kind = answer["Content-Type"].partition(";")[0]
    if kind == "text/csv":
        return {"file": content.count(b"\n")}
    if kind == "application/pdf" and b"%%EOF" in content:
        return {"file": len(pdf.texts(content))}
    if kind != "text/html":
        return {}
    parser = _Lists()
    parser.feed(content.decode())
    return parser.rows


# --- what it asks ---------------------------------------------------------------------------------

_ABOUT = re.compile(r"'[^']*'(::\w+)?(, )?|[0-9]+")
#: Where a transaction begins and ends.
_MARKS = ("SAVEPOINT ", "RELEASE SAVEPOINT ", "ROLLBACK TO SAVEPOINT ", "SET ")


def _own(sql: str) -> str:
    """The statement without the stamp for the history that goes before it in the same question."""
    return sql.split("; ", 1)[-1] if sql.startswith("SELECT set_config('pghistory") else sql


@dataclass(frozen=True)
class Look:
    """What one look at a page asked, and how many rows each of its lists had."""

    questions: list[str]
    rows: dict[str, int]

    @property
    def told(self) -> list[str]:
        """The questions in short, without what they were asked about."""
        return [" ".join(_ABOUT.sub("?", sql).split())[:300] for sql in self.questions]

    def more_than(self, other: "Look") -> list[str]:
        return list((Counter(self.told) - Counter(other.told)).elements())


def look(browser: Client, path: str, *, query: str = "", part: str = "") -> Look:
    """A look at a page that nobody has looked at before. `part`: htmx asks for this part of it. Raises AssertionError
    for an answer that is no page.
    """
    headers = {"HX-Request": "true", "HX-Target": part} if part else {}
    thresholds_forget()
    cache.clear()
    # That somebody was seen is written once a minute; here at each look, as the slower machine has it.
    noted = patch("accounts.sessions._NOTE_EVERY", dt.timedelta())
    with noted, CaptureQueriesContext(connection) as queries:
        answer: Any = browser.get(f"{path}?{query}" if query else path, headers=headers)
        # A file that goes out part by part asks while it does.
        rows = rows_of(answer)
    asked = [_own(query["sql"]) for query in queries.captured_queries]
    return Look([sql for sql in asked if not sql.startswith(_MARKS)], rows)
