"""What the pages say about data, who sees the proofs, and whom a breach concerns."""

import csv
import io

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.exporting import export_do
from accounts.services import person_freeze
from accounts.tests.people import customer, signed_in, staff
from accounts.tests.proofs import enter_code
from controls.models import Erasure, Export
from goldwallet import clock
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid
from kyc.tests.making import open_all, photos_once, reviewer, sent
from ledger import chart
from oversight.privacy.pages import period
from oversight.privacy.policy import KEPT, POLICY
from oversight.privacy.retention import retention_apply
from trading.tests.pages import text

__all__ = ["photos_once"]

pytestmark = pytest.mark.django_db


# --- what everybody reads -------------------------------------------------------------------------


def test_the_page_says_what_is_kept_as_the_policy_has_it(world: World) -> None:
    page = text(Client().get("/privacy/"))
    for rule in POLICY:
        assert rule.holds in page and rule.why in page and rule.ends in page
        assert f"{period(rule.days)} after {rule.since}.".lower() in page.lower()
    for name, why in KEPT:
        assert name in page and why in page
    assert "hello@goldwallet.example" in page and "Data Protection Commissioner" in page


@pytest.mark.parametrize(
    ("days", "said"),
    [(1, "1 day"), (30, "30 days"), (365, "1 year"), (400, "400 days"), (730, "2 years"), (2557, "7 years")],
)
def test_how_long_is_said(days: int, said: str) -> None:
    assert period(days) == said


@pytest.mark.parametrize("path", ["/", "/accounts/signup/", "/accounts/login/"])
def test_it_is_linked_where_people_give_us_data(world: World, path: str) -> None:
    assert 'href="/privacy/"' in Client().get(path).content.decode()


def test_a_person_finds_their_own(world: World) -> None:
    browser = signed_in(world.alice)
    for path, link in (
        ("/kyc/", "/privacy/"),
        ("/accounts/security/", "/accounts/privacy/"),
        ("/accounts/privacy/", "/accounts/privacy/close/"),
        ("/accounts/privacy/", "/privacy/"),
    ):
        assert f'href="{link}"' in browser.get(path).content.decode(), path
    assert "no-store" in browser.get("/accounts/privacy/")["Cache-Control"]


# --- the proofs -----------------------------------------------------------------------------------


def test_the_proofs_are_for_auditors_and_administrators(world: World) -> None:
    with shift_clock(days=1):
        retention_apply()
    Erasure.objects.create(
        what="closure", rule="at once", rows=3, subject=str(world.bob.pk), asked_by=world.bob
    )
    for role in ("auditor", "administrator"):
        desk = signed_in(staff(role))
        page = desk.get("/desk/erasures/")
        assert "A round over all kinds of data" in text(page) and "the clock" in text(page)
        assert "bob@example.com" in text(page) and str(world.bob.pk) in text(page)
        assert 'href="/desk/erasures/"' in desk.get("/desk/").content.decode()
    for role in ("treasury", "reviewer", "pricing", "vault"):
        desk = signed_in(staff(role))
        assert desk.get("/desk/erasures/").status_code == 403
        assert 'href="/desk/erasures/"' not in desk.get("/desk/").content.decode()
    assert signed_in(world.bob).get("/desk/erasures/").status_code == 403


def test_the_proofs_come_a_page_at_a_time(world: World) -> None:
    desk = signed_in(staff("auditor"))
    assert "Nothing has been erased yet" in text(desk.get("/desk/erasures/"))
    for number in range(51):
        Erasure.objects.create(what="quotes", rule=f"rule {number}.", rows=1)
    first = desk.get("/desk/erasures/")
    assert "rule 50." in text(first) and "rule 0." not in text(first)
    second = text(desk.get(first.context["older_url"]))
    assert "rule 0." in second and "rule 50." not in second


# --- a breach -------------------------------------------------------------------------------------


def affected(*arguments: str) -> dict[str, list[str]]:
    """The command's rows: e-mail address -> photos opened, downloads, changes."""
    out = io.StringIO()
    call_command("affected_people", *arguments, stdout=out, stderr=io.StringIO())
    head, *rows = csv.reader(io.StringIO(out.getvalue().removeprefix("\ufeff"), newline=""))
    assert head == ["id", "email", "photos_opened", "downloads", "changes", "pages_read", "files_taken"]
    return {row[1]: row[2:] for row in rows}


def beside(*arguments: str) -> str:
    """What the command says on the screen."""
    err = io.StringIO()
    call_command("affected_people", *arguments, stdout=io.StringIO(), stderr=err)
    return err.getvalue()


@pytest.mark.fault("D01")
# Committed: the database dates its history by the beginning of a transaction.
@pytest.mark.django_db(transaction=True)
def test_whom_a_breach_concerns(world: World, photos_once: None) -> None:
    looked_at = sent(customer(email="amina@example.com"))
    sent(customer(email="untouched@example.com"))
    thief = reviewer(email="thief@example.com")
    browser = signed_in(world.charlie)
    since = clock.now().isoformat()
    open_all(looked_at, thief)
    person_freeze(user_id=world.bob.pk, reason="He did nothing at all.", by=thief.pk)
    enter_code(browser, browser.post("/accounts/privacy/export/"))
    browser.post("/accounts/privacy/export/")
    assert affected("--since", since) == {
        "amina@example.com": ["3", "0", "0", "0", "0"],
        "bob@example.com": ["0", "0", "1", "0", "0"],
        "charlie@example.com": ["0", "1", "0", "0", "0"],
    }
    by_thief = affected("--since", since, "--by", "thief@example.com")
    assert by_thief == {
        "amina@example.com": ["3", "0", "0", "0", "0"],
        "bob@example.com": ["0", "0", "1", "0", "0"],
    }
    assert affected("--since", "2020-01-01", "--until", since) != {}
    assert affected("--since", "2020-01-01", "--until", "2020-01-02T12:00") == {}


@pytest.mark.fault("D01")
def test_whom_a_breach_concerns_by_what_was_read_and_taken(world: World) -> None:
    """A thief in treasury read a page and an order, and took files; a colleague did their work."""
    order = paid(buy(world.alice, 1000))
    paid(buy(world.bob, 1000))
    thief, clerk = staff("treasury", email="thief@example.com"), staff("treasury", email="clerk@example.com")
    since = clock.now().isoformat()
    desk, colleague = signed_in(thief), signed_in(clerk)
    for path in (reverse("desk_person", args=[world.alice.pk]), reverse("desk_order", args=[order.pk])):
        assert desk.get(path).status_code == 200
    code = chart.user_cash(world.alice.pk).code
    assert desk.get(reverse("desk_account_extract", args=[code])).status_code == 200
    lists = reverse("desk_export", args=["payments"])
    for asked in ({}, {"person": world.alice.email}, {"direction": "in"}):
        assert desk.get(lists, {"format": "csv", **asked}).status_code == 200
    # Asked for, and not fetched: it is still in the house.
    assert desk.post(lists, {"format": "xlsx", "person": world.bob.email}).status_code == 302
    for page in ("desk_orders", "desk_orders", "desk_payments"):
        assert desk.get(reverse(page)).status_code == 200
    assert desk.get(reverse("desk_find"), {"q": "example.com"}).status_code == 200
    assert colleague.get(reverse("desk_person", args=[world.bob.pk])).status_code == 200

    # Three pages: the person, the order, and the account with its extract. Two files: the extract and one list.
    alice = ["0", "0", "0", "3", "2"]
    assert affected("--since", since, "--by", "thief@example.com") == {"alice@example.com": alice}
    everybody = {"alice@example.com": alice, "bob@example.com": ["0", "0", "0", "1", "0"]}
    assert affected("--since", since) == everybody

    said = beside("--since", since, "--by", "thief@example.com").splitlines()
    assert said[0] == "1 people."
    assert "Whoever was in them is concerned, too" in said[1]
    assert [line[20:] for line in said[2:4]] == [
        "thief@example.com took list:payments, csv, 2 rows",
        "thief@example.com took list:payments, csv, 2 rows, by direction",
    ]
    pages = "search 1, find 1, orders 2, payments 1"
    assert said[4:] == [f"Pages read that are not about one person, and may show many: {pages}."]
    assert beside("--since", since, "--by", "clerk@example.com").splitlines() == ["1 people."]

    export = Export.objects.get()
    export_do(export.pk)
    fetched = desk.get(reverse("desk_export_file", args=[export.pk]))
    assert fetched.status_code == 200
    assert affected("--since", since)["bob@example.com"] == ["0", "0", "0", "1", "1"]


@pytest.mark.fault("X04")
def test_the_list_of_a_breach_is_no_formula(world: World) -> None:
    evil = "=cmd|'/ccalc'!a0@example.com"
    person = customer(email=evil)
    since = clock.now().isoformat()
    assert signed_in(staff("treasury")).get(reverse("desk_person", args=[person.pk])).status_code == 200
    assert affected("--since", since) == {f"'{evil}": ["0", "0", "0", "1", "0"]}


def test_what_it_does_not_understand_it_says(world: World) -> None:
    with pytest.raises(CommandError, match="Nobody has this"):
        affected("--since", "2026-01-01", "--by", "nobody")
    with pytest.raises(CommandError, match="must be later"):
        affected("--since", "2026-01-02", "--until", "2026-01-01")
    with pytest.raises(CommandError, match="invalid _moment"):
        affected("--since", "yesterday")
