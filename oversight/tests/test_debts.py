"""The desk's lists of who owes and who has cash with us, and the forms that ask for their end."""

import re
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import signed_in
from controls.models import Request
from goldwallet.test.books import assert_books
from goldwallet.test.two import agreed, approve
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from oversight.reversing import why_not
from payments.models import Payment, State
from trading.tests.late import late, taken_back

pytestmark = pytest.mark.django_db

WHY = "She wrote to us, and the statement shows it."


@pytest.fixture
def maker(world: World) -> User:
    return world.staff(Role.TREASURY, email="one@example.com")


@pytest.fixture
def checker(world: World) -> User:
    return world.staff(Role.TREASURY, email="two@example.com")


@pytest.fixture
def debtor(world: World, maker: User, checker: User) -> User:
    """bob owes KES 1,000 and has KES 400 in cash."""
    order = paid(buy(world.bob, 1000))
    paid(sell(world.bob, None))
    taken_back(order)
    give(world.bob, "400", maker, checker)
    return world.bob


def give(person: User, kes: str, maker: User, checker: User) -> None:
    payload = {"person": str(person.pk), "kes": kes, "way": "credit", "words": "Money with no name on it."}
    agreed("adjust_cash", payload, maker=maker, checker=checker)


def text(response) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode())))


def test_nothing_to_settle(world: World, maker: User) -> None:
    said = text(signed_in(maker).get(reverse("desk_adjustments")))
    assert "Nobody owes us anything." in said
    assert "No customer has cash with us." in said


@pytest.mark.fault("P19")
def test_a_debt_is_listed_asked_about_and_settled(
    world: World, maker: User, checker: User, debtor: User
) -> None:
    desk = signed_in(maker)
    assert "bob@example.com KES 1,000 KES 400 just now" in text(desk.get(reverse("desk_adjustments")))
    letter = SimpleUploadedFile("letter.txt", b"Take it from my cash.")
    sent = {"person": "bob", "kes": "400", "how": "cash", "reason": WHY}
    answer = desk.post(reverse("desk_debt_settle"), sent | {"evidence": letter})
    request = Request.objects.get(kind="debt_settle")
    assert answer.url == reverse("desk_approval", args=[request.pk])
    page = text(desk.get(answer.url))
    assert "KES 400 of the cash of bob@example.com covers what they owe us." in page
    assert "bob@example.com: owed to us" in page
    again = desk.post(reverse("desk_debt_settle"), sent)
    assert again.status_code == 409 and "Somebody has asked for this already." in text(again)
    approve(request, checker)
    said = text(desk.get(reverse("desk_adjustments")))
    assert "bob@example.com KES 600 KES 0 just now" in said
    assert "No customer has cash with us." in said
    posted = Transaction.objects.get(kind="debt_settled")
    assert "A debt was settled with this." in why_not(posted)
    assert_books()


def test_cash_is_listed_asked_about_and_paid_out(world: World, maker: User, checker: User) -> None:
    late(world.bob, 700)
    give(world.bob, "500", maker, checker)
    desk = signed_in(maker)
    assert "bob@example.com KES 1,200 KES 500 just now" in text(desk.get(reverse("desk_adjustments")))
    sent = {"person": "bob@example.com", "kes": "501", "reason": WHY}
    refused = desk.post(reverse("desk_cash_payout"), sent)
    assert refused.status_code == 409
    assert "Only KES 500 of this person's cash can be paid out." in text(refused)
    assert WHY in text(refused) and 'value="501"' in refused.content.decode()
    answer = desk.post(reverse("desk_cash_payout"), sent | {"kes": "500"})
    request = Request.objects.get(kind="cash_payout")
    assert answer.url == reverse("desk_approval", args=[request.pk])
    approve(request, checker)
    payout = Payment.objects.get(purpose="cash")
    assert (payout.state, payout.amount, payout.phone) == (State.CREATED, 500, world.bob.phone)
    assert payout.reference in Request.objects.get(pk=request.pk).result
    assert text(desk.get(reverse("desk_payment", args=[payout.pk]))).count("KES 500")
    assert "bob@example.com KES 700 KES 0 just now" in text(desk.get(reverse("desk_adjustments")))
    agreed_on = Transaction.objects.get(kind="cash_agreed")
    assert "It is decided on the payment's page." in why_not(agreed_on)
    assert_books()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"person": ""}, "Write whose it is."),
        ({"person": "nobody@example.com"}, "Nobody has this e-mail address or username."),
        ({"kes": ""}, "Write how many shillings."),
        ({"kes": "1,5"}, "digits only"),
        ({"kes": "0"}, "above zero"),
        ({"kes": "401"}, "only KES 400 in cash"),
        ({"how": ""}, "Choose how it is settled."),
        ({"how": "write_off", "kes": "1001"}, "owes us KES 1,000, not more"),
        ({"reason": "typo"}, "At least 10 letters"),
    ],
)
def test_a_mistake_is_said_and_keeps_what_was_typed(
    world: World, maker: User, debtor: User, change: dict[str, str], sentence: str
) -> None:
    sent = {"person": "bob", "kes": "300", "how": "cash", "reason": WHY} | change
    answer = signed_in(maker).post(reverse("desk_debt_settle"), sent)
    assert answer.status_code in {400, 409}
    assert sentence in text(answer)
    assert sent["reason"] in text(answer)
    assert not Request.objects.filter(kind="debt_settle").exists()
    assert balance(chart.user_receivable(debtor.pk)) == -1000


def test_who_may(world: World, debtor: User) -> None:
    places = [reverse("desk_debt_settle"), reverse("desk_cash_payout")]
    sent = {"person": "bob", "kes": "300", "how": "cash", "reason": WHY}
    for role in (Role.VAULT, Role.PRICING, Role.REVIEWER, Role.AUDITOR):
        desk = signed_in(world.staff(role))
        assert {desk.post(place, sent).status_code for place in places} == {403}
    reads = text(
        signed_in(world.staff(Role.AUDITOR, email="reads@example.com")).get(reverse("desk_adjustments"))
    )
    assert "bob@example.com KES 1,000 KES 400" in reads and "Ask to settle" not in reads
    assert signed_in(world.alice).post(places[0], sent).status_code == 403
