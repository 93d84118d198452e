"""What pages ask for again and again, and what is rare among many lines, is found by an index."""

import re

import pytest
from django.db import connection

from controls.audit import record
from controls.models import AuditEntry
from goldwallet.clock import now
from goldwallet.test.world import World, buy, paid
from oversight import trail
from oversight.audit import AuditFilters
from oversight.trade import trade_days

pytestmark = pytest.mark.django_db

# Copies of one order, an hour apart. Their quotes and payments are not there: nobody looks at them.
_ORDERS = """
INSERT INTO trading_order
SELECT copied.* FROM trading_order made, generate_series(1, 20000) n, jsonb_populate_record(made, jsonb_build_object(
    'id', gen_random_uuid(), 'quote_id', gen_random_uuid(), 'payment_id', gen_random_uuid(),
    'reference', 'P' || n, 'finished_at', made.finished_at - interval '1 hour' * n)) AS copied
WHERE made.id = %s
"""
_LINES = """
INSERT INTO controls_auditentry (at, address, action, page, subject, reason)
SELECT wallet_now() - interval '1 minute' * n, '10.1.2.3', 'read', 'desk_orders', 'orders', ''
FROM generate_series(1, 20000) n
"""


def run(statement: str, *parameters: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def filled(table: str, statement: str, *parameters: str) -> None:
    """Many rows that no trigger and no foreign key looks at, and what the planner knows of them."""
    run("SET LOCAL session_replication_role = replica")
    run(statement, *parameters)
    run("SET LOCAL session_replication_role = origin")
    run(f"ANALYZE {table}")


def read_from_end_to_end(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_xact_numscans(%s::regclass)", [table])
        return int(cursor.fetchone()[0])


def test_a_day_s_trade_is_not_sought_among_all_orders(world: World) -> None:
    order = paid(buy(world.alice, 1000))
    filled("trading_order", _ORDERS, str(order.pk))
    before = read_from_end_to_end("trading_order")
    (today,) = trade_days(days=1, moment=now())
    assert today.bought.kes >= 1000
    assert read_from_end_to_end("trading_order") == before
    # The measure sees what it is for; without the one index the planner may find another that is better than none.
    run("SET LOCAL enable_indexscan = off")
    run("SET LOCAL enable_indexonlyscan = off")
    run("SET LOCAL enable_bitmapscan = off")
    trade_days(days=1, moment=now())
    assert read_from_end_to_end("trading_order") > before


@pytest.mark.parametrize(
    ("filters", "index"),
    [({"where": "desk_steering"}, "audit_page"), ({"address": "41.90.4.7"}, "audit_address")],
)
def test_what_is_rare_in_the_audit_trail_is_not_sought_among_all_lines(
    filters: dict[str, str], index: str
) -> None:
    AuditEntry.objects.create(action="switch_pause", page="desk_steering", address="41.90.4.7")
    filled("controls_auditentry", _LINES)
    form = AuditFilters(filters)
    assert form.is_valid(), form.errors
    rows = form.narrowed().order_by("-id")[:51]
    assert len(rows) == 1
    assert index in rows.explain()


def test_the_trail_in_place_is_read_along_the_index_of_each_column(world: World) -> None:
    subject = f"person:{world.alice.pk}"
    record("hold", subject=subject, person_id=world.alice.pk)
    filled("controls_auditentry", _LINES)
    plan = AuditEntry.objects.filter(pk__in=trail._numbers([subject, "orders"])).explain()
    for index in ("audit_subject", "audit_about", "audit_person"):
        # Once for what was done, once for looks.
        assert len(re.findall(rf"Scan (?:using|on) {index}\b", plan)) == 2, plan
    assert "Seq Scan on controls_auditentry" not in plan, plan
    before = read_from_end_to_end("controls_auditentry")
    found = trail.trail_of(f"{subject} orders", world.alice)
    assert [row.entry.action for row in found.acts.rows] == ["hold"]
    assert found.looks.number == "more than 100"
    assert read_from_end_to_end("controls_auditentry") == before
