"""What two people decide about payments: the end of an UNKNOWN one, large payouts, payouts by hand (faults.md O10)."""

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import User
from accounts.services import person_freeze
from accounts.tests.people import signed_in, staff
from controls.models import Request, RequestState
from controls.services import threshold_set
from goldwallet import clock
from goldwallet.errors import Conflict, Refused
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import PAGE, WHY, agreed, approve, asked
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.selectors import balance
from payments.arrivals.matching import Arrived, arrival_take
from payments.models import Arrival, ArrivalState, Payment, State, StatementFile, StatementLine
from payments.sending import payment_step
from payments.tests.scripted import LOST, ScriptedRail, b2c, told
from trading.models import Order, Status

pytestmark = pytest.mark.django_db

RECEIPT = "UKL7A2B3C4"


@pytest.fixture
def tina(db: None) -> User:
    return staff("treasury", username="tina")


@pytest.fixture
def tom(db: None) -> User:
    return staff("treasury", username="tom")


def stands(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return Payment.objects.get(pk=order.payment_id).state, order.status


@pytest.fixture
def lost(world: World, provider: ScriptedRail) -> Order:
    """A sale of alice's whose payout nobody knows the end of."""
    paid(buy(world.alice, 20_000))
    order = sell(world.alice, Decimal(1))
    provider.answers.append(LOST)
    payment_step(order.payment_id)
    assert stands(order) == (State.UNKNOWN, Status.PENDING)
    return order


def resolve(order: Order, *, paid: bool, **more: Any) -> dict[str, Any]:
    return {"payment": str(order.payment_id), "paid": paid, **more}


# --- UNKNOWN --------------------------------------------------------------------------------------


@pytest.mark.fault("O10")
def test_an_unknown_payout_counts_as_paid_when_two_say_so(lost: Order, tina: User, tom: User) -> None:
    request = asked("payment_resolve", resolve(lost, paid=True, receipt=RECEIPT), by=tina)
    moved = {
        change["code"]: Decimal(change["after"]) - Decimal(change["before"])
        for change in request.effect["accounts"]
    }
    assert moved["payouts:clearing"] == -lost.total_kes
    assert moved["mpesa:payouts"] == lost.total_kes + 11
    assert stands(lost) == (State.UNKNOWN, Status.PENDING)
    approve(request, tom)
    assert stands(lost) == (State.SUCCEEDED, Status.COMPLETED)
    payment = Payment.objects.get(pk=lost.payment_id)
    assert (payment.receipt, payment.evidence_request, payment.decided_by) == (RECEIPT, request, tom)
    assert_books()


@pytest.mark.fault("O10", "O03")
def test_not_paid_only_after_the_safe_time_and_with_evidence(
    lost: Order, tina: User, tom: User, world: World
) -> None:
    with pytest.raises(Refused, match="may still carry this out"):
        asked("payment_resolve", resolve(lost, paid=False), by=tina)
    with shift_clock(minutes=31):
        with pytest.raises(Refused, match="Attach"):
            asked("payment_resolve", resolve(lost, paid=False), by=tina, evidence=None)
        agreed("payment_resolve", resolve(lost, paid=False), maker=tina, checker=tom)
    assert stands(lost) == (State.FAILED, Status.FAILED)
    assert balance(chart.user_gold_locked(world.alice.pk)) == balance(chart.payouts_clearing()) == 0
    assert_books()


def test_what_ended_meanwhile_is_not_resolved_again(
    lost: Order, tina: User, tom: User, provider: ScriptedRail
) -> None:
    request = asked("payment_resolve", resolve(lost, paid=True, receipt=RECEIPT), by=tina)
    Payment.objects.filter(pk=lost.payment_id).update(due_at=None)
    payment = Payment.objects.get(pk=lost.payment_id)
    from payments.tests.scripted import status

    payment_step(payment.pk)  # asks
    token = payment.exchanges.filter(kind="pay_out_ask").get().token
    assert told("status", token, status(payment, "Completed", receipt="UKL0000009")) == 200
    payment_step(payment.pk)
    assert stands(lost) == (State.SUCCEEDED, Status.COMPLETED)
    with pytest.raises(Conflict):
        approve(request, tom)
    assert Payment.objects.get(pk=payment.pk).receipt == "UKL0000009"
    request.refresh_from_db()
    assert request.state == RequestState.WAITING
    assert_books()


def test_a_buy_that_nobody_knows_about_counts_as_paid(
    world: World, provider: ScriptedRail, tina: User, tom: User
) -> None:
    order = buy(world.bob, 1000)
    provider.answers.append(LOST)
    payment_step(order.payment_id)
    agreed("payment_resolve", resolve(order, paid=True, receipt=RECEIPT), maker=tina, checker=tom)
    assert stands(order) == (State.SUCCEEDED, Status.COMPLETED)
    assert_books()


@pytest.mark.fault("O07")
def test_two_people_find_that_a_failed_payout_was_paid(
    lost: Order, tina: User, tom: User, world: World
) -> None:
    with shift_clock(minutes=31):
        agreed("payment_resolve", resolve(lost, paid=False), maker=tina, checker=tom)
        agreed("payment_resolve", resolve(lost, paid=True, receipt=RECEIPT), maker=tom, checker=tina)
    assert balance(chart.user_receivable(world.alice.pk)) == -lost.total_kes
    assert_books()


def test_a_receipt_is_used_once(lost: Order, tina: User) -> None:
    Payment.objects.filter(direction="in").update(receipt=RECEIPT)
    with pytest.raises(Conflict, match="another payment"):
        asked("payment_resolve", resolve(lost, paid=True, receipt=RECEIPT.lower()), by=tina)
    assert not Request.objects.exists()


@pytest.mark.parametrize(
    "receipt", ["", "UKL7A2B3C", "UKL7A2B3C45", "UKL7A2B3C!", "UKL7 A2B3C", "ÜKL7A2B3C4", "٠١٢٣٤٥٦٧٨٩"]
)
def test_a_receipt_has_ten_letters_and_digits(lost: Order, tina: User, receipt: str) -> None:
    with pytest.raises(Refused, match="ten letters and digits"):
        asked("payment_resolve", resolve(lost, paid=True, receipt=receipt), by=tina)


@pytest.mark.parametrize("payment", ["", "x", "6f0d1c3e-0000-4000-8000-000000000000"])
def test_no_such_payment(tina: User, payment: str) -> None:
    with pytest.raises(Refused, match="no such payment"):
        asked("payment_resolve", {"payment": payment, "paid": True, "receipt": RECEIPT}, by=tina)


@pytest.mark.fault("O10")
def test_no_page_sends_an_unknown_payout_again(
    lost: Order, tina: User, tom: User, provider: ScriptedRail
) -> None:
    page = signed_in(tina).get(reverse("desk_payment", args=[lost.payment_id])).content.decode()
    assert "It was paid" in page
    assert "It was not paid" in page
    assert "It is never sent a second time." in page
    for what in ("approve", "release", "record", "refuse"):
        answer = signed_in(tina).post(
            reverse(f"desk_payout_{what}", args=[lost.payment_id]), {"reason": WHY, "receipt": RECEIPT}
        )
        assert answer.status_code == 409
    payment_step(lost.payment_id)
    assert len(provider.sent) == 1


def test_the_desk_asks_with_a_file(lost: Order, tina: User) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    browser, url = signed_in(tina), reverse("desk_payment_resolve", args=[lost.payment_id])
    answer = browser.post(url, {"paid": "1", "receipt": "short", "reason": WHY})
    assert answer.status_code == 400
    assert WHY in answer.content.decode()
    file = SimpleUploadedFile(PAGE.name, PAGE.content)
    answer = browser.post(url, {"paid": "1", "receipt": RECEIPT, "reason": WHY, "evidence": file})
    request = Request.objects.get()
    assert answer["Location"] == reverse("desk_approval", args=[request.pk])
    page = browser.get(reverse("desk_payment", args=[lost.payment_id])).content.decode()
    assert answer["Location"] in page
    assert "It was not paid" not in page


# --- payouts that wait ----------------------------------------------------------------------------


@pytest.fixture
def waiting(world: World) -> Order:
    paid(buy(world.alice, 20_000))
    threshold_set(name="payout_approval_kes", value=Decimal(10_000), by=world.vault)
    order = sell(world.alice, Decimal(1))
    assert stands(order) == (State.AWAITING_APPROVAL, Status.PENDING)
    return order


def test_a_large_payout_takes_two(waiting: Order, tina: User, tom: User, provider: ScriptedRail) -> None:
    answer = signed_in(tina).post(reverse("desk_payout_approve", args=[waiting.payment_id]))
    assert answer.status_code == 403
    assert stands(waiting)[0] == State.AWAITING_APPROVAL
    request = asked("payout_release", {"payment": str(waiting.payment_id)}, by=tina)
    assert request.effect["leaving_kes"] == "16000.00"
    payment_step(waiting.payment_id)
    assert provider.sent == []
    approve(request, tom)
    payment_step(waiting.payment_id)
    assert len(provider.sent) == 1


def test_by_hand_with_its_receipt(waiting: Order, tina: User, tom: User) -> None:
    payload = {"payment": str(waiting.payment_id), "receipt": " ukl7a2b3c4 "}
    agreed("payout_record", payload, maker=tina, checker=tom)
    assert stands(waiting) == (State.SUCCEEDED, Status.COMPLETED)
    payment = Payment.objects.get(pk=waiting.payment_id)
    assert (payment.receipt, payment.charge) == (RECEIPT, 11)
    assert_books()


def test_nobody_decides_their_own(world: World, tom: User) -> None:
    tess = staff("treasury", username="tess", phone="0733000001")
    paid(buy(tess, 1700))
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    order = sell(tess, None)
    payload = {"payment": str(order.payment_id), "receipt": RECEIPT}
    for kind in ("payout_release", "payout_record"):
        with pytest.raises(Refused, match="about yourself"):
            asked(kind, payload, by=tess)
        with pytest.raises(Refused, match="about yourself"):
            approve(asked(kind, payload, by=tom), tess)
    assert stands(order) == (State.AWAITING_APPROVAL, Status.PENDING)


@pytest.mark.fault("O16")
def test_a_persons_payouts_of_a_day_take_two(world: World, tina: User) -> None:
    paid(buy(world.alice, 40_000))
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    threshold_set(name="payouts_person_day_kes", value=Decimal(20_000), by=world.vault)
    first, second = sell(world.alice, Decimal(1)), sell(world.alice, Decimal(1))
    answers = [
        signed_in(tina).post(reverse("desk_payout_approve", args=[one.payment_id])) for one in (first, second)
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert_books()


def test_while_two_decide_one_does_not(waiting: Order, tina: User, tom: User, provider: ScriptedRail) -> None:
    """It may have been paid by hand already: neither sent nor given back."""
    asked(
        "payout_record",
        {"payment": str(waiting.payment_id), "receipt": RECEIPT},
        by=tina,
        subject=f"payment:{waiting.payment_id}",
    )
    threshold_set(name="payout_approval_kes", value=Decimal(100_000), by=tina)
    for what in ("approve", "refuse"):
        url = reverse(f"desk_payout_{what}", args=[waiting.payment_id])
        assert signed_in(tom).post(url, {"reason": "No reason at all"}).status_code == 409
    page = signed_in(tom).get(reverse("desk_payment", args=[waiting.payment_id])).content.decode()
    assert "Approve: send" not in page
    assert "See the request" in page
    assert stands(waiting) == (State.AWAITING_APPROVAL, Status.PENDING)


@pytest.mark.fault("P19", "O07")
def test_who_is_on_hold_is_not_paid_by_one_person(
    world: World, tina: User, tom: User, provider: ScriptedRail
) -> None:
    paid(buy(world.alice, 20_000))
    order = sell(world.alice, Decimal(1))
    person_freeze(user_id=world.alice.pk, reason="A payment was taken back.")
    payment_step(order.payment_id)
    assert provider.sent == []
    assert stands(order) == (State.AWAITING_APPROVAL, Status.PENDING)
    assert signed_in(tina).post(reverse("desk_payout_approve", args=[order.payment_id])).status_code == 403
    assert_books()


@pytest.mark.fault("P19", "O07")
def test_who_is_on_hold_is_paid_when_the_hold_is_lifted_and_not_before(
    world: World, tina: User, tom: User, provider: ScriptedRail
) -> None:
    """What two people had let go came back to them again and again: nobody on hold is paid."""
    paid(buy(world.alice, 20_000))
    order = sell(world.alice, Decimal(1))
    person_freeze(user_id=world.alice.pk, reason="A payment was taken back.")
    payment_step(order.payment_id)
    payload = {"payment": str(order.payment_id)}
    with pytest.raises(Conflict, match="Lift the hold first"):
        asked("payout_release", payload, by=tina)
    assert stands(order) == (State.AWAITING_APPROVAL, Status.PENDING)
    User.objects.filter(pk=world.alice.pk).update(frozen_reason="")
    request = asked("payout_release", payload, by=tina)
    person_freeze(user_id=world.alice.pk, reason="Another payment was taken back.")
    with pytest.raises(Conflict, match="Lift the hold first"):
        approve(request, tom)
    User.objects.filter(pk=world.alice.pk).update(frozen_reason="")
    approve(request, tom)
    payment_step(order.payment_id)
    assert len(provider.sent) == 1
    assert stands(order) == (State.PENDING, Status.PENDING)
    assert_books()


@pytest.mark.fault("O10")
def test_a_payout_that_ended_unpaid_can_be_called_paid_from_its_page(
    lost: Order, tina: User, tom: User
) -> None:
    with shift_clock(minutes=31):
        agreed("payment_resolve", resolve(lost, paid=False), maker=tina, checker=tom)
    page = signed_in(tina).get(reverse("desk_payment", args=[lost.payment_id])).content.decode()
    assert "It was paid after all" in page
    assert "It was not paid" not in page
    request = asked("payment_resolve", resolve(lost, paid=True, receipt=RECEIPT), by=tina)
    assert request.effect["leaving_kes"] == "16000.00"
    assert "paused for everybody" in str(request.effect["changes"])


# --- one receipt, one booking ---------------------------------------------------------------------


def strayed(receipt: str, kes: int) -> Arrival:
    """Money that came by hand with a reference that nobody knows."""
    row = Arrived(receipt=receipt, amount=Decimal(kes), reference="SCHOOL", payer="", arrived_at=clock.now())
    arrival = arrival_take(row)
    assert arrival.state == ArrivalState.SUSPENSE
    return arrival


@pytest.mark.fault("P18", "P15")
def test_money_in_suspense_that_pays_a_payment_leaves_suspense(
    world: World, provider: ScriptedRail, tina: User, tom: User
) -> None:
    order = buy(world.bob, 1000)
    provider.answers.append(LOST)
    payment_step(order.payment_id)
    arrival = strayed(RECEIPT, 1000)
    agreed("payment_resolve", resolve(order, paid=True, receipt=RECEIPT), maker=tina, checker=tom)
    arrival.refresh_from_db()
    assert (arrival.state, arrival.payment_id) == (ArrivalState.MATCHED, order.payment_id)
    assert balance(chart.suspense_mpesa()) == 0
    assert balance(chart.mpesa_collections()) == -1000
    assert stands(order) == (State.SUCCEEDED, Status.COMPLETED)
    assert_books()


@pytest.mark.fault("P18")
def test_a_receipt_of_other_money_is_refused_everywhere(
    world: World, provider: ScriptedRail, tina: User, tom: User
) -> None:
    order = buy(world.bob, 1000)
    provider.answers.append(LOST)
    payment_step(order.payment_id)
    strayed(RECEIPT, 900)
    with pytest.raises(Conflict, match="booked already"):
        asked("payment_resolve", resolve(order, paid=True, receipt=RECEIPT), by=tina)
    came = paid(buy(world.alice, 20_000), receipt="UKL7A2B3C5")
    for receipt in (RECEIPT, "UKL7A2B3C5"):
        with pytest.raises(Refused):
            asked("payment_reversed", {"payment": str(came.payment_id), "receipt": receipt}, by=tina)
    agreed(
        "payment_reversed",
        {"payment": str(came.payment_id), "receipt": "UKLREVERSE"},
        maker=tina,
        checker=tom,
    )
    again = paid(buy(world.bob, 2000), receipt="UKL7A2B3C6")
    with pytest.raises(Conflict):
        asked("payment_reversed", {"payment": str(again.payment_id), "receipt": "UKLREVERSE"}, by=tina)
    assert_books()


@pytest.mark.fault("O10", "P20")
@pytest.mark.parametrize(("withdrawn", "taken"), [(2500, False), (16_000, True)])
def test_a_typed_receipt_must_be_this_amount_where_a_statement_shows_it(
    waiting: Order, tina: User, withdrawn: int, taken: bool
) -> None:
    moment = clock.now()
    file = StatementFile.objects.create(
        account="payouts", name="x.csv", sha256="x", starts_at=moment, ends_at=moment, uploaded_by=tina
    )
    StatementLine.objects.create(
        file=file,
        account="payouts",
        receipt=RECEIPT,
        kind="payout",
        status="Completed",
        completed_at=moment,
        paid_in=0,
        withdrawn=withdrawn,
        fingerprint="x",
    )
    payload = {"payment": str(waiting.payment_id), "receipt": RECEIPT}
    if taken:
        assert asked("payout_record", payload, by=tina)
    else:
        with pytest.raises(Conflict, match="KES 2,500 out"):
            asked("payout_record", payload, by=tina)


@pytest.mark.fault("P19", "P20")
@pytest.mark.parametrize(("original", "own"), [("UKLSECOND1", False), (RECEIPT, True)])
def test_a_reversal_that_a_statement_shows_takes_back_this_very_payment(
    world: World, tina: User, tom: User, original: str, own: bool
) -> None:
    """The same reference was paid twice; M-Pesa took back the second one, which lies in suspense."""
    came = paid(buy(world.alice, 5000), receipt=RECEIPT)
    payment = Payment.objects.get(pk=came.payment_id)
    moment = clock.now()
    states = [
        arrival_take(
            Arrived(
                receipt=receipt,
                amount=payment.amount,
                reference=payment.reference,
                payer="",
                arrived_at=moment,
            )
        ).state
        for receipt in (RECEIPT, "UKLSECOND1")
    ]
    assert states == [ArrivalState.MATCHED, ArrivalState.SUSPENSE]
    file = StatementFile.objects.create(
        account="collections", name="x.csv", sha256="x", starts_at=moment, ends_at=moment, uploaded_by=tina
    )
    StatementLine.objects.create(
        file=file,
        account="collections",
        receipt="UKLREVERSE",
        kind="reversal",
        status="Completed",
        completed_at=moment,
        paid_in=0,
        withdrawn=payment.amount,
        fingerprint="x",
        linked_receipt=original,
    )
    payload = {"payment": str(payment.pk), "receipt": "UKLREVERSE"}
    if own:
        agreed("payment_reversed", payload, maker=tina, checker=tom)
    else:
        with pytest.raises(Conflict, match="took back receipt UKLSECOND1"):
            agreed("payment_reversed", payload, maker=tina, checker=tom)
    assert stands(came) == ((State.REVERSED, Status.REVERSED) if own else (State.SUCCEEDED, Status.COMPLETED))
    assert_books()


# --- looked at ------------------------------------------------------------------------------------


def test_seen_only_when_it_has_ended(lost: Order, tina: User, world: World) -> None:
    Payment.objects.filter(pk=lost.payment_id).update(attention=True, note="No answer.")
    url = reverse("desk_payment_seen", args=[lost.payment_id])
    assert signed_in(tina).post(url, {"reason": "Looked at it"}).status_code == 409
    ended = paid(buy(world.bob, 1000))
    Payment.objects.filter(pk=ended.payment_id).update(attention=True, note="Two receipts.")
    url = reverse("desk_payment_seen", args=[ended.payment_id])
    assert signed_in(tina).post(url, {"reason": "x"}).status_code == 400
    assert signed_in(tina).post(url, {"reason": "M-Pesa's mistake"}).status_code == 302
    payment = Payment.objects.get(pk=ended.payment_id)
    assert (payment.attention, payment.decision, payment.note) == (False, "M-Pesa's mistake", "Two receipts.")


@pytest.mark.fault("O07")
def test_a_result_that_says_paid_about_a_failed_payout_is_asked_about(
    lost: Order, tina: User, tom: User, provider: ScriptedRail
) -> None:
    with shift_clock(minutes=31):
        agreed("payment_resolve", resolve(lost, paid=False), maker=tina, checker=tom)
    payment = Payment.objects.get(pk=lost.payment_id)
    asked_before = len(provider.asked)
    assert told("payout", payment.token, b2c(payment)) == 200
    payment_step(payment.pk)
    payment.refresh_from_db()
    assert (payment.state, payment.attention) == (State.FAILED, True)
    assert len(provider.asked) == asked_before + 1
    assert_books()
