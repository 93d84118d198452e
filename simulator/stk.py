"""STK Push and STK Query: the requests that put a prompt on a phone and ask what became of it."""

import base64
import binascii
import hmac
import re

from flask import Blueprint

from simulator import checks, ids, prompts, results
from simulator.checks import Body, Invalid
from simulator.clock import CLOCK
from simulator.config import Settings
from simulator.context import current
from simulator.gateway import BadToken, GatewayError, endpoint
from simulator.store import Row

blueprint = Blueprint("stk", __name__)

BAD_TOKEN = BadToken(404, "404.001.03")
TRANSACTION_TYPES = ("CustomerPayBillOnline", "CustomerBuyGoodsOnline")

_CHECKOUT_ID = re.compile(r"ws_CO_[0-9A-Za-z_]{1,58}")
_ACCEPTED = "Success. Request accepted for processing"
_IN_PROGRESS = "The transaction is being processed"


@endpoint(blueprint, "/mpesa/stkpush/v1/processrequest", bad_token=BAD_TOKEN)
def push(body: Body) -> dict[str, str]:
    settings = current().settings
    request = _push_from(body, settings)
    try:
        with current().store.write() as db:
            prompt = prompts.create(db, settings, request, at=ids.now())
    except prompts.SubscriberBusy:
        raise GatewayError(
            500,
            "500.001.1001",
            "Unable to lock subscriber, a transaction is already in process for the current subscriber",
        ) from None
    return {
        "MerchantRequestID": prompt["merchant_id"],
        "CheckoutRequestID": prompt["checkout_id"],
        "ResponseCode": "0",
        "ResponseDescription": _ACCEPTED,
        "CustomerMessage": _ACCEPTED,
    }


def _push_from(body: Body, settings: Settings) -> prompts.Push:
    """Check the fields in the order of the documents, then the merchant."""
    shortcode = checks.shortcode(body, "BusinessShortCode")
    password = checks.text(body, "Password", longest=500)
    timestamp = checks.timestamp(body)
    kind = checks.choice(body, "TransactionType", TRANSACTION_TYPES)
    amount = checks.amount(body)
    checks.msisdn(body, "PartyA")
    receiver = checks.shortcode(body, "PartyB")
    # Whoever holds the phone types the PIN, so that phone pays. PartyA is normally the same number.
    phone = checks.msisdn(body, "PhoneNumber")
    callback_url = checks.callback_url(body, "CallBackURL")
    reference = checks.text(body, "AccountReference", longest=12)
    # Measured: without a description the gateway complains about "Remarks".
    description = checks.text(body, "TransactionDesc", longest=13, name="Remarks")
    _check_merchant(settings, shortcode=shortcode, password=password, timestamp=timestamp)
    return prompts.Push(
        shortcode=shortcode,
        phone=phone,
        amount=amount,
        reference=reference,
        description=description,
        callback_url=callback_url,
        # The one shortcode here is a paybill: a till payment, or money for another party, is not its product.
        permitted=kind == "CustomerPayBillOnline" and receiver == shortcode,
    )


def _check_merchant(settings: Settings, *, shortcode: str, password: str, timestamp: str) -> None:
    if shortcode != settings.shortcode:
        raise GatewayError(500, "500.001.1001", "Merchant does not exist")
    wanted = f"{shortcode}{settings.passkey}{timestamp}".encode()
    try:
        given = base64.b64decode(password, validate=True)
    except (binascii.Error, ValueError):
        given = b""
    if not hmac.compare_digest(given, wanted):
        raise GatewayError(500, "500.001.1001", "[MerchantValidate] - Wrong credentials")


@endpoint(blueprint, "/mpesa/stkpushquery/v1/query", bad_token=BAD_TOKEN)
def query(body: Body) -> dict[str, str]:
    settings = current().settings
    shortcode = checks.shortcode(body, "BusinessShortCode")
    password = checks.text(body, "Password", longest=500)
    timestamp = checks.timestamp(body)
    checkout_id = checks.text(body, "CheckoutRequestID", longest=64)
    if not _CHECKOUT_ID.fullmatch(checkout_id):
        raise Invalid("CheckoutRequestID")
    _check_merchant(settings, shortcode=shortcode, password=password, timestamp=timestamp)
    try:
        with current().store.read() as db:
            prompt = prompts.get(db, checkout_id)
    except prompts.NoSuchPrompt:
        raise GatewayError(500, "500.001.1001", "The transaction does not Exist") from None
    # Measured: about one poll in five fails like this, also for a payment that has ended.
    if CLOCK.chance.random() < settings.query_errors:
        raise GatewayError(500, "500.001.1001", _IN_PROGRESS)
    return _query_answer(prompt, settings)


def _query_answer(prompt: Row, settings: Settings) -> dict[str, str]:
    """No receipt, no amount, no phone: the query tells the outcome only."""
    if prompt["state"] in {"open", "ignored"}:
        if settings.legacy_query:
            raise GatewayError(500, "500.001.1001", _IN_PROGRESS)
        code, text = results.PENDING_CODE, results.PENDING_TEXT
    else:
        code = prompt["result_code"]
        text = results.ALL[code].text_in_query
    return {
        "ResponseCode": "0",
        "ResponseDescription": "The service request has been accepted successfully",
        "MerchantRequestID": prompt["merchant_id"],
        "CheckoutRequestID": prompt["checkout_id"],
        "ResultCode": code,
        "ResultDesc": text,
    }
