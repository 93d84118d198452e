"""Where each gram of a pool is: line by line, until it adds up to what lies in the vault."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db import connection

#: Named one by one; what the others own stands in one line.
_LARGEST = 10

# One statement, so that every line is of one moment. Spells the ledger's codes as ledger.chart does.
#
# A sale that is under way has locked grams of a person, and takes from the oldest of their purchases when its money
# goes out (services.allocations_return). `queue` does the same on paper: of each open holding of whoever sells now,
# how much stands `earlier`, and so how much of what is locked falls to it.
_WHERE = """
WITH mine AS (
    SELECT user_id, sum(grams - returned) AS grams FROM pools_allocation
    WHERE pool_id = %(pool)s AND state = 'sold' AND returned < grams GROUP BY user_id
), selling AS (
    SELECT m.user_id, a.balance AS locked FROM mine m
    JOIN ledger_account a ON a.code = 'user:' || m.user_id::text || ':gold:locked' WHERE a.balance > 0
), queue AS (
    SELECT l.user_id, l.pool_id, s.locked, l.grams - l.returned AS grams,
           sum(l.grams - l.returned) OVER (PARTITION BY l.user_id ORDER BY l.id) - (l.grams - l.returned) AS earlier
    FROM pools_allocation l JOIN selling s ON s.user_id = l.user_id
    WHERE l.state = 'sold' AND l.returned < l.grams
), held AS (
    SELECT user_id, sum(greatest(0, least(grams, locked - earlier))) AS grams FROM queue
    WHERE pool_id = %(pool)s GROUP BY user_id
), owned AS (
    SELECT m.user_id, m.grams - coalesce(h.grams, 0) AS grams FROM mine m LEFT JOIN held h ON h.user_id = m.user_id
), largest AS (
    SELECT user_id, grams FROM owned WHERE grams > 0 ORDER BY grams DESC, user_id LIMIT %(largest)s
)
SELECT bars.number, bars.gross, bars.fine,
       -coalesce((SELECT balance FROM ledger_account WHERE code = 'pool:' || %(pool)s::text || ':vault'), 0),
       coalesce((SELECT balance FROM ledger_account WHERE code = 'pool:' || %(pool)s::text || ':available'), 0),
       reserved.grams, reserved.orders,
       (SELECT coalesce(sum(grams), 0) FROM held), (SELECT count(*) FROM held WHERE grams > 0),
       (SELECT coalesce(sum(grams), 0) FROM owned), (SELECT count(*) FROM owned WHERE grams > 0),
       ARRAY(SELECT user_id FROM largest ORDER BY grams DESC, user_id),
       ARRAY(SELECT u.email FROM largest l JOIN accounts_user u ON u.id = l.user_id ORDER BY l.grams DESC, l.user_id),
       ARRAY(SELECT grams FROM largest ORDER BY grams DESC, user_id)
FROM (
    SELECT count(*) AS number, coalesce(sum(gross_grams), 0) AS gross, coalesce(sum(fine_grams), 0) AS fine
    FROM pools_bar WHERE pool_id = %(pool)s AND status = 'active'
) bars CROSS JOIN (
    SELECT coalesce(sum(grams), 0) AS grams, count(DISTINCT order_id) AS orders
    FROM pools_allocation WHERE pool_id = %(pool)s AND state = 'reserved'
) reserved
"""


class Owner(NamedTuple):
    """A person and their grams of this pool that no sale holds."""

    person_id: UUID
    email: str
    grams: Decimal
    share: str


class Part(NamedTuple):
    """One part of the bar: `x` and `width` in thousandths of its length."""

    name: str
    label: str
    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """All in grams of fine gold, but `gross`: what its `bars` in the vault weigh. `fine`: what they hold of gold;
    `booked`: what the ledger says they hold.
    """

    bars: int
    gross: Decimal
    fine: Decimal
    booked: Decimal
    free: Decimal
    reserved: Decimal
    orders: int
    held: Decimal
    sellers: int
    owned: Decimal
    owners: int
    largest: tuple[Owner, ...]

    @property
    def others(self) -> Decimal:
        """What all the people own who are not among the largest."""
        return self.owned - sum((owner.grams for owner in self.largest), Decimal(0))

    @property
    def others_number(self) -> int:
        return self.owners - len(self.largest)

    @property
    def accounted(self) -> Decimal:
        return self.free + self.reserved + self.owned + self.held

    @property
    def difference(self) -> Decimal:
        """Grams in the vault that nobody accounts for. Anything but zero is an incident."""
        return self.fine - self.accounted

    @property
    def unbooked(self) -> Decimal:
        """Grams that lie in the vault and not in the book. Anything but zero is an incident."""
        return self.fine - self.booked

    @property
    def shares(self) -> dict[str, str]:
        """Each line's share of the vault, in percent with one place."""
        names = ("free", "reserved", "owned", "held", "others", "accounted")
        return {name: share_of(getattr(self, name), self.fine) for name in names}

    @property
    def parts(self) -> list[Part]:
        """The stacked bar, left to right. A part that is not there takes no room."""
        found, x = [], 0.0
        for name, label in _PARTS.items():
            grams: Decimal = getattr(self, name)
            if grams <= 0:
                continue
            width = float(grams * 1000 / self.accounted)
            found.append(Part(name, label, round(x, 2), round(width, 2)))
            x += width
        return found


_PARTS = {
    "free": "Free",
    "reserved": "Reserved",
    "owned": "Owned by customers",
    "held": "Held for sales",
}


def share_of(grams: Decimal, whole: Decimal) -> str:
    """`12.3%`; a little is not nothing: `< 0.1%`."""
    if not whole or not grams:
        return "0%" if not grams else "–"
    percent = grams * 100 / whole
    return "< 0.1%" if 0 < percent < Decimal("0.1") else f"{percent:.1f}%"


def whereabouts(pool_id: UUID) -> Whereabouts:
    """Where the grams of this pool are at this moment. One statement, however many people own some."""
    with connection.cursor() as cursor:
        cursor.execute(_WHERE, {"pool": pool_id, "largest": _LARGEST})
        bars, gross, fine, booked, free, reserved, orders, held, sellers, owned, owners, *largest = (
            cursor.fetchone()
        )
    return Whereabouts(
        bars=bars,
        gross=gross,
        fine=fine,
        booked=booked,
        free=free,
        reserved=reserved,
        orders=orders,
        held=held,
        sellers=sellers,
        owned=owned,
        owners=owners,
        largest=tuple(
            Owner(person_id, email, grams, share_of(grams, fine))
            for person_id, email, grams in zip(*largest, strict=True)
        ),
    )
