"""What the steps of a comparison take and answer."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from goldwallet.money import CENT, GRAM, show_grams, show_kes
from goldwallet.templatetags.amounts import MINUS
from oversight.models import BreakKind, How

#: What happened so shortly ago is not judged: the callback may be on its way, the settlement half done.
GRACE = dt.timedelta(minutes=10)
#: Their clock and ours may differ by this.
SKEW = dt.timedelta(minutes=5)
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Span:
    """The provider's lines that are compared; besides them whatever belongs to a difference that is still open."""

    start: dt.datetime
    end: dt.datetime
    #: The database's time when the run began.
    now: dt.datetime

    @property
    def judged_until(self) -> dt.datetime:
        return self.now - GRACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One difference. `theirs` and `ours` as in `Break`; `at` is when it happened at the provider.

    `account`: the float that the difference is part of, if it is.
    """

    key: str
    kind: BreakKind
    sentence: str
    cause: str
    theirs: Decimal | None = None
    ours: Decimal | None = None
    grams: bool = False
    proposal: How | str = ""
    payment: uuid.UUID | None = None
    arrival: uuid.UUID | None = None
    line: uuid.UUID | None = None
    about: str = ""
    account: str = ""
    at: dt.datetime | None = None

    @property
    def effect(self) -> Decimal:
        """What M-Pesa (the vault) has more than our book; below zero: less."""
        return (self.theirs or ZERO) - (self.ours or ZERO)

    @property
    def size(self) -> Decimal | None:
        """None: nothing moved, our records are wrong."""
        return abs(self.effect) or None


@dataclass(frozen=True, slots=True)
class Side:
    """How many were compared, and their total in KES or grams."""

    count: int
    total: Decimal

    def as_json(self, unit: str) -> dict[str, Any]:
        return {"count": self.count, "total": shown(self.total, unit), "exact": exact(self.total, unit)}


def shown(amount: Decimal, unit: str) -> str:
    """KES or grams as a report prints them."""
    text = show_grams(amount) if unit == "grams" else show_kes(amount)
    return text.replace("-", MINUS)


def exact(amount: Decimal, unit: str) -> str:
    """The same for whoever adds up."""
    return str(amount.quantize(GRAM if unit == "grams" else CENT))


@dataclass(frozen=True, slots=True)
class Part:
    """What the right side of a comparison has beyond the left one, and why; below zero: less."""

    why: str
    amount: Decimal

    def as_json(self, unit: str) -> dict[str, Any]:
        sign = "+" if self.amount > 0 else ""
        return {"why": self.why, "amount": sign + shown(self.amount, unit), "exact": exact(self.amount, unit)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a step answers. `theirs` is M-Pesa's side (the vault's, the orders'), `ours` the book's.

    `checked`: the beginnings of keys that this step has looked at, so that what it does not find again is gone.
    `parts`: why the sides differ besides what was found. `moves`: lines that are moves of a float, with those moves.
    """

    found: Sequence[Found]
    theirs: Side
    ours: Side
    checked: tuple[str, ...]
    unit: str = "KES"
    note: str = ""
    parts: Sequence[Part] = ()
    moves: Mapping[Any, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Row:
    """A row of the database by the names of its columns."""

    values: Mapping[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None


def rows(sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description]
        return [Row(dict(zip(names, values, strict=True))) for values in cursor.fetchall()]


def side(sql: str, parameters: Mapping[str, Any] | None = None) -> Side:
    """`sql` answers one row: a count and a total."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        count, total = cursor.fetchone()
    return Side(int(count), total if total is not None else ZERO)
