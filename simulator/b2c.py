"""B2C: the requests that pay a customer. v3 takes the caller's id, once; v1 makes its own."""

from flask import Blueprint

from simulator import checks, ids, initiator, payouts
from simulator.checks import Body
from simulator.clock import CLOCK
from simulator.context import current
from simulator.gateway import BadToken, GatewayError, endpoint
from simulator.store import Db

blueprint = Blueprint("b2c", __name__)

BAD_TOKEN = BadToken(401, "401.002.01", "Error Occurred - Invalid Access Token - {token}")
COMMANDS = ("SalaryPayment", "BusinessPayment", "PromotionPayment")


@endpoint(blueprint, "/mpesa/b2c/v3/paymentrequest", bad_token=BAD_TOKEN)
def payment_v3(body: Body) -> dict[str, str]:
    originator_id = checks.text(body, "OriginatorConversationID", longest=100)
    return _accept(body, originator_id)


@endpoint(blueprint, "/mpesa/b2c/v1/paymentrequest", bad_token=BAD_TOKEN)
def payment_v1(body: Body) -> dict[str, str]:
    return _accept(body, None)


def _accept(body: Body, originator_id: str | None) -> dict[str, str]:
    simulator = current()
    name = checks.text(body, "InitiatorName", longest=100)
    credential = checks.text(body, "SecurityCredential", longest=2000)
    command = checks.choice(body, "CommandID", COMMANDS)
    amount = checks.amount(body, at_most=None)  # the limits are M-Pesa's, told in the result
    shortcode = checks.shortcode(body, "PartyA")
    phone = checks.msisdn(body, "PartyB")
    remarks = checks.text(body, "Remarks", shortest=2, longest=100)
    timeout_url = checks.callback_url(body, "QueueTimeOutURL")
    result_url = checks.callback_url(body, "ResultURL")
    # The documents misspell it with a double s; packages send the other.
    occasion = checks.optional_text(body, "Occassion", longest=100) or checks.optional_text(
        body, "Occasion", longest=100
    )
    at = ids.now()
    with simulator.store.write() as db:
        if originator_id is None:
            originator_id = _own_id(db)
        elif payouts.is_known(db, originator_id):
            raise GatewayError(500, "500.002.1001", "Duplicate OriginatorConversationID.")
        request = payouts.Request(
            originator_id=originator_id,
            shortcode=shortcode,
            command=command,
            phone=phone,
            amount=amount,
            remarks=remarks,
            occasion=occasion,
            result_url=result_url,
            timeout_url=timeout_url,
            verdict=initiator.check(db, simulator.settings, simulator.key, name=name, credential=credential),
        )
        payout = payouts.create(db, simulator.settings, request, at=at)
    return {
        "ConversationID": payout["conversation_id"],
        "OriginatorConversationID": originator_id,
        "ResponseCode": "0",
        "ResponseDescription": "Accept the service request successfully.",
    }


def _own_id(db: Db) -> str:
    while True:
        chance = CLOCK.chance
        own = f"{chance.randrange(10_000, 100_000)}-{chance.randrange(10_000_000, 100_000_000)}-1"
        if not payouts.is_known(db, own):
            return own
