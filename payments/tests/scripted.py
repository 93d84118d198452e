"""A rail that answers what a test tells it to. It sends nothing; what it reads from callbacks is read by the real rail.

For cases that the simulator cannot produce: an answer that gets lost, a busy gateway, a provider that contradicts
itself. Everything around it (inbox, jobs, settling, ledger) is the real thing.
"""

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.test import Client
from django.urls import reverse

from payments.models import Payment
from payments.rails import Answer, Fate, Outcome, Report
from payments.rails.daraja import http
from payments.rails.daraja.client import Daraja

ACCEPTED = Outcome.ACCEPTED
LOST = Answer(Outcome.UNKNOWN, None, "timeout", "no answer in time")
BUSY = Answer(Outcome.NOT_EXECUTED, 429, "500.003.02", "Error Occurred: System is busy")
REFUSED = Answer(Outcome.REFUSED, 400, "400.002.02", "Bad Request - Invalid PhoneNumber")


def report(fate: Fate, code: str = "", *, status: int = 200) -> Report:
    return Report(fate=fate, http_status=status, code=code, text=f"result {code}", body="{}")


PAID = report(Fate.PAID, "0")
CANCELLED = report(Fate.FAILED, "1032")
RUNNING = report(Fate.PENDING, "4999")
SPURIOUS = report(Fate.UNKNOWN, "500.001.1001", status=500)


class ScriptedRail(Daraja):
    """`answers` and `reports` are used up in order; without any, requests are accepted and questions say "running"."""

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self.reports: deque[Report] = deque()
        self.sent: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        #: Runs while a request is under way, before its answer comes back.
        self.meanwhile: Callable[[dict[str, Any]], None] = lambda request: None

    def _answer(self, request: dict[str, Any]) -> Answer:
        http.refuse_in_transaction()
        self.sent.append(request)
        self.meanwhile(request)
        if self.answers:
            return self.answers.popleft()
        number = len(self.sent)
        return Answer(ACCEPTED, 200, "0", "Success", f"ws_CO_{number}", f"29115-{number}", "{}")

    def collect(self, **request: Any) -> Answer:
        return self._answer(request)

    def pay_out(self, **request: Any) -> Answer:
        return self._answer(request)

    def collect_report(self, *, request_id: str) -> Report:
        http.refuse_in_transaction()
        self.asked.append({"request_id": request_id})
        return self.reports.popleft() if self.reports else RUNNING

    def pay_out_ask(self, **request: Any) -> Answer:
        http.refuse_in_transaction()
        self.asked.append(request)
        number = len(self.asked)
        return Answer(ACCEPTED, 200, "0", "Accepted", f"AG_ask_{number}", "", "{}")


# --- callbacks, as daraja.md 2.4, 4.3 and 5.1 show them -------------------------------------------


def stk(
    payment: Payment, *, code: int | str = 0, receipt: str = "UKL0000001", **changes: Any
) -> dict[str, Any]:
    """An STK callback about `payment`; `changes`: amount, phone, request_id, merchant_request_id."""
    body: dict[str, Any] = {
        "MerchantRequestID": changes.get("merchant_request_id", payment.merchant_request_id or "29115-1"),
        "CheckoutRequestID": changes.get("request_id", payment.request_id or "ws_CO_1"),
        "ResultCode": code,
        "ResultDesc": "text",
    }
    if code == 0:
        items = {
            "Amount": int(changes.get("amount", payment.amount)),
            "MpesaReceiptNumber": receipt,
            "TransactionDate": 20261121103015,
            "PhoneNumber": int(changes.get("phone", payment.phone)),
        }
        body["CallbackMetadata"] = {"Item": [{"Name": key, "Value": value} for key, value in items.items()]}
    return {"Body": {"stkCallback": body}}


def b2c(
    payment: Payment, *, code: int | str = 0, receipt: str = "UKL0000002", amount: Decimal | None = None
) -> dict[str, Any]:
    """A payout's result."""
    result: dict[str, Any] = {
        "ResultType": 0,
        "ResultCode": code,
        "ResultDesc": "text",
        "OriginatorConversationID": str(payment.pk),
        "ConversationID": payment.request_id or "AG_1",
        "TransactionID": receipt,
    }
    if code == 0:
        values = {"TransactionAmount": int(amount or payment.amount), "TransactionReceipt": receipt}
        items = [{"Key": key, "Value": value} for key, value in values.items()]
        result["ResultParameters"] = {"ResultParameter": items}
    return {"Result": result}


def status(
    payment: Payment, says: str, *, receipt: str = "UKL0000002", code: int = 0, **changes: Any
) -> dict[str, Any]:
    """The answer to a question about a payout: `says` is the TransactionStatus."""
    values = {
        "TransactionStatus": says,
        "ReceiptNo": receipt,
        "Amount": int(changes.get("amount", payment.amount)),
    }
    return {
        "Result": {
            "ResultType": 0,
            "ResultCode": code,
            "ResultDesc": "text",
            "OriginatorConversationID": changes.get("originator_id", str(payment.pk)),
            "ConversationID": changes.get("request_id", "AG_ask_1"),
            "TransactionID": "UKL0000000",
            "ResultParameters": {
                "ResultParameter": [{"Key": key, "Value": value} for key, value in values.items() if value]
            },
        }
    }


def told(kind: str, token: str, body: object) -> int:
    """Post a callback to our own view, as the provider does; the status of the answer."""
    url = reverse("hook", args=["daraja", kind, token])
    return Client(enforce_csrf_checks=True).post(url, body, content_type="application/json").status_code
