"""Callbacks that are about no payment of ours by name: money that came (C2B), balances, money sent back.

A notice of money is a hint and no more (faults.md DR10): it makes the house ask for the list at once. Its address holds
a secret of the house and not of a payment, so it proves even less than others.
"""

import datetime as dt
import hmac
import uuid
from collections.abc import Iterable

import structlog
from django.db import transaction
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.tasks import Task

from goldwallet import clock
from goldwallet.clock import Now
from goldwallet.sealing import fingerprint
from payments.arrivals.pulling import pull_run
from payments.arrivals.returning import arrival_look_soon
from payments.models import Arrival, Callback, Exchange, Kind
from payments.rails import rail

log = structlog.get_logger(__name__)

NOTICE, CHECK = "c2b", "c2b-check"
#: What stands in the address, and what was asked.
_ANSWERS = {
    "reversal": Kind.REVERSE,
    "reversal-timeout": Kind.REVERSE,
    "balance-collections": Kind.BALANCE,
    "balance-payouts": Kind.BALANCE,
    "balance-timeout": Kind.BALANCE,
}
KINDS = (NOTICE, CHECK, *_ANSWERS)

#: Notices that nobody has looked at yet. A flood ends here; the list brings what it hid.
_MOST_NOTICES = 2000
_MOST_PER_ADDRESS = 50
#: When the list is asked again for a receipt that a notice names and it does not hold.
_AGAIN_SECONDS = (5, 15, 60)
_AT_ONCE = 500


def hook_secret(kind: str) -> str:
    """The unguessable part of an address that stays the same: it is registered once in a shortcode's life."""
    return fingerprint(kind, kind="hook")[:32]


def notice_store(*, method: str, kind: str, token: str, body: bytes, from_address: str | None) -> bool:
    """Keep a callback of these kinds and enqueue what follows, in one transaction. False: no such address of ours."""
    if kind in _ANSWERS:
        return _answer_store(method, kind, token, body, from_address)
    if not hmac.compare_digest(token.encode(), hook_secret(kind).encode()):
        return False
    if kind == NOTICE:
        _notice_store(method, body, from_address)
    # Money that comes is handled, never refused: the answer to CHECK is always yes.
    return True


def _notice_store(method: str, body: bytes, from_address: str | None) -> None:
    waiting = Callback.objects.filter(kind=NOTICE, handled_at=None)
    if waiting[:_MOST_NOTICES].count() >= _MOST_NOTICES:
        log.warning("too many notices of money", from_address=from_address)
        return
    callback = Callback(kind=NOTICE, from_address=from_address or None)
    callback.body = rail(method).scrub(body)
    with transaction.atomic():
        callback.save(force_insert=True)
        _notices_soon()


def _answer_store(method: str, kind: str, token: str, body: bytes, from_address: str | None) -> bool:
    exchange = Exchange.objects.filter(token=token, kind=_ANSWERS[kind], payment=None).first()
    if exchange is None:
        return False
    callback = Callback(exchange=exchange, kind=kind, from_address=from_address or None)
    callback.body = rail(method).scrub(body)
    with transaction.atomic():
        if Callback.objects.filter(exchange=exchange).count() >= _MOST_PER_ADDRESS:
            return True
        callback.save(force_insert=True)
        if exchange.arrival_id is not None:
            arrival_look_soon(exchange.arrival_id)
        else:
            _balance_soon(exchange)
    return True


def _balance_soon(exchange: Exchange) -> None:
    from payments.tasks import balance  # tasks import this module

    balance.defer(exchange_id=str(exchange.pk))


def _notices_soon(*, seconds: int = 0) -> None:
    """One job for all notices that wait; one more, later, for those that the list does not hold yet."""
    from payments.tasks import notices, notices_later  # tasks import this module

    task: Task[..., None, ...] = notices_later if seconds else notices
    try:
        # Two pages at once may enqueue it: the queue refuses the second, and this transaction goes on.
        with transaction.atomic():
            task.configure(schedule_in={"seconds": seconds}).defer()
    except AlreadyEnqueued:
        pass


def notices_read() -> None:
    """Ask for the list when notices name what it did not hold so far; again after a while when it still does not."""
    if not _unlisted(_waiting()):
        return
    pull_run()
    moment = clock.now()
    left = {callback.pk: moment - callback.received_at for callback in _unlisted(_waiting())}
    given_up = [key for key, age in left.items() if age.total_seconds() > sum(_AGAIN_SECONDS)]
    # Made up, or not listed for long: the list is asked for all the time, and will bring it if it is true.
    _done(given_up)
    ages = [age for key, age in left.items() if key not in given_up]
    if ages:
        _notices_soon(seconds=_next(min(ages)))


def _waiting() -> list[Callback]:
    return list(Callback.objects.filter(kind=NOTICE, handled_at=None).order_by("received_at")[:_AT_ONCE])


def _unlisted(callbacks: list[Callback]) -> list[Callback]:
    """Those that name a receipt which has not arrived; the others are done with."""
    named = {callback.pk: rail("daraja").read_collection(callback.body.encode()) for callback in callbacks}
    receipts = [notice.receipt for notice in named.values() if notice.readable]
    arrived = set(Arrival.objects.filter(receipt__in=receipts).values_list("receipt", flat=True))
    left = [key for key, notice in named.items() if notice.readable and notice.receipt not in arrived]
    _done([key for key in named if key not in left])
    return [callback for callback in callbacks if callback.pk in left]


def _done(keys: Iterable[uuid.UUID]) -> None:
    Callback.objects.filter(pk__in=list(keys), handled_at=None).update(handled_at=Now())


def _next(age: dt.timedelta) -> int:
    """Seconds until the next question for something that was announced so long ago."""
    later = [seconds - age.total_seconds() for seconds in _AGAIN_SECONDS if seconds > age.total_seconds()]
    return max(1, round(later[0])) if later else _AGAIN_SECONDS[-1]
