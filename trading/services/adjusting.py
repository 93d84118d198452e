"""Corrections of what somebody has, in grams or in shillings, that two people agreed (`trading.requests`).

Grams move between a pool and the person, with an allocation, so that every gram of a person goes on coming from a pool:
a credit is an allocation of its own, a debit gives back what the person holds of that pool, oldest first.

Lock order: the request, the customer, late orders or allocations, then the posting. The posting's memo is what the
customer reads.
"""

import uuid
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from accounts.models import User
from accounts.services import person_lock
from goldwallet.errors import Conflict, Refused
from goldwallet.money import show_grams, show_kes
from ledger import chart
from ledger import services as ledger
from ledger.errors import WrongReversal
from ledger.selectors import balance, legs
from ledger.services import Transfer, overdraft_refused
from notifications.services import message_enqueue
from pools import services as pools
from trading.models import USED_BY_CORRECTION
from trading.selectors import ADJUSTMENT_CASH, ADJUSTMENT_GOLD
from trading.services.claims import late_claims_end, late_claims_lock


@dataclass(frozen=True, slots=True)
class Adjustment:
    """More or less for a person: grams of a pool, or shillings when `pool_id` is None. `amount` is above zero."""

    user_id: uuid.UUID
    credit: bool
    amount: Decimal
    pool_id: uuid.UUID | None = None

    @property
    def mirror(self) -> "Adjustment":
        return Adjustment(self.user_id, not self.credit, self.amount, self.pool_id)

    @property
    def kind(self) -> str:
        return ADJUSTMENT_GOLD if self.pool_id else ADJUSTMENT_CASH

    def show(self) -> str:
        return show_grams(self.amount) if self.pool_id else show_kes(self.amount)


@transaction.atomic
def adjustment_make(*, adjustment: Adjustment, words: str, request_id: uuid.UUID, by: uuid.UUID) -> int:
    """Post it once, and tell the person; answers the transaction. `words` is what the customer reads.

    Raises Refused when it would take what is not there; then nothing has changed.
    """
    with overdraft_refused(_short(adjustment)):
        _prepare(adjustment, request_id)
        posted = ledger.post(
            key=f"request:{request_id}",
            kind=adjustment.kind,
            transfers=[_transfer(adjustment)],
            actor=str(by),
            memo=words,
        )
    _tell(adjustment, words, request_id)
    return posted


@transaction.atomic
def adjustment_reverse(*, transaction_id: int, words: str, request_id: uuid.UUID, by: uuid.UUID) -> int:
    """Take a correction back by its mirror, once, and tell the person. Raises Refused."""
    adjustment = adjustment_of(transaction_id).mirror
    try:
        with overdraft_refused(_short(adjustment)):
            _prepare(adjustment, request_id)
            posted = ledger.reverse(
                transaction_id=transaction_id, key=f"request:{request_id}", actor=str(by), memo=words
            )
    except WrongReversal as error:
        raise Conflict("This transaction is taken back already.", code="reversed") from error
    _tell(adjustment, words, request_id)
    return posted


def adjustment_of(transaction_id: int) -> Adjustment:
    """The correction that a transaction of such a kind was, read back from the book."""
    (leg,) = legs(transaction_id)
    owners = [chart.owner_of(leg.destination.code), chart.owner_of(leg.source.code)]
    (person,) = (owner for owner in owners if owner.kind == "user")
    pool = next((uuid.UUID(owner.id) for owner in owners if owner.kind == "pool"), None)
    return Adjustment(uuid.UUID(person.id), owners[0] == person, leg.amount, pool)


def _prepare(adjustment: Adjustment, request_id: uuid.UUID) -> None:
    """Lock the person, move the allocations of a correction in grams, end late orders whose cash is taken."""
    person_lock(adjustment.user_id)
    if adjustment.pool_id is None:
        _end_late_orders(adjustment)
        return
    if adjustment.credit:
        share = pools.Share(adjustment.pool_id, adjustment.amount)
        pools.allocations_create(user_id=adjustment.user_id, order_id=request_id, shares=[share])
        pools.allocations_settle(order_id=request_id)
        return
    try:
        pools.allocations_return(
            user_id=adjustment.user_id, grams=adjustment.amount, pool_id=adjustment.pool_id
        )
    except pools.NothingToReturn as error:
        raise Refused(
            f"This person does not hold {show_grams(adjustment.amount)} of this pool.", code="not_held"
        ) from error


def _end_late_orders(adjustment: Adjustment) -> None:
    """Cash that is taken may be that of late orders: then nothing is left to choose."""
    if not adjustment.credit:
        claims = late_claims_lock(adjustment.user_id)
        left = balance(chart.user_cash(adjustment.user_id)) - adjustment.amount
        late_claims_end(claims, left=left, code=USED_BY_CORRECTION)


def _transfer(adjustment: Adjustment) -> Transfer:
    if adjustment.pool_id:
        ours, theirs = chart.pool_available(adjustment.pool_id), chart.user_gold(adjustment.user_id)
    else:
        ours, theirs = chart.house_adjustments(), chart.user_cash(adjustment.user_id)
    source, destination = (ours, theirs) if adjustment.credit else (theirs, ours)
    return Transfer(source, destination, adjustment.amount)


def _short(adjustment: Adjustment) -> str:
    """The sentence when the account that it comes out of has less."""
    if adjustment.pool_id and adjustment.credit:
        free = balance(chart.pool_available(adjustment.pool_id))
        return f"This pool has only {show_grams(free)} free."
    if adjustment.pool_id:
        free = balance(chart.user_gold(adjustment.user_id))
        return f"This person has only {show_grams(free)} free; what is being sold is held for the sale."
    return f"This person has only {show_kes(balance(chart.user_cash(adjustment.user_id)))} in cash with us."


def _tell(adjustment: Adjustment, words: str, request_id: uuid.UUID) -> None:
    person = User.objects.get(pk=adjustment.user_id)
    thing = "gold" if adjustment.pool_id else "cash with us"
    if adjustment.credit:
        done = f"We added {adjustment.show()} to your {thing}."
    else:
        done = f"We took {adjustment.show()} out of your {thing}."
    message_enqueue(
        user_id=person.pk,
        to=person.email,
        subject=f"We corrected your {thing}",
        text=f"Hello,\n\n{done}\n\n{words}\n\nYou see it in your wallet. If you did not expect it, please write to us."
        "\n\nGold Wallet",
        kind="adjustment",
        key=f"adjustment:{request_id}",
    )
