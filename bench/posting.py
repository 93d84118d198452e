"""Row 1: `post()` called from Django against pgbench calling the same function in the database."""

import random
from decimal import Decimal
from itertools import count
from pathlib import Path

from bench.cluster import RESULTS, Cluster
from bench.data import HOLDER_SQL, Data, holder
from bench.load import threads
from ledger import chart
from ledger.services import Transfer, post

GRAMS = Decimal("0.000001")
_run = count()


def django(data: Data, *, pools: int, clients: int, seconds: float) -> float:
    """Reserve a microgram of a random pool for a random holder, in threads of this process."""
    run = next(_run)
    dice = [random.Random(f"{run}:{number}") for number in range(clients)]
    sources = [chart.pool_available(pool_id) for pool_id in data.pools[:pools]]

    def work(thread: int, turn: int) -> None:
        person = holder(dice[thread].randrange(data.holders))
        post(
            key=f"bench:{run}:{thread}:{turn}",
            kind="buy_reserved",
            transfers=[Transfer(dice[thread].choice(sources), chart.user_gold_incoming(person), GRAMS)],
            actor=str(person),
            memo="bench",
        )

    return threads(clients, seconds, work)


_SCRIPT = """
\\set n :n + 1
\\set pool random(1, {pools})
\\set holder random(0, {last})
SELECT ledger_post(
    concat_ws('-', 'pgbench', {run}, (:client_id)::text, (:n)::text), sha256('bench'), 'buy_reserved',
    {holder}, 'bench', NULL,
    ARRAY[(ARRAY[{codes}])[:pool], concat_ws(chr(58), 'user', {holder}, 'gold', 'incoming')],
    ARRAY['GOLD', 'GOLD'], ARRAY[false, false], ARRAY[true, false], ARRAY[1], ARRAY[2], ARRAY[{grams}]);
"""


def pgbench(cluster: Cluster, data: Data, *, pools: int, clients: int, seconds: float) -> float:
    """The same transaction, by pgbench's clients."""
    codes = (chart.pool_available(pool_id).code.replace(":", r"\x3a") for pool_id in data.pools[:pools])
    script = RESULTS / "post.sql"
    Path(script).write_text(
        _SCRIPT.format(
            run=next(_run),
            pools=pools,
            last=data.holders - 1,
            holder=HOLDER_SQL,
            codes=", ".join(f"E'{code}'" for code in codes),
            grams=GRAMS,
        )
    )
    return cluster.pgbench(script, clients=clients, seconds=seconds, defines={"n": 0})
