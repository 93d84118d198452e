"""The lines of M-Pesa that are compared, and what each belongs to: a table that all steps of a run read.

A line belongs to a payment by its receipt. A payment in without a receipt (its callback never came) is known by the
reference that the prompt carried. Nothing is paired by amount and time alone: that is at most a proposal.
"""

from typing import Any

from django.db import connection

from oversight.reconciliation.found import SKEW, Span

PAID = "('succeeded', 'reversed')"

#: Every line that is compared, with what it belongs to. `nth` counts the lines of one receipt and kind; the line that
#: fits its payment is the first. Made once a run, since the steps below all read it.
_PAIR = """
CREATE TEMP TABLE reconciliation_line AS
WITH wanted AS (
    SELECT account, receipt FROM payments_statementline
    WHERE completed_at BETWEEN %(start)s AND %(end)s
    UNION
    SELECT l.account, l.receipt FROM oversight_break b JOIN payments_statementline l ON l.id = b.line_id
    WHERE b.state = 'open'
), known AS (
    SELECT l.id, l.file_id, l.account, l.receipt, l.kind, l.completed_at, l.paid_in - l.withdrawn AS moved,
           upper(l.reference) AS reference, l.linked_receipt, p.id AS payment_id, f.uploaded_at,
           (abs(l.paid_in - l.withdrawn) = p.amount)::int + (upper(l.reference) = p.reference)::int AS fits
    FROM payments_statementline l
    JOIN wanted USING (account, receipt)
    JOIN payments_statementfile f ON f.id = l.file_id
    LEFT JOIN payments_payment p ON p.receipt = l.receipt AND l.kind NOT IN ('charge', 'reversal')
         AND p.direction = CASE WHEN l.paid_in > 0 THEN 'in' ELSE 'out' END
    WHERE l.status = 'Completed' AND l.paid_in <> l.withdrawn
)
SELECT known.*, a.id AS arrival_id, a.state AS arrival_state, a.amount AS arrival_amount, named.id AS named_id,
       row_number() OVER (PARTITION BY known.account, known.receipt, known.kind
                          ORDER BY fits DESC NULLS LAST, uploaded_at, known.completed_at, known.id) AS nth
FROM known
LEFT JOIN payments_arrival a ON a.receipt = known.receipt AND moved > 0 AND known.kind NOT IN ('charge', 'reversal')
LEFT JOIN payments_payment named ON known.payment_id IS NULL AND moved > 0
     AND known.kind NOT IN ('charge', 'reversal')
     AND known.reference <> '' AND named.reference = known.reference AND named.direction = 'in'
"""

#: The spans of an account's statements that were read whole. Times there are whole seconds.
COVERED = """
SELECT account, range_agg(tstzrange(starts_at, ends_at + interval '1 second')) AS spans
FROM payments_statementfile WHERE problems = '[]'::jsonb GROUP BY account
"""


def pair(span: Span) -> None:
    """Make the table that the other steps of this module read."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS reconciliation_line")
        cursor.execute(_PAIR, parameters(span))
        cursor.execute("CREATE INDEX ON reconciliation_line (receipt)")
        cursor.execute("ANALYZE reconciliation_line")


def unpair() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS reconciliation_line")


def parameters(span: Span, **more: Any) -> dict[str, Any]:
    return {"start": span.start, "end": span.end, "judged": span.judged_until, "skew": SKEW, **more}
