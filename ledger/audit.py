"""Is the book whole? Each check is one statement in the database: it sees one moment and needs no memory
here.

The checks share no code with what writes the book. Names I1 to I4 are those of the invariants that they hold:
I1 each transaction sums to zero per asset, I2 so do all balances, I3 an account is the sum of its entries and
each entry starts from the balance before it, I4 nobody's account is below zero.
"""

from dataclasses import dataclass
from typing import Any, cast

from django.apps import apps
from django.db import connection

from goldwallet.triggers import Guard

# A broken book can break in a million rows; the first ones tell what happened.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    says: str
    sql: str


CHECKS = (
    Check(
        "I1",
        "every transaction sums to zero in each asset",
        """
        SELECT format('transaction %s sums to %s %s', e.transaction_id, sum(e.amount), a.asset)
        FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
        GROUP BY e.transaction_id, a.asset HAVING sum(e.amount) <> 0
        """,
    ),
    Check(
        "I1",
        "every transfer has one source, one destination and one amount",
        """
        SELECT format('transaction %s, transfer %s: %s entries that sum to %s',
                      transaction_id, leg, count(*), sum(amount))
        FROM ledger_entry GROUP BY transaction_id, leg
        HAVING count(*) <> 2 OR sum(amount) <> 0 OR count(DISTINCT account_id) <> 2
        """,
    ),
    Check(
        "I1",
        "every transaction has entries",
        """
        SELECT format('transaction %s has none', t.id) FROM ledger_transaction t
        WHERE NOT EXISTS (SELECT FROM ledger_entry e WHERE e.transaction_id = t.id)
        """,
    ),
    Check(
        "I2",
        "the balances of each asset sum to zero",
        """
        SELECT format('%s sums to %s', asset, sum(balance)) FROM ledger_account
        GROUP BY asset HAVING sum(balance) <> 0
        """,
    ),
    Check(
        "I3",
        "every account is the sum of its entries, none is missing",
        """
        SELECT format('account %s stands at %s after %s entries; its %s entries sum to %s',
                      a.code, a.balance, a.seq, coalesce(e.entries, 0), coalesce(e.amount, 0))
        FROM ledger_account a
        LEFT JOIN (SELECT account_id, count(*) AS entries, max(seq) AS seq, sum(amount) AS amount
                   FROM ledger_entry GROUP BY account_id) e ON e.account_id = a.id
        WHERE a.balance <> coalesce(e.amount, 0) OR a.seq <> coalesce(e.entries, 0)
              OR a.seq <> coalesce(e.seq, 0)
        """,
    ),
    Check(
        "I3",
        "every entry starts from the balance before it",
        """
        SELECT format('account %s, entry %s: %s and %s do not make %s',
                      a.code, e.seq, e.before, e.amount, e.balance)
        FROM (SELECT account_id, seq, amount, balance,
                     lag(balance, 1, 0::numeric) OVER (PARTITION BY account_id ORDER BY seq) AS before
              FROM ledger_entry) e
        JOIN ledger_account a ON a.id = e.account_id
        WHERE e.before + e.amount <> e.balance
        """,
    ),
    Check(
        "I4",
        "no account that may not go below zero is there",
        """
        SELECT format('account %s stands at %s', code, balance) FROM ledger_account
        WHERE balance < 0 AND NOT may_go_negative
        """,
    ),
    Check(
        "I4",
        "no account that may not go below zero ever was there",
        """
        SELECT format('account %s, entry %s left %s', a.code, e.seq, e.balance)
        FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
        WHERE e.balance < 0 AND NOT a.may_go_negative
        """,
    ),
    Check(
        "scale",
        "no amount is finer than its asset allows",
        """
        SELECT format('account %s, entry %s: %s', a.code, e.seq, e.amount)
        FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
        WHERE e.amount <> trunc(e.amount, ledger_scale(a.asset))
        """,
    ),
    Check(
        "reversal",
        "every reversal mirrors what it reverses",
        """
        SELECT DISTINCT format('transaction %s does not mirror %s', t.id, t.reverses_id)
        FROM ledger_transaction t
        CROSS JOIN LATERAL (
            SELECT account_id, leg, sum(amount) AS amount FROM ledger_entry
            WHERE transaction_id IN (t.id, t.reverses_id) GROUP BY account_id, leg
        ) e
        WHERE t.reverses_id IS NOT NULL AND e.amount <> 0
        """,
    ),
)

_GUARDS = """
SELECT due.name FROM unnest(%s::text[], %s::text[]) AS due (tab, name)
WHERE NOT EXISTS (
    SELECT FROM pg_trigger t
    WHERE t.tgname = due.name AND t.tgrelid = due.tab::regclass AND t.tgenabled IN ('O', 'A')
)
"""


def verify() -> list[str]:
    """What is wrong with the book, one sentence each; an empty list for a whole one."""
    return [f"{name}: {text}" for name, _, found in verify_each() for text in found]


def verify_each() -> list[tuple[str, str, list[str]]]:
    """Each check with its name, what it says, and what it found (at most `SHOWN`)."""
    results = [(check.name, check.says, _found(check)) for check in CHECKS]
    results.append(("guards", "every guard is there and switched on", _guards_missing()))
    return results


def _found(check: Check) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"{check.sql} LIMIT {SHOWN}")
        return [str(row[0]) for row in cursor.fetchall()]


def _guards_missing() -> list[str]:
    """Of all tables that have guards: the book's, the audit trail's and what else only grows."""
    due = [
        (model._meta.db_table, trigger.get_pgid(cast("Any", model)))
        for model in apps.get_models()
        for trigger in getattr(model._meta, "triggers", [])
        if isinstance(trigger, Guard)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_GUARDS, [[table for table, _ in due], [name for _, name in due]])
        return [f"{row[0]} is missing or switched off" for row in cursor.fetchall()]
