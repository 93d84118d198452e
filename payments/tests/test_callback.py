"""The callback's address: it keeps what was posted and believes nothing."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from payments import inbox
from payments.models import Callback, Payment, State, new_token
from payments.sending import payments_due
from payments.tests.scripted import CANCELLED, LOST, PAID, RUNNING, ScriptedRail, b2c, status, stk, told
from payments.tests.test_ask import question
from payments.tests.test_send import buying, jobs_for, selling, step
from trading.models import Status
from trading.services import orders_expire

pytestmark = pytest.mark.django_db


# --- the address ----------------------------------------------------------------------------------


@pytest.mark.fault("P07")
def test_every_wrong_address_gets_the_same_answer(world: World, provider: ScriptedRail) -> None:
    _, payment = buying(world)
    _, payout = selling(world)
    step(payout)
    step(payout)
    post = Client(enforce_csrf_checks=True).post
    tried = [
        ["daraja", "collect", new_token()],
        ["daraja", "collect", payment.token.upper().replace("0", "O")],
        ["daraja", "collect", payment.token[:-1]],
        ["daraja", "collect", payment.token + "0"],
        ["daraja", "collect", "x"],
        ["daraja", "collect", payout.token],
        ["daraja", "payout", payment.token],
        ["daraja", "payout-timeout", payment.token],
        ["daraja", "status", payment.token],
        ["daraja", "status", payout.token],
        ["daraja", "collect", question(payout).token],
        ["daraja", "anything", payment.token],
        ["other", "collect", payment.token],
    ]
    answers = {
        (answer.status_code, answer.content, answer["Content-Type"])
        for answer in (post(reverse("hook", args=parts), {"a": 1}, "application/json") for parts in tried)
    }
    answers |= {
        (answer.status_code, answer.content, answer["Content-Type"])
        for answer in (Client().get(reverse("hook", args=["daraja", "collect", payment.token])),)
    }
    assert answers == {(404, b"Not found", "text/plain")}
    assert Callback.objects.count() == 0


def test_tokens_are_long_random_and_one_for_each_payment(world: World) -> None:
    tokens = {buy(world.bob, 100).payment.token for _ in range(5)}
    assert len(tokens) == 5
    assert all(len(token) == 32 and set(token) <= set("0123456789abcdef") for token in tokens)
    path = reverse("hook", args=["daraja", "payout-timeout", tokens.pop()])
    assert not any(word in path for word in ("mpesa", "safaricom", "exe", "exec", "cmd", "sql", "query"))


# --- what is kept ---------------------------------------------------------------------------------


GARBAGE = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b"\xff\xfe\x00\x01",
    b'{"Body": NaN}',
    b'{"Body": {"stkCallback": []}}',
    b'{"Body": {"stkCallback": {"ResultCode": 0, "ResultCode": 1}}}',
    b'{"Body": {"stkCallback": {"ResultCode": {"a": 1}}}}',
    b"[" * 20_000,
    b'{"a":' * 10_000,
    b"<html>Bad gateway</html>",
]


@pytest.mark.fault("P12")
def test_garbage_is_kept_answered_and_changes_nothing(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    step(payment)
    url = reverse("hook", args=["daraja", "collect", payment.token])
    for number, body in enumerate(GARBAGE, start=1):
        answer = Client().post(url, body, content_type="application/json")
        assert answer.status_code == 200, body[:80]
        assert json.loads(answer.content) == {"ResultCode": 0, "ResultDesc": "Accepted"}
        assert step(payment).state == State.PENDING, body[:80]
        assert not payment.attention
        assert Callback.objects.filter(payment=payment).count() == number
    order.refresh_from_db()
    assert order.status == Status.PENDING
    assert_books()


def test_a_huge_body_is_cut_and_answered(world: World) -> None:
    _, payment = buying(world)
    body = json.dumps({"Body": {"stkCallback": {"ResultDesc": "x" * 10_000_000}}})
    assert told("collect", payment.token, body) == 200
    assert 0 < len(Callback.objects.get().body.encode()) <= 20_000


def test_the_body_is_kept_sealed_and_without_the_credential(world: World, provider: ScriptedRail) -> None:
    _, payment = selling(world)
    body = b2c(payment)
    body["Result"]["InitiatorName"] = "planted-initiator-77"
    body["SecurityCredential"] = "cGxhbnRlZC1zZWNyZXQtY3JlZGVudGlhbA=="
    assert told("payout-timeout", payment.token, body) == 200
    stored = Callback.objects.get()
    assert str(payment.pk) in stored.body
    assert "planted-initiator-77" not in stored.body
    assert "cGxhbnRlZC1zZWNyZXQ" not in stored.body
    assert str(payment.pk) not in stored.body_sealed
    assert "OriginatorConversationID" not in stored.body_sealed


def test_a_sealed_body_does_not_open_in_another_row(world: World) -> None:
    from goldwallet.sealing import SealBroken

    _, payment = buying(world)
    told("collect", payment.token, stk(payment))
    told("collect", payment.token, stk(payment, code=1032))
    first, second = Callback.objects.order_by("received_at")
    first.body_sealed = second.body_sealed
    with pytest.raises(SealBroken):
        first.body  # noqa: B018


def test_a_flood_on_one_address_ends_somewhere(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, payment = buying(world)
    before = jobs_for(payment)
    monkeypatch.setattr(inbox, "_MOST_PER_ADDRESS", 3)
    assert {told("collect", payment.token, {}) for _ in range(6)} == {200}
    assert Callback.objects.count() == 3
    assert jobs_for(payment) == before + 3


def test_keeping_a_callback_enqueues_one_look_and_moves_nothing(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    step(payment)
    before = jobs_for(payment), Transaction.objects.count()
    assert told("collect", payment.token, stk(payment)) == 200
    assert (jobs_for(payment), Transaction.objects.count()) == (before[0] + 1, before[1])
    order.refresh_from_db()
    assert order.status == Status.PENDING
    assert provider.asked == []


# --- what is believed -----------------------------------------------------------------------------


def test_a_success_is_confirmed_and_settles_with_its_receipt(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    step(payment)
    told("collect", payment.token, stk(payment, receipt="UKL7A2B3C4"))
    provider.reports.append(PAID)
    assert step(payment).state == State.SUCCEEDED
    assert payment.receipt == "UKL7A2B3C4"
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert balance(chart.user_gold(world.bob.pk)) == order.grams
    assert balance(chart.house_sales()) == 1000
    assert_books()


@pytest.mark.fault("P01")
def test_copies_of_a_callback_settle_once(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    step(payment)
    provider.reports.extend([PAID] * 10)
    for _ in range(3):
        told("collect", payment.token, stk(payment, receipt="UKL7A2B3C4"))
    for _ in range(3):
        step(payment)
        told("collect", payment.token, stk(payment, receipt="UKL7A2B3C4"))
        step(payment)
    assert Callback.objects.count() == 6
    assert Callback.objects.filter(handled_at=None).count() == 0
    assert Transaction.objects.filter(key__startswith=f"payment:{payment.pk}:").count() == 1
    assert not payment.attention
    assert balance(chart.user_gold(world.bob.pk)) == order.grams
    assert_books()


@pytest.mark.fault("P08")
def test_a_forged_success_delivers_nothing(world: World, provider: ScriptedRail) -> None:
    """Everything in it is right, and the provider knows of no payment (faults.md P08)."""
    order, payment = buying(world)
    step(payment)
    told("collect", payment.token, stk(payment, receipt="UKL7A2B3C4"))
    provider.reports.extend([RUNNING] * 3)
    for _ in range(3):
        assert step(payment).state == State.PENDING
    provider.reports.append(CANCELLED)
    assert step(payment).state == State.PENDING
    assert payment.attention
    assert payment.note == "The callback says paid, the query says not paid."
    assert payment.receipt is None
    assert balance(chart.user_gold(world.bob.pk)) == 0
    with shift_clock(minutes=4):
        orders_expire()
    order.refresh_from_db()
    assert order.status == Status.EXPIRED
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    assert balance(chart.mpesa_collections()) == 0
    assert_books()


def test_a_failure_callback_while_the_query_says_paid(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    step(payment)
    told("collect", payment.token, stk(payment, code=1032))
    provider.reports.append(PAID)
    assert step(payment).state == State.SUCCEEDED
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert order.failure_code == ""
    assert_books()


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 999},
        {"amount": 100_000},
        {"request_id": "ws_CO_999"},
        {"merchant_request_id": "29115-999"},
        {"phone": "254799999999"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_callback_about_something_else_goes_to_staff(
    world: World, provider: ScriptedRail, changes: dict
) -> None:
    order, payment = buying(world)
    step(payment)
    before = Transaction.objects.count()
    told("collect", payment.token, stk(payment, **changes))
    provider.reports.extend([PAID, PAID])
    for _ in range(2):
        assert step(payment).state == State.PENDING
    assert payment.attention
    assert payment.note.startswith("A callback ")
    assert payment.receipt is None
    order.refresh_from_db()
    assert order.status == Status.PENDING
    assert Transaction.objects.count() == before
    assert_books()


def test_a_masked_phone_is_no_contradiction(world: World, provider: ScriptedRail) -> None:
    _, payment = buying(world)
    step(payment)
    body = stk(payment)
    items = body["Body"]["stkCallback"]["CallbackMetadata"]["Item"]
    items[-1]["Value"] = "2547****0002"
    told("collect", payment.token, body)
    provider.reports.append(PAID)
    assert step(payment).state == State.SUCCEEDED


def test_two_receipts_for_one_payment_go_to_staff(world: World, provider: ScriptedRail) -> None:
    _, payment = buying(world)
    step(payment)
    told("collect", payment.token, stk(payment, receipt="UKL7A2B3C4"))
    told("collect", payment.token, stk(payment, receipt="UKL7A2B3C5"))
    provider.reports.append(PAID)
    assert step(payment).state == State.PENDING
    assert payment.attention
    assert "receipts" in payment.note
    assert_books()


def test_a_receipt_is_good_for_one_payment(world: World, provider: ScriptedRail) -> None:
    """The money came, so the order completes; whose receipt it is, staff find out."""
    first, one = buying(world)
    second, two = buying(world)
    for payment in (one, two):
        step(payment)
        told("collect", payment.token, stk(payment, receipt="UKL7A2B3C4"))
    provider.reports.extend([PAID, PAID])
    assert step(one).state == step(two).state == State.SUCCEEDED
    assert (one.receipt, one.attention) == ("UKL7A2B3C4", False)
    assert (two.receipt, two.attention) == (None, True)
    assert "UKL7A2B3C4" in two.note
    for order in (first, second):
        order.refresh_from_db()
        assert order.status == Status.COMPLETED
    assert balance(chart.house_sales()) == 2000
    assert_books()


def test_a_late_receipt_of_another_payment_goes_to_staff(world: World, provider: ScriptedRail) -> None:
    _, one = buying(world)
    _, two = buying(world)
    provider.reports.extend([PAID, PAID])
    for payment in (one, two):
        step(payment)
        step(payment)
        told("collect", payment.token, stk(payment, receipt="UKL7A2B3C4"))
        step(payment)
    assert (one.receipt, one.attention) == ("UKL7A2B3C4", False)
    assert (two.receipt, two.attention) == (None, True)
    assert_books()


# --- late money -----------------------------------------------------------------------------------


def test_success_after_expiry_is_asked_about_and_honoured(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    step(payment)
    with shift_clock(minutes=4):
        assert orders_expire() == 1
        provider.reports.append(RUNNING)
        step(payment)
        told("collect", payment.token, stk(payment, receipt="UKL7A2B3C4"))
        provider.reports.append(PAID)
        assert step(payment).state == State.SUCCEEDED
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert balance(chart.user_gold(world.bob.pk)) == order.grams
    assert_books()


@pytest.mark.parametrize(("instead", "ends"), [(19_500, Status.PAID_LATE), (19_000, Status.COMPLETED)])
def test_an_order_that_had_ended_is_honoured_within_the_limits(
    world: World, provider: ScriptedRail, instead: int, ends: Status
) -> None:
    """bob declines KES 1,000, buys for others, and pays the first after all: his day has KES 20,000."""
    order, payment = buying(world)
    step(payment)
    provider.reports.append(CANCELLED)
    assert step(payment).state == State.FAILED
    paid(buy(world.bob, instead))
    told("collect", payment.token, stk(payment, receipt="UKL7A2B3C4"))
    provider.reports.append(PAID)
    assert step(payment).state == State.SUCCEEDED
    order.refresh_from_db()
    assert order.status == ends
    assert_books()


def test_success_after_a_failure_is_late_money(world: World, provider: ScriptedRail) -> None:
    """1037, "no answer", is the provider's least certain failure: a later success overrules it (daraja.md 2.5)."""
    order, payment = buying(world)
    step(payment)
    provider.reports.append(CANCELLED)
    assert step(payment).state == State.FAILED
    with shift_clock(hours=2):
        told("collect", payment.token, stk(payment, receipt="UKL7A2B3C4"))
        provider.reports.append(PAID)
        assert step(payment).state == State.SUCCEEDED
    order.refresh_from_db()
    assert order.status == Status.PAID_LATE
    assert balance(chart.user_cash(world.bob.pk)) == 1000
    assert balance(chart.user_gold(world.bob.pk)) == 0
    assert_books()


def test_a_late_claim_that_is_not_true_changes_nothing(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    step(payment)
    provider.reports.append(CANCELLED)
    step(payment)
    told("collect", payment.token, stk(payment, receipt="UKL7A2B3C4"))
    provider.reports.append(CANCELLED)
    assert step(payment).state == State.FAILED
    assert payment.attention
    order.refresh_from_db()
    assert order.status == Status.FAILED
    assert Callback.objects.filter(handled_at=None).count() == 0
    with shift_clock(hours=1):
        assert payments_due() == 0
    assert balance(chart.mpesa_collections()) == 0
    assert_books()


def test_a_late_claim_stays_alive_while_the_provider_does_not_answer(
    world: World, provider: ScriptedRail
) -> None:
    order, payment = buying(world)
    step(payment)
    provider.reports.append(CANCELLED)
    step(payment)
    told("collect", payment.token, stk(payment, receipt="UKL7A2B3C4"))
    for _ in range(8):
        provider.reports.append(RUNNING)
        assert step(payment).state == State.FAILED
    with shift_clock(hours=1):
        assert payments_due() == 1
        provider.reports.append(PAID)
        assert step(payment).state == State.SUCCEEDED
    order.refresh_from_db()
    assert order.status == Status.PAID_LATE
    assert balance(chart.user_cash(world.bob.pk)) == 1000
    assert_books()


def test_a_status_answer_for_a_prompt_has_no_address(world: World) -> None:
    _, payment = buying(world)
    assert told("status", payment.token, status(payment, "Completed")) == 404
    assert Payment.objects.get(pk=payment.pk).state == State.CREATED


@pytest.mark.fault("P03")
def test_a_lost_answer_an_expiry_and_then_the_success(world: World, provider: ScriptedRail) -> None:
    """Nobody knows whether the prompt is out; the gold is let go; the callback tells, and the money is honoured."""
    order, payment = buying(world)
    provider.answers.append(LOST)
    assert step(payment).state == State.UNKNOWN
    with shift_clock(minutes=5):
        assert orders_expire() == 1
        told("collect", payment.token, stk(payment, request_id="ws_CO_55", receipt="UKL7A2B3C4"))
        provider.reports.append(PAID)
        assert step(payment).state == State.SUCCEEDED
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert (payment.request_id, payment.receipt) == ("ws_CO_55", "UKL7A2B3C4")
    assert len(provider.sent) == 1
    assert_books()
