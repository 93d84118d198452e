"""Transaction Status: asked by receipt or by the payout's OriginatorConversationID, answered by callback."""

from typing import Any

from flask import Blueprint

from simulator import checks, enquiries, ids, payments, phones, results
from simulator.checks import Body
from simulator.config import Settings
from simulator.gateway import BadToken, endpoint
from simulator.store import Db, Row

blueprint = Blueprint("status", __name__)

BAD_TOKEN = BadToken(400, "400.003.01")
IDENTIFIER_TYPES = ("1", "2", "4")

REASONS = {
    "BusinessPayment": "Business Payment to Customer via API",
    "SalaryPayment": "Salary Payment via API",
    "PromotionPayment": "Promotion Payment via API",
}
REVERSAL_REASON = "Transaction Reversal"
_STATES = {"pending": "Authorized", "completed": "Completed", "failed": "Declined"}


@endpoint(blueprint, "/mpesa/transactionstatus/v1/query", bad_token=BAD_TOKEN, invalid_code="400.003.02")
def query(body: Body) -> dict[str, str]:
    operator = checks.text(body, "Initiator", longest=100)
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
    timeout_url = checks.callback_url(body, "QueueTimeOutURL")
    checks.text(body, "Remarks", longest=100)
    occasion = checks.optional_text(body, "Occasion", longest=100)
    return enquiries.accept(
        enquiries.Enquiry(
            kind="status",
            operator=operator,
            credential=credential,
            shortcode=shortcode,
            fields={"receipt": wanted_receipt, "originator_id": wanted_originator, "occasion": occasion},
            result_url=result_url,
            timeout_url=timeout_url,
            # Seen in production: a query by the payout's id is acknowledged and answered under that id.
            originator_id=wanted_originator,
        )
    )


def answer_due(db: Db, settings: Settings, *, at: float) -> None:
    """Answer every query whose time has come, with what is true now."""
    for row in enquiries.due(db, "status", at=at):
        asked = enquiries.fields(row)
        result, parameters = _answer(db, settings, row, asked)
        occasion = (
            {"Key": "Occasion", "Value": asked["occasion"]} if asked["occasion"] else {"Key": "Occasion"}
        )
        enquiries.answer(
            db,
            row,
            result,
            at=at,
            transaction_id=ids.no_receipt(at=at),
            reference=occasion,
            parameters=parameters,
        )


def _answer(
    db: Db, settings: Settings, row: Row, asked: dict[str, Any]
) -> tuple[results.Result, list[dict[str, Any]]]:
    verdict = enquiries.verdict(row)
    if verdict is not results.SUCCESS:
        return verdict, []
    party, receipt, originator_id = row["shortcode"], asked["receipt"], asked["originator_id"]
    if not receipt and not originator_id:
        return results.BAD_PARAMETER, []
    payout = db.execute(
        "SELECT * FROM payouts WHERE shortcode = ? AND (transaction_code = ? OR originator_id = ?)",
        (party, receipt, originator_id),
    ).fetchone()
    if payout is not None and not str(payout["transaction_code"] or "").endswith("0000000"):
        return results.SUCCESS, _payout_parameters(settings, payout)
    payment = payments.find(db, receipt, shortcode=party)
    if payment is not None:
        return results.SUCCESS, _payment_parameters(settings, payment)
    reversal = payments.reversal_by(db, receipt, shortcode=party)
    if reversal is not None:
        return results.SUCCESS, _reversal_parameters(settings, reversal)
    return results.NO_SUCH_RECEIPT, []


def _payout_parameters(settings: Settings, payout: Row) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"Key": "DebitPartyName", "Value": f"{payout['shortcode']} - {settings.organisation}"},
        {"Key": "CreditPartyName", "Value": phones.public_name(payout["phone"])},
        {"Key": "OriginatorConversationID", "Value": payout["originator_id"]},
        {"Key": "InitiatedTime", "Value": ids.compact_time(payout["created_at"])},
        {"Key": "DebitAccountType", "Value": "Utility Account"},
        {"Key": "TransactionReason"},
        {"Key": "ReasonType", "Value": REASONS[payout["command"]]},
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


def _payment_parameters(settings: Settings, payment: Row) -> list[dict[str, Any]]:
    """A payment in. It stays Completed when it is reversed: the reversal is a transaction of its own (assumed)."""
    online = payment["channel"] == "online"
    return [
        {"Key": "DebitPartyName", "Value": phones.public_name(payment["phone"])},
        {"Key": "CreditPartyName", "Value": f"{payment['shortcode']} - {settings.organisation}"},
        {"Key": "OriginatorConversationID", "Value": payment["originator_id"]},
        {"Key": "InitiatedTime", "Value": ids.compact_time(payment["initiated_at"])},
        {"Key": "CreditPartyCharges"},
        {"Key": "DebitAccountType", "Value": "MMF Account For Customer"},
        {"Key": "TransactionReason"},
        {"Key": "ReasonType", "Value": "Pay Bill Online" if online else "Pay Bill"},
        {"Key": "TransactionStatus", "Value": "Completed"},
        {"Key": "FinalisedTime", "Value": ids.compact_time(payment["at"])},
        {"Key": "Amount", "Value": float(payment["amount"])},
        {"Key": "ConversationID", "Value": ids.conversation_id(at=payment["at"])},
        {"Key": "ReceiptNo", "Value": payment["receipt"]},
    ]


def _reversal_parameters(settings: Settings, reversal: Row) -> list[dict[str, Any]]:
    return [
        {"Key": "DebitPartyName", "Value": f"{reversal['shortcode']} - {settings.organisation}"},
        {"Key": "CreditPartyName", "Value": phones.public_name(reversal["phone"])},
        {"Key": "OriginatorConversationID", "Value": ""},
        {"Key": "InitiatedTime", "Value": ids.compact_time(reversal["initiated_at"])},
        {"Key": "DebitAccountType", "Value": "Utility Account"},
        {"Key": "TransactionReason"},
        {"Key": "ReasonType", "Value": REVERSAL_REASON},
        {"Key": "TransactionStatus", "Value": "Completed"},
        {"Key": "FinalisedTime", "Value": ids.compact_time(reversal["at"])},
        {"Key": "Amount", "Value": float(reversal["amount"])},
        {"Key": "ConversationID", "Value": ids.conversation_id(at=reversal["at"])},
        {"Key": "ReceiptNo", "Value": reversal["receipt"]},
    ]
