"""Pull Transactions: the payments in of the last 48 hours, asked for and answered at once.

Payments stay in the list when they are reversed; payments to customers (B2C) are not in it.
"""

from datetime import datetime
from typing import Any

from flask import Blueprint

from simulator import checks, ids, notices, phones
from simulator.checks import Body
from simulator.config import Settings
from simulator.context import current
from simulator.gateway import BadToken, endpoint
from simulator.store import Row

blueprint = Blueprint("pull", __name__)

BAD_TOKEN = BadToken(404, "404.001.03")
WINDOW_SECONDS = 48 * 3600
PAGE_SIZE = 100


@endpoint(blueprint, "/pulltransactions/v1/register", bad_token=BAD_TOKEN)
def register(body: Body) -> dict[str, str]:
    shortcode = _shortcode(body, current().settings)
    checks.choice(body, "RequestType", ("Pull",))
    phone = checks.msisdn(body, "NominatedNumber")
    checks.callback_url(body, "CallBackURL")
    with current().store.write() as db:
        new = db.execute(
            "INSERT OR IGNORE INTO pull_registrations (shortcode, phone) VALUES (?, ?)", (shortcode, phone)
        ).rowcount
    return {
        "ResponseRefID": ids.request_id(),
        "ResponseStatus": "1000" if new else "1001",
        "ShortCode": shortcode,
        "ResponseDescription": "ShortCode Registered Successfully" if new else "ShortCode already Registered",
    }


@endpoint(blueprint, "/pulltransactions/v1/query", bad_token=BAD_TOKEN)
def query(body: Body) -> dict[str, Any]:
    settings = current().settings
    shortcode = _shortcode(body, settings)
    start, end = _moment(body, "StartDate"), _moment(body, "EndDate")
    if end < start:
        raise checks.Invalid("EndDate")
    offset = checks.digits(body, "OffSetValue")
    if len(offset) > 12:
        raise checks.Invalid("OffSetValue")
    with current().store.read() as db:
        registered = db.execute(
            "SELECT 1 FROM pull_registrations WHERE shortcode = ?", (shortcode,)
        ).fetchone()
        # `end` names a whole second.
        rows = db.execute(
            "SELECT * FROM payments WHERE shortcode = ? AND at >= ? AND at < ? ORDER BY at, receipt LIMIT ? OFFSET ?",
            (shortcode, max(start, ids.now() - WINDOW_SECONDS), end + 1, PAGE_SIZE, int(offset)),
        ).fetchall()
    if registered is None:  # assumed: the documents say only that registration comes first
        raise checks.Invalid("ShortCode")
    found = [_item(settings, row) for row in rows]
    return {
        "ResponseRefID": ids.request_id(),
        "ResponseCode": "1000" if found else "1001",
        "ResponseMessage": "Success" if found else "No transactions found for the period",
        "Response": [found],
    }


def _shortcode(body: Body, settings: Settings) -> str:
    shortcode = checks.shortcode(body, "ShortCode")
    if shortcode != settings.shortcode:
        raise checks.Invalid("ShortCode")
    return shortcode


def _moment(body: Body, field: str) -> float:
    """`YYYY-MM-DD HH:mm:ss`, Nairobi's time."""
    text = checks.text(body, field, longest=19)
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ids.NAIROBI).timestamp()
    except (ValueError, OverflowError):
        raise checks.Invalid(field) from None


def _item(settings: Settings, payment: Row) -> dict[str, str]:
    return {
        "transactionId": payment["receipt"],
        "trxDate": ids.zulu(payment["at"]),
        "msisdn": notices.masked(payment["phone"]),
        "sender": phones.owner_name(payment["phone"]),
        "transactiontype": "c2b-pay-bill-debit",
        "billreference": payment["reference"],
        "amount": f"{payment['amount']}.00",
        "organizationname": settings.organisation,
    }
