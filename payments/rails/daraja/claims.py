"""What a callback claims (daraja.md 2.4, 4.3, 4.4, 5.1). Parsed tolerantly, trusted never, and it never
raises.
"""

import re
from dataclasses import replace
from decimal import Decimal

from payments.rails import Claim, Fate
from payments.rails.daraja import codes
from payments.rails.daraja.documents import Missing, Number, Pairs, Reader, parse

_RECEIPT = re.compile(r"[A-Z0-9]{8,16}")
_PHONE = re.compile(r"\+?([0-9*]{9,15})")
_PARTY = re.compile(r"\+?([0-9*]{5,15})")
_CHARGE = re.compile(r"[^|&]{1,100}\|KES\|([0-9]{1,9}(?:\.[0-9]{1,2})?)")

# Final states of a transaction (daraja.md 5.1, the data feed's Failed included). All others are not final, or
# unknown.
_FATES = {
    "completed": Fate.PAID,
    "cancelled": Fate.FAILED,
    "declined": Fate.FAILED,
    "expired": Fate.FAILED,
    "failed": Fate.FAILED,
    "initiated": Fate.PENDING,
    "authorized": Fate.PENDING,
    "pending": Fate.PENDING,
    "pendingauthorized": Fate.PENDING,
}


def _unreadable() -> Claim:
    return Claim(
        success=None,
        code="",
        text="",
        request_id="",
        merchant_request_id="",
        originator_id="",
        amount=None,
        phone="",
        receipt="",
        transaction_status="",
        readable=False,
    )


def receipt_of(reader: Reader, value: object) -> str:
    written = reader.identifier(value)
    return written if _RECEIPT.fullmatch(written) else ""


def _phone(value: object, form: re.Pattern[str] = _PHONE) -> str:
    """Of "2547… - FIRST LAST", also masked, only the number: the name is not ours to keep."""
    if not isinstance(value, str):
        return ""
    found = form.fullmatch(value.partition(" - ")[0].replace(" ", ""))
    return found.group(1) if found else ""


def _charge(parameters: object) -> Decimal | None:
    """Of "Fee For B2C Payment|KES|22.40" the amount. It tells nothing about the payment's fate, so a charge
    that cannot be read is only not known.
    """
    reader = Reader()
    found = _CHARGE.fullmatch(reader.text(reader.item(parameters, "DebitPartyCharges")))
    return Decimal(found.group(1)) if found else None


def _success(code: str, failures: dict[str, str]) -> bool | None:
    if code == codes.PAID:
        return True
    return False if code in failures else None


def collect(body: bytes) -> Claim:
    """`Body.stkCallback`. The items come on success only, in any order, by Name."""
    reader = Reader()
    callback = reader.field(reader.field(parse(body), "Body"), "stkCallback")
    if not isinstance(callback, Pairs):
        return _unreadable()
    code = reader.code(reader.field(callback, "ResultCode"))
    items = reader.field(reader.field(callback, "CallbackMetadata"), "Item")
    claim = Claim(
        success=_success(code, codes.COLLECT_FAILURES),
        code=code,
        text=reader.text(reader.field(callback, "ResultDesc")),
        request_id=reader.identifier(reader.field(callback, "CheckoutRequestID")),
        merchant_request_id=reader.identifier(reader.field(callback, "MerchantRequestID")),
        originator_id="",
        amount=reader.amount(reader.item(items, "Amount")),
        phone=_phone(reader.item(items, "PhoneNumber")),
        receipt=receipt_of(reader, reader.item(items, "MpesaReceiptNumber")),
        transaction_status="",
        readable=True,
    )
    return _judged(claim, reader)


def _judged(claim: Claim, reader: Reader) -> Claim:
    """A document that contradicts itself, or that gives no code, claims nothing about success."""
    if reader.sound and claim.code:
        return claim
    return replace(claim, success=None, readable=False)


def result_of(reader: Reader, body: bytes) -> tuple[object, object]:
    """The Result envelope and its parameters (a list, a single object, or nothing)."""
    result = reader.field(parse(body), "Result")
    parameters = reader.field(reader.field(result, "ResultParameters"), "ResultParameter")
    return result, parameters


def pay_out(body: bytes) -> Claim:
    """A result; or the notice of a timeout in the queue, as a Result or as an echo of our own request."""
    reader = Reader()
    result, parameters = result_of(reader, body)
    if not isinstance(result, Pairs):
        return _echo(body)
    code = reader.code(reader.field(result, "ResultCode"))
    # ResultType 1 announces more to come: no end, whatever the code.
    waiting = reader.code(reader.field(result, "ResultType")) not in {"", "0"}
    success = None if waiting else _success(code, codes.PAY_OUT_FAILURES)
    receipt = receipt_of(reader, reader.item(parameters, "TransactionReceipt"))
    if not receipt and success:
        # On a failure TransactionID is no receipt, and "OFP0000000" never is.
        written = receipt_of(reader, reader.field(result, "TransactionID"))
        receipt = "" if written.endswith("0000000") else written
    claim = Claim(
        success=success,
        code=code,
        text=reader.text(reader.field(result, "ResultDesc")),
        request_id=reader.identifier(reader.field(result, "ConversationID")),
        merchant_request_id="",
        originator_id=originator_of(reader, result),
        amount=reader.amount(reader.item(parameters, "TransactionAmount", "Amount")),
        phone=_phone(reader.item(parameters, "ReceiverPartyPublicName")),
        receipt=receipt,
        transaction_status="",
        readable=True,
    )
    return _judged(claim, reader)


def originator_of(reader: Reader, node: object) -> str:
    return reader.identifier(reader.field(node, "OriginatorConversationID", "OriginatorCoversationID"))


def _echo(body: bytes) -> Claim:
    """The undocumented body of a queue timeout: our request again. Only its id is of use, and it is no
    failure.
    """
    reader = Reader()
    document = parse(body)
    nested = (
        [value for _, value in document if isinstance(value, Pairs)] if isinstance(document, Pairs) else []
    )
    originator = next((found for node in (document, *nested) if (found := originator_of(reader, node))), "")
    return Claim(
        success=None,
        code="",
        text="",
        request_id="",
        merchant_request_id="",
        originator_id=originator,
        amount=None,
        phone="",
        receipt="",
        transaction_status="",
        readable=bool(originator) and reader.sound,
    )


def status(body: bytes) -> Claim:
    """The answer to a Transaction Status query. ResultCode is the query's; TransactionStatus is the payment's
    fate.
    """
    reader = Reader()
    result, parameters = result_of(reader, body)
    if not isinstance(result, Pairs):
        return _echo(body)
    written = reader.item(parameters, "TransactionStatus")
    if not isinstance(written, Missing) and (not isinstance(written, str) or isinstance(written, Number)):
        reader.sound = False
    # The payout's own id stands in the parameters; at the top it is echoed (daraja.md 5.1).
    inner = reader.identifier(reader.item(parameters, "OriginatorConversationID"))
    credited = reader.item(parameters, "CreditPartyName")
    claim = Claim(
        success=None,
        code=reader.code(reader.field(result, "ResultCode")),
        text=reader.text(reader.field(result, "ResultDesc")),
        request_id=reader.identifier(reader.field(result, "ConversationID")),
        merchant_request_id="",
        originator_id=inner or originator_of(reader, result),
        amount=reader.amount(reader.item(parameters, "Amount", "TransactionAmount")),
        phone=_phone(credited),
        receipt=receipt_of(reader, reader.item(parameters, "ReceiptNo", "TransactionReceipt")),
        transaction_status=reader.text(written, 40),
        readable=True,
        charge=_charge(parameters),
        credit_party=_phone(credited, _PARTY),
        reason=Reader().text(Reader().item(parameters, "ReasonType"), 100),
    )
    return _judged(claim, reader)


def fate_of_status(claim: Claim) -> Fate:
    """The payout's fate as `status` read it; UNKNOWN when the query itself did not work or contradicts
    itself.
    """
    if not claim.readable or claim.code != codes.PAID:
        return Fate.UNKNOWN
    return _FATES.get("".join(claim.transaction_status.lower().split()), Fate.UNKNOWN)
