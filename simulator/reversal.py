"""Reversal: the organisation gives a payment in back to the customer. Asked by receipt, answered by callback.

Documented: payments to customers (B2C) cannot be reversed here.
"""

from typing import Any

from flask import Blueprint

from simulator import balance, books, checks, enquiries, ids, payments, phones, results
from simulator.checks import Body
from simulator.config import Settings
from simulator.gateway import BadToken, endpoint
from simulator.store import Db, Row

blueprint = Blueprint("reversal", __name__)

BAD_TOKEN = BadToken(404, "404.001.03")
# The newest documents say 11, samples of 2017 say 4.
IDENTIFIER_TYPES = ("11", "4")


@endpoint(blueprint, "/mpesa/reversal/v1/request", bad_token=BAD_TOKEN)
def request(body: Body) -> dict[str, str]:
    operator = checks.text(body, "Initiator", longest=100)
    credential = checks.text(body, "SecurityCredential", longest=2000)
    checks.choice(body, "CommandID", ("TransactionReversal",))
    receipt = checks.text(body, "TransactionID", longest=100)
    amount = checks.amount(body, at_most=None)
    shortcode = checks.shortcode(body, "ReceiverParty")
    if checks.digits(body, "RecieverIdentifierType") not in IDENTIFIER_TYPES:
        raise checks.Invalid("RecieverIdentifierType")
    result_url = checks.callback_url(body, "ResultURL")
    timeout_url = checks.callback_url(body, "QueueTimeOutURL")
    checks.text(body, "Remarks", shortest=2, longest=100)
    return enquiries.accept(
        enquiries.Enquiry(
            kind="reversal",
            operator=operator,
            credential=credential,
            shortcode=shortcode,
            fields={"receipt": receipt, "amount": amount},
            result_url=result_url,
            timeout_url=timeout_url,
        )
    )


def finish_due(db: Db, settings: Settings, *, at: float) -> None:
    """Execute every reversal whose time has come, and tell."""
    for row in enquiries.due(db, "reversal", at=at):
        asked = enquiries.fields(row)
        result, own = _judge(settings, db, row, asked), ids.no_receipt(at=at)
        parameters: list[dict[str, Any]] = []
        if result is results.SUCCESS:
            own = payments.reverse(
                db,
                settings,
                asked["receipt"],
                by=payments.BY_ORGANISATION,
                initiated_at=row["created_at"],
                at=at,
            )
            parameters = _parameters(db, settings, asked["receipt"], at=at)
        enquiries.answer(
            db,
            row,
            result,
            at=at,
            transaction_id=own,
            reference=enquiries.timeout_reference("reversalresults"),
            parameters=parameters,
        )


def _judge(settings: Settings, db: Db, row: Row, asked: dict[str, Any]) -> results.Result:
    verdict = enquiries.verdict(row)
    if verdict is not results.SUCCESS:
        return verdict
    if not books.is_ours(settings, row["shortcode"]):
        return results.NOT_ALLOWED
    payment = payments.find(db, asked["receipt"], shortcode=row["shortcode"])
    # A part of a payment cannot be named either: no document knows a partial reversal.
    if payment is None or payment["amount"] != asked["amount"]:
        return results.NO_SUCH_ORIGINAL
    if payments.is_reversed(db, asked["receipt"]):
        return results.ALREADY_REVERSED
    if books.balance(db, books.utility(settings, row["shortcode"])) < asked["amount"]:
        return results.INSUFFICIENT
    return results.SUCCESS


def _parameters(db: Db, settings: Settings, receipt: str, *, at: float) -> list[dict[str, Any]]:
    payment = payments.find(db, receipt)
    assert payment is not None
    shortcode = payment["shortcode"]
    left = balance.account_text("Utility Account", books.balance(db, books.utility(settings, shortcode)))
    # Funds are written with a decimal point on the wire; whole KES are exact in it.
    values = {
        "DebitAccountBalance": left,
        "Amount": float(payment["amount"]),
        "TransCompletedTime": ids.compact_time(at),
        "OriginalTransactionID": receipt,
        "Charge": 0.0,
        "CreditPartyPublicName": phones.public_name(payment["phone"]),
        "DebitPartyPublicName": f"{shortcode} - {settings.organisation}",
    }
    return [{"Key": key, "Value": value} for key, value in values.items()]
