"""Money in suspense goes back to who paid it: a Reversal, asked for until two answers in a row say the same.

Asking again is safe: the provider reverses a receipt once and then answers that it has been reversed (daraja.md 5.3).
So a lost answer is asked for again, and no single callback is believed: success and failure both need a second word.
"""

import uuid
from decimal import Decimal
from enum import StrEnum
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, QuerySet

from goldwallet.clock import Now, after
from goldwallet.states import move
from ledger import chart
from ledger import services as ledger
from ledger.services import Transfer
from payments.models import (
    ARRIVAL_MOVES,
    Arrival,
    ArrivalState,
    Callback,
    Exchange,
    Kind,
    new_token,
)
from payments.purposes import stray
from payments.rails import Answer, Outcome, ReversalResult, rail
from payments.services import hook_url

log = structlog.get_logger(__name__)

#: When to ask again without an answer, by how often it was asked.
_ASK_SECONDS = (30, 60, 300, 900, 3600)
#: After so many a person should look.
_ASKS_BEFORE_STAFF = 6
#: An answer that has not come by then does not come.
_ANSWER_SECONDS = 3600


#: We have it, or somebody else has.
_KEPT = frozenset({ArrivalState.SUSPENSE, ArrivalState.ASSIGNED, ArrivalState.MATCHED})


class _Said(StrEnum):
    NOTHING = "nothing"
    DONE = "done"
    REFUSED = "refused"


def arrival_look_soon(arrival_id: uuid.UUID) -> None:
    """Ask the worker to look at it; the row is the truth."""
    from payments.tasks import arrival  # tasks import this module

    arrival.defer(arrival_id=str(arrival_id))


def returns_due(*, limit: int = 100) -> int:
    """Enqueue a look at every return whose time has come; answers how many. The net under lost jobs."""
    due = Arrival.objects.filter(state=ArrivalState.RETURNING, due_at__lte=Now()).order_by("due_at")
    found = list(due.values_list("pk", flat=True)[:limit])
    for arrival_id in found:
        arrival_look_soon(arrival_id)
    return len(found)


def return_step(arrival_id: uuid.UUID) -> None:
    """Read what was said, end it or ask again. Harmless when repeated."""
    _step(Arrival.objects.get(pk=arrival_id))
    # All of them are read at every step: this says only that the worker has seen them.
    Callback.objects.filter(exchange__arrival=arrival_id, handled_at=None).update(handled_at=Now())


def _step(arrival: Arrival) -> None:
    if arrival.state != ArrivalState.RETURNING:
        _said_late(arrival)
        return
    said = _all_said(arrival)
    answered = [word for word in said if word != _Said.NOTHING]
    agreed = len(answered) > 1 and answered[0] == answered[1]
    if agreed and answered[0] == _Said.DONE:
        _returned(arrival)
        return
    if agreed and not _may_still_answer(arrival, said):
        _refused(arrival)
        return
    if said and said[0] != _Said.NOTHING and not agreed:
        # An answer came, and one more must say the same: no need to wait.
        Arrival.objects.filter(pk=arrival.pk, tries=arrival.tries, tries__lt=_ASKS_BEFORE_STAFF).update(
            due_at=Now()
        )
    _ask(arrival)


# --- asking ---------------------------------------------------------------------------------------


@transaction.atomic
def _claim(arrival: Arrival) -> Exchange | None:
    """The attempt, written down before the call; None when it is not due, or somebody else's."""
    mine = Arrival.objects.filter(
        pk=arrival.pk, state=ArrivalState.RETURNING, tries=arrival.tries, due_at__lte=Now()
    )
    wait = _ASK_SECONDS[min(arrival.tries, len(_ASK_SECONDS) - 1)]
    if mine.update(tries=F("tries") + 1, due_at=after(wait)) != 1:
        return None
    return Exchange.objects.create(kind=Kind.REVERSE, arrival=arrival, token=new_token())


def _ask(arrival: Arrival) -> None:
    exchange = _claim(arrival)
    if exchange is None:
        return
    token = str(exchange.token)
    answer = rail(arrival.method).reverse(
        receipt=arrival.receipt,
        amount=arrival.amount,
        remarks=f"Sent back {arrival.receipt}",
        result_url=hook_url("reversal", token),
        timeout_url=hook_url("reversal-timeout", token),
    )
    _answered(exchange, answer)
    if answer.outcome == Outcome.REFUSED:
        arrival_look_soon(arrival.pk)
    if arrival.tries + 1 >= _ASKS_BEFORE_STAFF:
        note = "M-Pesa has not confirmed that it was sent back. It is still being asked."
        Arrival.objects.filter(pk=arrival.pk, state=ArrivalState.RETURNING).exclude(note=note).update(
            note=note
        )


def _answered(exchange: Exchange, answer: Answer) -> None:
    exchange.outcome, exchange.http_status = answer.outcome, answer.http_status
    exchange.code, exchange.text = answer.code[:40], answer.text[:300]
    exchange.request_id, exchange.body = answer.request_id[:64], answer.body
    exchange.answered_at = Now()
    exchange.save()


# --- hearing --------------------------------------------------------------------------------------


def _ever_asked(arrival: Arrival) -> QuerySet[Exchange]:
    """The newest first; what surely did not go out is left out."""
    asked = Exchange.objects.filter(arrival=arrival, kind=Kind.REVERSE)
    return asked.exclude(outcome=Outcome.NOT_EXECUTED).order_by("-created_at")


def _asked(arrival: Arrival) -> list[Exchange]:
    """What was asked since two people decided to send it back."""
    return list(_ever_asked(arrival).filter(created_at__gte=arrival.decided_at))


def _all_said(arrival: Arrival) -> list[_Said]:
    return [_said(arrival, exchange) for exchange in _asked(arrival)]


def _said(arrival: Arrival, exchange: Exchange) -> _Said:
    """What the answers to one question come to; nothing when they contradict one another."""
    if exchange.outcome == Outcome.REFUSED:
        return _Said.REFUSED
    words = {_word(result) for result in _results(arrival, exchange)} - {_Said.NOTHING}
    return words.pop() if len(words) == 1 else _Said.NOTHING


def _results(arrival: Arrival, exchange: Exchange) -> list[ReversalResult]:
    stored = Callback.objects.filter(exchange=exchange, kind="reversal")
    results = [rail(arrival.method).read_reversal(callback.body.encode()) for callback in stored]
    return [result for result in results if _fits(result, arrival, exchange)]


def _fits(result: ReversalResult, arrival: Arrival, exchange: Exchange) -> bool:
    return (
        result.readable
        and result.original_receipt in {"", arrival.receipt}
        and result.amount in {None, arrival.amount}
        and not (result.request_id and exchange.request_id and result.request_id != exchange.request_id)
    )


def _word(result: ReversalResult) -> _Said:
    if result.success or result.already:
        return _Said.DONE
    return _Said.REFUSED if result.success is False else _Said.NOTHING


def _may_still_answer(arrival: Arrival, said: list[_Said]) -> bool:
    """Whether a question without an answer is so young that it may still be carried out."""
    young = Exchange.objects.filter(
        arrival=arrival, kind=Kind.REVERSE, created_at__gt=after(-_ANSWER_SECONDS)
    )
    ids = set(young.values_list("pk", flat=True))
    return any(
        word == _Said.NOTHING and exchange.pk in ids
        for exchange, word in zip(_asked(arrival), said, strict=False)
    )


def _said_late(arrival: Arrival) -> None:
    """An answer after the end. What it says differently goes to staff, and moves nothing.

    Whatever was asked counts: what two people decided after that gave the money away once more.
    """
    if arrival.state not in _KEPT:
        return
    if any(_said(arrival, exchange) == _Said.DONE for exchange in _ever_asked(arrival)):
        note = "M-Pesa says now that it was sent back. Look at the statement before anything else."
        Arrival.objects.filter(pk=arrival.pk).exclude(note=note).update(note=note)
        log.error("sent back after all", arrival=str(arrival.pk))


# --- the end --------------------------------------------------------------------------------------


@transaction.atomic
def _returned(arrival: Arrival) -> None:
    if not move(arrival, ArrivalState.RETURNED, moves=ARRIVAL_MOVES, due_at=None, note="Sent back."):
        return
    stray(arrival)
    back = Transfer(chart.suspense_mpesa(), chart.mpesa_collections(), arrival.amount)
    ledger.post(
        key=f"arrival:{arrival.pk}:returned",
        kind="arrival_returned",
        transfers=[back],
        memo=arrival.receipt,
    )


def _refused(arrival: Arrival) -> None:
    newest = _asked(arrival)[0]
    results = _results(arrival, newest)
    why = results[-1].text if results else newest.text
    note = f"M-Pesa does not send it back: {why or newest.code}"[:300]
    move(arrival, ArrivalState.SUSPENSE, moves=ARRIVAL_MOVES, due_at=None, note=note)


def return_start(arrival: Arrival) -> bool:
    """SUSPENSE -> RETURNING, in the caller's transaction; False when it does not lie there."""
    changes: dict[str, Any] = {"due_at": Now(), "tries": 0, "decided_at": Now(), "note": ""}
    started = move(arrival, ArrivalState.RETURNING, moves=ARRIVAL_MOVES, **changes)
    if started:
        arrival_look_soon(arrival.pk)
    return started


def whole(amount: Decimal) -> bool:
    """Whether M-Pesa can send it back: it moves whole shillings."""
    return amount == amount.to_integral_value()
