"""C2B: the addresses that a shortcode registers. What is sent to them: see `notices`."""

from flask import Blueprint

from simulator import books, checks, ids, notices
from simulator.checks import Body
from simulator.context import current
from simulator.gateway import BadToken, GatewayError, endpoint

blueprint = Blueprint("c2b", __name__)

BAD_TOKEN = BadToken(400, "400.003.01")
INVALID_CODE = "400.003.02"
RESPONSE_TYPES = ("Completed", "Cancelled")


@endpoint(blueprint, "/mpesa/c2b/v1/registerurl", bad_token=BAD_TOKEN, invalid_code=INVALID_CODE)
def register_v1(body: Body) -> dict[str, str]:
    return _register(body, version=1)


@endpoint(blueprint, "/mpesa/c2b/v2/registerurl", bad_token=BAD_TOKEN, invalid_code=INVALID_CODE)
def register_v2(body: Body) -> dict[str, str]:
    return _register(body, version=2)


def _register(body: Body, *, version: int) -> dict[str, str]:
    settings = current().settings
    shortcode = checks.shortcode(body, "ShortCode")
    response_type = checks.choice(body, "ResponseType", RESPONSE_TYPES)
    confirmation_url = checks.callback_url(body, "ConfirmationURL")
    validation_url = checks.callback_url(body, "ValidationURL")
    if not books.is_ours(settings, shortcode):
        raise checks.Invalid("ShortCode")
    with current().store.write() as db:
        if settings.c2b_one_registration and notices.registration(db, shortcode) is not None:
            raise GatewayError(500, "500.003.1001", "Urls are already registered")
        db.execute(
            "INSERT OR REPLACE INTO c2b_urls (shortcode, version, response_type, confirmation_url, validation_url)"
            " VALUES (?, ?, ?, ?, ?)",
            (shortcode, version, response_type, confirmation_url, validation_url),
        )
    # The provider's own spelling.
    return {
        "OriginatorCoversationID": ids.request_id(),
        "ResponseCode": "0",
        "ResponseDescription": "Success",
    }
