"""The ledger on paper and as files: the same lines as on its pages, with a hash that tells them apart."""

import datetime as dt
import hashlib
import re
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts import exporting
from accounts.models import User
from accounts.tests.people import signed_in, staff
from controls.exports import EXPORTS, rows_of
from controls.models import AuditEntry
from goldwallet.clock import NAIROBI, now
from goldwallet.errors import Refused
from goldwallet.test.pdf import pages, texts
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.selectors import Line, statement
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
    assert (line.subject, line.actor, line.after["rows"]) == ("account:house:sales", maker, 2)
    assert any(line.after["sha256"] in text for text in said)
    assert str(world.alice.pk) not in " ".join(said)


def test_an_extract_of_a_person_says_for_the_audit_trail_whose_it_is(world: World, desk: Client) -> None:
    paid(buy(world.alice, 1000))
    code = chart.user_gold(world.alice.pk).code
    said = texts(desk.get(reverse("desk_account_extract", args=[code])).content)
    assert "alice@example.com: gold" in said
    assert "0.060606" in said
    assert AuditEntry.objects.get(action="export").person == world.alice


def test_the_hash_of_an_extract_changes_with_each_part_of_a_line_that_cannot_change(world: World) -> None:
    three_days()
    lines = statement("house:sales")

    def made(some: list[Line]) -> str:
        return hash_of(some, chart.KES)

    told = {made(lines), made(lines[:2]), made(lines[::-1])}
    for other in (
        {"seq": 9},
        {"transaction_id": 9},
        {"amount": Decimal(9)},
        {"balance": Decimal(9)},
        {"at": nairobi(9)},
    ):
        told.add(made([replace(lines[0], **other), *lines[1:]]))
    assert len(told) == 8
    # Of what was posted, wherever the clock stands that prints it.
    assert made([replace(lines[0], at=lines[0].at.astimezone(NAIROBI)), *lines[1:]]) == made(lines)


def _printed_hash(content: bytes) -> str:
    (said,) = (text for text in texts(content) if text.startswith("SHA-256 of the lines: "))
    return said.rpartition(" ")[2]


def _runbook_command() -> str:
    """The program of the line in the runbook, as it is pasted into a terminal."""
    (program,) = re.findall(
        r"python3 -c '([^']+)' ledger\.csv", (settings.BASE_DIR / "docs/runbook.md").read_text()
    )
    return program


@pytest.mark.parametrize("asset", [chart.KES, chart.GOLD])
@pytest.mark.parametrize("asked", [{}, {"since": "2026-03-05", "until": "2026-03-05"}])
def test_the_hash_of_an_extract_is_made_again_from_the_csv_by_the_command_of_the_runbook(
    world: World, desk: Client, tmp_path: Path, asset: str, asked: dict[str, str]
) -> None:
    """With a name and a memo that begin like formulas, and that are other ones in the meantime."""
    three_days()
    move(4, Decimal("1234567.5"), memo='=1+1,"two"\nlines')
    paid(buy(world.alice, 1000))
    code = {chart.KES: "mpesa:collections", chart.GOLD: chart.pool_available(world.pool.pk).code}[asset]
    extracted = _printed_hash(desk.get(reverse("desk_account_extract", args=[code]), asked).content)
    User.objects.filter(pk=world.alice.pk).update(email="+alice@example.com")
    answer = desk.get(reverse("desk_export", args=["account"]), {"format": "csv", "code": code, **asked})
    file = tmp_path / "ledger.csv"
    file.write_bytes(b"".join(answer.streaming_content))
    command = [sys.executable, "-c", _runbook_command(), str(file)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == extracted


def test_the_hash_of_an_extract_is_made_again_from_the_paper_alone(world: World, desk: Client) -> None:
    move(1, Decimal("1234567.5"))
    content = desk.get(reverse("desk_account_extract", args=["house:sales"])).content
    said = texts(content)
    at = said.index("1,234,567.50")  # the amount; the balance is the same
    line, day, time, number, _kind, _other = said[at - 6 : at]
    posted = dt.datetime.strptime(f"{day} {time}", "%d %b %Y, %H:%M:%S").isoformat() + "+03:00"
    retyped = f"{line}|{posted}|{number}|1234567.50|1234567.50\n"
    assert hashlib.sha256(retyped.encode()).hexdigest() == _printed_hash(content)


def test_an_extract_has_all_that_the_page_and_the_csv_have_under_heads_that_do_not_break(
    world: World, desk: Client
) -> None:
    paid(buy(world.alice, 1000))
    posted = move(
        1, memo="A correction that two people agreed on, since a clerk had typed one digit too many."
    )
    said = texts(desk.get(reverse("desk_account_extract", args=["mpesa:collections"])).content)
    heads = ["Line", "Posted", "Transaction", "Kind, memo", "Other account", "Amount (KES)", "Balance (KES)"]
    assert said[said.index("Line") :][: len(heads)] == heads
    gold = texts(
        desk.get(reverse("desk_account_extract", args=[chart.user_gold(world.alice.pk).code])).content
    )
    assert {"Amount (g)", "Balance (g)"} <= set(gold)
    row = said[said.index(str(posted)) - 3 :]
    assert row[0] == "2", "the number of the line"
    assert "A correction that two people agreed on, since a clerk had typed one digit too many." in " ".join(
        said
    )


@pytest.mark.fault("X10")
def test_extracts_count_among_the_files_that_one_takes(world: World, desk: Client, settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "exports_person": (2, 3600)}
    extract_url = reverse("desk_account_extract", args=["house:capital"])
    csv_url = reverse("desk_export", args=["account"])
    assert desk.get(extract_url).status_code == 200
    assert desk.get(csv_url, {"format": "csv", "code": "house:capital"}).status_code == 200
    for url in (extract_url, reverse("desk_close_pdf", args=[f"{now().astimezone(NAIROBI):%Y-%m-%d}"])):
        answer = desk.get(url)
        assert answer.status_code == 429
        assert "Content-Disposition" not in answer
    assert AuditEntry.objects.filter(action="export").count() == 2


@pytest.mark.fault("X10")
def test_two_files_are_made_at_once_in_the_whole_house_whatever_they_are(world: World, desk: Client) -> None:
    urls = [
        reverse("desk_account_extract", args=["house:capital"]),
        reverse("desk_close_pdf", args=[f"{now().astimezone(NAIROBI):%Y-%m-%d}"]),
    ]
    with closing(connection.copy()) as other, other.cursor() as elsewhere:
        elsewhere.execute("SELECT pg_advisory_lock(%s, 0)", [exporting._ABOUT_DIRECT])
        assert [desk.get(url).status_code for url in urls] == [200, 200], "one place is left"
        elsewhere.execute("SELECT pg_advisory_lock(%s, 1)", [exporting._ABOUT_DIRECT])
        for url in urls:
            answer = desk.get(url)
            assert answer.status_code == 429
            assert "Other lists are being written" in text(answer)
        elsewhere.execute("SELECT pg_advisory_unlock_all()")
    assert [desk.get(url).status_code for url in urls] == [200, 200]


def test_who_is_on_hold_is_offered_no_paper(world: World, desk: Client) -> None:
    """Each place that offers one; that the paper itself is refused is in `test_on_hold`."""
    day = f"{now().astimezone(NAIROBI):%Y-%m-%d}"
    offers = [
        (reverse("desk_account", args=["house:capital"]), "extract.pdf"),
        (reverse("desk_pool_book", args=[world.pool.pk]), "extract.pdf"),
        (reverse("desk_close_day", args=[day]), "close.pdf"),
    ]
    keeper = staff("treasury", "vault")
    browser = signed_in(keeper)
    assert all(offer in browser.get(url).content.decode() for url, offer in offers)
    User.objects.filter(pk=keeper.pk).update(frozen_reason="A stolen laptop.")
    for url, offer in offers:
        answer = browser.get(url)
        assert answer.status_code == 200
        assert offer not in answer.content.decode(), url


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
