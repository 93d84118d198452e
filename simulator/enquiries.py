"""Requests to M-Pesa's core that are acknowledged at once and answered a little later by callback.

An operator sends them with its password. Which they are: `status`, `balance`, `reversal`. The notice to
`timeout_url` is not sent here; the address is kept for who wants to send one.
"""

import json
from dataclasses import dataclass
from typing import Any

from simulator import callbacks, ids, initiator, results
from simulator.context import current
from simulator.store import Db, Row

_INTERNAL_HOST = "https://internalsandbox.safaricom.co.ke/mpesa"


@dataclass(frozen=True, kw_only=True)
class Enquiry:
    """A checked request. `fields` is what its answer will need."""

    kind: str
    operator: str
    credential: str
    shortcode: str
    fields: dict[str, Any]
    result_url: str
    timeout_url: str
    originator_id: str = ""


def accept(enquiry: Enquiry) -> dict[str, str]:
    """Check the operator, keep the request until it is due, and acknowledge it."""
    simulator = current()
    settings, at = simulator.settings, ids.now()
    conversation_id = ids.conversation_id(at=at)
    originator_id = enquiry.originator_id or ids.request_id()
    with simulator.store.write() as db:
        verdict = initiator.check(
            db, settings, simulator.key, name=enquiry.operator, credential=enquiry.credential
        )
        db.execute(
            "INSERT INTO enquiries (conversation_id, kind, originator_id, shortcode, fields, result_url,"
            " timeout_url, verdict, created_at, due_at, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')",
            (
                conversation_id,
                enquiry.kind,
                originator_id,
                enquiry.shortcode,
                json.dumps(enquiry.fields),
                enquiry.result_url,
                enquiry.timeout_url,
                verdict.code,
                at,
                at + settings.callback_seconds,
            ),
        )
    return {
        "ConversationID": conversation_id,
        "OriginatorConversationID": originator_id,
        "ResponseCode": "0",
        "ResponseDescription": "Accept the service request successfully.",
    }


def due(db: Db, kind: str, *, at: float) -> list[Row]:
    """Requests of a kind whose time has come, in the order in which they came."""
    return db.execute(
        "SELECT * FROM enquiries WHERE state = 'pending' AND kind = ? AND due_at <= ? ORDER BY due_at, rowid",
        (kind, at),
    ).fetchall()


def verdict(row: Row) -> results.Result:
    """What the check of the operator said."""
    return results.ALL[row["verdict"]]


def fields(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["fields"])
    return found


def answer(
    db: Db,
    row: Row,
    result: results.Result,
    *,
    at: float,
    transaction_id: str,
    reference: dict[str, str],
    parameters: list[dict[str, Any]],
    as_text: bool = False,
) -> None:
    """Send the result. `as_text`: type and code as strings, as one of the APIs has them."""
    body: dict[str, Any] = {
        "ResultType": "0" if as_text else 0,
        "ResultCode": result.code if as_text else result.wire_code,
        "ResultDesc": result.text,
        "OriginatorConversationID": row["originator_id"],
        "ConversationID": row["conversation_id"],
        "TransactionID": transaction_id,
    }
    if parameters:
        body["ResultParameters"] = {"ResultParameter": parameters}
    body["ReferenceData"] = {"ReferenceItem": reference}
    callbacks.schedule(
        db,
        kind=row["kind"],
        subject=row["conversation_id"],
        url=row["result_url"],
        shortcode=row["shortcode"],
        body={"Result": body},
        due_at=at,
    )
    db.execute("UPDATE enquiries SET state = 'answered' WHERE conversation_id = ?", (row["conversation_id"],))


def timeout_reference(api: str) -> dict[str, str]:
    """What results carry in ReferenceData: an address inside the provider."""
    return {"Key": "QueueTimeoutURL", "Value": f"{_INTERNAL_HOST}/{api}/v1/submit"}
