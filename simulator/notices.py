"""What a shortcode that registered is told: a question before a payment by hand, a word after every payment in."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from simulator import books, callbacks, ids, phones
from simulator.config import Settings
from simulator.store import Db, Row, Store

REFUSALS = {
    "C2B00011": "the phone number is not accepted",
    "C2B00012": "the account number is not accepted",
    "C2B00013": "the amount is not accepted",
    "C2B00014": "the customer's details are not accepted",
    "C2B00015": "the shortcode is not accepted",
    "C2B00016": "the payment is not accepted",
}


@dataclass(frozen=True, kw_only=True)
class Payment:
    """What a question or a word is about. `third_party_id` is what the receiver answered the question with."""

    receipt: str
    shortcode: str
    phone: str
    amount: int
    reference: str
    third_party_id: str = ""


@dataclass(frozen=True)
class Verdict:
    """Empty `refusal`: the payment may go on."""

    refusal: str
    third_party_id: str = ""


def registration(db: Db, shortcode: str) -> Row | None:
    row: Row | None = db.execute("SELECT * FROM c2b_urls WHERE shortcode = ?", (shortcode,)).fetchone()
    return row


def validate(store: Store, settings: Settings, payment: Payment, *, at: float) -> Verdict:
    """Ask the receiver whether a payment by hand may go on. Waits for the answer: never inside a transaction."""
    with store.read() as db:
        urls = registration(db, payment.shortcode)
    if urls is None or not settings.c2b_validation:
        return Verdict("")
    body = json.dumps(_notice(payment, urls["version"], at=at, funds=""))
    try:
        status, answer = callbacks.post_json(
            urls["validation_url"],
            body,
            headers=callbacks.headers(payment.shortcode),
            timeout=settings.validation_seconds,
        )
    except callbacks.NO_ANSWER:
        status, answer = 0, b""
    verdict = _verdict(answer) if status == 200 else None
    if verdict is not None:
        return verdict
    return Verdict("" if urls["response_type"] == "Completed" else "the receiver did not answer in time")


def _verdict(raw: bytes) -> Verdict | None:
    """None when the answer makes no sense: then it counts as no answer."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    code, third_party_id = body.get("ResultCode"), body.get("ThirdPartyTransID")
    if code in {"0", 0}:
        return Verdict("", third_party_id if isinstance(third_party_id, str) else "")
    return Verdict(REFUSALS[code]) if isinstance(code, str) and code in REFUSALS else None


def confirm(db: Db, settings: Settings, payment: Payment, *, at: float) -> None:
    """Send the word of a completed payment, if anybody registered for it. Once, like every callback."""
    urls = registration(db, payment.shortcode)
    if urls is None:
        return
    funds = f"{books.balance(db, books.utility(settings, payment.shortcode))}.00"
    callbacks.schedule(
        db,
        kind="c2b",
        subject=payment.receipt,
        url=urls["confirmation_url"],
        shortcode=payment.shortcode,
        body=_notice(payment, urls["version"], at=at, funds=funds),
        due_at=at + settings.callback_seconds,
    )


def _notice(payment: Payment, version: int, *, at: float, funds: str) -> dict[str, Any]:
    """Flat, without a result code. `funds` is empty in the question: nothing has moved yet."""
    first, last = phones.owner_name(payment.phone).split(" ", 1)
    return {
        "TransactionType": "Pay Bill",
        "TransID": payment.receipt,
        "TransTime": str(ids.compact_time(at)),
        "TransAmount": f"{payment.amount}.00",
        "BusinessShortCode": payment.shortcode,
        "BillRefNumber": payment.reference,
        "InvoiceNumber": "",
        "OrgAccountBalance": funds,
        "ThirdPartyTransID": payment.third_party_id,
        "MSISDN": masked(payment.phone)
        if version == 2
        else hashlib.sha256(payment.phone.encode()).hexdigest(),
        "FirstName": first,
        "MiddleName": "",
        "LastName": last if version == 1 else "",
    }


def masked(phone: str) -> str:
    """`2547 ***** 126`."""
    return f"{phone[:4]} ***** {phone[-3:]}"
