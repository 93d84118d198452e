"""Every list that can leave the house, taken out as staff take it: each row fits its titles and none is a formula."""

import csv
import io
import re
import zipfile
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import exporting
from accounts.exporting import export_do
from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import signed_in, staff
from controls.audit import record
from controls.exports import EXPORTS, exceeds, rows_of
from controls.models import AuditEntry, Export
from goldwallet.test.world import World, buy, paid, sell
from goldwallet.tests.routes import ROUTES
from ledger import chart
from ledger.services import Transfer, post

pytestmark = pytest.mark.django_db

EVIL = "=cmd|'/C calc'!A0"
#: What a list needs besides the format.
FILTERS = {"account": {"code": chart.mpesa_collections().code}}
_RUNS = re.compile(r"\s*[=+\-@\t\r＝＋－＠]")


@pytest.fixture
def browser(world: World) -> Client:
    """A house in which text of strangers begins like a formula."""
    paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")
    sell(world.alice, Decimal("0.5"))
    User.objects.filter(pk=world.alice.pk).update(email="+alice@example.com")
    moved = Transfer(chart.mpesa_collections(), chart.suspense_mpesa(), Decimal(7))
    post(key="test:evil", kind="arrival_suspense", transfers=[moved], memo=EVIL)
    record("hold", subject="person:1", person_id=world.alice.pk, before={"=a": "-b"}, reason=EVIL)
    return signed_in(staff(Role.TREASURY, Role.ADMINISTRATOR))


def take(browser: Client, kind: str, **asked: str) -> bytes:
    filters = {"format": "csv", **FILTERS.get(kind, {}), **asked}
    answer = browser.get(reverse("desk_export", args=[kind]), filters)
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_whoever_reads_a_list_may_take_it_but_for_the_audit_trail() -> None:
    """As docs/decisions/0081 has it."""
    pages = {
        "orders": "desk_orders",
        "payments": "desk_payments",
        "transactions": "desk_transactions",
        "account": "desk_account",
        "audit": "desk_audit",
    }
    readers = {kind: ROUTES[page].roles for kind, page in pages.items()}
    assert readers.pop("audit") == {"treasury"}
    assert {kind: listing.roles for kind, listing in EXPORTS.items()} == {**readers, "audit": frozenset()}


@pytest.mark.fault("X10")
@pytest.mark.parametrize("kind", EXPORTS)
def test_a_list_that_is_too_long_says_so_before_it_is_written(
    browser: Client, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filters = FILTERS.get(kind, {})
    count = len(list(rows_of(kind, filters)))
    assert count > 0 and exceeds(kind, filters, count - 1) and not exceeds(kind, filters, count)
    none = {**filters, "since": "2090-01-01"}
    assert not exceeds(kind, none, 0) and not list(rows_of(kind, none))

    monkeypatch.setattr(exporting, "_written", lambda *args: pytest.fail("it is written"))
    monkeypatch.setattr(exporting, "DIRECT_ROWS", 0)
    monkeypatch.setitem(exporting.MOST_ROWS, "csv", 0)
    asked = {"format": "csv", **filters}
    path = reverse("desk_export", args=[kind])
    assert "Have it written" in browser.get(path, asked).content.decode()
    refused = browser.post(path, asked)
    assert refused.status_code == 400
    assert "This list has more than 0 rows. Ask for fewer, say for one month." in refused.content.decode()
    assert not Export.objects.exists()


@pytest.mark.fault("X04")
@pytest.mark.parametrize("kind", list(EXPORTS))
def test_each_row_fits_its_titles_and_no_cell_is_a_formula(browser: Client, kind: str) -> None:
    heads, *found = rows(take(browser, kind))

    assert heads == list(EXPORTS[kind].columns)
    assert found, "the list shows something"
    for row in found:
        assert len(row) == len(heads), row
        for cell in row:
            # A number may be below zero; nothing else begins so.
            assert not _RUNS.match(cell) or re.fullmatch(r"-[0-9]+(\.[0-9]+)?", cell), row


@pytest.mark.fault("X04")
def test_what_strangers_wrote_stands_there_as_text(browser: Client) -> None:
    assert any("'+alice@example.com" in row for row in rows(take(browser, "orders")))
    for kind in ("transactions", "account", "audit"):
        assert any(f"'{EVIL}" in row for row in rows(take(browser, kind))), kind


@pytest.mark.fault("X04")
@pytest.mark.parametrize("kind", list(EXPORTS))
def test_each_list_is_a_workbook_without_a_formula(browser: Client, kind: str) -> None:
    with zipfile.ZipFile(io.BytesIO(take(browser, kind, format="xlsx"))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()

    assert sheet.count("<row ") > 1
    assert "<f>" not in sheet
    assert "<hyperlink" not in sheet


@pytest.mark.fault("X10")
@pytest.mark.parametrize("kind", ["orders", "payments", "transactions", "account"])
def test_more_rows_take_no_more_questions(world: World, browser: Client, kind: str) -> None:
    """Read in steps: not a question for each row."""
    with CaptureQueriesContext(connection) as few:
        short = rows(take(browser, kind))
    for number in range(8):
        paid(buy(world.alice, 1000 + number))
    with CaptureQueriesContext(connection) as many:
        long = rows(take(browser, kind))

    assert len(long) >= len(short) + 8
    assert len(many) <= len(few) + 1


@pytest.mark.parametrize(
    ("role", "address"),
    [("treasury", True), ("auditor", True), ("administrator", True), ("vault", False), ("pricing", False)],
)
@pytest.mark.parametrize("late", [False, True])
def test_who_may_not_see_people_gets_orders_without_their_addresses(
    world: World, browser: Client, role: str, address: bool, late: bool
) -> None:
    reader = signed_in(staff(role))
    if late:
        reader.post(reverse("desk_export", args=["orders"]), {"format": "csv"})
        export = Export.objects.get()
        export_do(export.pk)
        data = b"".join(reader.get(reverse("desk_export_file", args=[export.pk])).streaming_content)
    else:
        data = take(reader, "orders")
    _, *found = rows(data)
    shown = "'+alice@example.com" if address else str(world.alice.pk)[:8]
    assert {row[2] for row in found} == {shown}


@pytest.mark.fault("Z10")
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("kind", "by", "whose"),
    [
        ("account", "code", True),
        ("orders", "person", True),
        ("payments", "phone", True),
        ("orders", "nobody", False),
        ("orders", "", False),
    ],
)
def test_the_trail_says_whose_data_left(
    world: World, browser: Client, kind: str, by: str, whose: bool, late: bool
) -> None:
    code = chart.user_cash(world.alice.pk).code
    known = {"code": code, "person": "alice@", "phone": world.alice.phone, "nobody": "example"}
    asked = {"person" if by == "nobody" else by: known[by]} if by else {}
    if late:
        browser.post(reverse("desk_export", args=[kind]), {"format": "csv", **asked})
        export_do(Export.objects.get().pk)
        browser.get(reverse("desk_export_file", args=[Export.objects.get().pk]))
    else:
        take(browser, kind, **asked)
    lines = AuditEntry.objects.filter(action__in=["export", "export_fetch"])
    assert len(lines) == (2 if late else 1)
    for line in lines:
        assert line.subject == (f"account:{code}" if kind == "account" else f"list:{kind}")
        assert line.person_id == (world.alice.pk if whose else None)
