"""What the callbacks of a balance, a reversal and a collection say (daraja.md 5.2, 5.3, 5.4).

Parsed tolerantly, trusted never, and it never raises.
"""

import datetime as dt
import re
from decimal import Decimal

from goldwallet.clock import NAIROBI
from payments.rails import AccountBalance, Balances, Notice, ReversalResult
from payments.rails.daraja import codes
from payments.rails.daraja.claims import originator_of, receipt_of, result_of
from payments.rails.daraja.documents import Missing, Pairs, Reader, parse, tidy

_MOST_ACCOUNTS = 20
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9 .\-/()]{0,59}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_SIGNED = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,2})?")
_SHORTCODE = re.compile(r"[0-9]{5,7}")
# In the clear, masked ("2547*****126", of registration v2), or the SHA-256 that v1 sends.
_PAYER = re.compile(r"\+?[0-9*]{9,15}|[0-9a-fA-F]{64}")


def stamp_of(reader: Reader, value: object) -> str:
    """YYYYMMDDHHmmss, a number or text, if it is a moment that exists; empty when there is none."""
    if isinstance(value, Missing) or value is None or value == "":
        return ""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{14}", value.strip()):
        try:
            dt.datetime.strptime(value.strip(), "%Y%m%d%H%M%S").replace(tzinfo=NAIROBI)
        except ValueError:
            pass
        else:
            return value.strip()
    reader.sound = False
    return ""


def balance(body: bytes) -> Balances:
    """`AccountBalance`: accounts joined by "&", each `Name|KES|current|available|reserved|uncleared`."""
    reader = Reader()
    result, parameters = result_of(reader, body)
    code = reader.code(reader.field(result, "ResultCode"))
    text = reader.text(reader.field(result, "ResultDesc"))
    request_id = reader.identifier(reader.field(result, "ConversationID"))
    waiting = reader.code(reader.field(result, "ResultType")) not in {"", "0"}
    accounts: tuple[AccountBalance, ...] = ()
    completed_at = ""
    if code == codes.PAID:
        accounts = _accounts(reader.item(parameters, "AccountBalance"))
        completed_at = stamp_of(reader, reader.item(parameters, "BOCompletedTime"))
    whole = bool(accounts) if code == codes.PAID else bool(code)
    readable = isinstance(result, Pairs) and whole and not waiting and reader.sound
    return Balances(
        readable=readable,
        code=code,
        text=text,
        request_id=request_id,
        accounts=accounts if readable else (),
        completed_at=completed_at if readable else "",
    )


def _accounts(value: object) -> tuple[AccountBalance, ...]:
    """All of them, or none when one cannot be read or comes twice."""
    entries = value.split("&") if isinstance(value, str) else []
    found = [account for entry in entries[: _MOST_ACCOUNTS + 1] if (account := _account(entry)) is not None]
    different = {account.name for account in found}
    if len(entries) > _MOST_ACCOUNTS or not len(entries) == len(found) == len(different):
        return ()
    return tuple(found)


def _account(entry: str) -> AccountBalance | None:
    name, *rest = (part.strip() for part in entry.split("|"))
    if len(rest) != 5 or not _NAME.fullmatch(name) or not _CURRENCY.fullmatch(rest[0]):
        return None
    if not all(_SIGNED.fullmatch(figure) for figure in rest[1:]):
        return None
    current, available, reserved, uncleared = (Decimal(figure) for figure in rest[1:])
    return AccountBalance(name, rest[0], current, available, reserved, uncleared)


def reversal(body: bytes) -> ReversalResult:
    """The result of a reversal; or the notice that it waited too long in a queue, which is no failure."""
    reader = Reader()
    document = parse(body)
    result, parameters = result_of(reader, body)
    enveloped = isinstance(result, Pairs)
    code = reader.code(reader.field(result, "ResultCode"))
    waiting = reader.code(reader.field(result, "ResultType")) not in {"", "0"}
    # At the top stands the reversal's own receipt; "OFP0000000" says that there is none.
    receipt = receipt_of(reader, reader.field(result, "TransactionID"))
    originator = originator_of(reader, result if enveloped else document)
    request_id = reader.identifier(reader.field(result, "ConversationID"))
    text = reader.text(reader.field(result, "ResultDesc"))
    original = receipt_of(reader, reader.item(parameters, "OriginalTransactionID"))
    amount = reader.money(reader.item(parameters, "Amount"))
    readable = reader.sound and bool(code if enveloped else originator)
    certain = readable and enveloped and not waiting
    success = _reversed(code) if certain else None
    return ReversalResult(
        readable=readable,
        success=success,
        already=certain and code == codes.REVERSED_ALREADY,
        code=code,
        text=text,
        request_id=request_id,
        originator_id=originator,
        receipt=receipt if success and not receipt.endswith("0000000") else "",
        original_receipt=original,
        amount=amount,
    )


def _reversed(code: str) -> bool | None:
    if code == codes.PAID:
        return True
    return False if code in codes.REVERSAL_FAILURES else None


def collection(body: bytes) -> Notice:
    """A flat notice of money: TransID, TransAmount (text), TransTime and so on. It has no result code."""
    reader = Reader()
    notice = parse(body)
    receipt = receipt_of(reader, reader.field(notice, "TransID"))
    amount = reader.money(reader.field(notice, "TransAmount"))
    at = stamp_of(reader, reader.field(notice, "TransTime"))
    shortcode = reader.text(reader.field(notice, "BusinessShortCode"), 20)
    reference = reader.text(reader.field(notice, "BillRefNumber"), 64)
    phone = payer(reader.field(notice, "MSISDN"))
    names = [reader.text(reader.field(notice, name), 60) for name in ("FirstName", "MiddleName", "LastName")]
    form = bool(_SHORTCODE.fullmatch(shortcode))
    return Notice(
        readable=reader.sound and bool(receipt and at) and amount is not None and form,
        receipt=receipt,
        amount=amount,
        shortcode=shortcode if form else "",
        reference=reference,
        phone=phone,
        name=" ".join(name for name in names if name),
        at=at,
    )


def payer(value: object) -> str:
    """Who paid, as written but without spaces; empty for anything that is no number, mask or hash."""
    written = tidy(value, 100).replace(" ", "") if isinstance(value, str) else ""
    return written if _PAYER.fullmatch(written) else ""
