"""What the rows run on: pools with gold and people who have bought before, made through the services."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.core.management import call_command
from django.db import connection

from accounts.models import KycStatus, User
from accounts.roles import Role
from accounts.services import person_create, staff_create
from ledger import chart
from pools import services as pools
from pools.services import NewBar

PASSWORD = "bench-gold-2026"
BAR_GRAMS = Decimal(15_000)


@dataclass(frozen=True)
class Data:
    pools: list[UUID]
    holders: int
    """People who are known to the ledger alone; `holder(n)` for n from 0."""


def holder(number: int) -> UUID:
    """Made from the number, so that pgbench can make the same one."""
    return UUID(f"00000000-0000-4000-8000-{number:012d}")


# The same id in a pgbench script, which would take a colon before a letter for a variable.
HOLDER_SQL = "'00000000-0000-4000-8000-' || lpad((:holder)::text, 12, '0')"

# Every holder has a little of each kind of account already, as most people of a running house have.
_HOLDERS = r"""
SELECT count(ledger_post(
    'bench:holder:' || n, sha256('bench'), 'bench', '', '', NULL,
    ARRAY[%(available)s, 'user:' || u || ':gold:incoming', 'user:' || u || ':gold'],
    ARRAY['GOLD', 'GOLD', 'GOLD'], ARRAY[false, false, false], ARRAY[true, false, false],
    ARRAY[1, 1], ARRAY[2, 3], ARRAY[0.01, 0.01]
)) FROM (
    SELECT n, '00000000-0000-4000-8000-' || lpad(n::text, 12, '0') AS u FROM generate_series(0, %(last)s) n
) holders
"""


def make(*, pool_count: int, holders: int) -> Data:
    """Pools of 15 kg each, prices, holders. Ends with VACUUM ANALYZE, as a house that has run for a while."""
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    keeper = staff_create(email="keeper@example.com", password=PASSWORD, roles=[Role.VAULT])
    ids = []
    for number in range(pool_count):
        pool = pools.pool_create(
            name=f"Pool {number:03}", purity=Decimal("999.9"), priority=number + 1, by=keeper
        )
        bar = NewBar(serial=f"BENCH-{number:03}", gross_grams=BAR_GRAMS, fineness=Decimal(1000))
        pools.bar_add(pool_id=pool.pk, bars=[bar], key=f"bench:{number}", by=keeper)
        ids.append(pool.pk)
    pools.price_set(buy=Decimal(16500), sell=Decimal(16000), by=keeper, reason="bench", confirmed=True)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(_HOLDERS, {"available": chart.pool_available(ids[0]).code, "last": holders - 1})
    settle_down()
    return Data(ids, holders)


def people_make(count: int) -> list[User]:
    """People who may buy as much as they like, by the limits of verified ones."""
    return [
        person_create(
            email=f"buyer{number}@example.com",
            password=PASSWORD,
            phone=f"2547{number:08d}",
            kyc_status=KycStatus.VERIFIED,
        )
        for number in range(count)
    ]


def settle_down() -> None:
    """Statistics and visibility as autovacuum leaves them, and no checkpoint due in the middle of a run."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
