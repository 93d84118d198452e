"""Account Balance: what lies on a shortcode's accounts, answered by callback."""

from flask import Blueprint

from simulator import books, checks, enquiries, ids, results
from simulator.checks import Body
from simulator.config import Settings
from simulator.gateway import BadToken, endpoint
from simulator.store import Db, Row

blueprint = Blueprint("balance", __name__)

BAD_TOKEN = BadToken(401, "401.002.01", "Error Occurred - Invalid Access Token - {token}")


@endpoint(blueprint, "/mpesa/accountbalance/v1/query", bad_token=BAD_TOKEN)
def query(body: Body) -> dict[str, str]:
    operator = checks.text(body, "Initiator", longest=100)
    credential = checks.text(body, "SecurityCredential", longest=2000)
    checks.choice(body, "CommandID", ("AccountBalance",))
    shortcode = checks.shortcode(body, "PartyA")
    if checks.digits(body, "IdentifierType") != "4":
        raise checks.Invalid("IdentifierType")
    checks.text(body, "Remarks", shortest=2, longest=100)
    timeout_url = checks.callback_url(body, "QueueTimeOutURL")
    result_url = checks.callback_url(body, "ResultURL")
    return enquiries.accept(
        enquiries.Enquiry(
            kind="balance",
            operator=operator,
            credential=credential,
            shortcode=shortcode,
            fields={},
            result_url=result_url,
            timeout_url=timeout_url,
        )
    )


def answer_due(db: Db, settings: Settings, *, at: float) -> None:
    """Answer every query whose time has come, with what lies on the accounts now."""
    for row in enquiries.due(db, "balance", at=at):
        result = _judge(settings, row)
        parameters = []
        if result is results.SUCCESS:
            parameters = [
                {"Key": "AccountBalance", "Value": accounts_text(db, settings, row["shortcode"])},
                {"Key": "BOCompletedTime", "Value": str(ids.compact_time(at))},
            ]
        enquiries.answer(
            db,
            row,
            result,
            at=at,
            transaction_id=ids.no_receipt(at=at),
            reference=enquiries.timeout_reference("abresults"),
            parameters=parameters,
            as_text=True,
        )


def _judge(settings: Settings, row: Row) -> results.Result:
    verdict = enquiries.verdict(row)
    if verdict is results.SUCCESS and not books.is_ours(settings, row["shortcode"]):
        return results.NOT_ALLOWED
    return verdict


def accounts_text(db: Db, settings: Settings, shortcode: str) -> str:
    """The accounts as the result writes them, joined by `&`."""
    held = {
        "Utility Account": books.balance(db, books.utility(settings, shortcode)),
        "Charges Paid Account": books.balance(db, books.charges(settings, shortcode)),
    }
    names = (
        "Working Account",
        "Float Account",
        "Utility Account",
        "Charges Paid Account",
        "Organization Settlement Account",
    )
    return "&".join(account_text(name, held.get(name, 0)) for name in names)


def account_text(name: str, amount: int) -> str:
    """`Name|KES|current|available|reserved|uncleared`. Nothing is ever reserved or uncleared here."""
    return f"{name}|KES|{amount}.00|{amount}.00|0.00|0.00"
