"""Money in suspense: given to a customer or sent back, by two people; and the floats at M-Pesa."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.urls import reverse

from accounts.models import User
from accounts.tests.people import signed_in, staff
from controls.kinds import describe
from controls.models import Cause
from controls.selectors import switch
from controls.services import threshold_set
from goldwallet import clock
from goldwallet.errors import Conflict, Refused
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.provider import Simulator, free_port
from goldwallet.test.two import agreed, approve, asked
from goldwallet.test.worker import work, work_until
from goldwallet.test.world import World, buy
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from payments.arrivals import arrival_take, pull_run
from payments.arrivals.matching import Arrived
from payments.arrivals.returning import return_step, returns_due
from payments.floats import FloatState, Verdict, balances_ask, floats
from payments.models import Arrival, ArrivalState, BalanceReading, Callback, Exchange, Float, Kind, Source
from trading.models import Order, Status

pytestmark = [pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

STRANGER = "254733000777"


@pytest.fixture
def rail(world: World, simulator: Simulator, settings) -> Iterator[Simulator]:
    quiet = settings.DARAJA
    settings.DARAJA = {**quiet, "nominated_phone": "254700000000"}
    call_command("rail_register", verbosity=0)
    settings.DARAJA = quiet
    yield simulator
    simulator.faults()


@pytest.fixture
def tina(world: World) -> User:
    return staff("treasury", username="tina")


@pytest.fixture
def tom(world: World) -> User:
    return staff("treasury", username="tom")


@pytest.fixture
def stray(rail: Simulator) -> Arrival:
    """KES 700 from a stranger, in suspense."""
    receipt = rail.paybill(STRANGER, 700, "NOBODY")
    pull_run()
    arrival = Arrival.objects.get(receipt=receipt)
    assert arrival.state == ArrivalState.SUSPENSE
    return arrival


def about(arrival: Arrival, **more: str) -> dict[str, str]:
    return {"arrival": str(arrival.pk), **more}


def state(arrival: Arrival) -> str:
    arrival.refresh_from_db()
    return arrival.state


# --- given to a customer --------------------------------------------------------------------------


@pytest.mark.fault("P18")
def test_two_people_give_it_to_a_customer_once(
    world: World, rail: Simulator, stray: Arrival, tina: User, tom: User
) -> None:
    payload = about(stray, user=str(world.bob.pk))
    request = asked("suspense_assign", payload, by=tina)
    other = asked("suspense_return", about(stray), by=tina)
    assert balance(chart.user_cash(world.bob.pk)) == 0
    with pytest.raises(Refused):
        approve(request, tina)
    approve(request, tom)
    assert (state(stray), stray.user) == (ArrivalState.ASSIGNED, world.bob)
    assert balance(chart.user_cash(world.bob.pk)) == 700
    assert balance(chart.suspense_mpesa()) == 0
    for late in (request, other):
        with pytest.raises(Refused):
            approve(late, tom)
    assert balance(chart.user_cash(world.bob.pk)) == 700
    assert_books(rail)


def test_it_is_given_to_customers_only(world: World, stray: Arrival, tina: User) -> None:
    with pytest.raises(Refused, match="not given to staff"):
        asked("suspense_assign", about(stray, user=str(world.vault.pk)), by=tina)
    for nobody in ("", "x", "6f0d1c3e-0000-4000-8000-000000000000"):
        with pytest.raises(Refused, match="nobody with this"):
            asked("suspense_assign", about(stray, user=nobody), by=tina)
        with pytest.raises(Refused, match="no such money"):
            asked("suspense_return", {"arrival": nobody}, by=tina)


# --- sent back ------------------------------------------------------------------------------------


def sent_back(arrival: Arrival, maker: User, checker: User) -> None:
    agreed("suspense_return", about(arrival), maker=maker, checker=checker)
    assert state(arrival) == ArrivalState.RETURNING


def phone(rail: Simulator) -> int:
    kes: int = rail.phone(STRANGER)["balance"]
    return kes


def test_two_people_send_it_back_and_two_answers_settle_it(
    rail: Simulator, stray: Arrival, tina: User, tom: User
) -> None:
    before = phone(rail)
    sent_back(stray, tina, tom)
    assert balance(chart.suspense_mpesa()) == 700
    work_until(lambda: state(stray) == ArrivalState.RETURNED)
    assert phone(rail) == before + 700
    assert Exchange.objects.filter(kind=Kind.REVERSE).count() == 2
    assert balance(chart.suspense_mpesa()) == 0
    return_step(stray.pk)
    assert not Callback.objects.filter(kind="reversal", handled_at=None).exists()
    assert Transaction.objects.filter(kind="arrival_returned").count() == 1
    assert_books(rail)


@pytest.mark.parametrize(
    ("api", "fault", "count"),
    [
        ("reversal", "cut_after_accept", 2),
        ("reversal", "http_500_after", 2),
        ("reversal", "http_429", 1),
        ("reversal", "html", 1),
        ("callback:reversal", "drop", 2),
        ("callback:reversal", "duplicate", 2),
        ("callback:reversal", "contradict", 1),
        ("callback:reversal", "unknown_code", 1),
        ("callback:reversal", "wrong_amount", 1),
        ("callback:reversal", "malformed", 1),
        ("callback:reversal", "wrong_id", 1),
    ],
)
def test_whatever_is_lost_or_twisted_it_goes_back_once(
    rail: Simulator, stray: Arrival, tina: User, tom: User, api: str, fault: str, count: int
) -> None:
    before = phone(rail)
    rail.faults({"api": api, "fault": fault, "count": count})
    sent_back(stray, tina, tom)
    for hours in range(12):
        with shift_clock(hours=hours):
            returns_due()
            try:
                work_until(lambda: state(stray) == ArrivalState.RETURNED, patience=1.5)
                break
            except TimeoutError:
                continue
    assert state(stray) == ArrivalState.RETURNED
    assert phone(rail) == before + 700
    assert Transaction.objects.filter(kind="arrival_returned").count() == 1
    assert_books(rail)


def test_what_the_provider_gave_back_already_counts_as_sent_back(
    rail: Simulator, stray: Arrival, tina: User, tom: User
) -> None:
    rail.takes_back(stray.receipt)
    before = phone(rail)
    sent_back(stray, tina, tom)
    work_until(lambda: state(stray) == ArrivalState.RETURNED)
    assert phone(rail) == before
    assert_books(rail)


def test_what_the_provider_does_not_know_stays_in_suspense(
    rail: Simulator, world: World, tina: User, tom: User
) -> None:
    line = Arrived(receipt="UKL7A2B3C4", amount=Decimal(700), reference="", payer="", arrived_at=clock.now())
    stray = arrival_take(line)
    assert (stray.state, stray.source) == (ArrivalState.SUSPENSE, Source.STATEMENT)
    sent_back(stray, tina, tom)
    work_until(lambda: state(stray) == ArrivalState.SUSPENSE)
    assert stray.note.startswith("M-Pesa does not send it back")
    assert Exchange.objects.filter(kind=Kind.REVERSE).count() == 2
    assert balance(chart.suspense_mpesa()) == 700
    assert_books()
    sent_back(stray, tom, tina)


def test_with_no_answer_it_stays_on_its_way_and_staff_are_told(
    rail: Simulator, stray: Arrival, tina: User, tom: User, settings
) -> None:
    settings.BASE_URL = f"http://127.0.0.1:{free_port()}"
    sent_back(stray, tina, tom)
    for hours in range(8):
        with shift_clock(hours=2 * hours):
            returns_due()
            work()
    assert state(stray) == ArrivalState.RETURNING
    assert "not confirmed" in stray.note
    assert balance(chart.suspense_mpesa()) == 700


def test_cents_are_not_sent_back(rail: Simulator, stray: Arrival, tina: User) -> None:
    Arrival.objects.filter(pk=stray.pk).update(amount=Decimal("700.50"))
    with pytest.raises(Refused, match="whole shillings"):
        asked("suspense_return", about(stray), by=tina)


# --- floats ---------------------------------------------------------------------------------------


def test_the_balances_agree_with_the_book(rail: Simulator, stray: Arrival) -> None:
    balances_ask()
    work_until(lambda: BalanceReading.objects.values("shortcode").distinct().count() == 2)
    found = {one.account: one for one in floats()}
    assert found[Float.COLLECTIONS].there == found[Float.COLLECTIONS].book == 700
    assert found[Float.PAYOUTS].difference == 0
    assert not switch("payouts").paused


def test_what_moved_since_is_no_difference(rail: Simulator, stray: Arrival, tina: User, tom: User) -> None:
    """An old answer is compared with the book of its time, and not with the book of now."""
    balances_ask()
    work_until(lambda: BalanceReading.objects.values("shortcode").distinct().count() == 2)
    with shift_clock(minutes=10):
        payload = {"move": "owner_collections", "amount": "5000", "reference": "BANK 2026-117"}
        agreed("float_move", payload, maker=tina, checker=tom)
        found = {one.account: one for one in floats()}[Float.COLLECTIONS]
    assert (found.there, found.then, found.book) == (700, 700, 5700)
    assert found.verdict == Verdict.AGREES


def read(kes: int, *, shortcode: str = "174379") -> FloatState:
    """M-Pesa says now that `kes` shillings stand on an account; answers the float of the collecting Paybill."""
    exchange = Exchange.objects.create(kind=Kind.BALANCE)
    BalanceReading.objects.create(
        exchange=exchange, shortcode=shortcode, name="Utility Account", current=kes, available=kes
    )
    return {one.account: one for one in floats()}[Float.COLLECTIONS]


def test_what_is_on_its_way_may_stand_on_either_side(world: World, rail: Simulator) -> None:
    assert read(1000).verdict == Verdict.DIFFERS
    order = buy(world.bob, 1000)
    work_until(lambda: bool(rail.prompts(world.bob.phone)))
    assert read(1000).verdict == Verdict.MOVING
    assert read(1500).verdict == Verdict.DIFFERS
    rail.answer(world.bob.phone, "accept")
    before = read(0)
    work_until(lambda: Order.objects.get(pk=order.pk).status == Status.COMPLETED)
    with shift_clock(minutes=5):
        after = {one.account: one for one in floats()}[Float.COLLECTIONS]
        assert after.read_at == before.read_at
        assert after.verdict in {Verdict.AGREES, Verdict.MOVING}
        assert read(1000).verdict == Verdict.AGREES
        assert read(0).verdict == Verdict.DIFFERS, "it was booked long before"


def test_too_little_for_payouts_pauses_them(rail: Simulator, world: World) -> None:
    threshold_set(name="float_least_kes", value=Decimal(6_000_000), by=world.vault)
    balances_ask()
    work_until(lambda: switch("payouts").paused)
    assert switch("payouts").cause == Cause.FLOAT_EMPTY


@pytest.mark.parametrize("fault", ["malformed", "drop", "wrong_type"])
def test_an_answer_about_balances_that_is_none_is_kept_as_none(
    rail: Simulator, world: World, fault: str
) -> None:
    rail.faults({"api": "callback:balance", "fault": fault, "count": 1})
    balances_ask()
    work_until(lambda: BalanceReading.objects.exists())
    work()
    assert all(one.difference in {None, Decimal(0)} for one in floats())


@pytest.mark.parametrize(
    ("move", "collections", "payouts", "capital"),
    [
        ("owner_payouts", 0, "100.50", "100.50"),
        ("owner_collections", "100.50", 0, "100.50"),
        ("collections_payouts", "-100.50", "100.50", 0),
        ("collections_owner", "-100.50", 0, "-100.50"),
        ("payouts_owner", 0, "-100.50", "-100.50"),
    ],
)
def test_floats_move_by_two_people(
    stray: Arrival, tina: User, tom: User, move: str, collections: str, payouts: str, capital: str
) -> None:
    codes = (chart.mpesa_collections(), chart.mpesa_payouts(), chart.house_capital())
    before = [balance(code) for code in codes]
    payload = {"move": move, "amount": "100.50", "reference": "BANK 2026-117"}
    agreed("float_move", payload, maker=tina, checker=tom)
    moved = [after - was for after, was in zip([balance(code) for code in codes], before, strict=True)]
    assert moved == [-Decimal(collections), -Decimal(payouts), Decimal(capital)]
    assert_books()


def warnings(kes: int, **changes: str) -> list[str]:
    payload = {"move": "owner_payouts", "amount": str(kes), "reference": "BANK 2026-200", **changes}
    return list(describe("float_move", payload).warnings)


def test_a_transfer_beyond_what_is_there_is_warned_of(world: World, tina: User, tom: User) -> None:
    """The house has a float of KES 5,000,000, and no transfer is in the book yet."""
    assert warnings(5_000_000) == []
    (book,) = warnings(5_000_001)
    assert "more than the KES 5,000,000 that the book has" in book
    assert warnings(9_000_000, move="owner_collections") == [], "it is opened with this"
    read(4_000_000, shortcode="600991")
    assert warnings(4_000_000) == []
    (there,) = warnings(4_000_001)
    assert "M-Pesa said last that KES 4,000,000 stands on that account" in there


def test_a_transfer_far_above_the_usual_is_warned_of_where_it_is_decided(
    world: World, tina: User, tom: User
) -> None:
    payload = {"move": "owner_payouts", "amount": "1000", "reference": "BANK 2026-117"}
    agreed("float_move", payload, maker=tina, checker=tom)
    assert warnings(3000) == []
    payload = {"move": "owner_payouts", "amount": "3001", "reference": "BANK 2026-118"}
    request = asked("float_move", payload, by=tina)
    page = signed_in(tom).get(reverse("desk_approval", args=[request.pk])).content.decode()
    assert "far above the usual: the largest transfer in the book so far is KES 1,000." in page
    approve(request, tom)
    assert warnings(9003) == [], "it may be done all the same, and is the usual from then on"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"move": "sideways"}, "Choose"),
        ({"amount": "1,000"}, "digits only"),
        ({"amount": "0"}, "more than nothing"),
        ({"amount": "-5"}, "digits only"),
        ({"reference": " "}, "reference"),
        ({"move": "collections_owner", "amount": "701"}, "By the book there is KES 700"),
    ],
)
def test_a_float_move_that_makes_no_sense(
    stray: Arrival, tina: User, change: dict[str, str], says: str
) -> None:
    payload = {"move": "owner_payouts", "amount": "100", "reference": "BANK 2026-117"} | change
    with pytest.raises((Refused, Conflict), match=says):
        asked("float_move", payload, by=tina)
