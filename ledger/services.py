"""Every write of the book: `post` and `reverse`. Both are one call of `ledger_post()` in the database.

Call `post` once, as the last write before the commit: it locks the touched accounts until then (design
section 4).
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal

from django.db import DatabaseError, connection, transaction

from goldwallet.errors import Conflict
from ledger import errors, selectors
from ledger.audit import verify
from ledger.chart import SCALES, Code

__all__ = ["Transfer", "overdraft_refused", "post", "recorded", "rehearse", "reverse", "verify"]

_POST = """
SELECT ledger_post(%s, %s, %s, %s, %s, %s::bigint, %s::text[], %s::text[], %s::boolean[], %s::boolean[],
                   %s::integer[], %s::integer[], %s::numeric[])
"""
_LIMIT = Decimal(10) ** 14
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,120}")


@dataclass(frozen=True, slots=True)
class Transfer:
    """`amount` of the asset of both accounts, above zero, out of `source` and into `destination`."""

    source: Code
    destination: Code
    amount: Decimal


def post(
    *,
    key: str,
    kind: str,
    transfers: Sequence[Transfer],
    actor: str = "",
    memo: str = "",
    reverses: int | None = None,
) -> int:
    """Enter one transaction and answer its id; the same key with the same input answers the stored one.

    Amounts are grams (six places) or KES (two). The input is kind, transfers in their order and `reverses`;
    actor and memo say who and why, and a retry may say them differently. All or nothing: raises a
    `LedgerError` (`Overdraft`, `KeyReused`, `WrongAsset`, `WrongAmount`, `WrongTransfer`, `WrongReversal`),
    and the transaction around it can then only be rolled back.
    """
    places: dict[Code, int] = {}
    for number, transfer in enumerate(transfers, start=1):
        _check(number, transfer)
        places.setdefault(transfer.source, len(places) + 1)
        places.setdefault(transfer.destination, len(places) + 1)
    if not places or not key or not kind:
        raise errors.WrongTransfer("a transaction needs a key, a kind and at least one transfer")
    parameters = [
        key,
        _input_hash(kind, transfers, reverses),
        kind,
        actor,
        memo,
        reverses,
        _array(code.code for code in places),
        _array(code.asset for code in places),
        _array("t" if code.may_go_negative else "f" for code in places),
        _array("t" if code.shared else "f" for code in places),
        _array(str(places[transfer.source]) for transfer in transfers),
        _array(str(places[transfer.destination]) for transfer in transfers),
        _array(f"{transfer.amount:f}" for transfer in transfers),
    ]
    try:
        with connection.cursor() as cursor:
            cursor.execute(_POST, parameters)
            posted = int(cursor.fetchone()[0])
    except DatabaseError as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        raise refusal from error
    if (recording := _recording.get()) is not None:
        recording.append(posted)
    return posted


#: The transactions posted while somebody records; None otherwise.
_recording: ContextVar[list[int] | None] = ContextVar("recording", default=None)

type Moved = list[tuple[str, str, str, str]]


def recorded[T](act: Callable[[], T]) -> tuple[T, Moved]:
    """Run `act`; answer its result and what it moved: (code, asset, balance before, balance after) of each account."""
    posted: list[int] = []
    token = _recording.set(posted)
    try:
        result = act()
    finally:
        _recording.reset(token)
    return result, selectors.moved_by(posted)


def rehearse(act: Callable[[], object]) -> Moved:
    """What `act` would move: it is run, recorded and undone.

    So a preview is made by the very code that does the thing (faults.md DR16). What `act` raises comes through.
    """
    with transaction.atomic():
        _, moved = recorded(act)
        transaction.set_rollback(True)
    return moved


@contextmanager
def overdraft_refused(sentence: str) -> Iterator[None]:
    """Where a person acts: an account that would go below zero is a sentence for them. Nothing inside was done."""
    try:
        with transaction.atomic():
            yield
    except errors.Overdraft as error:
        raise Conflict(sentence, code="overdraft") from error


def reverse(*, transaction_id: int, key: str, actor: str = "", memo: str = "") -> int:
    """Enter the exact mirror of a transaction, transfer by transfer, and answer the mirror's id. Once.

    Raises `WrongReversal` when there is no such transaction or it was reversed under another key, and
    `Overdraft` when the value has moved on meanwhile.
    """
    transfers = [
        Transfer(source=leg.destination, destination=leg.source, amount=leg.amount)
        for leg in selectors.legs(transaction_id)
    ]
    if not transfers:
        raise errors.WrongReversal(f"there is no transaction {transaction_id}")
    return post(
        key=key, kind="reversal", transfers=transfers, actor=actor, memo=memo, reverses=transaction_id
    )


def _check(number: int, transfer: Transfer) -> None:
    """The database's refusals, without the way there: so a mistake leaves the caller's transaction alive."""
    source, destination, amount = transfer.source, transfer.destination, transfer.amount
    if not (_CODE.fullmatch(source.code) and _CODE.fullmatch(destination.code)):
        raise errors.WrongTransfer(
            f"transfer {number} from {source.code!r} to {destination.code!r}: no such code"
        )
    if source.code == destination.code:
        raise errors.WrongTransfer(f"transfer {number} goes from {source} to itself")
    if source.asset != destination.asset or source.asset not in SCALES:
        raise errors.WrongAsset(f"transfer {number} from {source} to {destination} would change the asset")
    if not isinstance(amount, Decimal):
        raise errors.WrongAmount(f"transfer {number}: {amount!r} is no Decimal")
    if not amount.is_finite() or not 0 < amount < _LIMIT:
        raise errors.WrongAmount(f"transfer {number}: {amount} is no amount above zero")
    if amount != round(amount, SCALES[source.asset]):
        raise errors.WrongAmount(f"transfer {number}: {amount} is finer than {source.asset} allows")


def _array(words: Iterable[str]) -> str:
    """An array as PostgreSQL reads it. The driver's own way, through typed lists, takes a third of a post's time
    in Python; every word here is a checked code, a name of an asset, a number or a letter, so nothing is quoted.
    """
    return f"{{{','.join(words)}}}"


def _input_hash(kind: str, transfers: Sequence[Transfer], reverses: int | None) -> bytes:
    content = [kind, reverses, [(t.source.code, t.destination.code, f"{t.amount:.6f}") for t in transfers]]
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).digest()


_REFUSALS: dict[str, type[errors.LedgerError]] = {
    "LD001": errors.KeyReused,
    "LD003": errors.WrongAsset,
    "LD004": errors.WrongAmount,
    "LD005": errors.WrongTransfer,
    "LD006": errors.WrongReversal,
}


def _refusal(error: DatabaseError) -> errors.LedgerError | None:
    """Our own SQLSTATEs as exceptions; None for everything that is not a refusal of the ledger."""
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None)
    diagnosis = getattr(cause, "diag", None)
    message = getattr(diagnosis, "message_primary", None) or str(error)
    if state == "LD002":
        return errors.Overdraft(message, code=getattr(diagnosis, "message_detail", None) or "")
    if state == "23505" and getattr(diagnosis, "constraint_name", None) == "ledger_transaction_reverses":
        return errors.WrongReversal("the transaction was reversed already")
    return _REFUSALS[state](message) if state in _REFUSALS else None
