"""A provider that says exactly what a test tells it to, over real HTTP on a free port of this machine."""

import contextlib
import datetime as dt
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

PHONE = "254712345678"
TOKEN_PATH = "/oauth/v1/generate"
URLS = {"result_url": "https://wallet.example/hooks/r/1/", "timeout_url": "https://wallet.example/hooks/t/1/"}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Say:
    """One answer. `raw` goes out as it is, and then the connection is cut."""

    status: int = 200
    body: object = None
    raw: bytes | None = None
    wait: float = 0.0
    drip: float = 0.0

    def content(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Seen:
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def fields(self) -> dict[str, object]:
        return json.loads(self.raw)


@dataclass
class Stub:
    """`says` maps a path to a queue of answers; the last one stays. `tokens` are given out in order."""

    url: str = ""
    says: dict[str, list[Say]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    minted: int = 0
    token_wait: float = 0.0
    expires_in: object = "3599"
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, path: str, *answers: Say) -> None:
        self.says[path] = list(answers)

    def calls(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path.split("?")[0] == path]

    def next(self, path: str) -> Say:
        with self.lock:
            if path in self.says:
                queue = self.says[path]
                return queue.pop(0) if len(queue) > 1 else queue[0]
            if path == TOKEN_PATH:
                self.minted += 1
                token = f"canary-token-{self.minted:04d}-abcdefghijkl"
                return Say(body={"access_token": token, "expires_in": self.expires_in}, wait=self.token_wait)
            return Say(
                404, {"requestId": "1", "errorCode": "404.001.01", "errorMessage": "Resource not found"}
            )


def _handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with stub.lock:
                stub.seen.append(Seen(self.path, dict(self.headers), raw))
            say = stub.next(self.path.split("?")[0])
            time.sleep(say.wait)
            self.close_connection = True
            with contextlib.suppress(OSError):  # the client may have gone
                if say.raw is not None:
                    self.wfile.write(say.raw)
                    return
                content = say.content()
                self.send_response(say.status)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Connection", "close")
                self.end_headers()
                for byte in content if say.drip else ():
                    self.wfile.write(bytes([byte]))
                    time.sleep(say.drip)
                if not say.drip:
                    self.wfile.write(content)

        do_GET = _serve  # noqa: N815
        do_POST = _serve  # noqa: N815

    return Handler


class _Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True
    block_on_close = False


@contextlib.contextmanager
def serving(settings: object, folder: Path, **changes: str) -> Iterator[Stub]:
    """A stub that `settings.DARAJA` points at, with canaries for secrets and a certificate of its own."""
    stub = Stub()
    server = _Server(("127.0.0.1", 0), _handler(stub))
    stub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    certificate = folder / "certificate.pem"
    write_certificate(certificate)
    settings.DARAJA = {
        "base_url": stub.url,
        "consumer_key": "canary-consumer-key",
        "consumer_secret": "canary/consumer+secret",
        "shortcode": "174379",
        "passkey": "canary-passkey-0123456789abcdef",
        "b2c_shortcode": "600991",
        "initiator_name": "canary-initiator",
        "initiator_password": "canary-password#7",
        "certificate": str(certificate),
        "collection_tariff": "customer",
        "nominated_phone": PHONE,
        **changes,
    }
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()


def write_certificate(path: Path, *, key: rsa.RSAPrivateKey = KEY) -> None:
    """Expired long ago, as the real ones are."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stub.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(dt.datetime(2015, 1, 1))
        .not_valid_after(dt.datetime(2016, 1, 1))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def error(code: str, text: str) -> dict[str, str]:
    return {"requestId": "abcd-1234", "errorCode": code, "errorMessage": text}


STK_ACK = {
    "MerchantRequestID": "29115-34620561-1",
    "CheckoutRequestID": "ws_CO_211120261030157712345678",
    "ResponseCode": "0",
    "ResponseDescription": "Success. Request accepted for processing",
    "CustomerMessage": "Success. Request accepted for processing",
}
B2C_ACK = {
    "ConversationID": "AG_20261121_0000abcdef0123456789",
    "OriginatorConversationID": "payout-1",
    "ResponseCode": "0",
    "ResponseDescription": "Accept the service request successfully.",
}
