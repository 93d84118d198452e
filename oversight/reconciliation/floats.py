"""What M-Pesa says stands on our accounts against our floats.

A balance is of a moment. What was on its way then, or is booked since for a time before, may stand on either side;
its sum is the tolerance, and when nothing moved it is nothing. What other differences explain is not said twice.
"""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from goldwallet.money import show_kes
from goldwallet.wording import exact_time
from oversight.models import BreakKind, How
from oversight.reconciliation.charges import PROPOSED
from oversight.reconciliation.closed import RESOLVED, closed_among
from oversight.reconciliation.found import ZERO, Compared, Found, Part, Row, Side, Span, rows
from payments.models import Float
from payments.statements import shortcode_of

_NEWEST = """
SELECT r.exchange_id, max(r.read_at) AS read_at, sum(r.current) AS kes
FROM payments_balancereading r
WHERE r.shortcode = %(shortcode)s AND r.name ~* '(utility|charges paid)' AND r.exchange_id = (
    SELECT exchange_id FROM payments_balancereading WHERE shortcode = %(shortcode)s AND name ~* 'utility'
    ORDER BY read_at DESC, id DESC LIMIT 1)
GROUP BY r.exchange_id
"""

#: The float as it stood at the reading, and all that may stand on either side of it. The posting that resolves a
#: difference counts from the time of what differed, whenever it is made; that of a float itself counts always.
_BOOK = """
WITH differed AS (
    SELECT b.request_id, coalesce(l.completed_at, p.ended_at, a.arrived_at) AS at
    FROM oversight_break b
    LEFT JOIN payments_statementline l ON l.id = b.line_id
    LEFT JOIN payments_payment p ON p.id = b.payment_id
    LEFT JOIN payments_arrival a ON a.id = b.arrival_id
    WHERE b.state = 'resolved' AND b.closed_at > %(read)s - interval '1 minute'
), later AS (
    SELECT t.kind, t.key, e.amount, t.created_at AS at
    FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id
    JOIN ledger_account a ON a.id = e.account_id
    WHERE a.code = %(code)s AND t.created_at > %(read)s - interval '1 minute' AND t.kind <> %(resolved)s
    UNION ALL
    SELECT t.kind, t.key, e.amount, differed.at
    FROM differed JOIN ledger_transaction t ON t.key = 'request:' || differed.request_id::text
    JOIN ledger_entry e ON e.transaction_id = t.id JOIN ledger_account a ON a.id = e.account_id
    WHERE a.code = %(code)s AND t.kind = %(resolved)s AND differed.at > %(read)s - interval '1 minute'
), unsure AS (
    SELECT sum(abs(later.amount)) AS kes FROM later
    LEFT JOIN payments_payment p
           ON later.key LIKE 'payment:%%' AND p.id::text = split_part(later.key, ':', 2)
    WHERE CASE WHEN later.kind = %(resolved)s THEN later.at <= %(read)s + interval '1 minute'
          ELSE p.id IS NULL OR later.kind LIKE '%%reversed' OR p.created_at <= %(read)s + interval '1 minute' END
), open AS (
    SELECT sum(amount + 200) AS kes FROM payments_payment
    WHERE direction = %(direction)s AND state IN ('sending', 'pending', 'unknown')
      AND created_at <= %(read)s + interval '1 minute'
)
SELECT -coalesce((SELECT balance FROM ledger_account WHERE code = %(code)s), 0)
       + coalesce((SELECT sum(amount) FROM later WHERE at > %(read)s), 0) AS kes,
       coalesce((SELECT kes FROM unsure), 0) + coalesce((SELECT kes FROM open), 0) AS unsure
"""

#: What M-Pesa charged for payments that are proposed for a line, beyond what is booked with them.
_CHARGED = """
SELECT coalesce(sum(charged.kes + CASE WHEN p.state IN ('succeeded', 'reversed') THEN coalesce(p.charge, 0)
                                       ELSE 0 END), 0) AS kes
FROM unnest(%(lines)s::uuid[], %(payments)s::uuid[]) AS proposed (line_id, payment_id)
JOIN reconciliation_line l ON l.id = proposed.line_id
JOIN payments_payment p ON p.id = proposed.payment_id
CROSS JOIN LATERAL (SELECT sum(c.moved) AS kes FROM reconciliation_line c
                    WHERE c.kind = 'charge' AND c.nth = 1 AND l.receipt IN (c.receipt, c.linked_receipt)
                      AND c.completed_at <= %(read)s) charged
WHERE l.account = ANY (%(accounts)s) AND charged.kes IS NOT NULL
"""


#: Why the sides may differ without a difference.
_ABOVE = "Differences of the comparisons above"
_ON_ITS_WAY = "On its way when M-Pesa told its balance"


def floats(span: Span, so_far: list[Found]) -> Compared:
    """Utility and Charges Paid of each shortcode against the floats that are kept there."""
    by_shortcode: dict[str, list[Float]] = defaultdict(list)
    for account in Float:
        by_shortcode[shortcode_of(account)].append(account)
    found, checked, notes, parts = [], [], [], []
    theirs = ours = ZERO
    for shortcode, accounts in by_shortcode.items():
        newest = rows(_NEWEST, {"shortcode": shortcode})
        label = " and ".join(account.label for account in accounts)
        if not newest:
            notes.append(f"{label}: M-Pesa has not told a balance yet.")
            continue
        reading = newest[0]
        books = [_book(account, reading) for account in accounts]
        book = sum((row.kes for row in books), ZERO)
        unsure = sum((row.unsure for row in books), ZERO)
        explained = _explained(accounts, reading, so_far)
        theirs, ours = theirs + reading.kes, ours + book
        checked.append(f"float:{shortcode}")
        notes.append(_note(label, reading, unsure, explained))
        rest = reading.kes - book - explained
        parts.append(Part(_ABOVE, -explained))
        if abs(rest) > unsure:
            found.append(_differs(shortcode, label, reading, book=book + explained, unsure=unsure))
        else:
            parts.append(Part(_ON_ITS_WAY, -rest))
    side_count = len(checked)
    return Compared(
        found=found,
        theirs=Side(side_count, theirs),
        ours=Side(side_count, ours),
        checked=tuple(checked),
        note=" ".join(notes),
        parts=parts,
    )


def _book(account: Float, reading: Row) -> Row:
    parameters: dict[str, Any] = {
        "code": f"mpesa:{account}",
        "read": reading.read_at,
        "direction": "in" if account == Float.COLLECTIONS else "out",
        "resolved": RESOLVED,
    }
    return rows(_BOOK, parameters)[0]


def _explained(accounts: list[Float], reading: Row, so_far: list[Found]) -> Decimal:
    """What the differences of this run that happened before the reading come to.

    What two people have closed is found again and explains nothing: the book has it, or they said that it never moved.
    """
    closed = closed_among(found.key for found in so_far)
    return _charged(accounts, reading, so_far) + sum(
        (
            found.effect
            for found in so_far
            if found.account in accounts
            and found.at is not None
            and found.at <= reading.read_at
            and (found.key, found.kind) not in closed
        ),
        ZERO,
    )


def _charged(accounts: list[Float], reading: Row, so_far: list[Found]) -> Decimal:
    """Such a charge is no difference of its own: it is booked, or put right, with its payment."""
    proposed = [found for found in so_far if found.kind in PROPOSED and found.line and found.payment]
    parameters = {
        "lines": [found.line for found in proposed],
        "payments": [found.payment for found in proposed],
        "accounts": [str(account) for account in accounts],
        "read": reading.read_at,
    }
    kes: Decimal = rows(_CHARGED, parameters)[0].kes
    return kes


def _note(label: str, reading: Row, unsure: Decimal, explained: Decimal) -> str:
    said = f"{label}: {show_kes(reading.kes)} on {exact_time(reading.read_at)}."
    if unsure:
        said += f" {show_kes(unsure)} was on its way then, so up to that much may differ."
    if explained:
        said += f" Differences above explain {show_kes(explained)}."
    return said


def _differs(shortcode: str, label: str, reading: Row, *, book: Decimal, unsure: Decimal) -> Found:
    tolerance = f" {show_kes(unsure)} was on its way." if unsure else ""
    return Found(
        key=f"float:{shortcode}",
        kind=BreakKind.FLOAT_DIFFERS,
        about=shortcode,
        theirs=reading.kes,
        ours=book,
        sentence=f"M-Pesa had {show_kes(reading.kes)} for {label.lower()} on {exact_time(reading.read_at)}. "
        f"By our book and the known differences it is {show_kes(book)}.{tolerance}",
        cause="Money moved that no statement here shows yet. Upload the statement of these days first.",
        proposal=How.WRITE_OFF,
    )
