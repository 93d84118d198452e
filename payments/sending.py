"""The talk with the provider: one step at a time, no HTTP inside a transaction.

`payment_step` looks at the row and does what its state asks for: send it, ask about it, or nothing. It may be called
any number of times by any number of workers: a claim is one conditional UPDATE, and the attempt is committed before the
call. What a kill leaves behind is a row that `payments_due` finds.
"""

import random
import uuid
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Least

from accounts.services import person_lock
from controls.models import Cause, SwitchName
from controls.services import switch_pause, switches_lock
from goldwallet.clock import Now, after
from goldwallet.states import move
from payments import inbox
from payments.models import FINAL, LIVE, MOVES, Callback, Direction, Exchange, Kind, Payment, State, new_token
from payments.rails import Answer, Fate, Outcome, rail
from payments.selectors import volume_reached
from payments.services import (
    hook_url,
    look_soon,
    payment_cancel_expired,
    payment_flag,
    payment_request_known,
    payment_settle,
)

#: A call nearly always ends within its timeouts (30 s). Longer: its worker counts as dead and the payment as UNKNOWN,
#: which is harmless when it lives: its answer still moves the payment on.
_SENDING_SECONDS = 60
#: A busy phone line or a throttled gateway is tried again after so long (daraja.md 2.3: wait a minute between prompts).
_RETRY_SECONDS = 60
#: When to ask about a payment that the provider took in: by the number of questions that were asked already.
_ASK_SECONDS = (10, 12, 15, 20, 30, 60, 120, 300)
#: The same where nobody knows whether the provider heard of it: soon, then patiently. It is never sent again.
_ASK_UNKNOWN_SECONDS = (5, 15, 30, 60, 120, 300)
#: After a callback a question that got no clear answer is asked again so soon, so often (daraja.md section 3).
_CONFIRM_SECONDS, _CONFIRM_TRIES = 2, 4
#: After so many questions without an answer a person should look (about an hour).
_ASKS_BEFORE_STAFF = 16
#: After so many requests that the provider put off a person should look (about five minutes).
_SENDS_BEFORE_STAFF = 15
#: Nobody is asked more often about a payment that has ended; for one that is open the count stops here.
_MOST_TRIES = 1000
_ONE_MORE = Least(F("tries") + 1, _MOST_TRIES)
#: A payout that is held back by a switch is looked at again so soon.
_PAUSED_SECONDS = 15
#: How often the provider is asked about a payout that ended unpaid and is now said to be paid.
_ASKS_AFTER_THE_END = 5


def payment_step(payment_id: uuid.UUID) -> None:
    """Do the next thing for one payment, if there is one. Harmless when repeated."""
    payment = Payment.objects.get(pk=payment_id)
    if payment.state == State.CREATED:
        _send(payment)
    elif payment.state in LIVE:
        _ask(payment)
    elif payment.state in FINAL:
        _after_the_end(payment)


def payments_due(*, limit: int = 200) -> int:
    """Enqueue a look at every payment whose time has come; returns how many. The net under lost jobs."""
    unsent = [State.CREATED, State.SENDING]
    with transaction.atomic():
        # Each kind has its own places, so that a provider that hangs does not hide those who wait for an answer.
        to_send = _due(Payment.objects.filter(state__in=unsent), limit)
        to_ask = _due(Payment.objects.exclude(state__in=unsent), limit)
        # Pushed ahead, so that a slow worker is not handed the same question every few seconds. Not what waits to be
        # sent or is being sent: there `due_at` says when it may go, and when its sender counts as dead.
        Payment.objects.filter(pk__in=to_ask).update(due_at=after(30))
        due = to_send + to_ask
        for payment_id in due:
            look_soon(payment_id)
    return len(due)


def _due(rows: QuerySet[Payment], limit: int) -> list[uuid.UUID]:
    due = rows.filter(due_at__lte=Now()).order_by("due_at").select_for_update(skip_locked=True)
    return list(due.values_list("pk", flat=True)[:limit])


# --- sending --------------------------------------------------------------------------------------


def _send(payment: Payment) -> None:
    if payment.tries and _was_heard(payment):
        return
    kind = Kind.COLLECT if payment.direction == Direction.IN else Kind.PAY_OUT
    exchange = _claim(payment, kind)
    if exchange is None:
        payment_cancel_expired(payment_id=payment.pk)
        return
    if payment.direction == Direction.IN:
        answer = rail(payment.method).collect(
            amount=payment.amount,
            phone=payment.phone,
            reference=payment.reference,
            description="Gold grams",
            callback_url=hook_url("collect", payment.token),
        )
    else:
        answer = rail(payment.method).pay_out(
            originator_id=str(payment.pk),
            amount=payment.amount,
            phone=payment.phone,
            remarks=f"Gold Wallet {payment.reference}",
            result_url=hook_url("payout", payment.token),
            timeout_url=hook_url("payout-timeout", payment.token),
        )
    # Together: an answer that was kept and not acted on would be asked about in vain.
    with transaction.atomic():
        _exchange_answered(exchange, answer)
        _record(payment, exchange, answer)


def _was_heard(payment: Payment) -> bool:
    """Whether a callback came for a request that was put off, says the provider: then it is asked, not sent again."""
    if not Callback.objects.filter(payment=payment).exists():
        return False
    if move(payment, State.UNKNOWN, moves=MOVES, due_at=after(_ASK_SECONDS[0]), tries=0):
        _ask(payment)
    return True


@transaction.atomic
def _claim(payment: Payment, kind: Kind) -> Exchange | None:
    """CREATED -> SENDING with the attempt written down; None when it is not ours to send (any more, or not yet)."""
    if payment.direction == Direction.OUT and not _payouts_run(payment):
        return None
    mine = Payment.objects.filter(pk=payment.pk, state=State.CREATED, due_at__lte=Now()).exclude(
        expires_at__lte=Now()
    )
    claimed = {"state": State.SENDING, "sent_at": Now(), "due_at": after(_SENDING_SECONDS)}
    if mine.update(**claimed, tries=_ONE_MORE) != 1:
        return None
    return Exchange.objects.create(payment=payment, kind=kind)


def _payouts_run(payment: Payment) -> bool:
    """Whether this payout may go now. Judged under the switch's lock, so not one goes after a pause (faults.md O16).

    Whoever is on hold is not paid: two people lift the hold first. The customer is locked first, as everywhere.
    """
    if person_lock(payment.user_id).frozen:
        note = "The person is on hold. Lift the hold before this is paid, or refuse it."
        move(payment, State.AWAITING_APPROVAL, moves=MOVES, due_at=None, note=note)
        return False
    paused = bool(switches_lock(SwitchName.PAYOUTS))
    if not paused and (unusual := volume_reached(payment.amount)):
        switch_pause(name=SwitchName.PAYOUTS, cause=Cause.VOLUME, note=unusual)
        paused = True
    if paused:
        Payment.objects.filter(pk=payment.pk, state=State.CREATED).update(due_at=after(_PAUSED_SECONDS))
    return not paused


def _exchange_answered(exchange: Exchange, answer: Answer) -> None:
    exchange.outcome = answer.outcome
    exchange.http_status = answer.http_status
    exchange.code = answer.code[:40]
    exchange.text = answer.text[:300]
    exchange.request_id = answer.request_id[:64]
    exchange.body = answer.body
    exchange.answered_at = Now()
    exchange.save()


def _record(payment: Payment, exchange: Exchange, answer: Answer) -> None:
    ids = {"request_id": answer.request_id[:64], "merchant_request_id": answer.merchant_request_id[:64]}
    if answer.outcome == Outcome.ACCEPTED:
        # From SENDING, or from UNKNOWN when the sweep thought that we had died. Never backwards from an end: the
        # callback may have been faster than this answer (faults.md P02).
        changes: dict[str, Any] = {**ids, "due_at": after(_ASK_SECONDS[0]), "tries": 0}
        if not move(payment, State.PENDING, moves=MOVES, **changes):
            Payment.objects.filter(pk=payment.pk).update(**ids)
    elif answer.outcome == Outcome.NOT_EXECUTED:
        move(payment, State.CREATED, moves=MOVES, due_at=after(_RETRY_SECONDS))
        if payment.tries >= _SENDS_BEFORE_STAFF and not payment.attention:
            payment_flag(payment, "M-Pesa has put this payment off again and again. It is still being tried.")
    elif answer.outcome == Outcome.REFUSED:
        payment_settle(payment_id=payment.pk, paid=False, code=answer.code, exchange=exchange)
    else:
        move(payment, State.UNKNOWN, moves=MOVES, due_at=after(_ASK_UNKNOWN_SECONDS[0]), tries=0)


# --- asking ---------------------------------------------------------------------------------------


def _ask(payment: Payment) -> None:
    hints = inbox.read(payment)
    if payment.state == State.SENDING:
        # In somebody's hands, unless that worker is dead: then nobody knows whether the provider heard of it.
        dead = Payment.objects.filter(pk=payment.pk, state=State.SENDING, due_at__lte=Now())
        dead.update(state=State.UNKNOWN, due_at=after(_ASK_UNKNOWN_SECONDS[0]), tries=0)
        if not hints.request_id:
            return
    if payment.direction == Direction.IN:
        _ask_collect(payment, hints)
    else:
        _ask_payout(payment, hints)


def _ask_collect(payment: Payment, hints: inbox.Hints) -> None:
    request_id = payment.request_id or hints.request_id
    if not request_id:
        # The prompt may be out there and we hold no id to ask by. Only a callback can tell.
        if hints.oddity:
            payment_flag(payment, hints.oddity)
        _ask_later(payment)
        return
    exchange = Exchange.objects.create(payment=payment, kind=Kind.COLLECT_REPORT, request_id=request_id)
    report = rail(payment.method).collect_report(request_id=request_id)
    exchange.outcome, exchange.http_status = report.fate, report.http_status
    exchange.code, exchange.text, exchange.body = report.code[:40], report.text[:300], report.body
    exchange.answered_at = Now()
    exchange.save()
    if report.fate in {Fate.PAID, Fate.FAILED} and not payment.request_id:
        payment_request_known(payment_id=payment.pk, request_id=request_id)
    if report.fate == Fate.PAID and not hints.oddity:
        payment_settle(payment_id=payment.pk, paid=True, receipt=hints.receipt, exchange=exchange)
        inbox.handled(hints)
    elif report.fate == Fate.PAID:
        _contradicted(payment, hints, hints.oddity)
    elif report.fate == Fate.FAILED and hints.success:
        _contradicted(payment, hints, "The callback says paid, the query says not paid.")
    elif report.fate == Fate.FAILED:
        payment_settle(payment_id=payment.pk, paid=False, code=report.code, exchange=exchange)
        inbox.handled(hints)
    elif hints.fresh and not _asked_often(payment, hints):
        # Somebody claims that it ended, and the provider is only slow or stumbled: ask again soon.
        look_soon(payment.pk, seconds=_CONFIRM_SECONDS)
    else:
        _ask_later(payment)


def _asked_often(payment: Payment, hints: inbox.Hints) -> bool:
    since = max(callback.received_at for callback in hints.callbacks)
    asked = Exchange.objects.filter(payment=payment, kind=Kind.COLLECT_REPORT, created_at__gte=since)
    return asked.count() > _CONFIRM_TRIES


def _ask_payout(payment: Payment, hints: inbox.Hints) -> None:
    if hints.status_fate == Fate.PAID and not hints.contradiction:
        _paid_out(payment, hints)
        return
    strange = hints.contradiction or hints.oddity
    if hints.status_fate == Fate.FAILED and not hints.success and not strange:
        code = hints.failure_code or hints.status_code
        payment_settle(payment_id=payment.pk, paid=False, code=code, callback=hints.status)
        inbox.handled(hints)
        return
    _tell_staff(payment, hints)
    inbox.handled(hints)
    if hints.only_answers:
        # The answer to a question, and not the last word: the next question has its time already.
        return
    # Claimed, so that the result's callback and the sweep do not both ask at the same moment.
    asked = Payment.objects.filter(pk=payment.pk, state__in=LIVE, tries=payment.tries)
    if asked.update(tries=_ONE_MORE, due_at=after(_wait(payment))) != 1:
        return
    _ask_status(payment)
    _staff_after_many(payment)


def _paid_out(payment: Payment, hints: inbox.Hints) -> None:
    """The provider's own answer says paid. What else was posted about it was at best a hint; staff hear of it."""
    receipt = hints.status_receipt or hints.receipt
    payment_settle(payment_id=payment.pk, paid=True, receipt=receipt, callback=hints.status)
    if hints.failure_code:
        payment_flag(payment, f"A result said not paid ({hints.failure_code}), the status says paid.")
    elif hints.oddity or hints.receipt not in {"", receipt}:
        payment_flag(
            payment, hints.oddity or f"A result named the receipt {hints.receipt}, the status {receipt}."
        )
    inbox.handled(hints)


def _ask_status(payment: Payment) -> None:
    token = new_token()
    exchange = Exchange.objects.create(payment=payment, kind=Kind.PAY_OUT_ASK, token=token)
    answer = rail(payment.method).pay_out_ask(
        originator_id=str(payment.pk),
        result_url=hook_url("status", token),
        timeout_url=hook_url("status-timeout", token),
    )
    _exchange_answered(exchange, answer)


def _tell_staff(payment: Payment, hints: inbox.Hints) -> None:
    """What about an open payout a person should know at once."""
    if strange := hints.contradiction or hints.oddity:
        payment_flag(payment, strange)
    elif hints.status_fate == Fate.FAILED:
        payment_flag(payment, "The result says paid, the status says not paid.")
    elif hints.failure_code and hints.only_answers:
        # Say, our credentials were refused: more questions with the same ones would lock the operator (daraja.md 4.3).
        payment_flag(payment, f"The result says not paid ({hints.failure_code}), M-Pesa does not confirm it.")


def _contradicted(payment: Payment, hints: inbox.Hints, note: str) -> None:
    payment_flag(payment, note)
    if payment.state in LIVE:
        _ask_later(payment)
    else:
        inbox.handled(hints)
        _rest(payment)


def _after_the_end(payment: Payment) -> None:
    """What comes in for a payment that has ended. A claim of late money is asked about like any other."""
    hints = inbox.read(payment)
    unpaid = payment.state in {State.FAILED, State.CANCELLED}
    if hints.fresh and payment.tries >= _MOST_TRIES:
        payment_flag(payment, "Somebody says that this was paid, and M-Pesa gives no answer about it.")
        inbox.handled(hints)
    elif hints.fresh and payment.direction == Direction.IN and unpaid and hints.success:
        _ask_collect(payment, hints)
        return
    if hints.fresh and payment.direction == Direction.OUT and unpaid and hints.claims_paid:
        _paid_after_all(payment, hints)
    elif hints.fresh:
        inbox.take_in_late(payment, hints)
    _rest(payment)


def _paid_after_all(payment: Payment, hints: inbox.Hints) -> None:
    """A payout whose hold was released is said to be paid. Nobody else is paid until that is clear (faults.md O07)."""
    if hints.status_fate == Fate.PAID and not hints.contradiction:
        receipt = hints.status_receipt or hints.receipt
        payment_settle(payment_id=payment.pk, paid=True, receipt=receipt, callback=hints.status)
    elif hints.status_fate == Fate.PAID:
        note = f"M-Pesa says paid about payout {payment.reference}, which had ended unpaid, and contradicts itself."
        switch_pause(name=SwitchName.PAYOUTS, cause=Cause.INCIDENT, note=note)
        payment_flag(payment, note)
    elif not hints.only_answers and _asks(payment) < _ASKS_AFTER_THE_END:
        payment_flag(payment, "A result says paid, but this payout had ended unpaid. We are asking M-Pesa.")
        inbox.handled(hints)
        _ask_status(payment)
    inbox.handled(hints)


def _asks(payment: Payment) -> int:
    since = Exchange.objects.filter(payment=payment, kind=Kind.PAY_OUT_ASK, created_at__gte=payment.ended_at)
    return since.count()


def _rest(payment: Payment) -> None:
    Payment.objects.filter(pk=payment.pk, state__in=FINAL).update(due_at=None)


def _ask_later(payment: Payment) -> None:
    Payment.objects.filter(pk=payment.pk).exclude(state__in=[State.CREATED, State.SUCCEEDED]).update(
        tries=_ONE_MORE, due_at=after(_wait(payment))
    )
    _staff_after_many(payment)


def _staff_after_many(payment: Payment) -> None:
    if payment.tries >= _ASKS_BEFORE_STAFF and not payment.attention:
        payment_flag(payment, "M-Pesa gives no answer about this payment.")


def _wait(payment: Payment) -> float:
    """Seconds until the next question, spread by a tenth so that many payments do not ask in one breath."""
    seconds = _ASK_UNKNOWN_SECONDS if payment.state == State.UNKNOWN else _ASK_SECONDS
    return seconds[min(payment.tries, len(seconds) - 1)] * random.uniform(1, 1.1)  # noqa: S311 - not a secret
