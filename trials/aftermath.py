"""What must hold after PostgreSQL was stopped in the middle of everything."""

import uuid
from collections.abc import Mapping

from django.db import connection

from trials.races import books_wrong

#: Each finds rows that are there by half; every name says what is wrong with what it finds.
_HALVES = {
    "orders whose postings do not fit their state": """
        SELECT o.reference || ' ' || o.side || ' ' || o.status || ': ' || coalesce(t.kinds, 'nothing posted')
        FROM trading_order o LEFT JOIN (
            SELECT memo, string_agg(kind, ' ' ORDER BY id) AS kinds FROM ledger_transaction GROUP BY memo
        ) t ON t.memo = o.reference
        WHERE coalesce(t.kinds, '') NOT IN (
            CASE o.side || ' ' || o.status
                WHEN 'buy pending' THEN 'buy_reserved'
                WHEN 'buy completed' THEN 'buy_reserved buy_paid'
                WHEN 'buy expired' THEN 'buy_reserved buy_expired'
                WHEN 'sell pending' THEN 'sale_agreed'
                WHEN 'sell completed' THEN 'sale_agreed sale_paid'
                WHEN 'sell failed' THEN 'sale_agreed sale_failed'
            END
        )""",
    "postings about orders that are not there": """
        SELECT t.key FROM ledger_transaction t
        WHERE (t.key LIKE 'order:%' OR t.key LIKE 'payment:%')
        AND NOT EXISTS (SELECT FROM trading_order o WHERE o.reference = t.memo)""",
    "payments without an order": """
        SELECT p.reference FROM payments_payment p
        WHERE NOT EXISTS (SELECT FROM trading_order o WHERE o.payment_id = p.id)""",
    "payments and orders that end differently": """
        SELECT o.reference || ' ' || o.status || ', its payment ' || p.state
        FROM trading_order o JOIN payments_payment p ON p.id = o.payment_id
        WHERE (o.status = 'completed') <> (p.state = 'succeeded') OR (o.status = 'failed') <> (p.state = 'failed')""",
    "quotes that are used without an order, or not used by theirs": """
        SELECT q.id::text FROM trading_quote q LEFT JOIN trading_order o ON o.quote_id = q.id
        WHERE (q.used_at IS NULL) <> (o.id IS NULL)""",
    "buys whose pools do not add up": """
        SELECT o.reference FROM trading_order o
        WHERE o.side = 'buy' AND o.grams IS DISTINCT FROM (
            SELECT sum(a.grams) FROM pools_allocation a WHERE a.order_id = o.id)""",
    "ends without their mail": """
        SELECT o.reference FROM trading_order o WHERE o.status IN ('completed', 'failed') AND NOT EXISTS (
            SELECT FROM notifications_message m WHERE m.key = 'order:' || o.id || ':' || o.status)""",
}
_TOLD = 5


def lost(acknowledged: Mapping[str, uuid.UUID]) -> list[str]:
    """Acts whose caller was told that they are done, and that are not in the book."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT due.key FROM unnest(%s::text[], %s::uuid[]) AS due (key, order_id)"
            " WHERE NOT EXISTS (SELECT FROM ledger_transaction t WHERE t.key = due.key)"
            " OR NOT EXISTS (SELECT FROM trading_order o WHERE o.id = due.order_id)",
            [list(acknowledged), list(acknowledged.values())],
        )
        return [f"acknowledged and lost: {key}" for (key,) in cursor.fetchall()]


def halves() -> list[str]:
    """What is there by half, and what the books say."""
    wrong = []
    with connection.cursor() as cursor:
        for what, sql in _HALVES.items():
            cursor.execute(sql)
            found = [row[0] for row in cursor.fetchall()]
            if found:
                wrong.append(f"{len(found)} {what}: {'; '.join(found[:_TOLD])}")
    return wrong + books_wrong()
