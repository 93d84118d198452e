"""Safaricom Daraja: STK Push and its query, B2C v3, Transaction Status."""

import re
import time
from decimal import Decimal

import structlog
from django.conf import settings

from goldwallet.clock import now
from payments.rails import Answer, Claim, Fate, Outcome, Report
from payments.rails.daraja import answers, claims, codes, fields, http, scrub, token
from payments.rails.daraja.credential import NoCredential, security_credential

log = structlog.get_logger(__name__)

STK_PUSH = "/mpesa/stkpush/v1/processrequest"
STK_QUERY = "/mpesa/stkpushquery/v1/query"
# Not v1, which assigns ids of its own: then nothing would stop a second payment after a lost answer.
B2C = "/mpesa/b2c/v3/paymentrequest"
STATUS = "/mpesa/transactionstatus/v1/query"


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
        started = time.monotonic()
        try:
            answer = answers.collect(_call(STK_PUSH, {**_signed(code), **request}))
        except token.NoToken as error:
            answer = _no_token(error)
        _tell("stk_push", started, answer.outcome, answer.http_status, answer.code)
        return answer

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
            "QueueTimeOutURL": fields.address(timeout_url),
            "ResultURL": fields.address(result_url),
        }
        started = time.monotonic()
        try:
            answer = answers.pay_out(_call(B2C, {**_credential(), **request}), originator_id=ours)
        except (NoCredential, token.NoToken) as error:
            answer = _no_credential(error) if isinstance(error, NoCredential) else _no_token(error)
        _tell("b2c", started, answer.outcome, answer.http_status, answer.code)
        return answer

    def pay_out_ask(self, *, originator_id: str, result_url: str, timeout_url: str) -> Answer:
        request: http.Fields = {
            "Initiator": settings.DARAJA["initiator_name"],
            "CommandID": "TransactionStatusQuery",
            "OriginalConversationID": fields.identifier(originator_id, name="OriginalConversationID"),
            "PartyA": fields.shortcode(settings.DARAJA["b2c_shortcode"]),
            "IdentifierType": "4",
            "Remarks": "Status check",
            "Occasion": "Status check",
            "QueueTimeOutURL": fields.address(timeout_url),
            "ResultURL": fields.address(result_url),
        }
        started = time.monotonic()
        try:
            answer = answers.ask(_call(STATUS, {**_credential(), **request}))
        except (NoCredential, token.NoToken) as error:
            answer = _no_credential(error) if isinstance(error, NoCredential) else _no_token(error)
        _tell("transaction_status", started, answer.outcome, answer.http_status, answer.code)
        return answer

    def read_collect(self, body: bytes) -> Claim:
        return claims.collect(body)

    def read_pay_out(self, body: bytes) -> Claim:
        return claims.pay_out(body)

    def read_status(self, body: bytes) -> Claim:
        return claims.status(body)

    def fate_of_status(self, claim: Claim) -> Fate:
        return claims.fate_of_status(claim)

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


def _call(path: str, request: http.Fields) -> answers.Heard:
    """One request; once more with a new token if only the token was refused. Raises token.NoToken before
    sending.

    A refused token means that the request was not carried out, so the second sending cannot be a second
    payment.
    """
    bearer = token.bearer()
    heard = _post(path, request, bearer)
    if answers.token_refused(heard):
        heard = _post(path, request, token.bearer(refused=bearer))
    return heard


def _post(path: str, request: http.Fields, bearer: str) -> answers.Heard:
    said = http.send("POST", path, headers={"Authorization": f"Bearer {bearer}"}, fields=request)
    secrets = [
        bearer,
        *(str(request[name]) for name in ("Password", "SecurityCredential") if name in request),
    ]
    return answers.hear(said, secrets=secrets)


def _no_token(error: token.NoToken) -> Answer:
    return Answer(Outcome.NOT_EXECUTED, error.status, error.code, error.text)


def _no_credential(error: NoCredential) -> Answer:
    return Answer(Outcome.NOT_EXECUTED, None, "certificate", str(error))


def _tell(api: str, started: float, outcome: str, status: int | None, code: str) -> None:
    """One line per call. No phone, no address and no text of the provider's, which may hold either."""
    shown = code if re.fullmatch(r"[A-Za-z0-9_.\-]{0,40}", code) else "?"
    tell = log.warning if outcome in {Outcome.UNKNOWN, Outcome.NOT_EXECUTED} else log.info
    spent = round((time.monotonic() - started) * 1000)
    tell("rail call", api=api, outcome=str(outcome), status=status, code=shown, ms=spent)
