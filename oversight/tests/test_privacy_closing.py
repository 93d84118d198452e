"""Closing an account: what must be done first, what goes at once, what stays, and what comes afterwards."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from accounts import second_factor
from accounts.models import Authenticator, KnownDevice, PayoutNumber, Session, User
from accounts.services import person_freeze
from accounts.stepup import StepUpNeeded
from accounts.tests.people import PASSWORD as SIGN_IN
from accounts.tests.people import customer, read_mail, signed_in, staff
from accounts.tests.proofs import enter_code
from controls.models import Erasure, Request
from goldwallet.clock import Now, after
from goldwallet.errors import Conflict, Refused
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed
from goldwallet.test.world import PASSWORD, World, buy, paid, sell
from kyc.models import Case, CaseState
from kyc.services import case_submit
from kyc.tests.making import approve, photographed, photos_once, reviewer, sent, written
from ledger import chart
from ledger.selectors import balance
from ledger.services import Transfer, post
from notifications.models import Message
from oversight.privacy.closing import CLOSURE, account_close, obstacles
from payments.models import Arrival, ArrivalState, Payment, State
from trading import services
from trading.cash import holders
from trading.models import USED_BY_PAYOUT, Order, Quote, Status
from trading.services import orders_expire
from trading.tests.late import assert_all_books, late
from trading.tests.pages import text

__all__ = ["photos_once"]

pytestmark = pytest.mark.django_db

PAGE = "/accounts/privacy/close/"


def close(browser: Client):
    """Both presses, with the code between them."""
    assert enter_code(browser, browser.post(PAGE)) == PAGE
    assert "Close my account now" in text(browser.get(PAGE))
    return browser.post(PAGE)


def fresh(person: User) -> User:
    return User.objects.get(pk=person.pk)


# --- what it does ---------------------------------------------------------------------------------


def test_it_takes_a_code_and_is_for_good(world: World) -> None:
    here, elsewhere = signed_in(world.bob), signed_in(world.bob)
    page = text(here.get(PAGE))
    assert "What must stay for a while" in page and "7 years" in page
    answer = close(here)
    assert answer.status_code == 302 and answer["Location"] == "/"
    assert "Your account is closed" in text(here.get("/"))
    person = fresh(world.bob)
    assert not person.is_active and person.closed_at is not None
    assert not Session.objects.filter(user_id=person.pk).exists()
    for browser in (here, elsewhere):
        assert browser.get("/wallet/")["Location"].startswith("/accounts/login/")
    letter = read_mail(person.email)
    assert letter.subject == "Your account is closed" and "for 7 years" in letter.body
    assert_books()


def test_without_a_code_nothing_happens(world: World) -> None:
    with pytest.raises(StepUpNeeded):
        account_close(user_id=world.bob.pk, session_key="x")
    assert fresh(world.bob).is_active and not Erasure.objects.exists()


def test_the_code_for_one_account_closes_no_other(world: World) -> None:
    browser = signed_in(world.bob)
    enter_code(browser, browser.post(PAGE))
    with pytest.raises(StepUpNeeded):
        account_close(user_id=world.charlie.pk, session_key=browser.session.session_key or "")


def test_only_the_right_password_hears_that_it_is_closed(world: World) -> None:
    close(signed_in(world.bob))
    right, wrong, nobody = (
        Client().post("/accounts/login/", {"login": login, "password": password}, follow=True)
        for login, password in (
            (world.bob.email, PASSWORD),
            (world.bob.email, SIGN_IN),
            ("nobody@example.com", SIGN_IN),
        )
    )
    assert "This account is closed" in text(right)
    refusal = "That e-mail address or username and that password do not belong together."
    assert refusal in text(wrong) and refusal in text(nobody)
    assert "closed" not in text(wrong)


def test_what_is_of_no_more_use_goes_at_once(world: World, photos_once: None) -> None:
    person = customer()
    browser = signed_in(person)
    case = written(person)
    photographed(person, "selfie")
    services.quote_buy(user=person, phone=person.phone, kes=Decimal(1000))
    KnownDevice.objects.create(user=person, mark="x")
    number = PayoutNumber(user=person, usable_from=after(9999))
    number.phone = "254700111222"
    number.save(force_insert=True)
    close(browser)
    case.refresh_from_db()
    (photo,) = case.documents.all()
    assert (case.state, case.legal_name, photo.data_key) == (CaseState.EXPIRED, "", "")
    assert not Quote.objects.exists() and not KnownDevice.objects.exists()
    assert PayoutNumber.objects.get().cancelled_at is not None
    proof = Erasure.objects.get(what=CLOSURE)
    assert (proof.subject, proof.asked_by_id) == (str(person.pk), person.pk)
    # The session, the price, the browser, the case.
    assert proof.rows == 4


def test_the_second_factor_goes_too(world: World) -> None:
    second_factor.authenticator_give(user=world.bob, key=second_factor.new_key())
    close(signed_in(world.bob))
    assert not Authenticator.objects.filter(user=world.bob).exists()
    answer = Client().post("/accounts/login/", {"login": world.bob.email, "password": PASSWORD}, follow=True)
    assert "This account is closed" in text(answer)


def test_a_proven_identity_is_kept_and_may_open_another_account(world: World, photos_once: None) -> None:
    first, second = customer(), customer()
    case = approve(sent(first, number="23456789"), reviewer())
    close(signed_in(first))
    case.refresh_from_db()
    assert (case.state, case.id_number) == (CaseState.EXPIRED, "23456789")
    assert all(photo.data_key for photo in case.documents.all())
    again = approve(
        sent(second, number="23456789"), reviewer(), note="The same person, whose first account is closed."
    )
    assert again.state == CaseState.APPROVED


# --- what stands in the way -----------------------------------------------------------------------


def gold(world: World) -> str:
    paid(buy(world.alice, 1000))
    return "of gold. Sell it first."


def open_buy(world: World) -> str:
    return f"Order {buy(world.alice, 1000).reference} is in progress."


def open_sale(world: World) -> str:
    paid(buy(world.alice, 1000))
    return f"Order {sell(world.alice, None).reference} is in progress."


def open_payment(world: World) -> str:
    """Its order has expired, and nobody knows yet whether it was paid."""
    order = buy(world.alice, 1000)
    Payment.objects.filter(pk=order.payment_id).update(state=State.UNKNOWN, sent_at=Now())
    with shift_clock(hours=1):
        orders_expire()
    assert Order.objects.get(pk=order.pk).status == Status.EXPIRED
    return "We are not done with a payment of yours."


def late_money(world: World) -> str:
    return f"Money of yours came too late for order {late(world.alice).reference}."


def cash(world: World) -> str:
    moved = Transfer(chart.house_adjustments(), chart.user_cash(world.alice.pk), Decimal(70))
    post(key="test:cash", kind="test", transfers=[moved])
    return "KES 70 of yours is with us. Write to us"


def debt(world: World) -> str:
    moved = Transfer(chart.user_receivable(world.alice.pk), chart.house_adjustments(), Decimal(70))
    post(key="test:debt", kind="test", transfers=[moved])
    return "You owe us KES 70."


def suspense(world: World) -> str:
    order = buy(world.alice, 1000)
    Payment.objects.filter(pk=order.payment_id).update(state=State.CANCELLED)
    Order.objects.filter(pk=order.pk).update(status=Status.FAILED)
    Arrival.objects.create(
        receipt="UKL0000001",
        amount=10,
        source="pull",
        arrived_at=Now(),
        state=ArrivalState.SUSPENSE,
        payment_id=order.payment_id,
    )
    return "M-Pesa brought us money that may be yours"


def hold(world: World) -> str:
    person_freeze(user_id=world.alice.pk, reason="We have to ask something.")
    return "Your account is on hold."


def review(world: World) -> str:
    written(world.alice)
    photographed(world.alice)
    case_submit(user_id=world.alice.pk)
    return "We are looking at your ID."


def request(world: World) -> str:
    Request.objects.create(
        kind="x", subject="adjustment", payload={"person": str(world.alice.pk)}, content_hash="x", effect={},
        reason="x", maker=world.vault, expires_at=after(100),
    )  # fmt: skip
    return "Our team is about to decide something about your account."


@pytest.mark.parametrize(
    "make",
    [gold, open_buy, open_sale, open_payment, late_money, cash, debt, suspense, hold, review, request],
    ids=lambda make: make.__name__,
)
def test_what_must_be_done_first_is_said(world: World, photos_once: None, make) -> None:
    sentence = make(world)
    other = signed_in(world.charlie)
    person = fresh(world.alice)
    assert any(sentence in said for said in obstacles(person)), obstacles(person)
    browser = signed_in(person)
    page = browser.get(PAGE)
    assert sentence in text(page) and "Close my account" not in text(page)
    answer = browser.post(PAGE)
    assert answer.status_code == 409 and sentence in text(answer)
    assert fresh(world.alice).is_active and not Erasure.objects.exists()
    # It is nobody else's hindrance.
    assert sentence not in text(other.get(PAGE))
    assert obstacles(world.charlie) == []


def test_what_happens_after_the_code_still_counts(world: World) -> None:
    """The order begins in another window between the code and the last press."""
    browser = signed_in(world.alice)
    enter_code(browser, browser.post(PAGE))
    buy(world.alice, 1000)
    assert browser.post(PAGE).status_code == 409
    assert fresh(world.alice).is_active


def test_staff_do_not_close_themselves(world: World) -> None:
    person = staff("treasury")
    answer = signed_in(person).post(PAGE)
    assert answer.status_code == 409 and "You work here." in text(answer)
    with pytest.raises(Conflict):
        account_close(user_id=person.pk, session_key="x")


# --- afterwards -----------------------------------------------------------------------------------


def late_for_a_closed(world: World, *, minutes: int = 60) -> Order:
    """Bob's money comes so long after the price, when he has closed his account."""
    order = buy(world.bob, 1000)
    Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING, sent_at=Now())
    with shift_clock(minutes=minutes):
        orders_expire()
        # M-Pesa has said that nobody paid.
        Payment.objects.filter(pk=order.payment_id).update(state=State.CANCELLED)
        close(signed_in(world.bob))
        Payment.objects.filter(pk=order.payment_id).update(state=State.UNKNOWN)
        return paid(order, receipt="UKL0000009")


def test_nobody_becomes_an_owner_of_gold_after_closing(world: World) -> None:
    """Not even while the price of the order would still be honoured."""
    order = late_for_a_closed(world, minutes=11)
    assert order.honour_until is not None and order.honour_until - order.created_at > timedelta(minutes=11)
    assert order.status == Status.PAID_LATE
    assert balance(chart.user_gold(world.bob.pk)) == 0
    assert_books()


def test_late_money_for_a_closed_person_stands_for_staff(world: World) -> None:
    order = late_for_a_closed(world)
    assert order.status == Status.PAID_LATE
    assert balance(chart.user_cash(world.bob.pk)) == 1000
    letter = Message.objects.get(user=world.bob, kind="order_paid_late").text
    assert "after you had closed your account" in letter and "/orders/" not in letter.partition("Order")[0]
    with shift_clock(hours=1, minutes=5):
        desk = signed_in(staff("treasury"))
        page = text(desk.get("/desk/adjustments/"))
        assert "bob@example.com" in page
        assert desk.get(f"/desk/orders/{order.pk}/").status_code == 200
        (holder,) = holders().rows
        assert (holder.person, holder.payable) == (world.bob, 1000)
    assert_books()


def test_two_people_pay_it_out(world: World) -> None:
    order = late_for_a_closed(world)
    maker, checker = staff("treasury"), staff("treasury")
    agreed("cash_payout", {"person": str(world.bob.pk), "kes": "1000"}, maker=maker, checker=checker)
    order.refresh_from_db()
    assert (order.status, order.failure_code) == (Status.REVERSED, USED_BY_PAYOUT)
    assert balance(chart.user_cash(world.bob.pk)) == 0
    payout = Payment.objects.get(user=world.bob, purpose="cash")
    assert (payout.amount, payout.phone) == (1000, world.bob.phone)
    # There is nothing left to be paid twice.
    with pytest.raises(Refused):
        agreed("cash_payout", {"person": str(world.bob.pk), "kes": "1000"}, maker=maker, checker=checker)
    assert_all_books()


def test_late_money_of_an_open_account_still_waits_for_its_owner(world: World) -> None:
    late(world.alice)
    maker, checker = staff("treasury"), staff("treasury")
    with pytest.raises(Refused):
        agreed("cash_payout", {"person": str(world.alice.pk), "kes": "1000"}, maker=maker, checker=checker)
    assert balance(chart.user_cash(world.alice.pk)) == 1000


def test_nobody_trades_for_a_closed_person(world: World) -> None:
    quote = services.quote_buy(user=world.bob, phone=world.bob.phone, kes=Decimal(1000))
    close(signed_in(world.bob))
    assert not Quote.objects.filter(pk=quote.pk).exists()
    assert not Order.objects.filter(user=world.bob).exists()
    assert Case.objects.filter(user=world.bob).count() == 0
