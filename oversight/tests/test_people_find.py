"""Finding anybody and anything by one field: what was typed is understood, one hit opens, many are listed, and nobody
who was erased is found.
"""

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

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
from oversight.tests.shown import MOST, look
from payments.models import Arrival, ArrivalState, Callback, Payment, Source, StatementFile, StatementLine

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


@pytest.mark.parametrize(
    "text",
    [
        "TKL7X2M9QA.",
        " tkl7x2m9qa, ",
        "(TKL7X2M9QA)",
        "*Tkl7x2m9qa*",
        "_TKL7X2M9QA_",
        "code:TKL7X2M9QA",
        "\u200eTKL7X2M9QA\u200f",
        "“TKL7X2M9QA”",
        "#tkl7x2m9qa",
        "my code is tkl7x2m9qa.",
        "john1990ab@example.com sent tkl7x2m9qa!",
        SMS.format("TKL7X2M9QA").lower(),
        SMS.format("TKL7X2M9QA").replace(" ", "\n"),
    ],
)
def test_a_code_is_read_in_any_case_and_with_whatever_stands_around_it(
    world: World, desk: Client, text: str
) -> None:
    paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")
    html = told(desk, text)
    assert "alice@example.com paid us" in html
    assert "never seen" not in html


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


# --- nobody shadows another -----------------------------------------------------------------------


def listed(desk: Client, text: str, person: User, word: str) -> str:
    """The page has this person with the word for what they were found by, and says how little that means."""
    html = told(desk, text)
    assert person_page(person) in html.partition('id="hits"')[2], text
    assert f"found by {word}<" in html, text
    assert "Anybody can choose a username" in html, text
    return html


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"username": "TKL7X2M9QA"}, "username"),
        ({"email": "tkl7x2m9qa@example.com", "username": "shadow"}, "e-mail address"),
        ({"email": "tkl7x2m9qa.z@example.com", "username": "tkl7x2m9qa"}, "e-mail address and username"),
    ],
)
@pytest.mark.parametrize("text", ["TKL7X2M9QA", "tkl7x2m9qa", "TKL7X2M9QA.", " (tkl7x2m9qa), "])
def test_nobody_who_calls_themselves_like_a_code_hides_its_story(
    world: World, desk: Client, changes: dict[str, str], word: str, text: str
) -> None:
    paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")
    shadow = customer(**changes)
    html = listed(desk, text, shadow, word)
    assert (
        html.index("alice@example.com paid us") < html.index("Also found") < html.index(person_page(shadow))
    )
    after = AuditEntry.objects.filter(action="search").latest("id").after
    assert after["by"].endswith(",receipt") and after["found"] == 2
    sms = told(desk, SMS.format(text))
    assert "alice@example.com paid us" in sms and person_page(shadow) not in sms


def test_who_calls_themselves_like_a_code_that_we_never_saw_is_not_opened_either(
    world: World, desk: Client
) -> None:
    shadow = customer(username="TKL7X2M9QA")
    html = listed(desk, "TKL7X2M9QA", shadow, "username")
    assert html.index("We have never seen this code.") < html.index("Also found")


def test_a_code_that_is_longer_or_shorter_is_told_only_when_it_was_seen(world: World, desk: Client) -> None:
    """Usernames and our own references are as long; they open as ever."""
    person = customer(username="kamau1990")
    opens(desk, "kamau1990", person_page(person))
    order = paid(buy(world.alice, 33_000), receipt="KAMAU1990")
    html = told(desk, "kamau1990")
    assert html.index("alice@example.com paid us") < html.index(person_page(person))
    opens(desk, order.reference, f"/desk/orders/{order.pk}/")
    assert "We have never seen this code." in told(desk, "kamau1991")


def test_a_code_without_a_digit_is_told_when_it_was_seen_and_else_may_be_a_name(
    world: World, desk: Client
) -> None:
    paid(buy(world.alice, 33_000), receipt="UKLABCDEFG")
    for text in ("UKLABCDEFG", "uklabcdefg.", SMS.format("uklabcdefg")):
        assert "alice@example.com paid us" in told(desk, text), text
    shadow = customer(username="uklabcdefg")
    html = told(desk, "UKLABCDEFG")
    assert html.index("alice@example.com paid us") < html.index(person_page(shadow))
    assert "never seen" in told(desk, SMS.format("UKLABCDEFH"))
    assert "never seen" not in told(desk, "gold wallet goldwallet confirmedly")
    assert "Nothing found" in told(desk, "muthonimwe")
    written(world.bob, name="Muthonimwe Kamau")
    opens(desk, "muthonimwe", person_page(world.bob))


@pytest.mark.parametrize(
    ("text", "changes", "word"),
    [
        ("0799 888 777", {"username": "0799888777"}, ""),
        ("0799888777", {"username": "0799888777"}, "username"),
        ("+254799888777", {"email": "+254799888777@example.com"}, "e-mail address"),
        ("254-799-888-777", {"username": "254-799-888-777"}, "username"),
        ("31234567", {"username": "31234567"}, "username"),
        ("ak0123456", {"username": "AK0123456"}, "username"),
        ("ak.0123456", {"username": "AK.0123456"}, "username"),
        ("#12345", {"email": "#12345@example.com"}, "e-mail address"),
        ("amina@example.com", {"email": "amina@example.com.example.net"}, "e-mail address"),
    ],
)
def test_who_calls_themselves_like_anothers_number_or_address_is_listed_and_not_opened(
    world: World, desk: Client, text: str, changes: dict[str, str], word: str
) -> None:
    shadow = customer(**{"username": "shadow"} | changes)
    if word:
        listed(desk, text, shadow, word)
        people = desk.get("/desk/people/", {"q": text})
        assert people.status_code == 200 and person_page(shadow) in people.content.decode()
    else:
        assert "Nothing found" in told(desk, text)


def test_the_true_owner_of_a_number_stands_beside_who_calls_themselves_so(world: World, desk: Client) -> None:
    written(world.alice, number="31234567")
    shadow = customer(username="31234567")
    html = listed(desk, "31234567", shadow, "username")
    assert person_page(world.alice) in html and "found by ID number<" in html
    opens(desk, "3123 4567", person_page(world.alice))
    other = customer(username="0712345678")
    html = listed(desk, "0712345678", other, "username")
    assert person_page(world.alice) in html and "found by phone<" in html


def test_who_calls_themselves_like_a_reference_or_an_id_hides_no_order(world: World, desk: Client) -> None:
    order = buy(world.alice, 2000)
    page = f"/desk/orders/{order.pk}/"
    by_name = customer(username=order.reference)
    html = told(desk, order.reference)
    assert html.index(page) < html.index(person_page(by_name))
    by_id = customer(email=f"{order.pk}@example.com", username="shadow")
    html = listed(desk, str(order.pk), by_id, "e-mail address")
    assert html.index(page) < html.index(person_page(by_id))


def test_the_list_of_people_opens_nobody_by_a_code_and_leads_to_its_story(world: World, desk: Client) -> None:
    paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")
    shadow = customer(username="TKL7X2M9QA")
    page = desk.get("/desk/people/", {"q": "tkl7x2m9qa"})
    assert page.status_code == 200
    html = page.content.decode()
    assert person_page(shadow) in html
    assert '<a href="/desk/find/?q=tkl7x2m9qa">See what happened to it</a>' in html
    assert "M-Pesa code" not in desk.get("/desk/people/", {"q": "customer"}).content.decode()


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


def test_what_may_be_everything_at_once_asks_few_questions_too(world: World, desk: Client) -> None:
    """A code, a passport, a name, a username and a reference; seen in all books, in a callback, or nowhere."""
    order = paid(buy(world.alice, 33_000), receipt="AK0123456")
    other = buy(world.bob, 2000)
    claim = Callback(payment_id=other.payment_id, kind="collect")
    item = {"Name": "MpesaReceiptNumber", "Value": "AK7654321"}
    claim.body = json.dumps(
        {"Body": {"stkCallback": {"ResultCode": 0, "CallbackMetadata": {"Item": [item]}}}}
    )
    claim.save()
    for text in ("AK0123456", "AK7654321"):
        person = customer(username=text, email=f"{text.lower()}@example.com")
        written(person, id_type="passport", number=text)
    longest = customer(username=order.reference, email=f"{order.pk}@example.com")
    written(longest, id_type="passport", number="AK1111111")
    paid(buy(world.charlie, 2000), receipt="UKLABCDEFG")
    for word in ("uklabcdefg", "muthonimwe"):
        person = customer(username=word, email=f"{word}@example.com")
        written(person, name=f"Peter {word}")
        written(customer(), name=f"Paul {word}")
    for text in ("AK0123456", "AK7654321", "UKLABCDEFG", "muthonimwe", order.reference, str(order.pk)):
        seen = look(desk, "/desk/find/", query=urlencode({"q": text}))
        assert len(seen.questions) <= MOST, (text, seen.told)
    assert "A message names this code" in told(desk, "AK7654321")
