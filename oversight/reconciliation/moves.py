"""Moves of the float that two people booked, against the lines on which they stand at M-Pesa."""

import datetime as dt
import re
from collections import defaultdict
from decimal import Decimal
from typing import Any

from goldwallet.money import show_kes
from oversight.reconciliation.found import Row, rows
from payments.models import StatementLine

#: A bank takes days. Beyond this a line that has the reference among its words is about something else.
_NEAR = dt.timedelta(days=7)
#: Of a reference that is looked for among a line's words: "BANK" would be found in many.
_SHORTEST = 6

#: Value that enters an account at M-Pesa comes out of its code in the book: a line moves what the entry is below zero.
_STANDING = """
SELECT t.id, t.memo, t.created_at, a.code, -e.amount AS moved
FROM ledger_transaction t
JOIN ledger_entry e ON e.transaction_id = t.id
JOIN ledger_account a ON a.id = e.account_id
WHERE t.kind = 'float_move' AND a.code IN ('mpesa:collections', 'mpesa:payouts')
  AND NOT EXISTS (SELECT FROM ledger_transaction back WHERE back.reverses_id = t.id)
ORDER BY t.created_at, t.id
"""

#: The same, as the sides of a run count them. `%(code)s` is the account.
BOOKED = """
SELECT t.id::text, 'move', -e.amount, NULL, NULL, 'booked', t.created_at, t.created_at FROM ledger_transaction t
JOIN ledger_entry e ON e.transaction_id = t.id JOIN ledger_account a ON a.id = e.account_id
WHERE t.kind = 'float_move' AND a.code = %(code)s AND t.created_at BETWEEN %(start)s AND %(end)s
  AND NOT EXISTS (SELECT FROM ledger_transaction back WHERE back.reverses_id = t.id)
"""


class FloatMoves:
    """Those that stand. Each takes at most one line of an account."""

    def __init__(self) -> None:
        self._free: dict[tuple[str, Decimal], list[Row]] = defaultdict(list)
        for row in rows(_STANDING):
            self._free[row.code, row.moved].append(row)

    def take(self, lines: list[Row]) -> dict[Any, Any]:
        """Those of these lines that are such a move (account and amount, and its reference): line's id to move's.

        A receipt is sure, so all that have it go first.
        """
        taken = self._taken(lines, by_words=False)
        # What a customer paid or got is never paired by words: they may write what they like.
        others = [line for line in lines if line.id not in taken and line.kind in {"other", "settlement"}]
        return taken | self._taken(others, by_words=True)

    def unclear(self, line: Row) -> str:
        """A sentence about a move of this amount under another reference; empty when there is none."""
        free = self._free.get((f"mpesa:{line.account}", line.moved))
        if not free:
            return ""
        return f"A move of {show_kes(abs(line.moved))} is booked as {free[0].memo}. Perhaps it is this one."

    def _taken(self, lines: list[Row], *, by_words: bool) -> dict[Any, Any]:
        taken = {}
        for line in lines:
            free = self._free.get((f"mpesa:{line.account}", line.moved), [])
            for move in free:
                if _named(line, move) if by_words else move.memo.upper() == line.receipt:
                    free.remove(move)
                    taken[line.id] = move.id
                    break
        return taken


def _named(line: Row, move: Row) -> bool:
    memo = move.memo.upper()
    if len(memo) < _SHORTEST or not re.search(r"[0-9]", memo):
        return False
    if abs(move.created_at - line.completed_at) > _NEAR:
        return False
    details = StatementLine.objects.get(pk=line.id).details.upper()
    words = rf"(?<![A-Z0-9]){re.escape(memo)}(?![A-Z0-9])"
    return line.reference == memo or re.search(words, details) is not None
