"""What people decide about money that belongs to no order: cash goes to its owner, debts end, nothing leads nowhere."""

from decimal import Decimal

import pytest
from django.db import transaction
from django.urls import reverse

from accounts.models import User
from accounts.roles import Role
from accounts.services import person_freeze
from accounts.tests.people import read_mail
from controls.models import Cause
from controls.services import (
    request_approve,
    request_effect,
    request_seal,
    switch_pause,
    threshold_set,
)
from goldwallet.clock import Now
from goldwallet.errors import Conflict, Refused
from goldwallet.test.books import PAYOUTS
from goldwallet.test.provider import Simulator
from goldwallet.test.two import YES, agreed, approve, asked
from goldwallet.test.worker import work, work_until
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from ledger.services import Transfer, post
from notifications.models import Message
from payments import purposes
from payments.models import Exchange, Kind, Payment, State
from payments.services import look_soon, payment_settle, payout_refuse
from trading import services
from trading.cash import debtors, holders
from trading.models import Status
from trading.requests import debt_subject, payout_subject
from trading.selectors import FROZEN
from trading.tests.late import assert_all_books, cash, late, owed, taken_back
from trading.tests.pages import browser, nothing_changes, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def maker(world: World) -> User:
    return world.staff(Role.TREASURY, email="one@example.com")


@pytest.fixture
def checker(world: World) -> User:
    return world.staff(Role.TREASURY, email="two@example.com")


def give(person: User, kes: int, maker: User, checker: User) -> None:
    """Cash that belongs to no order, as suspense or a correction leaves it."""
    words = "We found money of yours that had no name on it."
    payload = {"person": str(person.pk), "kes": str(kes), "way": "credit", "words": words}
    agreed("adjust_cash", payload, maker=maker, checker=checker)


def owes(person: User, kes: int = 1000) -> None:
    """M-Pesa takes back what paid for gold that is sold already."""
    order = paid(buy(person, kes))
    paid(sell(person, None))
    taken_back(order)
    person.refresh_from_db()
    assert owed(person) == kes


def payout(person: User, kes: str) -> dict[str, str]:
    return {"person": str(person.pk), "kes": kes}


def debt(person: User, kes: str, how: str = "cash") -> dict[str, str]:
    return {"person": str(person.pk), "kes": kes, "how": how}


def the_payout() -> Payment:
    return Payment.objects.get(purpose="cash")


def ends(payment: Payment, *, is_paid: bool, code: str = "", receipt: str = "") -> None:
    Payment.objects.filter(pk=payment.pk, state=State.CREATED).update(state=State.PENDING)
    exchange = Exchange.objects.create(payment=payment, kind=Kind.PAY_OUT)
    assert payment_settle(payment_id=payment.pk, paid=is_paid, code=code, receipt=receipt, exchange=exchange)


def wallet(person: User) -> str:
    person.refresh_from_db()
    return text(browser(person).get(reverse("wallet")))


# --- cash paid out --------------------------------------------------------------------------------


def test_cash_goes_to_the_persons_own_phone(world: World, maker: User, checker: User) -> None:
    give(world.bob, 1500, maker, checker)
    assert "KES 1,500 of yours is with us as cash." in wallet(world.bob)
    assert "sends it to your M-Pesa number 0722 000 002, and you get a mail when it is paid" in wallet(
        world.bob
    )
    request = asked("cash_payout", payout(world.bob, "1200"), by=maker)
    effect = request_effect(request)
    assert effect.summary == "KES 1,200 of the cash of bob@example.com go to 2547****0002."
    assert effect.leaving_kes == "1200"
    assert (cash(world.bob), Payment.objects.count()) == (1500, 0)
    approve(request, checker)
    made = the_payout()
    assert (made.state, made.phone, made.amount) == (State.CREATED, world.bob.phone, 1200)
    assert (cash(world.bob), balance(chart.payouts_clearing())) == (300, 1200)
    said = wallet(world.bob)
    assert "KES 300 of yours is with us as cash." in said
    assert "KES 1,200 of your cash with us goes to your M-Pesa." in said
    assert_all_books()
    ends(made, is_paid=True, receipt="UKL7A2B3C4")
    assert balance(chart.payouts_clearing()) == 0
    assert (cash(world.bob), "goes to your M-Pesa" in wallet(world.bob)) == (300, False)
    kinds = Transaction.objects.filter(memo=made.reference).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["cash_agreed", "cash_paid"]
    letter = str(read_mail("bob@example.com").body)
    assert "we sent KES 1,200 of it to 0722 000 002" in letter and "UKL7A2B3C4" in letter
    assert_all_books()


def test_cash_that_could_not_be_sent_is_cash_again(world: World, maker: User, checker: User) -> None:
    give(world.bob, 1500, maker, checker)
    agreed("cash_payout", payout(world.bob, "1500"), maker=maker, checker=checker)
    ends(the_payout(), is_paid=False, code="2040")
    assert (cash(world.bob), balance(chart.payouts_clearing())) == (1500, 0)
    letter = Message.objects.get(kind="cash_failed").text
    assert "That number is not registered with M-Pesa. The money is safe" in letter
    assert [row.payable for row in holders().rows] == [1500]
    assert_all_books()


def test_what_late_orders_wait_for_is_left_to_the_customer(world: World, maker: User, checker: User) -> None:
    order = late(world.bob, 700)
    give(world.bob, 500, maker, checker)
    (row,) = holders().rows
    assert (row.person, row.cash, row.payable) == (world.bob, 1200, 500)
    with (
        nothing_changes(),
        pytest.raises(Conflict, match=r"Only KES 500 of this person's cash can be paid out"),
    ):
        asked("cash_payout", payout(world.bob, "501"), by=maker)
    agreed("cash_payout", payout(world.bob, "500"), maker=maker, checker=checker)
    services.refund_ask(user_id=world.bob.pk, order_id=order.pk)
    assert cash(world.bob) == 0
    assert_all_books()


def test_it_is_judged_again_when_it_is_approved(world: World, maker: User, checker: User) -> None:
    give(world.bob, 1500, maker, checker)
    first = asked("cash_payout", payout(world.bob, "1000"), by=maker)
    second = asked("cash_payout", payout(world.bob, "1000"), by=maker, subject="another")
    approve(first, checker)
    with pytest.raises(Conflict, match="Only KES 500"):
        approve(second, checker)
    assert Payment.objects.filter(purpose="cash").count() == 1
    assert_all_books()


def test_nobody_on_hold_and_nobody_who_owes_is_paid(world: World, maker: User, checker: User) -> None:
    give(world.bob, 1500, maker, checker)
    request = asked("cash_payout", payout(world.bob, "1000"), by=maker)
    person_freeze(user_id=world.bob.pk, reason="Somebody else used the account.")
    with pytest.raises(Conflict, match="on hold"):
        approve(request, checker)
    assert "stays here while your account is on hold" in wallet(world.bob)
    assert [(row.cash, row.payable) for row in holders().rows] == [(1500, 0)]
    owes(world.alice)
    give(world.alice, 300, maker, checker)
    User.objects.filter(pk=world.alice.pk).update(frozen_reason="")
    with pytest.raises(Conflict, match="owes us KES 1,000"):
        asked("cash_payout", payout(world.alice, "300"), by=maker)
    assert [(row.cash, row.payable) for row in holders().rows] == [(1500, 0), (300, 0)]
    assert "we settle it with what you owe us" in wallet(world.alice)
    assert not Payment.objects.filter(purpose="cash").exists()
    assert_all_books()


@pytest.mark.parametrize(
    ("kes", "sentence"),
    [
        ("9", "KES 10 to KES 250,000"),
        ("250001", "KES 10 to KES 250,000"),
        ("0", "above zero"),
        ("10.50", "whole shillings"),
        ("1,000", "digits only"),
    ],
)
def test_amounts_that_m_pesa_does_not_pay(world: World, maker: User, kes: str, sentence: str) -> None:
    with nothing_changes(), pytest.raises(Refused, match=sentence):
        asked("cash_payout", payout(world.bob, kes), by=maker)


def test_a_person_without_a_number(world: World, maker: User, checker: User) -> None:
    nobody = world.staff(Role.VAULT)
    give(nobody, 100, maker, checker)
    with nothing_changes(), pytest.raises(Refused, match="no M-Pesa number"):
        asked("cash_payout", payout(nobody, "100"), by=maker)


def test_another_number_meanwhile_is_another_request(world: World, maker: User, checker: User) -> None:
    give(world.bob, 1500, maker, checker)
    request = asked("cash_payout", payout(world.bob, "1000"), by=maker)
    seen = request_seal(request, request_effect(request))
    world.bob.phone = "254733000009"
    world.bob.save()
    with pytest.raises(Conflict, match="What this would do has changed"):
        request_approve(request_id=request.pk, by=checker, seen=seen, words=YES)
    assert cash(world.bob) == 1500


def test_in_manual_mode_it_waits_and_staff_may_refuse(world: World, maker: User, checker: User) -> None:
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    give(world.bob, 150_000, maker, checker)
    agreed("cash_payout", payout(world.bob, "1500"), maker=maker, checker=checker)
    assert the_payout().state == State.AWAITING_APPROVAL
    payout_refuse(payment_id=the_payout().pk, by=maker.pk, reason="The number was reported stolen.")
    assert cash(world.bob) == 150_000
    assert "The number was reported stolen." in Message.objects.get(kind="cash_failed").text
    # Two people have decided already: beyond the threshold nobody else is asked.
    threshold_set(name="payouts_manual", value=Decimal(0), by=world.vault)
    agreed("cash_payout", payout(world.bob, "120000"), maker=maker, checker=checker)
    assert Payment.objects.get(amount=120_000).state == State.CREATED
    assert_all_books()


@pytest.mark.simulator
@pytest.mark.django_db(transaction=True)
def test_m_pesa_pays_it_and_not_while_payouts_are_paused(
    world: World, simulator: Simulator, maker: User, checker: User
) -> None:
    had = simulator.phone(world.bob.phone)["balance"]
    give(world.bob, 1500, maker, checker)
    switch_pause(name="payouts", cause=Cause.STAFF, note="Counting the float.", by=maker)
    agreed("cash_payout", payout(world.bob, "1500"), maker=maker, checker=checker)
    work()
    assert (the_payout().state, simulator.payouts()) == (State.CREATED, [])
    agreed("switch_resume", {"name": "payouts"}, maker=maker, checker=checker)
    Payment.objects.update(due_at=Now())
    look_soon(the_payout().pk)
    work_until(lambda: the_payout().state == State.SUCCEEDED)
    assert simulator.phone(world.bob.phone)["balance"] == had + 1500
    assert the_payout().receipt == simulator.payouts()[0]["receipt"]
    assert -balance(chart.mpesa_payouts()) == simulator.account(*PAYOUTS)
    assert_all_books()


@pytest.mark.fault("O07")
def test_paid_after_all_it_is_owed_and_the_cash_covers_it(world: World, maker: User, checker: User) -> None:
    give(world.bob, 1500, maker, checker)
    agreed("cash_payout", payout(world.bob, "1500"), maker=maker, checker=checker)
    made = the_payout()
    ends(made, is_paid=False, code="2040")
    ends(made, is_paid=True, receipt="UKL7A2B3C4")
    with transaction.atomic():
        purposes.after_all(the_payout())
    letter = Message.objects.get(kind="paid_after_all").text
    assert "M-Pesa has paid you KES 1,500 after all." in letter and "So you have it twice." in letter
    assert (cash(world.bob), owed(world.bob)) == (1500, 1500)
    agreed("debt_settle", debt(world.bob, "1500"), maker=maker, checker=checker)
    assert (cash(world.bob), owed(world.bob)) == (0, 0)
    assert_all_books()


# --- debts ----------------------------------------------------------------------------------------


@pytest.mark.fault("P19")
def test_cash_covers_a_debt(world: World, maker: User, checker: User) -> None:
    owes(world.bob)
    give(world.bob, 400, maker, checker)
    (row,) = debtors().rows
    assert (row.person, row.owed, row.cash) == (world.bob, 1000, 400)
    with nothing_changes(), pytest.raises(Conflict, match="only KES 400 in cash"):
        asked("debt_settle", debt(world.bob, "401"), by=maker)
    request = asked("debt_settle", debt(world.bob, "400"), by=maker)
    effect = request_effect(request)
    assert effect.summary == "KES 400 of the cash of bob@example.com covers what they owe us."
    assert [(change.before, change.after) for change in effect.changes] == [("KES 1,000", "KES 600")]
    assert {change.code.rpartition(":")[2]: change.moved for change in effect.accounts} == {
        "cash": -400,
        "receivable": 400,
    }
    approve(request, checker)
    assert (cash(world.bob), owed(world.bob)) == (0, 600)
    letter = Message.objects.get(kind="debt_settled").text
    assert "KES 400 of your cash with us covered what you owed us." in letter
    assert "You still owe us KES 600." in letter
    said = wallet(world.bob)
    assert "You owe us KES 600" in said
    assert "It covered what you owed us." in said
    assert_all_books()


@pytest.mark.fault("P19")
def test_a_debt_is_given_up(world: World, maker: User, checker: User) -> None:
    owes(world.bob)
    agreed("debt_settle", debt(world.bob, "1000", "write_off"), maker=maker, checker=checker)
    assert owed(world.bob) == 0
    assert balance(chart.house_adjustments()) == -1000
    assert "You owe us nothing any more." in Message.objects.get(kind="debt_settled").text
    assert debtors().rows == []
    assert "You owe us" not in wallet(world.bob)
    assert_all_books()


def test_never_more_than_is_owed(world: World, maker: User, checker: User) -> None:
    owes(world.bob)
    give(world.bob, 5000, maker, checker)
    for how in ("cash", "write_off"):
        with nothing_changes(), pytest.raises(Conflict, match="owes us KES 1,000, not more"):
            asked("debt_settle", debt(world.bob, "1001", how), by=maker)
    waiting = asked("debt_settle", debt(world.bob, "600", "write_off"), by=maker)
    agreed("debt_settle", debt(world.bob, "600"), maker=maker, checker=checker)
    with nothing_changes(), pytest.raises(Conflict, match="owes us KES 400, not more"):
        approve(waiting, checker)
    with nothing_changes(), pytest.raises(Conflict, match="owes us KES 0, not more"):
        asked("debt_settle", debt(world.alice, "1", "write_off"), by=maker)
    assert owed(world.bob) == 400
    assert_all_books()


@pytest.mark.fault("P19")
def test_late_money_that_covers_a_debt_ends_its_order(world: World, maker: User, checker: User) -> None:
    owes(world.bob, 300)
    User.objects.filter(pk=world.bob.pk).update(frozen_reason="")
    world.bob.refresh_from_db()
    order = late(world.bob, 700)
    agreed("debt_settle", debt(world.bob, "300"), maker=maker, checker=checker)
    order.refresh_from_db()
    assert order.status == Status.REVERSED
    said = text(browser(world.bob).get(reverse("order", args=[order.pk])))
    assert "This money covered what you owed us. What is left of it stands in your wallet." in said
    assert "M-Pesa took" not in said and "Send the money back" not in said and "is safe" not in said
    assert "KES 400 of yours is with us as cash." in wallet(world.bob)
    with pytest.raises(Conflict, match="covered what you owed us"):
        services.refund_ask(user_id=world.bob.pk, order_id=order.pk)
    agreed("cash_payout", payout(world.bob, "400"), maker=maker, checker=checker)
    assert cash(world.bob) == 0
    assert_all_books()


@pytest.mark.parametrize(
    "change",
    [
        {"how": ""},
        {"how": "CASH"},
        {"kes": "0"},
        {"kes": "-5"},
        {"kes": "1e2"},
        {"kes": "10.5"},
        {"person": "x"},
    ],
)
def test_what_makes_no_sense_is_not_asked_for(world: World, maker: User, change: dict[str, str]) -> None:
    owes(world.bob)
    with nothing_changes(), pytest.raises(Refused):
        asked("debt_settle", debt(world.bob, "500") | change, by=maker)


@pytest.mark.parametrize("kind", ["debt_settle", "cash_payout"])
class TestTwoPeople:
    def test_not_one_alone_and_not_another_role(self, world: World, maker: User, kind: str) -> None:
        cash_or_debt(world.bob, kind)
        request = asked(kind, debt(world.bob, "100"), by=maker)
        with pytest.raises(Refused, match="yourself"):
            approve(request, maker)
        for role in (Role.VAULT, Role.PRICING, Role.AUDITOR):
            with pytest.raises(Refused, match="role"):
                approve(request, world.staff(role))
        assert not Transaction.objects.filter(kind__in=["debt_settled", "cash_agreed"]).exists()

    def test_not_about_oneself(self, world: World, maker: User, checker: User, kind: str) -> None:
        for person in (maker, checker):
            person.phone = world.bob.phone
            person.save()
            cash_or_debt(person, kind)
            with pytest.raises(Refused, match="about yourself"):
                approve(asked(kind, debt(person, "100"), by=maker), checker)


def cash_or_debt(person: User, kind: str) -> None:
    """What the kind is about, past the services that would refuse it for staff."""
    had = [Transfer(chart.house_adjustments(), chart.user_cash(person.pk), Decimal(500))]
    if kind == "debt_settle":
        had.append(Transfer(chart.user_receivable(person.pk), chart.house_adjustments(), Decimal(500)))
    post(key=f"test:{person.pk}", kind="test", transfers=had)


def test_one_open_request_about_a_person(world: World, maker: User, checker: User) -> None:
    assert debt_subject(world.bob.pk) != payout_subject(world.bob.pk)
    give(world.bob, 500, maker, checker)
    asked("cash_payout", payout(world.bob, "100"), by=maker, subject=payout_subject(world.bob.pk))
    with pytest.raises(Conflict, match="already"):
        asked("cash_payout", payout(world.bob, "200"), by=checker, subject=payout_subject(world.bob.pk))


def test_who_is_on_hold_reads_it_once(world: World) -> None:
    owes(world.bob)
    assert wallet(world.bob).count(FROZEN) == 1
