"""Reading the answer of Pull Transactions (daraja.md 5.5): payments to us, as the provider lists them.

It is used to find money that we were never told of. So it is all or nothing: a list that cannot be read whole
says nothing, since a row that is passed over in silence is lost money.
"""

import datetime as dt
import re
from collections.abc import Iterator

from goldwallet.clock import NAIROBI
from payments.rails import Pulled, PulledRow, PullOutcome
from payments.rails.daraja import scrub
from payments.rails.daraja.answers import Heard
from payments.rails.daraja.claims import receipt_of
from payments.rails.daraja.documents import Missing, Pairs, Reader, tidy
from payments.rails.daraja.results import payer

ROWS = "1000"
NOTHING = "1001"
# How a list without rows is written. The text "[[]]" was seen too.
_EMPTY = ("", "[]", "[[]]")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,6})?(Z|[+\-][0-9]{2}:?[0-9]{2})?"
)
# What stands for a payer whose name the provider does not give.
_NO_NAME = "MPESA"


class _Odd(Exception):
    """Something that cannot be read; the text says what, without what stands there."""


def pulled(heard: Heard) -> Pulled:
    """OK with a whole page, NONE when there surely is nothing, UNKNOWN for everything else."""
    reader = Reader()
    code = reader.code(reader.field(heard.document, "ResponseCode"))
    text = heard.text or scrub.line(reader.text(reader.field(heard.document, "ResponseMessage")))
    error = reader.field(heard.document, "errorCode")
    rows: tuple[PulledRow, ...] = ()
    outcome = PullOutcome.UNKNOWN
    if not heard.said.trouble and heard.sound and reader.sound and isinstance(error, Missing):
        try:
            rows = _rows(heard.document, needed=code == ROWS)
            outcome = _outcome(heard.said.status, code, rows)
        except _Odd as odd:
            text = str(odd)
    return Pulled(
        outcome=outcome,
        rows=rows if outcome == PullOutcome.OK else (),
        code=code or heard.code or str(heard.said.trouble),
        text=text,
        http_status=heard.said.status,
        body=heard.body,
    )


def _outcome(status: int | None, code: str, rows: tuple[PulledRow, ...]) -> PullOutcome:
    if status == 200 and code == ROWS:
        return PullOutcome.OK if rows else PullOutcome.NONE
    # "Nothing" comes with 500 too.
    if status in {200, 500} and code == NOTHING and not rows:
        return PullOutcome.NONE
    return PullOutcome.UNKNOWN


def _rows(document: object, *, needed: bool) -> tuple[PulledRow, ...]:
    """Raises _Odd for the first row that cannot be read, for two that contradict each other, and for a list
    that is `needed` and missing.
    """
    seen: dict[str, PulledRow] = {}
    rows: list[PulledRow] = []
    for number, node in enumerate(_nodes(document, needed=needed), start=1):
        row = _row(number, node)
        if seen.setdefault(row.receipt, row) != row:
            raise _Odd(f"Row {number} has the receipt of another row and differs from it.")
        rows.append(row)
    return tuple(rows)


def _nodes(document: object, *, needed: bool) -> Iterator[object]:
    """The rows of `Response`, an array of arrays, in their order."""
    reader = Reader()
    response = reader.field(document, "Response")
    if not reader.sound:
        raise _Odd("The answer holds two lists that differ.")
    if isinstance(response, Missing) or response is None:
        if needed:
            raise _Odd("The answer holds no list of payments.")
        return
    if isinstance(response, str) and response.strip() in _EMPTY:
        return
    if not isinstance(response, list) or isinstance(response, Pairs):
        raise _Odd("The list of payments is no list.")
    for node in response:
        if isinstance(node, list) and not isinstance(node, Pairs):
            yield from node
        else:
            yield node


def _row(number: int, node: object) -> PulledRow:
    if not isinstance(node, Pairs):
        raise _Odd(f"Row {number} is no payment.")
    reader = Reader()
    receipt = receipt_of(reader, reader.field(node, "transactionId"))
    at = _moment(reader.field(node, "trxDate"))
    amount = reader.money(reader.field(node, "amount"))
    reference = reader.text(reader.field(node, "billreference"), 64)
    phone = payer(reader.field(node, "msisdn"))
    kind = reader.text(reader.field(node, "transactiontype"), 60)
    name = reader.text(reader.field(node, "sender"), 120)
    if not receipt:
        raise _Odd(f"Row {number} cannot be read: its receipt.")
    if at is None:
        raise _Odd(f"Row {number} cannot be read: its time.")
    if amount is None or not reader.sound:
        raise _Odd(f"Row {number} cannot be read: its amount, or two fields that differ.")
    return PulledRow(
        receipt=receipt,
        at=at,
        amount=amount,
        reference=reference,
        phone=phone,
        kind=kind,
        name="" if name == _NO_NAME else name,
    )


def _moment(value: object) -> dt.datetime | None:
    """Without a zone it is Nairobi's time."""
    found = _MOMENT.fullmatch(tidy(value, 40)) if isinstance(value, str) else None
    if found is None:
        return None
    day, time, zone = found.groups()
    try:
        moment = dt.datetime.fromisoformat(f"{day}T{time}{zone or ''}")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=NAIROBI)
