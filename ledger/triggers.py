"""The guards of the book's tables (`goldwallet.triggers`): no session can switch them off."""

import pgtrigger

# Migrations of this app name `ledger.triggers.GuardSql`.
from goldwallet.triggers import Guard, GuardSql

__all__ = ["Guard", "GuardSql", "entries_move_balances", "insert_only", "no_truncate"]


def insert_only(*, table: str) -> list[Guard]:
    """UPDATE, DELETE and TRUNCATE of the table are refused. Rows of such a table are corrected by further
    rows.

    TRUNCATE passes where `goldwallet.allow_truncate` is on, which the settings of the tests alone set.
    """
    return [
        Guard(
            name="no_change",
            when=pgtrigger.Before,
            operation=pgtrigger.Update | pgtrigger.Delete,
            func=f"RAISE EXCEPTION '{table} is insert-only' USING ERRCODE = 'LD100';",
        ),
        no_truncate(table=table),
    ]


def no_truncate(*, table: str) -> Guard:
    return Guard(
        name="no_truncate",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func=f"""
            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN
                RAISE EXCEPTION '{table} cannot be truncated' USING ERRCODE = 'LD100';
            END IF;
            RETURN NULL;
        """,
    )


# Checks what `ledger_post` has checked already, for whoever writes the table without it, and then moves the
# balances. So there is no way to write an entry that leaves the accounts behind, and no other way to move an
# account.
_MOVE = """
    IF EXISTS (
        SELECT FROM posted p JOIN ledger_account a ON a.id = p.account_id
        GROUP BY p.transaction_id, a.asset
        HAVING sum(p.amount) <> 0 OR bool_or(p.amount <> trunc(p.amount, ledger_scale(a.asset)))
    ) THEN
        RAISE EXCEPTION 'a transaction must sum to zero per asset, within the scale of each'
            USING ERRCODE = 'LD101';
    END IF;
    IF (SELECT count(*) FROM ledger_entry e
        WHERE e.transaction_id = ANY (ARRAY(SELECT transaction_id FROM posted)))
       <> (SELECT count(*) FROM posted)
    THEN
        RAISE EXCEPTION 'a posted transaction cannot be extended' USING ERRCODE = 'LD102';
    END IF;
    IF EXISTS (
        SELECT FROM (
            SELECT p.seq, p.balance,
                   a.seq + row_number() OVER w AS due_seq,
                   a.balance + sum(p.amount) OVER w AS due_balance
            FROM posted p JOIN ledger_account a ON a.id = p.account_id
            WINDOW w AS (PARTITION BY p.account_id ORDER BY p.seq)
        ) chain
        WHERE chain.seq <> chain.due_seq OR chain.balance <> chain.due_balance
    ) THEN
        RAISE EXCEPTION 'an entry must follow the one before it in its account' USING ERRCODE = 'LD103';
    END IF;
    UPDATE ledger_account a SET balance = a.balance + d.amount, seq = a.seq + d.entries
    FROM (SELECT account_id, sum(amount) AS amount, count(*) AS entries FROM posted GROUP BY account_id) d
    WHERE a.id = d.account_id;
    RETURN NULL;
"""


def entries_move_balances() -> Guard:
    """After an insert: zero sum, one statement a transaction, unbroken running balances; then the moves."""
    return Guard(
        name="balances",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="posted"),  # type: ignore[no-untyped-call]
        func=_MOVE,
    )
