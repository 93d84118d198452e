"""The numbers of `/metrics`, all read from the database at the moment of asking.

So every web process tells the same, and a restart loses nothing. No number names a person. Counts of what has
ended look back one day, so that they do not grow with the tables.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import connection
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from goldwallet import counters
from goldwallet.counters import Counter
from oversight.watch import last_look
from pools.selectors import pools_open_with_available


@dataclass(frozen=True, slots=True)
class Gauge:
    """`sql` answers rows of label values and, last, the number."""

    name: str
    says: str
    labels: Sequence[str]
    sql: str


GAUGES = (
    Gauge(
        "goldwallet_stk_prompts_pending",
        "Prompts that were sent, or may have been, and whose outcome is open",
        (),
        """
        SELECT count(*) FROM payments_payment
        WHERE due_at IS NOT NULL AND direction = 'in' AND state IN ('sending', 'pending', 'unknown')
        """,
    ),
    Gauge(
        "goldwallet_payments_open",
        "Payments that have not ended",
        ("direction", "state"),
        """
        SELECT direction, state, count(*) FROM payments_payment
        WHERE (due_at IS NOT NULL OR state IN ('awaiting_approval', 'unknown'))
          AND state NOT IN ('succeeded', 'failed', 'cancelled', 'reversed')
        GROUP BY direction, state
        """,
    ),
    Gauge(
        "goldwallet_payments_ended_day",
        "Payments begun within 24 hours that have ended, by how they ended",
        ("direction", "state"),
        """
        SELECT direction, state, count(*) FROM payments_payment
        WHERE created_at > wallet_now() - interval '1 day'
          AND state IN ('succeeded', 'failed', 'cancelled', 'reversed')
        GROUP BY direction, state
        """,
    ),
    Gauge(
        "goldwallet_payments_failed_day",
        "Payments begun within 24 hours that failed, by the reason given",
        ("direction", "code"),
        """
        SELECT direction, failure_code, count(*) FROM payments_payment
        WHERE created_at > wallet_now() - interval '1 day' AND state = 'failed'
        GROUP BY direction, failure_code
        """,
    ),
    Gauge(
        "goldwallet_payments_attention",
        "Payments that a person should look at",
        (),
        "SELECT count(*) FROM payments_payment WHERE attention",
    ),
    Gauge(
        "goldwallet_orders_day",
        "Orders made within 24 hours, by where they stand (expired ones among them)",
        ("side", "status"),
        """
        SELECT side, status, count(*) FROM trading_order
        WHERE created_at > wallet_now() - interval '1 day' GROUP BY side, status
        """,
    ),
    Gauge(
        "goldwallet_callbacks_unhandled",
        "Callbacks kept and not looked at yet",
        (),
        "SELECT count(*) FROM payments_callback WHERE handled_at IS NULL",
    ),
    Gauge(
        "goldwallet_callbacks_unhandled_seconds",
        "Age of the oldest callback not looked at yet",
        (),
        """
        SELECT coalesce(extract(epoch FROM wallet_now() - min(received_at)), 0)
        FROM payments_callback WHERE handled_at IS NULL
        """,
    ),
    Gauge(
        "goldwallet_queue_jobs",
        "Jobs of the queue by state; failed ones wait for a person",
        ("queue", "state"),
        "SELECT queue_name, status, count(*) FROM procrastinate_jobs GROUP BY queue_name, status",
    ),
    Gauge(
        "goldwallet_queue_lag_seconds",
        "How long the oldest job that is due has waited",
        (),
        """
        SELECT coalesce(extract(epoch FROM now() - min(coalesce(j.scheduled_at, e.at))), 0)
        FROM procrastinate_jobs j
        LEFT JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'
        WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())
        """,
    ),
    Gauge(
        "goldwallet_workers",
        "Workers that gave a sign of life within the last 30 seconds",
        (),
        "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '30 seconds'",
    ),
    Gauge(
        "goldwallet_ledger_lag_seconds",
        "Time since the newest transaction of the ledger",
        (),
        """
        SELECT extract(epoch FROM wallet_now() - created_at) FROM ledger_transaction ORDER BY id DESC LIMIT 1
        """,
    ),
    Gauge(
        "goldwallet_ledger_entries",
        "Entries of the ledger, as the database's statistics estimate them",
        (),
        "SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'ledger_entry'::regclass",
    ),
    Gauge(
        "goldwallet_ledger_difference",
        "Sum of all balances of an asset; other than 0 the book is broken",
        ("asset",),
        "SELECT asset, sum(balance) FROM ledger_account GROUP BY asset",
    ),
    Gauge(
        "goldwallet_paused",
        "1 while buying, selling or payouts are paused, with the cause",
        ("switch", "cause"),
        "SELECT name, cause, paused::int FROM controls_switch",
    ),
    Gauge(
        "goldwallet_requests_waiting",
        "Requests that wait for a second person",
        (),
        "SELECT count(*) FROM controls_request WHERE state = 'waiting' AND expires_at > wallet_now()",
    ),
    Gauge(
        "goldwallet_suspense_arrivals",
        "Money that came and is nobody's yet",
        (),
        "SELECT count(*) FROM payments_arrival WHERE state = 'suspense'",
    ),
    Gauge(
        "goldwallet_breaks_open",
        "Differences of the reconciliation that nobody has resolved",
        (),
        "SELECT count(*) FROM oversight_break WHERE state = 'open'",
    ),
)


class Database(Collector):
    """Asks the database whenever somebody asks us."""

    def collect(self) -> Iterator[Metric]:
        with connection.cursor() as cursor:
            for gauge in GAUGES:
                cursor.execute(gauge.sql)
                yield _family(gauge, cursor.fetchall())
        available = GaugeMetricFamily(
            "goldwallet_pool_available_grams", "Grams of an open pool that can be bought", labels=["pool"]
        )
        for pool in pools_open_with_available():
            available.add_metric([str(pool.pool_id)], float(pool.available))
        yield available
        yield GaugeMetricFamily(
            "goldwallet_watch_violations",
            "What must hold and did not when the house was looked at last",
            value=len(last_look().wrong),
        )
        yield CounterMetricFamily(
            "goldwallet_pool_shortages",
            "Buys that were refused because there was not enough gold",
            value=counters.counted(Counter.GOLD_SHORTAGES),
        )


def _family(gauge: Gauge, rows: Sequence[tuple[object, ...]]) -> Metric:
    family = GaugeMetricFamily(gauge.name, gauge.says, labels=list(gauge.labels))
    for *labels, number in rows:
        family.add_metric([str(label) for label in labels], float(number))  # type: ignore[arg-type]
    return family


def page() -> bytes:
    """All numbers in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(Database())
    return generate_latest(registry)
