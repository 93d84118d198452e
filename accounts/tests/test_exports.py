"""Lists as files: at once or by a job, for who may read them, and never so long that somebody waits (X10)."""

import csv
import datetime as dt
import io
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts import exporting
from accounts.models import User
from accounts.tests.people import customer, signed_in, staff
from controls.exports import EXPORTS, Listing
from controls.models import AuditEntry, Export, ExportPart, ExportState
from goldwallet.clock import now
from goldwallet.errors import Refused

pytestmark = pytest.mark.django_db

NAME = "=cmd|' /C calc'!A0"


def tiny(filters: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """A list as an app brings it: `count` rows, after a moment each where `slow` says so."""
    if "x" in filters.get("count", ""):
        raise Refused("Write the number with digits.")
    if "broken" in filters:
        raise ZeroDivisionError
    if "long" in filters:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '20ms'")
            cursor.execute("SELECT pg_sleep(5)")
    for number in range(int(filters.get("count") or 3)):
        if "slow" in filters:
            time.sleep(0.01)
        yield number, NAME, dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


def tiny_grows(filters: dict[str, str], most: int) -> bool:
    """It was short when it was counted."""
    return False


def tiny_exceeds(filters: dict[str, str], most: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '20ms'")
        cursor.execute("SELECT pg_sleep(5)")
    return True


@pytest.fixture(autouse=True)
def _tiny_list(monkeypatch: pytest.MonkeyPatch) -> None:
    listing = Listing(
        label="Tiny",
        columns=("Number", "Name", "At"),
        rows=f"{__name__}.tiny",
        exceeds=f"{__name__}.tiny_grows",
        roles=frozenset({"treasury"}),
    )
    monkeypatch.setitem(EXPORTS, "tiny", listing)


@pytest.fixture
def person() -> User:
    return staff("treasury")


@pytest.fixture
def browser(person: User) -> Client:
    return signed_in(person)


def take(browser: Client, *, kind: str = "tiny", post: bool = False, **asked: object) -> Any:
    path = reverse("desk_export", args=[kind])
    data = {"format": "csv", **{name: str(value) for name, value in asked.items()}}
    return browser.post(path, data) if post else browser.get(path, data)


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def ask(browser: Client, **asked: object) -> Export:
    answer = take(browser, post=True, **asked)
    assert answer.status_code == 302, answer.content
    assert answer["Location"] == reverse("desk_exports")
    return Export.objects.latest("created_at")


def written(browser: Client, **asked: object) -> Export:
    export = ask(browser, **asked)
    exporting.export_do(export.pk)
    export.refresh_from_db()
    return export


def fetch(browser: Client, export: Export) -> Any:
    return browser.get(reverse("desk_export_file", args=[export.pk]))


@pytest.fixture
def elsewhere() -> Iterator[Any]:
    """A session of another process."""
    with closing(connection.copy()) as other, other.cursor() as cursor:
        yield cursor


# --- at once --------------------------------------------------------------------------------------


@pytest.mark.fault("X04")
def test_a_short_list_comes_at_once_and_holds_no_formula(browser: Client) -> None:
    answer = take(browser, count=2)

    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="gold-wallet-tiny-')
    assert answer["X-Content-Type-Options"] == "nosniff"
    data = body(answer)
    assert int(answer["Content-Length"]) == len(data)
    assert read(data) == [
        ["Number", "Name", "At"],
        ["0", f"'{NAME}", "2026-11-20T03:00:00+03:00"],
        ["1", f"'{NAME}", "2026-11-20T03:00:00+03:00"],
    ]


def test_an_excel_file_is_a_workbook(browser: Client) -> None:
    answer = take(browser, format="xlsx")

    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(body(answer))) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")


def test_the_audit_trail_names_the_filters_and_never_what_was_typed(browser: Client, person: User) -> None:
    take(browser, count=2, phone="0712345678")

    (line,) = AuditEntry.objects.filter(action="export")
    assert (line.actor_id, line.subject) == (person.pk, "list:tiny")
    assert line.after == {"format": "csv", "asked_by": ["count", "phone"], "rows": 2}


@pytest.mark.parametrize(
    ("asked", "status", "sentence"),
    [
        ({"format": "exe"}, 400, "Choose CSV or Excel."),
        ({"format": ""}, 400, "Choose CSV or Excel."),
        ({"count": "x"}, 400, "Write the number with digits."),
        ({"Drop Table": "1"}, 400, "cannot be filtered"),
        ({"count": "1" * 500}, 400, "cannot be filtered"),
        ({"kind": "nothing"}, 404, ""),
    ],
)
@pytest.mark.parametrize("post", [False, True])
def test_what_makes_no_sense_is_told_and_writes_nothing(
    browser: Client, asked: dict[str, str], status: int, sentence: str, post: bool
) -> None:
    answer = take(browser, post=post, **asked)

    assert answer.status_code == status
    assert sentence in answer.content.decode()
    assert not Export.objects.exists()
    assert not AuditEntry.objects.filter(action="export").exists()


def test_several_values_of_a_filter_come_with_commas(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, str]] = []
    monkeypatch.setattr(exporting, "rows_of", lambda kind, filters, **more: seen.append(filters) or iter([]))

    browser.get(reverse("desk_export", args=["tiny"]) + "?format=csv&status=a&status=b&after=7&q=a%00b")

    assert seen == [{"status": "a,b", "q": "ab"}]


@pytest.mark.parametrize(
    ("roles", "status"),
    [(["treasury"], 200), (["auditor"], 200), (["administrator"], 200), (["vault"], 403)],
)
def test_who_may_read_a_list_may_take_it_out(roles: list[str], status: int) -> None:
    browser = signed_in(staff(*roles))

    assert take(browser).status_code == status
    assert take(browser, post=True).status_code == (302 if status == 200 else 403)


def test_customers_take_nothing(db: None) -> None:
    assert take(signed_in(customer())).status_code == 403


@pytest.mark.fault("X10")
def test_so_many_exports_an_hour_and_no_more(browser: Client, settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "exports_person": (2, 3600)}

    assert [take(browser).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.fault("X10")
def test_two_files_are_written_at_once_in_the_whole_house(browser: Client, elsewhere: Any) -> None:
    elsewhere.execute("SELECT pg_advisory_lock(%s, 0)", [exporting._ABOUT_DIRECT])
    assert take(browser).status_code == 200, "one place is left"

    elsewhere.execute("SELECT pg_advisory_lock(%s, 1)", [exporting._ABOUT_DIRECT])
    answer = take(browser)
    assert answer.status_code == 429
    assert b"Other lists are being written" in answer.content

    elsewhere.execute("SELECT pg_advisory_unlock_all()")
    assert take(browser).status_code == 200


# --- long ones ------------------------------------------------------------------------------------


@pytest.mark.fault("X10")
def test_a_long_list_is_not_waited_for(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking makes nothing: the page asks, and its button is a POST."""
    monkeypatch.setattr(exporting, "DIRECT_ROWS", 20)

    assert len(read(body(take(browser, count=20)))) == 21, "as many as may be"
    answer = take(browser, count=10**9)

    assert answer.status_code == 200
    page = answer.content.decode()
    assert "Have it written" in page
    assert '<input type="hidden" name="count" value="1000000000">' in page
    assert not Export.objects.exists()


@pytest.mark.fault("X10")
@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_a_slow_list_is_not_waited_for_either(
    browser: Client, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    monkeypatch.setattr(exporting, "PATIENCE_SECONDS", 0.05)
    begun = time.monotonic()

    answer = take(browser, count=5000, slow=1, format=format)

    assert "Have it written" in answer.content.decode()
    assert time.monotonic() - begun < 3


def test_a_job_writes_it_and_its_asker_gets_it(
    browser: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_PART_BYTES", 1000)
    export = ask(browser, count=100, phone="0712345678")
    assert export.state == ExportState.WAITING
    assert "0712345678" not in export.filters_sealed
    assert fetch(browser, export).status_code == 409, "not ready"
    (job,) = ProcrastinateJob.objects.filter(args__export_id=str(export.pk))
    assert job.task_name in app.tasks

    app.tasks[job.task_name].func(**job.args)
    app.tasks[job.task_name].func(**job.args)  # given out twice

    export.refresh_from_db()
    assert (export.state, export.rows) == (ExportState.DONE, 100)
    assert ExportPart.objects.filter(export=export).count() > 3
    assert NAME not in str(list(ExportPart.objects.values_list("content_sealed", flat=True)))
    answer = fetch(browser, export)
    data = body(answer)
    assert int(answer["Content-Length"]) == len(data) == export.size
    assert len(read(data)) == 101
    (line,) = AuditEntry.objects.filter(action="export_fetch")
    assert (line.actor_id, line.subject) == (person.pk, "list:tiny")
    assert line.after == {"format": "csv", "rows": 100, "asked": str(export.pk)}


def test_a_written_workbook_opens(browser: Client) -> None:
    export = written(browser, format="xlsx")

    with zipfile.ZipFile(io.BytesIO(body(fetch(browser, export)))) as book:
        assert book.testzip() is None


def test_the_page_shows_ones_own_and_asks_again_while_one_is_written(browser: Client) -> None:
    page = reverse("desk_exports")
    assert "No long list yet" in browser.get(page).content.decode()

    export = ask(browser)
    assert 'hx-trigger="every 2s"' in browser.get(page).content.decode()

    exporting.export_do(export.pk)
    part = browser.get(page, headers={"HX-Request": "true", "HX-Target": "rows"}).content.decode()
    assert "hx-trigger" not in part
    assert "<html" not in part
    assert reverse("desk_export_file", args=[export.pk]) in part
    assert "No long list yet" in signed_in(staff("treasury")).get(page).content.decode()


def test_nobody_else_gets_it_and_who_lost_the_role_does_not_either(browser: Client, person: User) -> None:
    export = written(browser)

    assert fetch(signed_in(staff("administrator")), export).status_code == 404
    person.groups.set(Group.objects.filter(name="vault"))
    assert fetch(signed_in(person), export).status_code == 403
    assert not AuditEntry.objects.filter(action="export_fetch").exists()


def test_who_lost_the_role_meanwhile_gets_nothing_written(browser: Client, person: User) -> None:
    export = ask(browser)
    person.groups.clear()

    exporting.export_do(export.pk)

    export.refresh_from_db()
    assert export.state == ExportState.FAILED
    assert "roles" in export.error
    assert not ExportPart.objects.exists()


def test_one_at_a_time_of_one_person(browser: Client) -> None:
    first = ask(browser)

    answer = take(browser, post=True)

    assert answer.status_code == 409
    assert b"Another list is being written for you" in answer.content
    assert list(Export.objects.all()) == [first]
    assert AuditEntry.objects.filter(action="export").count() == 1
    exporting.export_do(first.pk)
    assert ask(browser) != first


@pytest.mark.fault("X10")
def test_a_list_without_end_is_given_up(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(exporting.MOST_ROWS, "csv", 50)

    assert written(browser, count=50).state == ExportState.DONE
    export = written(browser, count=51)

    assert export.state == ExportState.FAILED
    assert export.error == "This list has more than 50 rows. Ask for fewer, say for one month."
    assert not ExportPart.objects.filter(export=export).exists()


@pytest.mark.fault("X10")
def test_a_list_that_takes_too_long_to_count_is_begun_all_the_same(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = replace(EXPORTS["tiny"], exceeds=f"{__name__}.tiny_exceeds")
    monkeypatch.setitem(EXPORTS, "tiny", counted)
    assert len(read(body(take(browser, count=2)))) == 3


def test_what_breaks_is_told(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    export = ask(browser)
    monkeypatch.setattr(exporting, "rows_of", lambda kind, filters, **more: tiny({"broken": "1"}))

    with pytest.raises(ZeroDivisionError):
        exporting.export_do(export.pk)

    export.refresh_from_db()
    assert (export.state, bool(export.error)) == (ExportState.FAILED, True)
    assert fetch(browser, export).status_code == 409


TOO_MUCH = "This looks through too much at once. Say which days, or more about it."


@pytest.mark.fault("X10")
@pytest.mark.parametrize("post", [False, True])
def test_what_the_database_gives_up_on_is_told_as_on_the_page(browser: Client, post: bool) -> None:
    answer = take(browser, post=post, long=1)

    assert answer.status_code == 400
    assert TOO_MUCH in answer.content.decode()
    assert not Export.objects.exists()


@pytest.mark.fault("X10")
def test_a_job_that_the_database_gives_up_on_has_failed(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take as long the next time: it is not begun anew for an hour."""
    export = ask(browser)
    monkeypatch.setattr(exporting, "rows_of", lambda kind, filters, **more: tiny({"long": "1"}))

    exporting.export_do(export.pk)

    export.refresh_from_db()
    assert (export.state, export.error) == (ExportState.FAILED, TOO_MUCH)


def test_a_database_that_went_away_fails_nothing(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    export = ask(browser)

    def gone(export: Export) -> None:
        raise OperationalError

    monkeypatch.setattr(exporting, "_write", gone)
    with pytest.raises(OperationalError):
        exporting.export_do(export.pk)

    export.refresh_from_db()
    assert export.state == ExportState.RUNNING


@pytest.mark.fault("X10")
def test_two_long_lists_are_written_at_once_and_others_wait(browser: Client, elsewhere: Any) -> None:
    first, second = ask(browser), ask(signed_in(staff("treasury")))
    ProcrastinateJob.objects.all().delete()
    for number in (0, 1):
        elsewhere.execute("SELECT pg_advisory_lock(%s, %s)", [exporting._ABOUT_LONG, number])

    exporting.export_do(first.pk)
    first.refresh_from_db()
    assert first.state == ExportState.WAITING
    assert not ProcrastinateJob.objects.exists(), (
        "who ends calls it up; a job for it would only come round again"
    )

    elsewhere.execute("SELECT pg_advisory_unlock(%s, 1)", [exporting._ABOUT_LONG])
    exporting.export_do(second.pk)
    second.refresh_from_db()
    assert second.state == ExportState.DONE
    (job,) = ProcrastinateJob.objects.all()
    assert job.args == {"export_id": str(first.pk)}
    exporting.export_do(first.pk)
    first.refresh_from_db()
    assert first.state == ExportState.DONE


def _aged(export: Export, **by: float) -> None:
    """Asked for so long ago. The table's own guard does not let a time be changed, so it is taken away for this."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE controls_export DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE controls_export SET created_at = %s WHERE id = %s",
            [now() - dt.timedelta(**by), export.pk],
        )
        cursor.execute("ALTER TABLE controls_export ENABLE TRIGGER USER")


@pytest.mark.fault("X10")
def test_after_a_killed_worker_it_begins_anew(browser: Client, elsewhere: Any) -> None:
    export = ask(browser)
    ProcrastinateJob.objects.all().delete()
    Export.objects.update(state=ExportState.RUNNING)
    _aged(export, minutes=2)
    number = int.from_bytes(export.pk.bytes[:4], signed=True)
    elsewhere.execute("SELECT pg_advisory_lock(%s, %s)", [exporting._ABOUT_EXPORT, number])

    exporting.exports_sweep()
    exporting.export_do(export.pk)
    assert not ProcrastinateJob.objects.exists(), "its worker lives"

    elsewhere.execute("SELECT pg_advisory_unlock_all()")
    exporting.exports_sweep()
    exporting.exports_sweep()
    (job,) = ProcrastinateJob.objects.all()
    assert job.args == {"export_id": str(export.pk)}
    exporting.export_do(export.pk)
    export.refresh_from_db()
    assert export.state == ExportState.DONE


def test_what_does_not_end_within_an_hour_is_given_up(browser: Client) -> None:
    export = ask(browser)
    ProcrastinateJob.objects.all().delete()
    _aged(export, minutes=61)

    exporting.exports_sweep()

    export.refresh_from_db()
    assert export.state == ExportState.FAILED
    assert not ProcrastinateJob.objects.exists()
    assert ask(browser), "the next one is not held up"


def test_a_day_later_it_is_deleted(browser: Client) -> None:
    export, kept = written(browser, phone="0712345678"), written(browser, phone="0712345678")
    Export.objects.filter(pk=export.pk).update(expires_at=now() - dt.timedelta(seconds=1))
    assert fetch(browser, export).status_code == 410

    exporting.exports_sweep()

    export.refresh_from_db()
    assert (export.state, export.filters_sealed) == (ExportState.GONE, "")
    assert not ExportPart.objects.filter(export=export).exists()
    assert fetch(browser, export).status_code == 410
    assert len(body(fetch(browser, kept))) == kept.size


@pytest.mark.fault("X10")
def test_a_hundred_thousand_rows_take_little_memory(browser: Client) -> None:
    export = ask(browser, count=100_000)
    tracemalloc.start()
    try:
        exporting.export_do(export.pk)
        writing = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        size = sum(len(part) for part in fetch(browser, export).streaming_content)
        fetching = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    export.refresh_from_db()
    assert (export.state, export.rows) == (ExportState.DONE, 100_000)
    assert size == export.size > 4_500_000
    assert writing < 4_000_000
    assert fetching < 4_000_000
