"""Safaricom Daraja: STK Push and its query, B2C v3, Transaction Status, Account Balance, Reversal, the
registration of C2B, and Pull.
"""

import datetime as dt
import math
import re
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Literal

import structlog
from django.conf import settings

from goldwallet.clock import now
from payments.rails import (
    Answer,
    Balances,
    Claim,
    Fate,
    Notice,
    Outcome,
    Pulled,
    PullOutcome,
    Report,
    ReversalResult,
)
from payments.rails.daraja import (
    answers,
    claims,
    codes,
    documents,
    fields,
    http,
    pulling,
    results,
    scrub,
    tariff,
    token,
)
from payments.rails.daraja.credential import NoCredential, security_credential

log = structlog.get_logger(__name__)

STK_PUSH = "/mpesa/stkpush/v1/processrequest"
STK_QUERY = "/mpesa/stkpushquery/v1/query"
# Not v1, which assigns ids of its own: then nothing would stop a second payment after a lost answer.
B2C = "/mpesa/b2c/v3/paymentrequest"
STATUS = "/mpesa/transactionstatus/v1/query"
BALANCE = "/mpesa/accountbalance/v1/query"
REVERSAL = "/mpesa/reversal/v1/request"
# Not v1, which sends the payer's number as a hash.
C2B_REGISTER = "/mpesa/c2b/v2/registerurl"
PULL_REGISTER = "/pulltransactions/v1/register"
PULL = "/pulltransactions/v1/query"

# Older payments are not listed. The minute is for clocks that differ and for the time a call takes.
PULL_WINDOW = dt.timedelta(hours=48)
_PULL_GRACE = dt.timedelta(minutes=1)


class Daraja:
    """The rail "daraja". It keeps nothing between calls, so one instance serves all threads."""

    def collect(
        self, *, amount: Decimal, phone: str, reference: str, description: str, callback_url: str
    ) -> Answer:
        payer = fields.msisdn(phone)
        code = fields.shortcode(settings.DARAJA["shortcode"])
        request: http.Fields = {
            "TransactionType": "CustomerPayBillOnline",
            "Amount": fields.shillings(amount, least=fields.LEAST_IN),
            "PartyA": payer,
            "PartyB": code,
            "PhoneNumber": payer,
            "CallBackURL": fields.address(callback_url),
            "AccountReference": fields.words(reference, name="AccountReference", least=1, most=12),
            "TransactionDesc": fields.words(description, name="TransactionDesc", least=1, most=13),
        }
        return _send("stk_push", STK_PUSH, request, answers.collect, proof=lambda: _signed(code))

    def collect_report(self, *, request_id: str) -> Report:
        asked = fields.identifier(request_id, name="CheckoutRequestID")
        code = fields.shortcode(settings.DARAJA["shortcode"])
        started = time.monotonic()
        try:
            heard = _call(STK_QUERY, {**_signed(code), "CheckoutRequestID": asked})
            report = answers.report(heard, request_id=asked)
        except token.NoToken as error:
            report = Report(Fate.UNKNOWN, error.status, error.code, error.text, "")
        _tell("stk_query", started, report.fate, report.http_status, report.code)
        return report

    def pay_out(
        self,
        *,
        originator_id: str,
        amount: Decimal,
        phone: str,
        remarks: str,
        result_url: str,
        timeout_url: str,
    ) -> Answer:
        ours = fields.identifier(originator_id, name="OriginatorConversationID")
        said = fields.words(remarks, name="Remarks", least=2, most=100)
        request: http.Fields = {
            "OriginatorConversationID": ours,
            "InitiatorName": settings.DARAJA["initiator_name"],
            "CommandID": "BusinessPayment",
            "Amount": fields.shillings(amount, least=fields.LEAST_OUT),
            "PartyA": fields.shortcode(settings.DARAJA["b2c_shortcode"]),
            "PartyB": fields.msisdn(phone),
            "Remarks": said,
            "Occassion": said,  # spelled so by the provider
            **_replies(result_url, timeout_url),
        }
        judge = partial(answers.pay_out, originator_id=ours)
        return _send("b2c", B2C, request, judge, proof=_credential)

    def pay_out_ask(self, *, originator_id: str, result_url: str, timeout_url: str) -> Answer:
        about = {"OriginalConversationID": fields.identifier(originator_id, name="OriginalConversationID")}
        return _status_ask(about, settings.DARAJA["b2c_shortcode"], result_url, timeout_url)

    def status_ask_receipt(
        self, *, receipt: str, shortcode: str, result_url: str, timeout_url: str
    ) -> Answer:
        about = {"TransactionID": fields.receipt(receipt)}
        return _status_ask(about, shortcode, result_url, timeout_url)

    def balance_ask(self, *, shortcode: str, result_url: str, timeout_url: str) -> Answer:
        request: http.Fields = {
            "Initiator": settings.DARAJA["initiator_name"],
            "CommandID": "AccountBalance",
            "PartyA": fields.shortcode(shortcode),
            "IdentifierType": "4",
            "Remarks": "Balance check",
            **_replies(result_url, timeout_url),
        }
        return _send("account_balance", BALANCE, request, _judge_plain, proof=_credential)

    def reverse(
        self, *, receipt: str, amount: Decimal, remarks: str, result_url: str, timeout_url: str
    ) -> Answer:
        request: http.Fields = {
            "Initiator": settings.DARAJA["initiator_name"],
            "CommandID": "TransactionReversal",
            "TransactionID": fields.receipt(receipt),
            "Amount": fields.shillings(amount, least=fields.LEAST_IN),
            "ReceiverParty": fields.shortcode(settings.DARAJA["shortcode"]),
            "RecieverIdentifierType": "11",  # spelled so by the provider
            "Remarks": fields.words(remarks, name="Remarks", least=2, most=100),
            **_replies(result_url, timeout_url),
        }
        return _send("reversal", REVERSAL, request, _judge_plain, proof=_credential)

    def register_collections(
        self, *, confirmation_url: str, validation_url: str, complete_by_default: bool
    ) -> Answer:
        request: http.Fields = {
            "ShortCode": fields.shortcode(settings.DARAJA["shortcode"]),
            "ResponseType": "Completed" if complete_by_default else "Cancelled",
            "ConfirmationURL": fields.address(confirmation_url),
            "ValidationURL": fields.address(validation_url),
        }
        return _send("c2b_register", C2B_REGISTER, request, answers.register)

    def pull_register(self, *, nominated_phone: str, callback_url: str) -> Answer:
        request: http.Fields = {
            "ShortCode": fields.shortcode(settings.DARAJA["shortcode"]),
            "RequestType": "Pull",
            "NominatedNumber": fields.msisdn(nominated_phone),
            "CallBackURL": fields.address(callback_url),
        }
        return _send("pull_register", PULL_REGISTER, request, answers.pull_register)

    def pull(self, *, start: dt.datetime, end: dt.datetime, offset: int) -> Pulled:
        request = _window(start, end, offset)
        started = time.monotonic()
        try:
            pulled = pulling.pulled(_call(PULL, request, limits=documents.LISTS))
        except token.NoToken as error:
            pulled = Pulled(PullOutcome.UNKNOWN, (), error.code, error.text, error.status, "")
        _tell("pull", started, pulled.outcome, pulled.http_status, pulled.code)
        return pulled

    def charge(self, *, direction: Literal["in", "out"], amount: Decimal, on: dt.date) -> Decimal:
        return tariff.charge_of("collection" if direction == "in" else "payout", amount=amount, on=on)

    def read_collect(self, body: bytes) -> Claim:
        return claims.collect(body)

    def read_pay_out(self, body: bytes) -> Claim:
        return claims.pay_out(body)

    def read_status(self, body: bytes) -> Claim:
        return claims.status(body)

    def read_balance(self, body: bytes) -> Balances:
        return results.balance(body)

    def read_reversal(self, body: bytes) -> ReversalResult:
        return results.reversal(body)

    def read_collection(self, body: bytes) -> Notice:
        return results.collection(body)

    def fate_of_status(self, claim: Claim) -> Fate:
        return claims.fate_of_status(claim)

    def float_empty(self, code: str, direction: str) -> bool:
        return direction == "out" and code == codes.FLOAT_EMPTY

    def scrub(self, body: bytes) -> str:
        return scrub.stored(body)

    def sentence(self, code: str, direction: str) -> str:
        return codes.sentence(code, direction)


def _signed(code: int) -> http.Fields:
    """Who collects, proven for this second."""
    stamp = fields.timestamp(now())
    return {
        "BusinessShortCode": code,
        "Password": fields.password(code=code, passkey=settings.DARAJA["passkey"], stamp=stamp),
        "Timestamp": stamp,
    }


def _credential() -> http.Fields:
    daraja = settings.DARAJA
    return {
        "SecurityCredential": security_credential(
            password=daraja["initiator_password"], certificate=daraja["certificate"]
        )
    }


def _replies(result_url: str, timeout_url: str) -> http.Fields:
    return {"QueueTimeOutURL": fields.address(timeout_url), "ResultURL": fields.address(result_url)}


def _status_ask(about: http.Fields, shortcode: str, result_url: str, timeout_url: str) -> Answer:
    request: http.Fields = {
        "Initiator": settings.DARAJA["initiator_name"],
        "CommandID": "TransactionStatusQuery",
        **about,
        "PartyA": fields.shortcode(shortcode),
        "IdentifierType": "4",
        "Remarks": "Status check",
        "Occasion": "Status check",
        **_replies(result_url, timeout_url),
    }
    return _send("transaction_status", STATUS, request, answers.ask, proof=_credential)


def _judge_plain(heard: answers.Heard) -> Answer:
    return answers.ask(heard, answers.PLAIN_ASK)


def _window(start: dt.datetime, end: dt.datetime, offset: int) -> http.Fields:
    """What is asked of Pull. An older start is refused here: the provider would answer as if nothing had been
    paid before.
    """
    if start.tzinfo is None or end.tzinfo is None or start > end:
        raise ValueError("a window needs two aware moments, the earlier one first")
    if start < now() - PULL_WINDOW - _PULL_GRACE:
        raise ValueError("only the last 48 hours can be pulled; a statement has what is older")
    if offset < 0:
        raise ValueError("an offset counts rows")
    # Whole seconds, and none of the window is cut off.
    last = dt.datetime.fromtimestamp(math.ceil(end.timestamp()), tz=dt.UTC)
    return {
        "ShortCode": fields.shortcode(settings.DARAJA["shortcode"]),
        "StartDate": fields.clock_time(start),
        "EndDate": fields.clock_time(last),
        "OffSetValue": str(offset),
    }


def _send(
    api: str,
    path: str,
    request: http.Fields,
    judge: Callable[[answers.Heard], Answer],
    *,
    proof: Callable[[], http.Fields] = dict,
) -> Answer:
    """One request and what it came to. `proof` gives the fields that show who asks."""
    started = time.monotonic()
    try:
        answer = judge(_call(path, {**proof(), **request}))
    except NoCredential as error:
        answer = Answer(Outcome.NOT_EXECUTED, None, "certificate", str(error))
    except token.NoToken as error:
        answer = Answer(Outcome.NOT_EXECUTED, error.status, error.code, error.text)
    _tell(api, started, answer.outcome, answer.http_status, answer.code)
    return answer


def _call(path: str, request: http.Fields, *, limits: documents.Limits = documents.USUAL) -> answers.Heard:
    """One request; once more with a new token if only the token was refused. Raises token.NoToken before
    sending.

    A refused token means that the request was not carried out, so the second sending cannot be a second
    payment.
    """
    bearer = token.bearer()
    heard = _post(path, request, bearer, limits)
    if answers.token_refused(heard):
        heard = _post(path, request, token.bearer(refused=bearer), limits)
    return heard


def _post(
    path: str, request: http.Fields, bearer: str, limits: documents.Limits = documents.USUAL
) -> answers.Heard:
    authorization = {"Authorization": f"Bearer {bearer}"}
    said = http.send("POST", path, headers=authorization, fields=request, most=limits.size)
    secrets = [
        bearer,
        *(str(request[name]) for name in ("Password", "SecurityCredential") if name in request),
    ]
    return answers.hear(said, secrets=secrets, limits=limits)


def _tell(api: str, started: float, outcome: str, status: int | None, code: str) -> None:
    """One line per call. No phone, no address and no text of the provider's, which may hold either."""
    shown = code if re.fullmatch(r"[A-Za-z0-9_.\-]{0,40}", code) else "?"
    tell = log.warning if outcome in {Outcome.UNKNOWN, Outcome.NOT_EXECUTED} else log.info
    spent = round((time.monotonic() - started) * 1000)
    tell("rail call", api=api, outcome=str(outcome), status=status, code=shown, ms=spent)
