"""Every way in which money leaves, while a new number cools off and while nothing is paid out (faults.md O12, Z07)."""

from decimal import Decimal

import pytest
from django.urls import reverse

from accounts import numbers
from accounts.models import PayoutNumber, User
from accounts.roles import Role
from accounts.stepup import StepUpNeeded
from accounts.tests.people import signed_in
from accounts.tests.proofs import enter_code, prove
from controls.services import request_effect, threshold_set
from goldwallet.clock import Now, after
from goldwallet.errors import Conflict, Refused
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed, approve, asked
from goldwallet.test.world import World, buy, paid, sell
from payments.models import Direction, Payment, State
from payments.services import payout_approve
from trading import services
from trading.models import Quote
from trading.tests.late import cash, late
from trading.tests.pages import ask, browser, confirm, nothing_changes, text

pytestmark = pytest.mark.django_db

NEW = "254733000111"
OTHERS = {"0733 000 111", "0722 000 002", "+254733000112"}


@pytest.fixture
def owner(world: World) -> World:
    """alice owns two grams, and there is late money of hers that another phone paid."""
    threshold_set(name="price_max_age_hours", value=Decimal(168), by=world.vault)
    paid(buy(world.alice, 33_000))
    return world


@pytest.fixture
def maker(world: World) -> User:
    return world.staff(Role.TREASURY, email="one@example.com")


@pytest.fixture
def checker(world: World) -> User:
    return world.staff(Role.TREASURY, email="two@example.com")


def asks_for(user: User, phone: str = NEW) -> PayoutNumber:
    """A new number, asked for with a code: whoever does this now has the account, the phone with the codes or both."""
    with pytest.raises(StepUpNeeded) as needed:
        numbers.number_change_ask(user_id=user.pk, phone=phone, session_key="here")
    prove(user, operation="phone", digest=needed.value.digest, session_key="here")
    return numbers.number_change_ask(user_id=user.pk, phone=phone, session_key="here")


def payouts() -> list[str]:
    return [row.phone for row in Payment.objects.filter(direction=Direction.OUT).order_by("created_at")]


def gives_cash(person: User, kes: int, maker: User, checker: User) -> None:
    words = "We found money of yours that had no name on it."
    payload = {"person": str(person.pk), "kes": str(kes), "way": "credit", "words": words}
    agreed("adjust_cash", payload, maker=maker, checker=checker)


# --- the cool-off ---------------------------------------------------------------------------------


@pytest.mark.fault("O12")
@pytest.mark.parametrize("hours", [0, 1, 24, 47])
def test_inside_the_cool_off_no_sale_pays_the_new_number(owner: World, hours: int) -> None:
    asks_for(owner.alice)
    with shift_clock(hours=hours):
        numbers.numbers_adopt()
        client = browser(owner.alice)
        for phone in (NEW, *OTHERS):
            with nothing_changes():
                answer = ask(client, "sell", grams="0.1", phone=phone)
            assert answer.status_code == 400
            assert "We pay only to your own number, 0712 345 678." in text(answer)
            with nothing_changes(), pytest.raises(Refused, match="own number"):
                services.quote_sell(user=owner.alice, phone=phone, grams=Decimal("0.1"))
        assert sell(User.objects.get(pk=owner.alice.pk), Decimal("0.1")).payment.phone == "254712345678"
    assert payouts() == ["254712345678"]
    assert_books()


@pytest.mark.fault("O12")
def test_a_quote_for_the_new_number_made_by_whatever_way_is_not_paid(owner: World) -> None:
    """Nobody can make one by the pages. The service judges the row all the same, under the person's lock."""
    asks_for(owner.alice)
    quote = services.quote_sell(user=owner.alice, phone=owner.alice.phone, grams=Decimal("0.1"))
    quote.phone = NEW
    quote.save(update_fields=["phone_sealed"])
    with nothing_changes(), pytest.raises(Refused, match="own number"):
        services.sell_confirm(user_id=owner.alice.pk, quote_id=quote.pk)
    with nothing_changes():
        answer = confirm(browser(owner.alice), "sell", quote)
    assert answer.status_code == 400
    assert "own number" in text(answer)


@pytest.mark.fault("O12")
def test_a_number_adopted_between_price_and_confirmation(owner: World) -> None:
    """The price named the old number: the sale says so, and neither number is paid."""
    asks_for(owner.alice)
    with shift_clock(hours=47, minutes=59, seconds=50):
        quote = services.quote_sell(user=owner.alice, phone=owner.alice.phone, grams=Decimal("0.1"))
    with shift_clock(hours=48, seconds=10):
        assert numbers.numbers_adopt() == 1
        with nothing_changes(), pytest.raises(Refused, match="0733 000 111"):
            services.sell_confirm(user_id=owner.alice.pk, quote_id=quote.pk)
    assert Quote.objects.get(pk=quote.pk).used_at is None


@pytest.mark.fault("O12")
def test_after_the_cool_off_the_new_number_alone_is_paid(owner: World) -> None:
    asks_for(owner.alice)
    with shift_clock(hours=48, seconds=5):
        numbers.numbers_adopt()
        client = browser(owner.alice)
        assert "0733 000 111" in client.get(reverse("sell")).content.decode()
        with nothing_changes():
            assert ask(client, "sell", grams="0.1", phone="0712 345 678").status_code == 400
        assert sell(User.objects.get(pk=owner.alice.pk), Decimal("0.1")).payment.phone == NEW


@pytest.mark.fault("O12")
def test_late_money_goes_back_to_the_number_that_paid_it(owner: World) -> None:
    order = late(owner.alice)
    asks_for(owner.alice)
    for hours in (1, 49):
        with shift_clock(hours=hours):
            numbers.numbers_adopt()
    services.refund_ask(user_id=owner.alice.pk, order_id=order.pk)
    assert payouts() == ["254712345678"] == [order.payment.phone]


@pytest.mark.fault("O12")
def test_cash_that_two_people_pay_out_goes_to_the_old_number(
    owner: World, maker: User, checker: User
) -> None:
    gives_cash(owner.alice, 3000, maker, checker)
    asks_for(owner.alice)
    payload = {"person": str(owner.alice.pk), "kes": "1000"}
    agreed("cash_payout", payload, maker=maker, checker=checker)
    assert payouts() == ["254712345678"]


@pytest.mark.fault("O12")
def test_cash_that_was_asked_for_before_the_number_changed_is_looked_at_again(
    owner: World, maker: User, checker: User
) -> None:
    """The second person has seen the old number: an approval of that is none of the new one."""
    gives_cash(owner.alice, 3000, maker, checker)
    asks_for(owner.alice)
    request = asked("cash_payout", {"person": str(owner.alice.pk), "kes": "1000"}, by=maker)
    seen = request_effect(request)
    with shift_clock(hours=48, seconds=5):
        numbers.numbers_adopt()
    assert "2547****5678" in seen.summary
    assert "2547****0111" in request_effect(request).summary


def test_the_sell_page_says_when_the_new_number_is_paid(owner: World) -> None:
    assert "Change your number" in text(browser(owner.alice).get(reverse("sell")))
    asks_for(owner.alice)
    page = text(browser(owner.alice).get(reverse("sell")))
    assert "we pay you on 0733 000 111" in page
    assert "See the change" in page


# --- nothing is paid out for now ------------------------------------------------------------------


def held(user: User, *, hours: int = 24) -> None:
    User.objects.filter(pk=user.pk).update(payouts_from=after(hours * 3600))
    user.refresh_from_db()


@pytest.mark.fault("O12")
def test_while_payouts_are_held_no_service_pays(owner: World, maker: User, checker: User) -> None:
    order = late(owner.alice)
    gives_cash(owner.alice, 3000, maker, checker)
    payload = {"person": str(owner.alice.pk), "kes": "1000"}
    request = asked("cash_payout", payload, by=maker)
    quote = services.quote_sell(user=owner.alice, phone=owner.alice.phone, grams=Decimal("0.1"))
    held(owner.alice)
    said = "For your safety we pay nothing out before"
    with nothing_changes(), pytest.raises(Refused, match=said):
        services.quote_sell(user=owner.alice, phone=owner.alice.phone, grams=Decimal("0.1"))
    with nothing_changes(), pytest.raises(Refused, match=said):
        services.sell_confirm(user_id=owner.alice.pk, quote_id=quote.pk)
    with nothing_changes(), pytest.raises(Refused, match=said):
        services.refund_ask(user_id=owner.alice.pk, order_id=order.pk)
    with nothing_changes(), pytest.raises(Conflict, match="Nothing is paid out to this person before"):
        approve(request, checker)
    assert payouts() == []
    with shift_clock(hours=25):
        sell(owner.alice, Decimal("0.1"))
        services.refund_ask(user_id=owner.alice.pk, order_id=order.pk)
        agreed("cash_payout", payload, maker=maker, checker=checker, subject="again")
    assert len(payouts()) == 3
    assert_books()


def test_the_pages_say_so_calmly(owner: World, maker: User, checker: User) -> None:
    order = late(owner.alice)
    gives_cash(owner.alice, 3000, maker, checker)
    quote = services.quote_sell(user=owner.alice, phone=owner.alice.phone, grams=Decimal("0.1"))
    held(owner.alice)
    client = browser(owner.alice)
    said = "For your safety we pay nothing out before"
    for path in (
        reverse("wallet"),
        reverse("sell"),
        reverse("account_phone"),
        reverse("sell_quote", args=[quote.pk]),
        reverse("order", args=[order.pk]),
    ):
        assert said in text(client.get(path)), path
    page = text(client.get(reverse("order", args=[order.pk])))
    assert "Send the money back" not in page
    assert "Buy at today's price" in page, "buying pays nothing out"
    with nothing_changes():
        assert client.post(reverse("order_refund", args=[order.pk])).status_code == 403
        assert confirm(client, "sell", quote).status_code == 403
    assert paid(buy(owner.alice, 1000)).grams > 0


def test_what_was_agreed_before_is_paid(owner: World) -> None:
    """A sale of the owner from before is a debt of the house: it goes to the number that it was agreed for."""
    order = sell(owner.alice, Decimal("0.1"))
    held(owner.alice)
    paid(order)
    assert cash(owner.alice) == 0
    assert_books()


# --- staff who sell their own gold ----------------------------------------------------------------


@pytest.mark.fault("Z07")
def test_staff_decide_nothing_about_a_sale_of_their_own(owner: World, maker: User, checker: User) -> None:
    User.objects.filter(pk=maker.pk).update(kyc_status="verified")
    maker.refresh_from_db()
    maker.phone = "254711000009"
    maker.save()
    paid(buy(maker, 165_000))
    threshold_set(name="payouts_manual", value=Decimal(1), by=owner.vault)
    client = signed_in(maker)
    answer = ask(client, "sell", grams="4", phone=maker.phone)
    quote_id = answer["Location"].split("/")[-2]
    enter_code(client, confirm(client, "sell", quote_id))
    assert confirm(client, "sell", quote_id)["Location"].startswith("/orders/")
    own = Payment.objects.get(direction=Direction.OUT)
    assert own.state == State.AWAITING_APPROVAL
    with nothing_changes(), pytest.raises(Refused, match="This is your own payment"):
        payout_approve(payment_id=own.pk, by=maker.pk)
    with nothing_changes():
        answer = client.post(reverse("desk_payout_approve", args=[own.pk]))
    assert answer.status_code == 403
    payout_approve(payment_id=own.pk, by=checker.pk)
    own.refresh_from_db()
    assert own.state == State.CREATED
    assert own.decided_by_id == checker.pk
    assert Payment.objects.filter(pk=own.pk, due_at__lte=Now()).exists()


@pytest.mark.fault("Z07")
def test_staff_pay_themselves_no_cash(owner: World, maker: User, checker: User) -> None:
    third = owner.staff(Role.TREASURY, email="three@example.com")
    gives_cash(checker, 3000, maker, third)
    checker.phone = "254711000009"
    checker.save()
    payload = {"person": str(checker.pk), "kes": "1000"}
    for first, second in ((maker, checker), (checker, maker)):
        with nothing_changes(), pytest.raises(Refused, match="about yourself"):
            agreed("cash_payout", payload, maker=first, checker=second, subject=f"by {first.pk}")
