"""Finding anybody and anything by one field: what was typed is understood, one hit opens, many are listed, and nobody
who was erased is found.
"""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.tests.people import customer, signed_in, staff
from controls.models import AuditEntry, Note
from controls.services.notes import note_add
from goldwallet import clock
from goldwallet.test.two import asked
from goldwallet.test.world import World, buy, paid
from kyc.models import NameWord
from kyc.tests.making import photos_once, sent, written
from ledger.models import Transaction
from oversight.people.search import find
from oversight.privacy.letting_go import ERASED, identities, person_forget
from oversight.privacy.letting_go import people as forget_people
from payments.models import Arrival, ArrivalState, Payment, Source, StatementFile, StatementLine

pytestmark = pytest.mark.django_db

__all__ = ["photos_once"]


@pytest.fixture
def desk(world: World) -> Client:
    return signed_in(staff("treasury"))


def ask(desk: Client, text: str) -> Any:
    return desk.get("/desk/find/", {"q": text})


def person_page(person: User) -> str:
    return f"/desk/people/{person.pk}/"


def opens(desk: Client, text: str, url: str) -> None:
    answer = ask(desk, text)
    assert answer.status_code == 302, (text, answer.content.decode()[-3000:])
    assert answer["Location"] == url, text


# --- people ---------------------------------------------------------------------------------------


def test_a_person_is_found_by_whatever_one_has_of_them(world: World, desk: Client) -> None:
    alice = world.alice
    written(alice, name="Amina Wanjirũ Otieno", number="31234567")
    for text in (
        "alice@example.com",
        " ALICE@example.com ",
        "ali",
        alice.username,
        alice.username.upper(),
        "0712345678",
        "0712 345 678",
        "+254712345678",
        "254-712-345678",
        "otieno amina",
        "wanjiru",
        "31234567",
        "3123 4567",
        str(alice.pk),
        alice.pk.hex,
    ):
        opens(desk, text, person_page(alice))


@pytest.mark.parametrize(
    ("id_type", "number", "typed"),
    [("passport", "AK0123456", "ak 0123456"), ("alien_id", "543210", "543210")],
)
def test_an_id_of_any_type_is_found_by_its_number(
    world: World, desk: Client, id_type: str, number: str, typed: str
) -> None:
    written(world.bob, id_type=id_type, number=number)
    opens(desk, typed, person_page(world.bob))


def test_a_number_that_somebody_only_paid_with_finds_them(world: World, desk: Client) -> None:
    order = buy(world.alice, 2000)
    payment = Payment.objects.get(pk=order.payment_id)
    payment.phone = "254799000111"
    payment.save()
    opens(desk, "0799 000 111", person_page(world.alice))


def test_several_people_are_listed(world: World, desk: Client) -> None:
    written(world.alice, name="Amina Otieno")
    written(world.bob, name="Amina Ouma")
    html = ask(desk, "amina").content.decode()
    assert person_page(world.alice) in html
    assert person_page(world.bob) in html
    assert person_page(world.charlie) not in html
    line = AuditEntry.objects.get(action="search")
    assert line.after == {"by": "name", "found": 2}
    assert "mina" not in str(line.after) + line.subject + line.reason


@pytest.mark.parametrize(
    "text",
    [
        "al",
        "lice@example.com",
        "071234567",
        "3123",
        "amin",
        "%",
        "_",
        "a%",
        "\x00",
        "''--",
        "#999999",
        "nobody@x.y",
    ],
)
def test_what_is_too_little_or_nothing_finds_nobody_and_says_what_to_do(
    world: World, desk: Client, text: str
) -> None:
    written(world.alice, name="Amina Otieno", number="31234567")
    answer = ask(desk, text)
    assert answer.status_code == 200
    html = answer.content.decode()
    assert "/desk/people/" + str(world.alice.pk) not in html
    if text.strip("\x00"):
        assert "Nothing found" in html


def test_an_erased_person_is_found_by_nothing(world: World, desk: Client) -> None:
    alice = world.alice
    written(alice, name="Amina Otieno", number="31234567")
    asked = [
        "alice@example.com",
        "ali",
        alice.username,
        "0712345678",
        str(alice.pk),
        "gone-",
        "amina",
        "31234567",
    ]
    assert all(ask(desk, text).status_code == 302 for text in asked if text != "gone-")
    User.objects.filter(pk=alice.pk).update(closed_at=clock.now(), is_active=False)
    person_forget(alice.pk)
    for text in asked:
        found = find(text, reader=User.objects.get(is_staff=True, groups__name="treasury"))
        assert not found.people, text


def test_words_of_a_name_and_of_notes_go_with_what_they_are_about(world: World) -> None:
    keeper, (alice, bob) = world.vault, (world.alice, world.bob)
    for person in (alice, bob):
        written(person, name="Amina Otieno")
        note_add(subject=f"person:{person.pk}", text="Kind.", by=keeper, person_id=person.pk)
    User.objects.filter(pk=alice.pk).update(closed_at=clock.now(), is_active=False)
    later = clock.now() + dt.timedelta(days=1)
    assert identities(later, 10) == 1
    assert set(NameWord.objects.values_list("case__user", flat=True)) == {bob.pk}
    assert forget_people(later, 10) == 1
    assert [note.text for note in Note.objects.order_by("made_at")] == ["", "Kind."]


def test_an_empty_field_asks_and_one_that_is_too_long_is_said_beside_it(desk: Client) -> None:
    assert desk.get("/desk/find/").status_code == 200
    assert desk.get("/desk/find/?q=").status_code == 200
    long = desk.get("/desk/find/", {"q": "x" * 1001})
    assert long.status_code == 400
    assert "That is too long." in long.content.decode()
    assert not AuditEntry.objects.filter(action="search").exists()


def test_searches_are_counted_for_each_of_the_staff(desk: Client, settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "searches_person": (2, 3600)}
    assert [ask(desk, "nobody").status_code for _ in range(3)] == [200, 200, 429]
    assert desk.get("/desk/people/?q=nobody").status_code == 429
    assert desk.get("/desk/people/").status_code == 200
    assert ask(signed_in(staff("reviewer")), "nobody").status_code == 200


def test_only_who_works_with_people_searches(world: World) -> None:
    allowed = {
        "reviewer": 200,
        "treasury": 200,
        "auditor": 200,
        "administrator": 200,
        "vault": 403,
        "pricing": 403,
    }
    for role, status in allowed.items():
        browser = signed_in(staff(role))
        for path in ("/desk/find/?q=nobody", "/desk/people/"):
            assert browser.get(path).status_code == status, (role, path)
        expected = 200 if status == 200 else 403
        assert browser.get(person_page(world.alice)).status_code == expected, role


# --- things ---------------------------------------------------------------------------------------


def test_orders_payments_and_ids_open_their_pages(world: World, desk: Client) -> None:
    order = paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")
    page = f"/desk/orders/{order.pk}/"
    opens(desk, order.reference, page)
    opens(desk, order.reference.lower(), page)
    opens(desk, str(order.pk), page)
    opens(desk, str(order.quote_id), page)
    opens(desk, str(order.payment_id), f"/desk/payouts/{order.payment_id}/")
    newest = Transaction.objects.latest("pk").pk
    opens(desk, f"#{newest}", f"/desk/ledger/transactions/{newest}/")
    assert "Nothing found" in ask(desk, str(uuid.uuid4())).content.decode()


@pytest.mark.usefixtures("photos_once")
def test_who_may_not_open_an_order_comes_to_the_person(world: World) -> None:
    order = buy(world.alice, 2000)
    reviewer = signed_in(staff("reviewer"))
    opens(reviewer, order.reference, person_page(world.alice))
    opens(reviewer, str(order.payment_id), person_page(world.alice))
    case = sent(world.bob)
    opens(reviewer, str(case.pk), f"/desk/kyc/{case.pk}/")
    opens(signed_in(staff("treasury")), str(case.pk), person_page(world.bob))


def test_a_request_opens_for_who_asks_for_its_kind_or_decides_it(world: World) -> None:
    reviewer = staff("reviewer")
    tier = asked("tier_set", {"person": str(world.alice.pk), "enhanced": True}, by=reviewer)
    opens(signed_in(staff("reviewer")), str(tier.pk), f"/desk/approvals/{tier.pk}/")
    payload = {"person": str(world.alice.pk), "kes": "50", "way": "credit", "words": "For the wait."}
    cash = asked("adjust_cash", payload, by=staff("treasury"))
    page = ask(signed_in(reviewer), str(cash.pk)).content.decode()
    assert "Adjustment in shillings" in page and f"/desk/approvals/{cash.pk}/" not in page


# --- M-Pesa codes ---------------------------------------------------------------------------------

SMS = "{} Confirmed. Ksh33,000.00 paid to GOLD WALLET 0712345678 on 21/11/26 at 2:05 PM. New balance is Ksh1.00."


def told(desk: Client, text: str) -> str:
    answer = ask(desk, text)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_code_tells_whose_payment_it_is_its_order_and_its_ledger_transaction(
    world: World, desk: Client
) -> None:
    order = paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")
    for text in ("TKL7X2M9QA", "tkl7x2m9qa", SMS.format("TKL7X2M9QA")):
        html = told(desk, text)
        assert "alice@example.com paid us" in html
        assert person_page(world.alice) in html
        assert f"/desk/payouts/{order.payment_id}/" in html
        assert f"/desk/orders/{order.pk}/" in html
        assert "Its state: completed." in html
        assert "In the ledger it is transaction #" in html
        assert "No statement that we uploaded shows it" in html
    line = AuditEntry.objects.filter(action="read", subject="find").latest("id")
    assert line.person == world.alice
    assert AuditEntry.objects.filter(action="search").latest("id").after == {"by": "receipt", "found": 1}


def test_an_sms_is_read_for_its_codes_alone(world: World, desk: Client) -> None:
    """The number in it is that of whoever was paid."""
    html = told(desk, SMS.format("TKL7X2M9QX"))
    assert "We have never seen this code." in html
    assert person_page(world.alice) not in html


def test_several_codes_are_each_told(world: World, desk: Client) -> None:
    paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")
    html = told(desk, f"{SMS.format('TKL7X2M9QA')} {SMS.format('TKL7X2M9QB')}")
    assert "alice@example.com paid us" in html
    assert html.count("We have never seen this code.") == 1


def test_a_code_of_a_payment_that_m_pesa_took_back(world: World, desk: Client) -> None:
    order = paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")
    Payment.objects.filter(pk=order.payment_id).update(reversal_receipt="TKR7X2M9QA")
    assert "Under this code M-Pesa took payment" in told(desk, "TKR7X2M9QA")


def test_a_code_of_somebody_who_was_erased_names_nobody(world: World, desk: Client) -> None:
    order = paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")
    Payment.objects.filter(pk=order.payment_id).update(reversal_receipt="TKR7X2M9QA")
    User.objects.filter(pk=world.alice.pk).update(email=f"gone-1{ERASED}")
    page = told(desk, "TKL7X2M9QA")
    assert "Somebody whose account is erased paid us" in page and person_page(world.alice) not in page
    assert "of somebody whose account is erased back" in told(desk, "TKR7X2M9QA")


def test_money_that_is_nobodys_and_what_only_a_statement_shows(world: World, desk: Client) -> None:
    now = clock.now()
    Arrival.objects.create(
        receipt="TKL7X2M9QZ",
        amount=Decimal(500),
        source=Source.PULL,
        arrived_at=now,
        state=ArrivalState.SUSPENSE,
    )
    html = told(desk, "TKL7X2M9QZ")
    assert "came to our Paybill" in html
    assert "Its state: nobody&#x27;s yet." in html
    file = StatementFile.objects.create(
        account="collections",
        name="a.csv",
        sha256="0" * 64,
        starts_at=now,
        ends_at=now,
        uploaded_by=world.vault,
    )
    StatementLine.objects.create(
        file=file,
        account="collections",
        receipt="TKL7X2M9QW",
        kind="paid_in",
        status="Completed",
        completed_at=now,
        paid_in=700,
        withdrawn=0,
        fingerprint="1" * 64,
    )
    html = told(desk, "TKL7X2M9QW")
    assert "M-Pesa&#x27;s statement of collections shows it" in html
    assert "We have no payment and no money in under this code." in html


def test_who_may_not_open_the_books_reads_the_story_without_their_links(world: World) -> None:
    order = paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")
    html = told(signed_in(staff("reviewer")), "TKL7X2M9QA")
    assert "alice@example.com paid us" in html
    assert person_page(world.alice) in html
    assert f"/desk/payouts/{order.payment_id}/" not in html
    assert "/desk/ledger/transactions/" not in html


# --- the list -------------------------------------------------------------------------------------


def test_the_list_has_everybody_and_filters_by_standing(world: World, desk: Client) -> None:
    User.objects.filter(pk=world.bob.pk).update(frozen_reason="Asked by the bank.")
    html = desk.get("/desk/people/").content.decode()
    assert all(person_page(person) in html for person in (world.alice, world.bob, world.vault))
    for query, found in (
        ("standing=hold", world.bob),
        ("standing=staff", world.vault),
        ("identity=verified", world.alice),
        ("q=alice&identity=verified", world.alice),
    ):
        html = desk.get(f"/desk/people/?{query}").content.decode()
        assert person_page(found) in html, query
        assert person_page(world.charlie) not in html, query
    assert desk.get("/desk/people/?q=alice")["Location"] == person_page(world.alice)
    part = desk.get(
        "/desk/people/?q=alice", headers={"HX-Request": "true", "HX-Target": "rows"}
    ).content.decode()
    assert person_page(world.alice) in part
    assert "<html" not in part
    assert "Nobody found" in desk.get("/desk/people/?q=zzz").content.decode()
    assert desk.get("/desk/people/?q=%00&standing=%00").status_code == 200
    assert desk.get("/desk/people/?standing=gold").status_code == 400


def test_the_list_goes_on_page_by_page_and_asks_no_more_for_more_people(world: World, desk: Client) -> None:
    with CaptureQueriesContext(connection) as few:
        desk.get("/desk/people/")
    for _ in range(60):
        customer()
    with CaptureQueriesContext(connection) as many:
        first = desk.get("/desk/people/")
    assert len(many) <= len(few) <= 25
    older = first.context["older_url"]
    second = desk.get(older)
    shown = [person.pk for page in (first, second) for person in page.context["people"]]
    assert len(shown) == len(set(shown)) == User.objects.count()


def test_a_search_asks_few_questions_however_many_it_finds(world: World, desk: Client) -> None:
    for number in range(80):
        written(customer(email=f"many{number}@example.com"), name="Amina Otieno")
    paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")
    codes = " ".join(["TKL7X2M9QA", "TKL7X2M9QB", "TKL7X2M9QC"])
    for text in ("amina", "many", "0712345678", "12345678", codes):
        with CaptureQueriesContext(connection) as asked:
            assert ask(desk, text).status_code in {200, 302}
        assert len(asked) <= 25, (text, [query["sql"][:90] for query in asked])
