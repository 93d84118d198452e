"""Business payments to customers: accepted at once, executed a little later, told by callback.

pending -> completed | failed
"""

from dataclasses import dataclass
from typing import Any, TypedDict

from simulator import books, callback_faults, callbacks, ids, phones, results
from simulator.config import Settings
from simulator.store import Db, Row
from simulator.tariff import MAXIMUM_AMOUNT, MINIMUM_PAYOUT, b2c_charge

# Real results name an internal host of the provider here.
_REFERENCE_DATA = {
    "ReferenceItem": {
        "Key": "QueueTimeoutURL",
        "Value": "https://internalsandbox.safaricom.co.ke/mpesa/b2cresults/v1/submit",
    }
}

# Refused before a money transaction is made: the result names none, and a status query finds none.
_BEFORE_THE_CORE = (results.WRONG_CREDENTIAL, results.LOCKED, results.NOT_PERMITTED)


class DuplicateOriginator(Exception):
    """The OriginatorConversationID was used before."""


class DuplicateReceipt(Exception):
    """The receipt belongs to another transaction."""


class NotExecuted(Exception):
    """M-Pesa does not execute it. The text is the result's."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A checked B2C request. `verdict` is what the check of the operator's password said."""

    originator_id: str
    shortcode: str
    command: str
    phone: str
    amount: int
    remarks: str
    occasion: str
    result_url: str
    timeout_url: str
    verdict: results.Result


class PayoutView(TypedDict):
    OriginatorConversationID: str
    ConversationID: str
    phone: str
    amount: int
    state: str
    receipt: str | None
    result_code: str | None
    charge: int | None
    created_at: str


def view(row: Row) -> PayoutView:
    return PayoutView(
        OriginatorConversationID=row["originator_id"],
        ConversationID=row["conversation_id"],
        phone=row["phone"],
        amount=row["amount"],
        state=row["state"],
        receipt=row["receipt"],
        result_code=row["result_code"],
        charge=row["charge"],
        created_at=ids.nairobi(row["created_at"]).isoformat(),
    )


def is_known(db: Db, originator_id: str) -> bool:
    """Whether the id was ever used, whatever became of it: in flight, paid or failed."""
    return (
        db.execute("SELECT 1 FROM payouts WHERE originator_id = ?", (originator_id,)).fetchone() is not None
    )


def create(db: Db, settings: Settings, request: Request, *, at: float) -> Row:
    """Take in a payout. Raises DuplicateOriginator."""
    if is_known(db, request.originator_id):
        raise DuplicateOriginator(request.originator_id)
    conversation_id = ids.conversation_id(at=at)
    db.execute(
        "INSERT INTO payouts (conversation_id, originator_id, shortcode, command, phone, amount, remarks,"
        " occasion, result_url, timeout_url, verdict, created_at, due_at, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')",
        (
            conversation_id,
            request.originator_id,
            request.shortcode,
            request.command,
            request.phone,
            request.amount,
            request.remarks,
            request.occasion,
            request.result_url,
            request.timeout_url,
            request.verdict.code,
            at,
            at + settings.b2c_seconds,
        ),
    )
    return get(db, conversation_id)


def get(db: Db, conversation_id: str) -> Row:
    row: Row = db.execute("SELECT * FROM payouts WHERE conversation_id = ?", (conversation_id,)).fetchone()
    return row


def all_payouts(db: Db) -> list[Row]:
    """Every payout, oldest first."""
    return db.execute("SELECT * FROM payouts ORDER BY created_at, rowid").fetchall()


def finish_due(db: Db, settings: Settings, *, at: float) -> None:
    """Execute every payout whose time has come."""
    for payout in db.execute(
        "SELECT * FROM payouts WHERE state = 'pending' AND due_at <= ?", (at,)
    ).fetchall():
        phones.open_phone(db, settings, payout["phone"], at=at)
        result = _judge(db, settings, payout, at=at)
        if result is results.SUCCESS:
            _pay(db, settings, payout, at=at)
        else:
            code = ids.no_receipt(at=at) if result in _BEFORE_THE_CORE else books.new_receipt(db, at=at)
            _end(db, payout, result, transaction_code=code, at=at)
        _tell(db, settings, get(db, payout["conversation_id"]), result, at=at)


def _judge(db: Db, settings: Settings, payout: Row, *, at: float) -> results.Result:
    amount = payout["amount"]
    account = books.phone_account(payout["phone"])
    verdict = results.ALL[payout["verdict"]]
    if verdict is not results.SUCCESS:
        return verdict
    if payout["shortcode"] != settings.b2c_shortcode:
        return results.NOT_PERMITTED
    if amount < MINIMUM_PAYOUT:
        return results.BELOW_MINIMUM
    if amount > MAXIMUM_AMOUNT:
        return results.ABOVE_MAXIMUM
    if not phones.open_phone(db, settings, payout["phone"], at=at)["registered"]:
        return results.NOT_REGISTERED
    if books.balance(db, account) + amount > settings.wallet_limit:
        return results.WALLET_FULL
    if books.received_today(db, account, at=at) + amount > settings.daily_limit:
        return results.DAILY_LIMIT
    if books.balance(db, books.utility_account(payout["shortcode"])) < amount:
        return results.INSUFFICIENT
    return results.SUCCESS


def pay_foreign(
    db: Db, settings: Settings, *, phone: str, amount: int, remarks: str, receipt: str | None, at: float
) -> Row:
    """A payout that no client of ours asked for: made by hand at the portal, or with a stolen password.

    No request, no callback. `receipt` None: a new one. Raises DuplicateReceipt, NotExecuted.
    """
    phones.open_phone(db, settings, phone, at=at)
    if receipt is not None and books.receipt_is_taken(db, receipt):
        raise DuplicateReceipt(receipt)
    request = Request(
        originator_id=ids.request_id(),
        shortcode=settings.b2c_shortcode,
        command="BusinessPayment",
        phone=phone,
        amount=amount,
        remarks=remarks,
        occasion="",
        result_url="",
        timeout_url="",
        verdict=results.SUCCESS,
    )
    payout = create(db, settings, request, at=at)
    result = _judge(db, settings, payout, at=at)
    if result is not results.SUCCESS:
        raise NotExecuted(result.text)
    _pay(db, settings, payout, at=at, receipt=receipt)
    return get(db, payout["conversation_id"])


def _pay(db: Db, settings: Settings, payout: Row, *, at: float, receipt: str | None = None) -> None:
    number, amount, shortcode = payout["phone"], payout["amount"], payout["shortcode"]
    account = books.phone_account(number)
    receipt = receipt or books.new_receipt(db, at=at)
    charge = b2c_charge(amount)
    transfers = [books.Transfer(books.utility_account(shortcode), account, amount)]
    if charge:
        transfers.append(books.Transfer(books.charges_account(shortcode), books.FEES, charge))
    memo = f"{shortcode} to {number}: {payout['remarks']}"
    books.post(db, kind="business payment", memo=memo, at=at, receipt=receipt, transfers=transfers)
    _end(db, payout, results.SUCCESS, transaction_code=receipt, at=at, receipt=receipt, charge=charge)
    text = (
        f"{receipt} confirmed. You received {phones.kes(amount)} from {settings.organisation} on"
        f" {ids.nairobi(at):%d %b %Y at %H:%M}. New M-Pesa balance: {phones.kes(books.balance(db, account))}."
    )
    phones.message_add(db, number, kind="sms", text=text, at=at)


def _end(
    db: Db,
    payout: Row,
    result: results.Result,
    *,
    transaction_code: str,
    at: float,
    receipt: str | None = None,
    charge: int | None = None,
) -> None:
    state = "completed" if receipt else "failed"
    db.execute(
        "UPDATE payouts SET state = ?, result_code = ?, transaction_code = ?, receipt = ?, charge = ?,"
        " finished_at = ? WHERE conversation_id = ?",
        (state, result.code, transaction_code, receipt, charge, at, payout["conversation_id"]),
    )


def _tell(db: Db, settings: Settings, payout: Row, result: results.Result, *, at: float) -> None:
    def paid(invented: str) -> dict[str, Any]:
        return _result_body(
            db, {**payout, "receipt": invented, "transaction_code": invented}, results.SUCCESS
        )

    callbacks.schedule(
        db,
        kind="b2c",
        subject=payout["conversation_id"],
        url=payout["result_url"],
        shortcode=payout["shortcode"],
        body=_result_body(db, payout, result),
        due_at=at + settings.callback_seconds,
        paid=paid,
        notice=callback_faults.Notice(url=payout["timeout_url"], request=_request_again(settings, payout)),
    )


def _request_again(settings: Settings, payout: Row) -> dict[str, Any]:
    """The request as it came, but for the credential, which is not kept."""
    return {
        "OriginatorConversationID": payout["originator_id"],
        "InitiatorName": settings.initiator,
        "CommandID": payout["command"],
        "Amount": payout["amount"],
        "PartyA": int(payout["shortcode"]),
        "PartyB": int(payout["phone"]),
        "Remarks": payout["remarks"],
        "QueueTimeOutURL": payout["timeout_url"],
        "ResultURL": payout["result_url"],
        "Occassion": payout["occasion"],
    }


def _result_body(db: Db, payout: Row | dict[str, Any], result: results.Result) -> dict[str, Any]:
    body: dict[str, Any] = {
        "ResultType": 0,
        "ResultCode": result.wire_code,
        "ResultDesc": result.text,
        "OriginatorConversationID": payout["originator_id"],
        "ConversationID": payout["conversation_id"],
        "TransactionID": payout["transaction_code"],
    }
    if payout["receipt"]:
        body["ResultParameters"] = {"ResultParameter": _parameters(db, payout)}
    body["ReferenceData"] = _REFERENCE_DATA
    return {"Result": body}


def _parameters(db: Db, payout: Row | dict[str, Any]) -> list[dict[str, Any]]:
    utility = books.balance(db, books.utility_account(payout["shortcode"]))
    charges = books.balance(db, books.charges_account(payout["shortcode"]))
    # Funds are written with a decimal point on the wire; whole KES are exact in it.
    values = {
        "TransactionAmount": payout["amount"],
        "TransactionReceipt": payout["receipt"],
        "B2CRecipientIsRegisteredCustomer": "Y",
        "B2CChargesPaidAccountAvailableFunds": float(charges),
        "ReceiverPartyPublicName": phones.public_name(payout["phone"]),
        "TransactionCompletedDateTime": f"{ids.nairobi(payout['finished_at']):%d.%m.%Y %H:%M:%S}",
        "B2CUtilityAccountAvailableFunds": float(utility),
        "B2CWorkingAccountAvailableFunds": 0.0,
    }
    return [{"Key": key, "Value": value} for key, value in values.items()]
