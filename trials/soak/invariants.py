"""What must hold after every step, asked of the database in plain SQL. It shares no code with the house's models.

The names are those of the invariants in docs/reliability.md. Each query answers sentences about what is wrong.
"""

import json

from django.db import connection

#: State -> states that may follow it, written down a second time on purpose.
PAYMENT_MOVES = {
    "created": "sending cancelled awaiting_approval unknown",
    "awaiting_approval": "created cancelled succeeded",
    "sending": "created pending unknown succeeded failed",
    "pending": "unknown succeeded failed",
    "unknown": "pending succeeded failed",
    "failed": "succeeded",
    "cancelled": "succeeded",
    "succeeded": "reversed",
    "reversed": "",
}
ORDER_MOVES = {
    "pending": "completed failed expired paid_late",
    "expired": "paid_late",
    "failed": "paid_late",
    "paid_late": "completed refunded rebought reversed",
    "completed": "reversed",
    "refunded": "reversed",
    "rebought": "reversed",
    "reversed": "",
}

_CHAIN = """
SELECT format('%s went from %s to %s', pgh_obj_id, before, after) FROM (
    SELECT pgh_obj_id, {state} AS after,
           lag({state}, 1, {first}) OVER (PARTITION BY pgh_obj_id ORDER BY pgh_id) AS before
    FROM {table}
) steps
WHERE before <> after AND NOT after = ANY (string_to_array(coalesce('{moves}'::jsonb ->> before, ''), ' '))
"""

CHECKS: dict[str, str] = {
    "I1 every transaction sums to zero per asset": """
        SELECT format('transaction %s: %s %s', e.transaction_id, sum(e.amount), a.asset)
        FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
        GROUP BY e.transaction_id, a.asset HAVING sum(e.amount) <> 0
    """,
    "I2 all balances of an asset sum to zero": """
        SELECT format('%s: %s', asset, sum(balance)) FROM ledger_account GROUP BY asset HAVING sum(balance) <> 0
    """,
    "I3 an account is the sum of its entries, each starting where the one before ended": """
        SELECT format('account %s, entry %s', account_id, seq) FROM (
            SELECT account_id, seq, amount, balance,
                   lag(balance, 1, 0::numeric) OVER (PARTITION BY account_id ORDER BY seq) AS before,
                   lag(seq, 1, 0::bigint) OVER (PARTITION BY account_id ORDER BY seq) AS last
            FROM ledger_entry
        ) e WHERE before + amount <> balance OR seq <> last + 1
        UNION ALL
        SELECT format('account %s stands at %s', a.code, a.balance) FROM ledger_account a
        LEFT JOIN ledger_entry e ON e.account_id = a.id AND e.seq = a.seq
        WHERE a.balance <> coalesce(e.balance, 0)
    """,
    "I4 nothing of a customer's, of a pool's or of a clearing account is below zero": """
        SELECT format('%s: %s', code, balance) FROM ledger_account
        WHERE balance < 0 AND (code ~ '^user:.*:(gold|cash)' OR code ~ '^pool:.*:available$'
                               OR code IN ('payouts:clearing', 'suspense:mpesa'))
    """,
    "I5 free, reserved and owned grams of a pool are its bars": """
        SELECT format('pool %s: %s in bars, %s in books', p.id, bars.grams, free.grams + held.grams)
        FROM pools_pool p
        CROSS JOIN LATERAL (SELECT coalesce(sum(fine_grams), 0) AS grams FROM pools_bar
                            WHERE pool_id = p.id AND status = 'active') bars
        CROSS JOIN LATERAL (SELECT coalesce(sum(balance), 0) AS grams FROM ledger_account
                            WHERE code = 'pool:' || p.id || ':available') free
        CROSS JOIN LATERAL (SELECT coalesce(sum(grams - returned), 0) AS grams FROM pools_allocation
                            WHERE pool_id = p.id AND state IN ('reserved', 'sold')) held
        WHERE bars.grams <> free.grams + held.grams
    """,
    "I5 a person's grams are their allocations": """
        SELECT format('%s: %s in the book, %s allocated', book.id, book.grams, coalesce(given.grams, 0))
        FROM (SELECT split_part(code, ':', 2) AS id, sum(balance) AS grams FROM ledger_account
              WHERE code ~ '^user:[^:]+:gold' GROUP BY 1) book
        LEFT JOIN (SELECT user_id::text AS id, sum(grams - returned) AS grams FROM pools_allocation
                   WHERE state IN ('reserved', 'sold') GROUP BY 1) given ON given.id = book.id
        WHERE book.grams <> coalesce(given.grams, 0)
    """,
    "I6 a payment that came or went is posted once, with its amount; no other is": """
        SELECT format('payment %s (%s) is posted %s times', p.id, p.state, count(t.id))
        FROM payments_payment p LEFT JOIN ledger_transaction t
             ON split_part(t.key, ':', 2) = p.id::text AND t.key ~ '^payment:[^:]+:(paid|incident)$'
        GROUP BY p.id, p.state
        HAVING count(t.id) <> CASE WHEN p.state IN ('succeeded', 'reversed') THEN 1 ELSE 0 END
        UNION ALL
        SELECT format('payment %s of %s moved %s', p.id, p.amount, sum(abs(e.amount)))
        FROM payments_payment p
        JOIN ledger_transaction t
             ON split_part(t.key, ':', 2) = p.id::text AND t.key ~ '^payment:[^:]+:(paid|incident)$'
        JOIN ledger_entry e ON e.transaction_id = t.id
        JOIN ledger_account a ON a.id = e.account_id AND a.code IN ('mpesa:collections', 'mpesa:payouts')
        GROUP BY p.id, p.amount, p.charge HAVING sum(abs(e.amount)) <> p.amount + coalesce(p.charge, 0)
    """,
    "I6 a receipt that M-Pesa lists is booked for one thing": """
        SELECT format('receipt %s: arrival %s, payment %s', a.receipt, a.state, p.id)
        FROM payments_arrival a JOIN payments_payment p ON p.receipt = a.receipt AND p.direction = 'in'
        WHERE a.state NOT IN ('new', 'matched', 'reversed')
    """,
    "I7 what is called unpaid is never paid: nobody has a payout and what it was for": """
        SELECT t.key FROM ledger_transaction t WHERE t.key ~ '^payment:[^:]+:incident$'
    """,
    "I8 the clearing account holds what open payouts hold": """
        SELECT format('clearing %s, open payouts %s', held.kes, open.kes) FROM
            (SELECT coalesce(sum(balance), 0) AS kes FROM ledger_account WHERE code = 'payouts:clearing') held,
            (SELECT coalesce(sum(amount), 0) AS kes FROM payments_payment WHERE direction = 'out'
             AND state IN ('created', 'awaiting_approval', 'sending', 'pending', 'unknown')) open
        WHERE held.kes <> open.kes
    """,
    "I8 suspense holds what waits there": """
        SELECT format('suspense %s, arrivals %s', held.kes, open.kes) FROM
            (SELECT coalesce(sum(balance), 0) AS kes FROM ledger_account WHERE code = 'suspense:mpesa') held,
            (SELECT coalesce(sum(amount), 0) AS kes FROM payments_arrival
             WHERE state IN ('suspense', 'returning')) open
        WHERE held.kes <> open.kes
    """,
    "I9 payments changed only along the allowed graph": _CHAIN.format(
        table="payments_paymentevent", state="state", first="state", moves=json.dumps(PAYMENT_MOVES)
    ),
    "I9 orders changed only along the allowed graph": _CHAIN.format(
        table="trading_orderevent", state="status", first="status", moves=json.dumps(ORDER_MOVES)
    ),
    "I12 what is reserved is what open buys reserve, what is locked what open sales lock": """
        SELECT format('%s: %s held, %s in open orders', held.kind, held.grams, open.grams) FROM
            (SELECT 'buy' AS kind, coalesce(sum(balance), 0) AS grams FROM ledger_account
             WHERE code ~ '^user:.*:gold:incoming$'
             UNION ALL SELECT 'sell', coalesce(sum(balance), 0) FROM ledger_account
             WHERE code ~ '^user:.*:gold:locked$') held
        CROSS JOIN LATERAL (SELECT coalesce(sum(grams), 0) AS grams FROM trading_order
                            WHERE side = held.kind AND status = 'pending') open
        WHERE held.grams <> open.grams
    """,
    "I13 whatever takes two people was decided by two": """
        SELECT format('request %s', id) FROM controls_request
        WHERE state = 'executed' AND (checker_id IS NULL OR checker_id = maker_id)
    """,
    "I16 a price is never beaten: nobody got more than it gives": """
        SELECT format('order %s', id) FROM trading_order
        WHERE side = 'buy' AND total_kes < grams * price_per_gram
           OR side = 'sell' AND total_kes > grams * price_per_gram
    """,
}


def _one_statement() -> str:
    """All of them in one reading of one moment, and one way to the database and back."""
    parts = []
    for name, sql in CHECKS.items():
        literal = name.replace("'", "''")
        parts.append(f"SELECT '{literal}: ' || what FROM (SELECT * FROM ({sql}) one LIMIT 3) found (what)")
    return "\nUNION ALL\n".join(parts)


_SQL = _one_statement()


def violations() -> list[str]:
    """What does not hold, one sentence each; an empty list is what we want."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL)
        return [row[0] for row in cursor.fetchall()]
