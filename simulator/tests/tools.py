"""What the tests speak to the simulator with: a client of its APIs, and a receiver of its callbacks."""

import base64
import contextlib
import json
import queue
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding

KEY, SECRET = "demo-consumer-key", "demo-consumer-secret"
SHORTCODE, PASSKEY, PAYER = "174379", "demo-passkey-7f3a", "600991"
INITIATOR, PASSWORD = "goldwallet", "demo-initiator-2026"
STAMP = "20261121103015"


def password(*, shortcode: str = SHORTCODE, passkey: str = PASSKEY, stamp: str = STAMP) -> str:
    return base64.b64encode(f"{shortcode}{passkey}{stamp}".encode()).decode()


class Provider:
    """A client as an integrator would write it, with a valid request that a test changes one field of."""

    def __init__(self, base: str, data: Path, transport: httpx.BaseTransport | None = None) -> None:
        self.base, self.data = base, data
        self.http = httpx.Client(base_url=base, timeout=10, trust_env=False, transport=transport)
        self._token = ""

    def is_up(self) -> bool:
        try:
            return self.http.get("/control/health").json() == {"ok": True}
        except httpx.TransportError:
            return False

    def token(self) -> str:
        answer = self.http.get(
            "/oauth/v1/generate", params={"grant_type": "client_credentials"}, auth=(KEY, SECRET)
        )
        assert answer.status_code == 200
        return answer.json()["access_token"]

    def call(self, path: str, body: Any, *, token: str | None = None) -> httpx.Response:
        if token is None:
            self._token = token = self._token or self.token()
        return self.http.post(path, json=body, headers={"Authorization": f"Bearer {token}"})

    # STK

    def push_body(self, phone: str, **changes: Any) -> dict[str, Any]:
        body = {
            "BusinessShortCode": int(SHORTCODE),
            "Password": password(),
            "Timestamp": STAMP,
            "TransactionType": "CustomerPayBillOnline",
            "Amount": 1000,
            "PartyA": int(phone),
            "PartyB": int(SHORTCODE),
            "PhoneNumber": int(phone),
            "CallBackURL": "http://127.0.0.1:9/nobody",
            "AccountReference": "GW7KQ2M4X9PA",
            "TransactionDesc": "Gold",
        }
        return {name: value for name, value in (body | changes).items() if value is not None}

    def push(self, phone: str, **changes: Any) -> httpx.Response:
        return self.call("/mpesa/stkpush/v1/processrequest", self.push_body(phone, **changes))

    def pushed(self, phone: str, **changes: Any) -> str:
        answer = self.push(phone, **changes)
        assert answer.status_code == 200, answer.text
        return answer.json()["CheckoutRequestID"]

    def query(self, checkout_id: object, **changes: Any) -> httpx.Response:
        body = {
            "BusinessShortCode": int(SHORTCODE),
            "Password": password(),
            "Timestamp": STAMP,
            "CheckoutRequestID": checkout_id,
        }
        return self.call("/mpesa/stkpushquery/v1/query", body | changes)

    def decide(self, checkout_id: str, action: str) -> httpx.Response:
        return self.http.post(f"/control/prompts/{checkout_id}", json={"action": action})

    # B2C and status

    def credential(self, text: str = PASSWORD) -> str:
        certificate = x509.load_pem_x509_certificate((self.data / "certificate.pem").read_bytes())
        return base64.b64encode(certificate.public_key().encrypt(text.encode(), padding.PKCS1v15())).decode()

    def payout(self, phone: str, *, version: int = 3, **changes: Any) -> httpx.Response:
        body = {
            "OriginatorConversationID": str(uuid.uuid4()),
            "InitiatorName": INITIATOR,
            "SecurityCredential": self.credential(),
            "CommandID": "BusinessPayment",
            "Amount": 500,
            "PartyA": int(PAYER),
            "PartyB": int(phone),
            "Remarks": "Gold sale",
            "QueueTimeOutURL": "http://127.0.0.1:9/nobody",
            "ResultURL": "http://127.0.0.1:9/nobody",
            "Occassion": "",
        }
        body = {name: value for name, value in (body | changes).items() if value is not None}
        return self.call(f"/mpesa/b2c/v{version}/paymentrequest", body)

    def status(self, result_url: str, **changes: Any) -> httpx.Response:
        body = {
            "Initiator": INITIATOR,
            "SecurityCredential": self.credential(),
            "CommandID": "TransactionStatusQuery",
            "PartyA": int(PAYER),
            "IdentifierType": 4,
            "ResultURL": result_url,
            "QueueTimeOutURL": result_url,
            "Remarks": "Status",
        }
        return self.call("/mpesa/transactionstatus/v1/query", body | changes)

    # Balance, reversal, C2B, Pull

    def ask_balance(self, result_url: str, **changes: Any) -> httpx.Response:
        body = {
            "Initiator": INITIATOR,
            "SecurityCredential": self.credential(),
            "CommandID": "AccountBalance",
            "PartyA": int(SHORTCODE),
            "IdentifierType": 4,
            "Remarks": "Balance",
            "QueueTimeOutURL": result_url,
            "ResultURL": result_url,
        }
        return self.call("/mpesa/accountbalance/v1/query", body | changes)

    def reverse(self, result_url: str, receipt: str, amount: int, **changes: Any) -> httpx.Response:
        body = {
            "Initiator": INITIATOR,
            "SecurityCredential": self.credential(),
            "CommandID": "TransactionReversal",
            "TransactionID": receipt,
            "Amount": amount,
            "ReceiverParty": int(SHORTCODE),
            "RecieverIdentifierType": 11,
            "ResultURL": result_url,
            "QueueTimeOutURL": result_url,
            "Remarks": "Paid twice",
        }
        return self.call("/mpesa/reversal/v1/request", body | changes)

    def register_urls(self, url: str, *, version: int = 2, **changes: Any) -> httpx.Response:
        body = {
            "ShortCode": int(SHORTCODE),
            "ResponseType": "Completed",
            "ConfirmationURL": url,
            "ValidationURL": url,
        }
        return self.call(f"/mpesa/c2b/v{version}/registerurl", body | changes)

    def pull_register(self, **changes: Any) -> httpx.Response:
        body = {
            "ShortCode": int(SHORTCODE),
            "RequestType": "Pull",
            "NominatedNumber": "254712345678",
            "CallBackURL": "http://127.0.0.1:9/nobody",
        }
        return self.call("/pulltransactions/v1/register", body | changes)

    def pull(self, start: str, end: str, **changes: Any) -> httpx.Response:
        body = {"ShortCode": int(SHORTCODE), "StartDate": start, "EndDate": end, "OffSetValue": "0"}
        return self.call("/pulltransactions/v1/query", body | changes)

    # Control

    def control(self, path: str, body: Any = None) -> Any:
        if path in {"advance", "reset"}:
            self._token = ""  # where the clock is moved a token may have run out
        answer = (
            self.http.get(f"/control/{path}")
            if body is None
            else self.http.post(f"/control/{path}", json=body)
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def advance(self, seconds: float) -> list[dict[str, Any]]:
        """Move the clock of manual mode. The callbacks that went out on the way, in order."""
        return self.control("advance", {"seconds": seconds})["callbacks"]

    def spoil(self, *rules: dict[str, Any], seed: int = 1) -> Any:
        """Set the fault plan; without rules everything goes right again."""
        return self.control("faults", {"seed": seed, "rules": list(rules)})

    def balance(self, phone: str) -> int:
        return self.control(f"phones/{phone}")["balance"]

    def paid(self, phone: str, amount: int, **changes: Any) -> str:
        """Pushed and accepted at once. The receipt."""
        return self.decide(self.pushed(phone, Amount=amount, **changes), "accept").json()["receipt"]

    def paybill(self, phone: str, amount: int, reference: str = "", **changes: Any) -> str:
        """Paid by hand. The receipt."""
        body = {"phone": phone, "amount": amount, "account_reference": reference}
        return self.control("paybill", body | changes)["receipt"]

    def books(self) -> dict[str, Any]:
        return self.control("books")

    def payout_by(self, originator_id: str) -> dict[str, Any]:
        [found] = [one for one in self.control("payouts") if one["OriginatorConversationID"] == originator_id]
        return found

    def payout_ended(self, originator_id: str) -> dict[str, Any]:
        return until(lambda: (found := self.payout_by(originator_id))["state"] != "pending" and found)


def until(look: Any, *, seconds: float = 8) -> Any:
    """Ask until the answer is not false."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.03)
    return found


def assert_books_balance(books: dict[str, Any]) -> None:
    """Every transaction sums to zero, all accounts do, and each balance is the sum of its entries."""
    sums: dict[str, int] = dict.fromkeys(books["accounts"], 0)
    for transaction in books["transactions"]:
        assert sum(entry["amount"] for entry in transaction["entries"]) == 0, transaction
        for entry in transaction["entries"]:
            sums[entry["account"]] += entry["amount"]
            assert entry["balance"] == sums[entry["account"]], transaction
    assert sums == books["accounts"]
    assert sum(sums.values()) == 0
    for account, balance in sums.items():
        assert balance >= 0 or account == "outside:cash" or account.endswith(":charges"), account


class Call:
    """One callback as it arrived."""

    def __init__(self, path: str, headers: Any, raw: bytes) -> None:
        self.path, self.headers, self.raw = path, headers, raw

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def stk(self) -> dict[str, Any]:
        return self.body["Body"]["stkCallback"]

    @property
    def result(self) -> dict[str, Any]:
        return self.body["Result"]

    @property
    def parameters(self) -> dict[str, Any]:
        return {item["Key"]: item.get("Value") for item in self.result["ResultParameters"]["ResultParameter"]}


class Receiver:
    """Takes callbacks. Each address is asked for once with `address()`, and answers what that was told."""

    def __enter__(self) -> "Receiver":
        receiver = self
        self._inboxes: dict[str, queue.Queue[Call]] = {}
        self._answers: dict[str, tuple[int, float, bytes]] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                receiver._inboxes[self.path].put(Call(self.path, self.headers, raw))
                status, pause, body = receiver._answers[self.path]
                time.sleep(pause)
                with contextlib.suppress(ConnectionError):  # the caller may have lost its patience
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def address(self, *, status: int = 200, pause: float = 0, body: bytes = b"") -> str:
        path = f"/hooks/{uuid.uuid4().hex}"
        self._inboxes[path] = queue.Queue()
        self._answers[path] = (status, pause, body)
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def next(self, address: str, *, seconds: float = 8) -> Call:
        return self._inboxes["/hooks/" + address.rpartition("/")[2]].get(timeout=seconds)

    def count_after(self, address: str, seconds: float) -> int:
        """How many more arrive in that time."""
        time.sleep(seconds)
        return self._inboxes["/hooks/" + address.rpartition("/")[2]].qsize()
