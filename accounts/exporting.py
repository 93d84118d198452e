"""Lists as files (`controls.exports`). A short one is written while its asker waits, a long one by a job.

Short is what is written within some seconds and has no more than DIRECT_ROWS rows. It goes to a temporary file first
and out of the house from there: a file that breaks in the middle is never taken for a whole one, and no connection to
the database is held by somebody's slow line. A long one is an `Export`: the job writes it and stores it sealed in
parts, any web process hands it out for a day, and then its parts are deleted (faults.md X10).
"""

import base64
import json
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

import structlog
from django.db import DatabaseError, IntegrityError, connection, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.limits import count
from accounts.models import User
from accounts.permissions import may_see
from accounts.roles import SEES_PEOPLE
from accounts.whose import owner_meant, person_meant
from controls.audit import record
from controls.exports import EXPORTS, exceeds, person_of, rows_of
from controls.models import EXPORT_MOVES, Export, ExportPart, ExportState
from goldwallet.budget import canceled, too_much
from goldwallet.clock import Now, after
from goldwallet.errors import Conflict, Refused, TooOften
from goldwallet.sheets import csv_bytes, xlsx_file
from goldwallet.states import move

log = structlog.get_logger(__name__)

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
JOB = "accounts.export_write"
#: So many rows, and so many seconds, somebody waits for a file before a job does it.
DIRECT_ROWS = 10_000
PATIENCE_SECONDS = 8.0
#: More than that nobody reads, and it would fill the house.
MOST_ROWS = {"csv": 1_000_000, "xlsx": 500_000}
KEPT_SECONDS = 24 * 3600.0
#: Files being written for people who wait, in the whole house: pages must find a connection, too. And so many by jobs:
#: a long list takes minutes, and the worker's other places are for what pays people.
_AT_ONCE = 2
#: A writing that has not come to an end after an hour, whoever took it up, is given up.
_GIVE_UP_SECONDS = 3600.0
_PART_BYTES = 384 * 1024
#: Of advisory locks with two numbers the first says what they are about.
_ABOUT_DIRECT, _ABOUT_EXPORT, _ABOUT_LONG = 0xE1, 0xE2, 0xE3


class TooLong(Exception):
    """The list is too long to be waited for."""


@dataclass(frozen=True)
class Asked:
    """A list as somebody asked for it: what a page's address or form said, read and found possible."""

    kind: str
    format: str
    filters: dict[str, str]
    #: Whether who asks may open people's pages; who may not gets no addresses where the list can do without.
    sees_people: bool

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Raises Refused for filters that make no sense, and for what the database gives up looking for."""
        try:
            yield from rows_of(self.kind, self.filters, sees_people=self.sees_people)
        except DatabaseError as error:
            if not canceled(error):
                raise
            raise too_much() from error

    def exceeds(self, most: int) -> bool:
        """Whether the list is surely longer than that. Raises Refused for filters that make no sense."""
        try:
            with transaction.atomic():
                return exceeds(self.kind, self.filters, most)
        except DatabaseError as error:
            if not canceled(error):
                raise
            return False  # It took too long to count: writing tells.

    @property
    def subject(self) -> str:
        """What the audit trail calls it: an account is called by its code, as its page is."""
        code = self.filters.get("code", "")
        return f"account:{code}" if self.kind == "account" and code else f"list:{self.kind}"

    @property
    def person_id(self) -> uuid.UUID | None:
        """Whose data it holds, when it is asked for by what means one person. Raises Refused where that takes too
        long to find out.
        """
        given = self.filters.get
        if self.kind == "account":
            return owner_meant(given("code", ""))
        if self.kind == "transactions":
            return owner_meant(given("account", "") or given("actor", ""))
        if EXPORTS[self.kind].person and not given("person", ""):
            return person_of(self.kind, self.filters)
        return person_meant(name=given("person", ""), phone=given("phone", ""))

    @property
    def names(self) -> list[str]:
        """Of the filters that were used. Their values may be a person's data and are noted nowhere."""
        return sorted(self.filters)


def asked_by(export: Export) -> Asked:
    """What the export was asked for as."""
    return Asked(export.kind, export.format, json.loads(export.filters), sees_people(export.by))


def sees_people(user: User) -> bool:
    """To whom a person's page opens."""
    return may_see(user, *SEES_PEOPLE)


def may_take(user: User, kind: str) -> bool:
    """Whoever may read a list may take it out: its roles, the auditor, the administrator. Not who is on hold."""
    return may_see(user, *EXPORTS[kind].roles) and not user.frozen_reason


def shows_too_much(export: Export, user: User) -> bool:
    """Whether the written file has addresses of people in it that its asker may not see (any more)."""
    return export.shows_people and not sees_people(user)


def may_fetch(export: Export, user: User) -> bool:
    """Whether this person may have the file that was written for them."""
    return export.kind in EXPORTS and may_take(user, export.kind) and not shows_too_much(export, user)


# --- at once --------------------------------------------------------------------------------------


def written_at_once(asked: Asked) -> tuple[IO[bytes], int]:
    """The file and how many rows it has. Raises TooLong, TooOften when others are being written, Refused."""
    if asked.exceeds(DIRECT_ROWS):
        raise TooLong
    with _place_at_once():
        return _written(asked, _Counted(asked, most=DIRECT_ROWS, seconds=PATIENCE_SECONDS))


def file_count(by: User) -> None:
    """One more file that this person takes out of the house. Raises TooOften."""
    count("exports_person", str(by.pk))


@contextmanager
def paper(by: User) -> Iterator[None]:
    """Round the making of a PDF: it counts among one's files, and has one of their places. Raises TooOften."""
    file_count(by)
    with _place_at_once():
        yield


@contextmanager
def _place_at_once() -> Iterator[None]:
    with _place_of_two(_ABOUT_DIRECT) as placed:
        if not placed:
            raise TooOften(
                "Other lists are being written at this moment. Wait a minute, then try again.", seconds=30
            )
        yield


@contextmanager
def _place_of_two(about: int) -> Iterator[bool]:
    """One of two places in the whole house while the block lasts, or the word that there is none."""
    number = next((free for free in range(_AT_ONCE) if _locked(about, free)), None)
    try:
        yield number is not None
    finally:
        if number is not None:
            _unlock(about, number)


class _Counted:
    """The rows of a list, counted as they go by, and no more than `most` of them within so many seconds."""

    def __init__(self, asked: Asked, *, most: int, seconds: float) -> None:
        self._asked, self._most, self._seconds = asked, most, seconds
        self.count = 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        end = time.monotonic() + self._seconds
        for row in self._asked.rows():
            if self.count >= self._most or time.monotonic() > end:
                raise TooLong
            self.count += 1
            yield row


def _written(asked: Asked, rows: _Counted) -> tuple[IO[bytes], int]:
    listing = EXPORTS[asked.kind]
    if asked.format == "xlsx":
        return xlsx_file(listing.columns, rows, listing.label), rows.count
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller reads it)
    try:
        for piece in csv_bytes(listing.columns, rows):
            file.write(piece)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file, rows.count


# --- by a job -------------------------------------------------------------------------------------


def export_ask(*, asked: Asked, by: User) -> Export:
    """Have the list written. Raises Refused for filters that make no sense or find too much, Conflict while another
    one of this person's is being written.
    """
    # Only the first row: what the list refuses, it refuses now.
    next(iter(asked.rows()), None)
    if asked.exceeds(MOST_ROWS[asked.format]):
        raise _too_many(asked.format)
    export = Export(kind=asked.kind, format=asked.format, by=by, expires_at=after(KEPT_SECONDS))
    export.filters = json.dumps(asked.filters)
    try:
        with transaction.atomic():
            export.save(force_insert=True)
            _enqueue(export)
            record(
                "export",
                subject=asked.subject,
                person_id=asked.person_id,
                after={"format": asked.format, "asked_by": asked.names},
            )
    except IntegrityError:
        raise Conflict(
            "Another list is being written for you. Ask again when it is ready.", code="one_at_a_time"
        ) from None
    return export


def _too_many(format: str) -> Refused:
    return Refused(f"This list has more than {MOST_ROWS[format]:,} rows. Ask for fewer, say for one month.")


def _enqueue(export: Export) -> None:
    app.configure_task(JOB).defer(export_id=str(export.pk))


def export_do(export_id: uuid.UUID) -> None:
    """Write it. Whoever comes second, or too late, does nothing; after a killed worker `exports_sweep` begins anew.

    While two are being written it keeps waiting: who ends calls the next one up.
    """
    with _held(export_id) as held, _place_of_two(_ABOUT_LONG) as placed:
        if not (held and placed):
            return
        _do(export_id)
    _call_up()


def _do(export_id: uuid.UUID) -> None:
    export = Export.objects.select_related("by").get(pk=export_id)
    if not move(export, ExportState.RUNNING, moves=EXPORT_MOVES):
        return
    try:
        _write(export)
    except Refused as refused:
        _fail(export, refused.sentence)
    except DatabaseError as error:
        if not canceled(error):
            # It went away. The sweep finds the row.
            raise
        _fail(export, too_much().sentence)
    except Exception:
        _fail(
            export, "It could not be written: something in the system is wrong. Tell whoever looks after it."
        )
        raise


def _call_up() -> None:
    """The one that waits for the longest, if no job is there for it. When this is missed, the sweep does it."""
    for export in Export.objects.filter(state=ExportState.WAITING).order_by("created_at"):
        if not _has_job(export):
            _enqueue(export)
            return


def _has_job(export: Export) -> bool:
    jobs = ProcrastinateJob.objects.filter(task_name=JOB, args__export_id=str(export.pk), status="todo")
    return jobs.exists()


def _fail(export: Export, sentence: str) -> None:
    move(export, ExportState.FAILED, moves=EXPORT_MOVES, error=sentence[:200], finished_at=Now())


def _write(export: Export) -> None:
    if not may_take(export.by, export.kind):
        raise Refused("Your roles do not open this list any more.")
    asked = asked_by(export)
    most = MOST_ROWS[export.format]
    try:
        file, rows = _written(asked, _Counted(asked, most=most, seconds=_GIVE_UP_SECONDS))
    except TooLong:
        raise _too_many(export.format) from None
    # In one transaction: there is a whole file or none.
    with file, transaction.atomic():
        size = number = 0
        while piece := file.read(_PART_BYTES):
            part = ExportPart(export=export, number=number)
            part.content = base64.b64encode(piece).decode()
            part.save(force_insert=True)
            size, number = size + len(piece), number + 1
        changes: dict[str, Any] = {
            "rows": rows,
            "size": size,
            # Judged as it was when the writing began: a role that is lost meanwhile is asked for at the file.
            "shows_people": asked.sees_people,
            "finished_at": Now(),
            "expires_at": after(KEPT_SECONDS),
        }
        if not move(export, ExportState.DONE, moves=EXPORT_MOVES, **changes):
            raise Refused("It was given up meanwhile.")


def export_parts(export_id: uuid.UUID) -> Iterator[bytes]:
    """The file, a part at a time, and none of them kept."""
    number = 0
    while part := ExportPart.objects.filter(export=export_id, number=number).first():
        yield base64.b64decode(part.content)
        number += 1


def exports_sweep() -> None:
    """Begin anew what a killed worker left, give up what does not end, delete what is a day old."""
    opened = Export.objects.filter(state__in=[ExportState.WAITING, ExportState.RUNNING])
    for export in opened.filter(created_at__lte=after(-60)):
        with _held(export.pk) as held:
            if held:
                _take_up(export)
    for export in Export.objects.filter(
        state__in=[ExportState.DONE, ExportState.FAILED], expires_at__lte=Now()
    ):
        with transaction.atomic():
            # What was typed as a filter may be a person's data.
            if move(export, ExportState.GONE, moves=EXPORT_MOVES, filters_sealed=""):
                export.parts.all().delete()


def _take_up(export: Export) -> None:
    """Nobody works on it, though it was asked for a minute ago."""
    if _has_job(export):
        return
    with transaction.atomic():
        if Export.objects.filter(pk=export.pk, created_at__lte=after(-_GIVE_UP_SECONDS)).exists():
            _fail(export, "It could not be written within an hour. Ask for fewer rows.")
            return
        # One that waits had its job lost; one that runs had its worker killed.
        move(export, ExportState.WAITING, moves=EXPORT_MOVES)
        _enqueue(export)


# --- who works on it ------------------------------------------------------------------------------


@contextmanager
def _held(export_id: uuid.UUID) -> Iterator[bool]:
    """Hold the export while the block lasts, or say that somebody does."""
    number = int.from_bytes(export_id.bytes[:4], signed=True)
    held = _locked(_ABOUT_EXPORT, number)
    try:
        yield held
    finally:
        if held:
            _unlock(_ABOUT_EXPORT, number)


def _locked(about: int, number: int) -> bool:
    """Take the lock if it is free. When the session dies, PostgreSQL lets go."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [about, number])
        return bool(cursor.fetchone()[0])


def _unlock(about: int, number: int) -> None:
    # A connection that is gone has let go by itself.
    with suppress(DatabaseError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [about, number])
