"""Transaction Status: asked by receipt or by the payout's OriginatorConversationID, answered by callback."""

from typing import Any

from flask import Blueprint

from simulator import callbacks, checks, ids, initiator, phones, results
from simulator.checks import Body
from simulator.config import Settings
from simulator.context import current
from simulator.gateway import BadToken, endpoint
from simulator.store import Db, Row

blueprint = Blueprint("status", __name__)

BAD_TOKEN = BadToken(400, "400.003.01")
IDENTIFIER_TYPES = ("1", "2", "4")

_REASONS = {
    "BusinessPayment": "Business Payment to Customer via API",
    "SalaryPayment": "Salary Payment via API",
    "PromotionPayment": "Promotion Payment via API",
}
_STATES = {"pending": "Authorized", "completed": "Completed", "failed": "Declined"}


@endpoint(blueprint, "/mpesa/transactionstatus/v1/query", bad_token=BAD_TOKEN, invalid_code="400.003.02")
def query(body: Body) -> dict[str, str]:
    simulator = current()
    name = checks.text(body, "Initiator", longest=100)
    credential = checks.text(body, "SecurityCredential", longest=2000)
    checks.choice(body, "CommandID", ("TransactionStatusQuery",))
    wanted_receipt = checks.optional_text(body, "TransactionID", longest=100)
    # The documents name the second; clients and packages also send the first.
    wanted_originator = checks.optional_text(
        body, "OriginalConversationID", longest=100
    ) or checks.optional_text(body, "OriginatorConversationID", longest=100)
    shortcode = checks.digits(body, "PartyA")
    if checks.digits(body, "IdentifierType") not in IDENTIFIER_TYPES:
        raise checks.Invalid("IdentifierType")
    result_url = checks.callback_url(body, "ResultURL")
    checks.callback_url(body, "QueueTimeOutURL")
    checks.text(body, "Remarks", longest=100)
    occasion = checks.optional_text(body, "Occasion", longest=100)
    at = ids.now()
    conversation_id = ids.conversation_id(at=at)
    # Seen in production: a query by the payout's id is acknowledged and answered under that id.
    originator_id = wanted_originator or ids.request_id()
    with simulator.store.write() as db:
        verdict = initiator.check(db, simulator.settings, simulator.key, name=name, credential=credential)
        db.execute(
            "INSERT INTO status_queries (conversation_id, originator_id, shortcode, wanted_receipt,"
            " wanted_originator, occasion, result_url, verdict, due_at, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')",
            (
                conversation_id,
                originator_id,
                shortcode,
                wanted_receipt,
                wanted_originator,
                occasion,
                result_url,
                verdict.code,
                at + simulator.settings.callback_seconds,
            ),
        )
    return {
        "ConversationID": conversation_id,
        "OriginatorConversationID": originator_id,
        "ResponseCode": "0",
        "ResponseDescription": "Accept the service request successfully.",
    }


def answer_due(db: Db, settings: Settings, *, at: float) -> None:
    """Answer every query whose time has come, with what is true now."""
    for query in db.execute(
        "SELECT * FROM status_queries WHERE state = 'pending' AND due_at <= ?", (at,)
    ).fetchall():
        result, parameters = _answer(db, settings, query)
        body: dict[str, Any] = {
            "ResultType": 0,
            "ResultCode": result.wire_code,
            "ResultDesc": result.text,
            "OriginatorConversationID": query["originator_id"],
            "ConversationID": query["conversation_id"],
            "TransactionID": ids.no_receipt(at=at),
        }
        if parameters:
            body["ResultParameters"] = {"ResultParameter": parameters}
        occasion = (
            {"Key": "Occasion", "Value": query["occasion"]} if query["occasion"] else {"Key": "Occasion"}
        )
        body["ReferenceData"] = {"ReferenceItem": occasion}
        callbacks.schedule(
            db,
            kind="status",
            subject=query["conversation_id"],
            url=query["result_url"],
            shortcode=query["shortcode"],
            body={"Result": body},
            due_at=at,
        )
        db.execute(
            "UPDATE status_queries SET state = 'answered' WHERE conversation_id = ?",
            (query["conversation_id"],),
        )


def _answer(db: Db, settings: Settings, query: Row) -> tuple[results.Result, list[dict[str, Any]]]:
    verdict = results.ALL[query["verdict"]]
    if verdict is not results.SUCCESS:
        return verdict, []
    if not query["wanted_receipt"] and not query["wanted_originator"]:
        return results.BAD_PARAMETER, []
    payout = db.execute(
        "SELECT * FROM payouts WHERE shortcode = :party"
        " AND (transaction_code = :receipt OR originator_id = :own)",
        {"party": query["shortcode"], "receipt": query["wanted_receipt"], "own": query["wanted_originator"]},
    ).fetchone()
    if payout is not None and not str(payout["transaction_code"] or "").endswith("0000000"):
        return results.SUCCESS, _payout_parameters(settings, payout)
    prompt = db.execute(
        "SELECT * FROM prompts WHERE shortcode = ? AND receipt = ?",
        (query["shortcode"], query["wanted_receipt"]),
    ).fetchone()
    if prompt is not None:
        return results.SUCCESS, _payment_parameters(settings, prompt)
    return results.NO_SUCH_RECEIPT, []


def _payout_parameters(settings: Settings, payout: Row) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"Key": "DebitPartyName", "Value": f"{payout['shortcode']} - {settings.organisation}"},
        {"Key": "CreditPartyName", "Value": phones.public_name(payout["phone"])},
        {"Key": "OriginatorConversationID", "Value": payout["originator_id"]},
        {"Key": "InitiatedTime", "Value": ids.compact_time(payout["created_at"])},
        {"Key": "DebitAccountType", "Value": "Utility Account"},
        {"Key": "TransactionReason"},
        {"Key": "ReasonType", "Value": _REASONS[payout["command"]]},
        {"Key": "TransactionStatus", "Value": _STATES[payout["state"]]},
        {"Key": "Amount", "Value": float(payout["amount"])},
        {"Key": "ConversationID", "Value": payout["conversation_id"]},
    ]
    if payout["charge"]:
        fee = {"Key": "DebitPartyCharges", "Value": f"Fee For B2C Payment|KES|{payout['charge']}.00"}
        parameters.insert(5, fee)
    if payout["finished_at"] is not None:
        parameters.append({"Key": "FinalisedTime", "Value": ids.compact_time(payout["finished_at"])})
        parameters.append({"Key": "ReceiptNo", "Value": payout["transaction_code"]})
    return parameters


def _payment_parameters(settings: Settings, prompt: Row) -> list[dict[str, Any]]:
    return [
        {"Key": "DebitPartyName", "Value": phones.public_name(prompt["phone"])},
        {"Key": "CreditPartyName", "Value": f"{prompt['shortcode']} - {settings.organisation}"},
        {"Key": "OriginatorConversationID", "Value": prompt["merchant_id"]},
        {"Key": "InitiatedTime", "Value": ids.compact_time(prompt["created_at"])},
        {"Key": "CreditPartyCharges"},
        {"Key": "DebitAccountType", "Value": "MMF Account For Customer"},
        {"Key": "TransactionReason"},
        {"Key": "ReasonType", "Value": "Pay Bill Online"},
        {"Key": "TransactionStatus", "Value": "Completed"},
        {"Key": "FinalisedTime", "Value": ids.compact_time(prompt["decided_at"])},
        {"Key": "Amount", "Value": float(prompt["amount"])},
        {"Key": "ConversationID", "Value": ids.conversation_id(at=prompt["decided_at"])},
        {"Key": "ReceiptNo", "Value": prompt["receipt"]},
    ]
