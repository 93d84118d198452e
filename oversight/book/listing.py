"""The rows of the ledger's lists, as pages and files show them: names for ids, words for codes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ledger.listing import legs_of
from ledger.models import Transaction
from ledger.selectors import Leg
from oversight.naming import account_names

SYSTEM = "the system"


@dataclass(frozen=True, slots=True)
class NamedLeg:
    """One transfer in words; `amount` in the unit of `asset`."""

    leg: Leg
    source: str
    destination: str

    @property
    def asset(self) -> str:
        return self.leg.source.asset

    @property
    def amount(self) -> Decimal:
        return self.leg.amount


@dataclass(frozen=True, slots=True)
class Row:
    """One transaction of a list, with who posted it and everything that it moved."""

    transaction: Transaction
    by: str
    legs: list[NamedLeg]


def rows_of(transactions: Sequence[Transaction]) -> list[Row]:
    """Transactions with all that a list shows about them: three questions, however many there are."""
    legs = legs_of(transaction.pk for transaction in transactions)
    names = account_names(_codes(legs.values()), actors=(transaction.actor for transaction in transactions))
    return [
        Row(
            transaction,
            names[transaction.actor] or SYSTEM,
            [
                NamedLeg(leg, names[leg.source.code], names[leg.destination.code])
                for leg in legs[transaction.pk]
            ],
        )
        for transaction in transactions
    ]


def _codes(found: Iterable[list[Leg]]) -> Iterable[str]:
    return (code.code for legs in found for leg in legs for code in (leg.source, leg.destination))
