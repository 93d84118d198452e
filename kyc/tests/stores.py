"""A real S3 server in a process of its own (moto's), and a line to it that can be cut, jammed or made to lie."""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import httpx
from botocore.config import Config

from goldwallet.test.provider import free_port

WRONG = (
    # Every way in which a line or a server may fail, as a test names it.
    "refuse",  # nobody listens
    "hang",  # it takes the request and never answers
    "drop",  # it takes the request and hangs up
    "error_500",  # the server's own trouble, as S3 writes it
    "page_503",  # a page of something in between
    "denied",  # keys that are not good (any more)
    "cut_request",  # half of what we send arrives
    "cut_answer",  # the server did it, and half of its answer arrives
)


class S3Server:
    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # Without the keys and settings of whoever runs the tests.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                httpx.get(f"{self.url}/moto-api/data.json", trust_env=False, timeout=5)
                return
            except httpx.TransportError:
                time.sleep(0.1)
        raise TimeoutError("the S3 server did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)

    def client(self) -> Any:
        """The owner's own, past the line. One for all tests: making it takes longer than most of what it is asked."""
        return self._client

    @cached_property
    def _client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )

    def bucket(self) -> str:
        """A new one, private in every way that there is."""
        name, ask = f"documents-{uuid.uuid4().hex[:12]}", self.client()
        ask.create_bucket(Bucket=name)
        self.block(name)
        return name

    def block(self, bucket: str, **changes: bool) -> None:
        names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        on = {**dict.fromkeys(names, True), **changes}
        self.client().put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=on)

    def names(self, bucket: str) -> set[str]:
        found = self.client().list_objects_v2(Bucket=bucket)
        return {one["Key"] for one in found.get("Contents", ())}


class FaultyLine:
    """An HTTP proxy before the server. `wrong` is one of WRONG, for requests whose method is among `methods`; after
    `passes` requests that go through.
    """

    def __init__(self, port: int) -> None:
        self.server_port = port
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.served: ThreadingHTTPServer | None = None
        self.heal()

    def heal(self) -> None:
        self.wrong, self.methods, self.passes = "", frozenset[str](), 0
        self.let_go = threading.Event()

    def fail(self, wrong: str, *methods: str, passes: int = 0) -> None:
        assert wrong in WRONG
        self.wrong, self.methods, self.passes = wrong, frozenset(methods), passes
        if wrong == "refuse" and not passes:
            self.stop()

    def start(self) -> None:
        line = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def do_GET(self) -> None:
                line.pass_on(self)

            do_PUT = do_DELETE = do_HEAD = do_POST = do_GET  # noqa: N815

            def log_message(self, *arguments: object) -> None:
                pass

        self.served = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.served.daemon_threads = True
        threading.Thread(
            target=self.served.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def stop(self) -> None:
        self.let_go.set()
        if self.served is not None:
            self.served.shutdown()
            self.served.server_close()
            self.served = None

    def pass_on(self, request: BaseHTTPRequestHandler) -> None:
        if self.served is None:  # a connection that was open before
            return self.hang_up(request)
        wrong = self.wrong if not self.methods or request.command in self.methods else ""
        if wrong and self.passes:
            self.passes, wrong = self.passes - 1, ""
        length = int(request.headers.get("Content-Length") or 0)
        if wrong in {"cut_request", "drop"}:
            request.rfile.read(length // 2 if wrong == "cut_request" else length)
            return self.hang_up(request)
        body = request.rfile.read(length)
        if wrong == "hang":
            self.let_go.wait(20)
            return self.hang_up(request)
        if wrong in {"error_500", "page_503", "denied"}:
            return self.answer(request, *_SAYS[wrong])
        status, headers, answered = self.ask_server(request, body)
        if wrong == "cut_answer":
            if answered:
                self.head(request, status, headers)
                request.wfile.write(answered[: len(answered) // 2])
            else:  # a head alone is an answer too: then it is the head that is cut
                request.wfile.write(b"HTTP/1.1 2")
            return self.hang_up(request)
        self.head(request, status, headers)
        request.wfile.write(answered)
        return None

    def ask_server(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list, bytes]:
        server = http.client.HTTPConnection("127.0.0.1", self.server_port, timeout=20)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "expect"}
        server.request(request.command, request.path, body, headers)
        answer = server.getresponse()
        found = answer.status, answer.getheaders(), answer.read()
        server.close()
        return found

    def head(self, request: BaseHTTPRequestHandler, status: int, headers: list) -> None:
        request.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding"}:
                request.send_header(name, value)
        request.end_headers()

    def answer(self, request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        self.head(request, status, [("Content-Length", str(len(body)))])
        request.wfile.write(body)

    def hang_up(self, request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        request.wfile.flush()
        request.connection.shutdown(socket.SHUT_RDWR)


_SAYS = {
    "error_500": (500, b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>x</Message></Error>"),
    "page_503": (503, b"<html><h1>Bad gateway</h1>"),
    "denied": (403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>x</Message></Error>"),
}
