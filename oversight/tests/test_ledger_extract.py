"""The ledger on paper and as files: the same lines as on its pages, with a hash that tells them apart."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.people import signed_in, staff
from controls.exports import EXPORTS, rows_of
from controls.models import AuditEntry
from goldwallet.clock import NAIROBI
from goldwallet.errors import Refused
from goldwallet.test.pdf import pages, texts
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.selectors import statement
from oversight.book import extract
from oversight.book.extract import hash_of
from oversight.tests.posting import LIST, every_id, found, move, nairobi, numbers, three_days
from trading.tests.pages import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Client:
    return signed_in(staff("treasury"))


# --- files ----------------------------------------------------------------------------------------


def test_the_file_of_transactions_is_the_list(world: World, desk: Client) -> None:
    paid(buy(world.alice, 1000))
    sell(world.alice, Decimal("0.01"))
    asked = {"account": "alice@example.com"}
    rows = list(rows_of("transactions", asked))
    assert list(dict.fromkeys(row[0] for row in rows)) == found(desk, **asked)
    assert {len(row) for row in rows} == {len(EXPORTS["transactions"].columns)}
    said = text(desk.get(LIST, asked))
    for row in rows:
        assert row[2] in said
        assert row[4] in said
        assert row[5] in said
    cash = [row for row in rows if row[6] == "KES" and row[5] == "alice@example.com: cash that we owe"]
    assert [str(row[7]) for row in cash if row[2] == "Buy paid"] == ["1000.00"]
    assert list(rows_of("transactions", {"account": "nobody@example.com"})) == []


def test_a_file_goes_on_over_its_steps(world: World, desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oversight.exports._STEP", 3)
    for number in range(7):
        move(number)
    assert [row[0] for row in rows_of("transactions", {"kind": "test"})] == every_id(kind="test")
    lines = list(rows_of("account", {"code": "house:sales"}))
    assert [row[0] for row in lines] == [7, 6, 5, 4, 3, 2, 1]
    assert [row[6] for row in lines] == [7, 6, 5, 4, 3, 2, 1]
    assert {len(row) for row in lines} == {len(EXPORTS["account"].columns)}


def test_the_file_of_an_account_is_its_page(world: World, desk: Client) -> None:
    url = three_days()
    asked = {"since": "2026-03-05"}
    rows = list(rows_of("account", asked | {"code": "house:sales"}))
    assert [row[2] for row in rows] == numbers(desk.get(url, asked))
    assert [row[6] for row in rows] == [60, 30]
    for code in ("", "no:such", "\x00"):
        with pytest.raises(Refused, match="no such account"):
            next(rows_of("account", {"code": code}), None)


# --- the extract ----------------------------------------------------------------------------------


def test_an_extract_on_paper(world: World, desk: Client) -> None:
    url = three_days()
    answer = desk.get(f"{url}extract.pdf", {"since": "2026-03-05", "until": "2026-03-06"})
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="ledger-house-sales.pdf"'
    assert "no-store" in answer["Cache-Control"]
    said = texts(answer.content)
    for piece in (
        "Gold Wallet",
        "Ledger extract",
        "5 Mar 2026 to 6 Mar 2026",
        "Sales of gold",
        "house:sales",
        "10.00 KES",
        "60.00 KES",
        "20.00",
        "30.00",
        "At M-Pesa, collections",
        "Page 1 of 1",
    ):
        assert piece in said, piece
    maker = User.objects.get(groups__name="treasury")
    assert any(text.startswith(f"Made by {maker.email} on ") for text in said)
    line = AuditEntry.objects.get(action="export")
    assert (line.subject, line.actor, line.after["lines"]) == ("account:house:sales", maker, 2)
    assert any(line.after["sha256"] in text for text in said)
    assert str(world.alice.pk) not in " ".join(said)


def test_an_extract_of_a_person_says_for_the_audit_trail_whose_it_is(world: World, desk: Client) -> None:
    paid(buy(world.alice, 1000))
    code = chart.user_gold(world.alice.pk).code
    said = texts(desk.get(reverse("desk_account_extract", args=[code])).content)
    assert "alice@example.com: gold" in said
    assert "0.060606" in said
    assert AuditEntry.objects.get(action="export").person == world.alice


def test_the_hash_of_an_extract_changes_with_each_part_of_a_line(world: World) -> None:
    three_days()
    lines = statement("house:sales")
    told = {hash_of(lines), hash_of(lines[:2]), hash_of(lines[::-1])}
    for other in (
        {"seq": 9},
        {"transaction_id": 9},
        {"kind": "x"},
        {"counterpart": "x"},
        {"amount": Decimal(9)},
        {"balance": Decimal(9)},
        {"at": nairobi(9)},
    ):
        told.add(hash_of([replace(lines[0], **other), *lines[1:]]))
    assert len(told) == 10
    # It is of what was posted, not of how it is printed.
    assert hash_of([replace(lines[0], at=lines[0].at.astimezone(NAIROBI)), *lines[1:]]) == hash_of(lines)


@pytest.mark.fault("X10")
def test_more_lines_than_a_pdf_holds_are_refused_with_the_way_to_the_file(
    world: World, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "MOST_LINES", 2)
    url = three_days()
    answer = desk.get(f"{url}extract.pdf")
    assert answer.status_code == 400
    assert (
        "These days have 3 lines, and a PDF holds 2. Choose fewer days, or take the list as a CSV file."
        in text(answer)
    )
    assert "format=csv&amp;code=house%3Asales" in answer.content.decode()
    assert not AuditEntry.objects.filter(action="export").exists()
    assert desk.get(f"{url}extract.pdf", {"since": "2026-03-05"}).status_code == 200


def test_an_extract_with_names_that_no_font_knows(world: World, desk: Client) -> None:
    world.pool.name = "👑 ذهب Zürich\u202e"
    type(world.pool).objects.filter(pk=world.pool.pk).update(name=world.pool.name)
    code = chart.pool_available(world.pool.pk).code
    answer = desk.get(reverse("desk_account_extract", args=[code]))
    assert answer.status_code == 200
    assert "? ??? Zürich: free gold" in texts(answer.content)


def test_a_long_extract_has_all_lines_and_a_number_on_each_page(world: World, desk: Client) -> None:
    for number in range(130):
        move(number)
    content = desk.get(reverse("desk_account_extract", args=["house:sales"])).content
    sheets = pages(content)
    assert len(sheets) > 1
    assert all(f"Page {n} of {len(sheets)}" in sheet for n, sheet in enumerate(sheets, start=1))
    assert texts(content).count("Test") == 130


def test_days_of_an_extract_that_make_no_sense(world: World, desk: Client) -> None:
    url = reverse("desk_account_extract", args=["house:capital"])
    assert desk.get(url, {"since": "x"}).status_code == 400
    assert desk.get("/desk/ledger/accounts/%00/extract.pdf").status_code == 404
    assert desk.get("/desk/ledger/accounts/no:such/extract.pdf").status_code == 404
