"""A day of everything that moves money, at the running simulator, against the statements and balances that it tells."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.core.management import call_command

from accounts.models import User
from accounts.tests.people import staff
from controls.services import threshold_set
from goldwallet.clock import now
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.provider import Simulator, free_port
from goldwallet.test.race import patiently
from goldwallet.test.two import agreed
from goldwallet.test.worker import work_until
from goldwallet.test.world import World, buy, sell
from ledger import chart
from ledger.services import Transfer, post
from oversight.models import Run
from oversight.reconciliation.run import reconcile
from oversight.tests.day import assert_adds_up
from payments.arrivals import pull_run
from payments.floats import balances_ask
from payments.models import Arrival, ArrivalState, BalanceReading, Float, Payment, State
from payments.sending import payment_step
from payments.statements import Imported, statement_import
from trading.models import Order, Status
from trading.services import orders_expire, quote_rebuy, rebuy_confirm, refund_ask

pytestmark = [pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

STRANGER = "254733000777"
WORDS = "We sent you too little on Monday."


@pytest.fixture
def maker(world: World) -> User:
    return staff("treasury", email="maker@example.com")


@pytest.fixture
def checker(world: World) -> User:
    return staff("treasury", email="checker@example.com")


@pytest.fixture
def rail(world: World, simulator: Simulator, settings) -> Iterator[Simulator]:
    """The simulator, which knows our addresses and lists our money. The clock alone asks for no list."""
    quiet = settings.DARAJA
    settings.DARAJA = {**quiet, "nominated_phone": "254700000000"}
    call_command("rail_register", verbosity=0)
    settings.DARAJA = quiet
    # What stands there before the day: what the world says of payouts, and nothing of collections.
    there = simulator.account("paybill:174379:utility", "paybill:174379:charges")
    if there:
        opened = Transfer(chart.mpesa_collections(), chart.house_capital(), Decimal(there))
        post(key="test:collections", kind="float_in", transfers=[opened])
    yield simulator
    simulator.faults()


def ended(order: Order) -> bool:
    order.refresh_from_db()
    return order.status != Status.PENDING


def bought(rail: Simulator, user: User, kes: int) -> Order:
    order = buy(user, kes)
    work_until(lambda: bool(rail.prompts(user.phone)))
    rail.answer(user.phone, "accept")
    work_until(lambda: ended(order) and bool(Payment.objects.get(pk=order.payment_id).receipt))
    return order


def sold(user: User, grams: str) -> Order:
    order = sell(user, Decimal(grams))
    work_until(lambda: ended(order))
    assert order.status == Status.COMPLETED
    return order


def late(rail: Simulator, user: User, *amounts: int) -> list[Order]:
    """Paid by hand, half an hour after the orders were there."""
    orders = [buy(user, kes) for kes in amounts]
    with shift_clock(minutes=30):
        orders_expire()
        for order in orders:
            rail.paybill(user.phone, int(order.total_kes), order.reference)
        assert pull_run().complete
    for order in orders:
        order.refresh_from_db()
        assert order.status == Status.PAID_LATE
    return orders


def stray(rail: Simulator, kes: int) -> Arrival:
    receipt = rail.paybill(STRANGER, kes, "NOBODY")
    assert pull_run().complete
    return Arrival.objects.get(receipt=receipt, state=ArrivalState.SUSPENSE)


def unknown(rail: Simulator, user: User, grams: str) -> tuple[Order, str]:
    """A payout that M-Pesa made and nobody told us of; and its receipt."""
    rail.faults(
        {"api": "b2c", "fault": "cut_after_accept", "count": 1}, {"api": "callback:payout", "fault": "drop"}
    )
    order = sell(user, Decimal(grams))
    payment_step(order.payment_id)
    assert Payment.objects.get(pk=order.payment_id).state == State.UNKNOWN

    def receipt() -> str:
        return next((one["receipt"] or "" for one in rail.payouts() if one["amount"] == order.total_kes), "")

    patiently(lambda: bool(receipt()), what="M-Pesa pays")
    rail.faults()
    return order, receipt()


def query_only(rail: Simulator, user: User, kes: int, settings) -> Order:
    """Neither a callback nor M-Pesa's list tells of it: the answer to our question settles it, without a receipt."""
    ours = settings.BASE_URL
    settings.BASE_URL = f"http://127.0.0.1:{free_port()}"
    call_command("rail_register", verbosity=0)
    order = buy(user, kes)
    work_until(lambda: bool(rail.prompts(user.phone)))
    rail.answer(user.phone, "accept")
    with shift_clock(seconds=15):
        work_until(lambda: ended(order))
    settings.BASE_URL = ours
    assert Payment.objects.get(pk=order.payment_id).receipt is None
    return order


def take_in(rail: Simulator, by: User) -> list[Imported]:
    """The simulator's own exports, as the portal gives them."""
    taken = []
    for account in Float:
        answer = rail.http.get("/control/statement", params={"account": str(account)}).raise_for_status()
        start = Payment.objects.earliest("created_at").created_at.replace(hour=0, minute=0)
        taken.append(
            statement_import(
                account=account,
                name=f"{account}.csv",
                data=answer.content,
                by=by,
                starts_at=start,
                ends_at=now(),
            )
        )
    return taken


def told_balances() -> None:
    balances_ask()
    work_until(lambda: BalanceReading.objects.values("shortcode").distinct().count() == 2)


def compare() -> Run:
    run = reconcile()
    assert_adds_up(run)
    return run


@pytest.mark.fault("P20", "O15", "P19")
def test_a_full_day_has_no_difference_and_what_is_foreign_is_found(
    world: World, rail: Simulator, maker: User, checker: User, settings
) -> None:
    def two(kind: str, **payload: object) -> None:
        agreed(kind, payload, maker=maker, checker=checker)

    alice, bob = world.alice, world.bob
    first = bought(rail, alice, 60_000)
    sold(alice, "0.2")
    stray(rail, 700)
    two("suspense_assign", arrival=str(stray(rail, 800).pk), user=str(bob.pk))
    back = stray(rail, 900)
    two("suspense_return", arrival=str(back.pk))
    work_until(lambda: Arrival.objects.get(pk=back.pk).state == ArrivalState.RETURNED)

    order, receipt = unknown(rail, alice, "0.3")
    two("payment_resolve", payment=str(order.payment_id), paid=True, receipt=receipt)
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    by_hand = sell(alice, Decimal("0.1"))
    receipt = rail.pays_by_hand(alice.phone, int(by_hand.total_kes))
    two("payout_record", payment=str(by_hand.payment_id), receipt=receipt)

    two("adjust_gold", person=str(alice.pk), pool=str(world.pool.pk), grams="0.5", way="credit", words=WORDS)
    two("adjust_cash", person=str(bob.pk), kes="300", way="credit", words=WORDS)
    receipt = rail.paybill("254700000001", 5000, "FLOAT", shortcode="600991")
    two("float_move", move="owner_payouts", amount="5000", reference=receipt)
    threshold_set(name="payouts_manual", value=Decimal(0), by=world.vault)
    # The house's clock goes ahead for these, and M-Pesa's list is not read any more after them.
    again, refunded = late(rail, bob, 1100, 1200)
    rebuy_confirm(user_id=bob.pk, quote_id=quote_rebuy(user=bob, order_id=again.pk).pk)
    refund_ask(user_id=bob.pk, order_id=refunded.pk)
    work_until(lambda: Order.objects.get(pk=refunded.pk).status == Status.REFUNDED)
    query_only(rail, alice, 1300, settings)
    told_balances()
    assert_books(rail)

    with shift_clock(hours=2):
        assert [one.file.problems for one in take_in(rail, maker)] == [[], []]
        run = compare()
        assert list(run.findings.values_list("sentence", flat=True)) == []
        told = {step["name"]: step for step in run.report}
        for name in ("Money in", "Money out", "Payments taken back", "Charges", "Money held"):
            assert told[name]["theirs"]["exact"] == told[name]["ours"]["exact"] != "0.00", name

    # Somebody uses our credential elsewhere, and M-Pesa gives a customer's payment back.
    foreign = rail.pays_by_hand(STRANGER, 4321)
    rail.takes_back(Payment.objects.get(pk=first.payment_id).receipt or "")
    BalanceReading.objects.all().delete()
    told_balances()
    with shift_clock(hours=4):
        take_in(rail, maker)
        run = compare()
        found = {(one.kind, one.news, one.theirs, one.ours) for one in run.findings.all()}
        assert found == {
            ("line_out_unknown", "new", -4321, 0),
            ("charge_differs", "new", -9, 0),
            ("reversed", "new", -60_000, 0),
        }
        assert run.findings.get(kind="line_out_unknown").subject == foreign
