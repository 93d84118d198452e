"""The lists that staff take out of the house: where each is read, and who may have it.

`rows(filters)` is a function of an app above this one, named by string. It yields one tuple a row, as the columns name
them, newest first, by keyset and in steps (`goldwallet.paging.every`): a million rows take no more memory than a
thousand. `filters` are the fields of the list's own form as they were typed (text to text). What the form would refuse
raises Refused.

`exceeds(filters, most)`, named in the same way, says whether there are more rows than that. It counts no further than
it must, and every list has it, so that nobody waits for a file that comes to nothing.

`person(filters)` says whose data it is (an id), when it is asked for by a number that is one person's: of a phone, an
order, a receipt. The audit trail names them. Empty: such a list is not asked for by numbers.

A list of `hides_people` is told whether its reader may open people's pages: `rows(filters, sees_people=...)`. A file
goes further than a page: for who may not, it holds short ids in the place of addresses.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.utils.module_loading import import_string


@dataclass(frozen=True, kw_only=True)
class Listing:
    """`columns` are titles; a title's unit stands in it ("Grams", "Amount (KES)"). `roles` work with the list."""

    label: str
    columns: tuple[str, ...]
    rows: str
    roles: frozenset[str]
    exceeds: str
    person: str = ""
    hides_people: bool = False


_MONEY = frozenset({"treasury", "pricing", "vault"})

EXPORTS: dict[str, Listing] = {
    "orders": Listing(
        label="Orders",
        columns=(
            "Agreed",
            "Reference",
            "Person",
            "Side",
            "Grams",
            "KES a gram",
            "Total (KES)",
            "State",
            "Finished",
            "Receipt",
        ),
        rows="trading.exports.orders",
        exceeds="trading.exports.orders_exceed",
        person="trading.exports.orders_person",
        roles=_MONEY,
        hides_people=True,
    ),
    "payments": Listing(
        label="Payments",
        columns=(
            "Asked",
            "Reference",
            "Direction",
            "For",
            "Person",
            "Phone",
            "Amount (KES)",
            "State",
            "Ended",
            "Receipt",
        ),
        rows="payments.exports.payments",
        exceeds="payments.exports.payments_exceed",
        person="payments.exports.payments_person",
        roles=frozenset({"treasury"}),
    ),
    "transactions": Listing(
        label="Ledger transactions",
        columns=(
            "Number",
            "Posted",
            "Kind",
            "By",
            "From",
            "To",
            "Asset",
            "Amount",
            "Memo",
            "Reverses",
        ),
        rows="oversight.exports.transactions",
        exceeds="oversight.exports.transactions_exceed",
        roles=frozenset({"treasury"}),
    ),
    "account": Listing(
        label="Entries of an account",
        columns=("Line", "Posted", "Transaction", "Kind", "Other account", "Amount", "Balance", "Memo"),
        rows="oversight.exports.account",
        exceeds="oversight.exports.account_exceeds",
        roles=frozenset({"treasury"}),
    ),
    "audit": Listing(
        label="Audit trail",
        columns=(
            "Number",
            "When",
            "Who",
            "From",
            "What",
            "Page",
            "About",
            "Which is about",
            "Person",
            "Before",
            "After",
            "Why",
        ),
        rows="oversight.exports_audit.entries",
        exceeds="oversight.exports_audit.entries_exceed",
        roles=frozenset(),
    ),
}


@cache
def _load(path: str) -> Callable[..., Any]:
    function: Callable[..., Any] = import_string(path)
    return function


def rows_of(kind: str, filters: dict[str, str], *, sees_people: bool = False) -> Iterator[tuple[Any, ...]]:
    """The rows of a list. Raises KeyError for one that is not here, Refused for filters that make no sense."""
    listing = EXPORTS[kind]
    more = {"sees_people": sees_people} if listing.hides_people else {}
    found: Iterator[tuple[Any, ...]] = _load(listing.rows)(filters, **more)
    return found


def exceeds(kind: str, filters: dict[str, str], most: int) -> bool:
    """Whether the list has more rows than `most`. Raises as `rows_of`."""
    return bool(_load(EXPORTS[kind].exceeds)(filters, most))


def person_of(kind: str, filters: dict[str, str]) -> uuid.UUID | None:
    """Whose data such a file holds, for a list that has `person`; None for nobody, and for several. Raises as
    `rows_of`.
    """
    found: uuid.UUID | None = _load(EXPORTS[kind].person)(filters)
    return found
