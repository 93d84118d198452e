"""The provider's secrets reach no log, no error and no stored body; and what customers read."""

import base64
import contextlib
import json
import logging
from decimal import Decimal
from urllib.parse import quote

import httpx
import pytest
import structlog

from payments import rails
from payments.rails import rail
from payments.rails.daraja import client, codes, http, scrub, token
from payments.tests.daraja_stub import B2C_ACK, PHONE, STK_ACK, TOKEN_PATH, URLS, Say, error, serving

PASSKEY = "canary-passkey-0123456789abcdef"
CANARIES = [
    "canary-consumer-key",
    "canary/consumer+secret",
    PASSKEY,
    "canary-password#7",
    "canary-token-",
    base64.b64encode(b"canary-consumer-key:canary/consumer+secret").decode(),
    base64.b64encode(f"174379{PASSKEY}".encode()).decode()[:40],
]


def forms(secret):
    yield from (secret, secret.replace("/", "\\/"), quote(secret, safe=""))


def check(text, *more):
    for canary in (*CANARIES, *more):
        for form in forms(canary):
            assert form not in text


@pytest.fixture
def stub(settings, tmp_path):
    with serving(settings, tmp_path) as stub:
        yield stub


def parrot(stub, path, template):
    """Say back the last request (headers and body) inside `template`."""

    def following(asked):
        if asked == path and stub.calls(path):
            seen = stub.calls(path)[-1]
            echo = {"headers": seen.headers, "body": seen.raw.decode(), "fields": seen.fields}
            return Say(500, template(echo))
        return original(asked)

    original = stub.next
    stub.next = following


TEMPLATES = {
    "json": lambda echo: {
        "errorCode": "401.002.01",
        "errorMessage": echo["headers"]["Authorization"],
        "e": echo,
    },
    "nested": lambda echo: {"detail": json.dumps(json.dumps(echo))},
    "slashed": lambda echo: json.dumps(echo).replace("/", "\\/").encode(),
    "page": lambda echo: f"<html><p>{echo['headers']} {echo['body']}</p></html>".encode(),
    "form": lambda echo: "&".join(
        f"{key}={quote(str(value), safe='')}" for key, value in {**echo["fields"], **echo["headers"]}.items()
    ).encode(),
    "cut": lambda echo: json.dumps(echo).encode()[:-30],
    "items": lambda echo: {"Items": [{"Value": value, "Key": key} for key, value in echo["fields"].items()]},
}


@pytest.mark.django_db
@pytest.mark.parametrize("template", TEMPLATES)
def test_an_answer_that_says_everything_back_is_kept_clean(stub, template):
    for path in (client.STK_PUSH, client.STK_QUERY, client.B2C, client.STATUS):
        parrot(stub, path, TEMPLATES[template])
    daraja = rail("daraja")
    answers = [
        daraja.collect(
            amount=Decimal(10),
            phone=PHONE,
            reference="GW1",
            description="Gold",
            callback_url="https://wallet.example/hooks/c/1/",
        ),
        daraja.collect_report(request_id="ws_CO_1"),
        daraja.pay_out(originator_id="p-1", amount=Decimal(10), phone=PHONE, remarks="Gold", **URLS),
        daraja.pay_out_ask(originator_id="p-1", **URLS),
    ]
    sent = [seen.fields for seen in stub.seen if seen.raw]
    made = [
        str(fields[name]) for fields in sent for name in ("Password", "SecurityCredential") if name in fields
    ]
    assert len(made) == 4
    for answer in answers:
        assert answer.body
        check(answer.text + answer.body + answer.code + repr(answer), *made, *(text[:60] for text in made))
        assert "canary-initiator" not in answer.body


@pytest.mark.django_db
def test_the_logs_are_clean(stub, caplog, capsys, monkeypatch):
    """Each call, with good, bad and no answers, with every logger at its most talkative."""
    monkeypatch.setattr(http, "TIMEOUT", httpx.Timeout(0.2))
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "django.db.backends", "payments"):
        caplog.set_level(logging.DEBUG, logger=name)
    daraja = rail("daraja")
    echo = error("401.002.01", "Error Occurred - Invalid Access Token - canary-token-0001-abcdefghijkl")
    with structlog.testing.capture_logs() as lines:
        for say in (
            Say(body=STK_ACK),
            Say(body=B2C_ACK),
            Say(401, echo),
            Say(raw=b""),
            Say(wait=0.3),
            Say(503),
        ):
            for path in (client.STK_PUSH, client.STK_QUERY, client.B2C, client.STATUS):
                stub.say(path, say)
            daraja.collect(
                amount=Decimal(10),
                phone=PHONE,
                reference="GW1",
                description="Gold",
                callback_url="https://wallet.example/hooks/c/1/",
            )
            daraja.collect_report(request_id="ws_CO_1")
            daraja.pay_out(originator_id="p-1", amount=Decimal(10), phone=PHONE, remarks="Gold", **URLS)
            daraja.pay_out_ask(originator_id="p-1", **URLS)
    assert len(lines) == 24
    assert {line["api"] for line in lines} == {"stk_push", "stk_query", "b2c", "transaction_status"}
    assert all(
        set(line) == {"api", "outcome", "status", "code", "ms", "event", "log_level"} for line in lines
    )
    assert {line["log_level"] for line in lines} == {"info", "warning"}
    # The database's own log shows parameters: sealed tokens and times, so it is searched too.
    out, err = capsys.readouterr()
    everything = caplog.text + repr([record.__dict__ for record in caplog.records]) + repr(lines) + out + err
    assert "oauth/v1/generate" in everything, "the capture caught nothing"
    check(everything)
    assert PHONE not in everything
    assert PHONE[3:] not in everything


def chain(caught):
    while caught is not None:
        yield repr(caught) + str(caught)
        caught = caught.__cause__ or caught.__context__


@pytest.mark.django_db
def test_errors_are_clean(stub, settings, tmp_path):
    texts = []
    stub.say(
        TOKEN_PATH, Say(400, error("400.008.01", "Bad: Basic canary/consumer+secret canary-consumer-key"))
    )
    try:
        token.bearer()
    except token.NoToken as caught:
        texts += chain(caught)
    daraja = rail("daraja")
    settings.DARAJA = {**settings.DARAJA, "certificate": str(tmp_path / "nothing.pem")}
    for call in (
        lambda: client._credential(),
        lambda: daraja.pay_out(originator_id="p", amount=Decimal(1), phone=PHONE, remarks="Gold", **URLS),
        lambda: daraja.pay_out(
            originator_id="p", amount=Decimal(10), phone=PHONE + "1", remarks="Gold", **URLS
        ),
    ):
        with contextlib.suppress(ValueError, client.NoCredential):
            try:
                call()
            except Exception as caught:
                texts += chain(caught)
                raise
    assert len(texts) >= 4
    check(" ".join(texts))
    assert PHONE not in " ".join(texts)


CREDENTIAL = base64.b64encode(bytes(range(256))).decode()
BODIES = {
    "echo": json.dumps(
        {"InitiatorName": "someone", "SecurityCredential": CREDENTIAL, "Password": "cGFzcw=="}
    ),
    "deep": json.dumps({"a": [{"b": {"Security Credential": CREDENTIAL, "initiatorname": "someone"}}]}),
    "items": json.dumps({"Item": [{"Key": "SecurityCredential", "Value": CREDENTIAL}]}),
    "items, value first": json.dumps({"Item": [{"Value": {"x": CREDENTIAL}, "Name": "SecurityCredential"}]}),
    "list": json.dumps({"SecurityCredential": [CREDENTIAL], "Initiator": {"name": "someone"}}),
    "duplicates": f'{{"Password": "cGFzcw==", "Password": "{CREDENTIAL}"}}',
    "escaped name": f'{{"\\u0053ecurityCredential": "{CREDENTIAL}", "Initiator\\u004eame": "someone"}}',
    "in a string": json.dumps(
        {"body": json.dumps({"SecurityCredential": CREDENTIAL, "Password": "cGFzcw=="})}
    ),
    "twice in a string": json.dumps(
        json.dumps(json.dumps({"InitiatorName": "someone", "Password": "cGFzcw=="}))
    ),
    "cut": f'{{"InitiatorName": "someone", "SecurityCredential": "{CREDENTIAL[:200]}',
    "items, cut": '[{"Key": "InitiatorName", "Value": "someone"}, {"Name":"Password","Value":"cGFzcw',
    "no name": json.dumps({"unheard_of": CREDENTIAL}),
    "no name, no JSON": f"what came in: {quote(CREDENTIAL)} and {CREDENTIAL}",
    "cut early": '{"Password": "cGFzcw',
    "form": f"InitiatorName=someone&SecurityCredential={quote(CREDENTIAL)}&Password=cGFzcw%3D%3D",
    "xml": f"<InitiatorName>someone</InitiatorName><SecurityCredential>{CREDENTIAL}</SecurityCredential>",
    "page": f"&quot;SecurityCredential&quot;:&quot;{CREDENTIAL}&quot;,&quot;Password&quot;:&quot;cGFzcw&quot;",
    "headers": "Authorization: Bearer abcdefghijklmnop\r\nPassword: cGFzcw==",
    "slashes": json.dumps({"SecurityCredential": CREDENTIAL}).replace("/", "\\/")[:-1],
    "utf-16": json.dumps({"SecurityCredential": CREDENTIAL, "InitiatorName": "someone"}).encode("utf-16-le"),
    "too deep": "[" * 200 + f'"SecurityCredential": "{CREDENTIAL}", "Password": "cGFzcw=="',
    "long": json.dumps({"pad": "x" * 70_000, "SecurityCredential": CREDENTIAL}),
    "long, cut inside": " " * 65_400 + f'"SecurityCredential": "{CREDENTIAL}"',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_stored_callback_has_no_credentials(name):
    body = BODIES[name]
    kept = rail("daraja").scrub(body if isinstance(body, bytes) else body.encode())
    for secret in (CREDENTIAL[:40], CREDENTIAL[-40:], "cGFzcw", "someone", "abcdefghijklmnop"):
        assert secret not in kept
        assert secret.replace("/", "\\/") not in kept


def test_the_rest_of_a_stored_callback_stays():
    body = b'{"Result": {"ResultCode": 0, "Amount": 150.00, "ResultCode": 1, "Password": "a", "x": [null]}}'
    kept = rail("daraja").scrub(body)
    assert kept == body.decode().replace('"a"', f'"{scrub.GONE}"')
    assert (
        rail("daraja").scrub(b"The initiator information is invalid.")
        == "The initiator information is invalid."
    )


def test_a_stored_callback_is_bounded():
    for body in (b"x " * 5_000_000, ("é" * 40_000).encode(), b"\xff" * 100_000):
        assert len(rail("daraja").scrub(body).encode()) <= scrub.MOST_STORED


# --- what customers read ---------------------------------------------------------------------------------


def test_each_code_has_a_calm_sentence():
    for direction, known in (("in", codes.COLLECT_FAILURES), ("out", codes.PAY_OUT_FAILURES)):
        for code in (*known, "777", "", "<script>", "500.001.1001"):
            text = rails.sentence(code, direction)
            assert text[0].isupper()
            assert text.endswith(".")
            assert len(text) < 160
            assert "!" not in text
            assert code == "" or code.isdigit() or code not in text


@pytest.mark.parametrize(
    ("code", "direction", "word"),
    [
        ("1", "in", "not enough money"),
        ("1032", "in", "cancelled"),
        ("2001", "in", "PIN was wrong"),
        ("1037", "in", "no answer"),
        ("17", "in", "two minutes"),
        ("8006", "in", "locked"),
        ("4", "in", "daily"),
        ("3", "in", "250,000"),
        ("777", "in", "did not go through"),
        ("1", "out", "cannot send your money"),
        ("8", "out", "cannot hold"),
        ("2001", "out", "on our side"),
        ("SFC_IC0003", "out", "not on M-Pesa"),
        ("777", "out", "could not be sent"),
    ],
)
def test_the_sentence_fits_the_code(code, direction, word):
    assert word in rails.sentence(code, direction)


def test_a_direction_that_is_none_is_a_bug():
    with pytest.raises(KeyError):
        rails.sentence("1x", "sideways")
    with pytest.raises(KeyError):
        rail("pigeon")
