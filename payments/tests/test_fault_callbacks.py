"""Callbacks by the thousand: made up, damaged, out of order, repeated; and answers that nobody has ever heard of."""

import itertools
import json
import random
import string
from collections.abc import Iterator

import pytest
import structlog
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from goldwallet.clock import Now
from goldwallet.knocks import Knocks, address_of
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from payments import hooks
from payments.models import Callback, Exchange, Kind, Payment, State, new_token
from payments.rails import Fate
from payments.rails.daraja import answers, codes, http
from payments.tests.scripted import PAID, ScriptedRail, b2c, status, stk, told
from payments.tests.test_ask import question
from payments.tests.test_send import buying, selling, step
from trading.models import Order, Status

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_has_knocked() -> Iterator[None]:
    hooks.strangers.forget()
    yield
    hooks.strangers.forget()


@pytest.fixture
def warnings() -> Iterator[list[dict]]:
    """What the view of the callbacks says in the log."""
    said: list[dict] = []

    def keep(logger, method: str, event: dict) -> dict:
        if event.get("event") == "callback to no address of ours":
            said.append(dict(event))
        return event

    before = list(structlog.get_config()["processors"])
    structlog.get_config()["processors"][:] = [keep, *before]
    yield said
    structlog.get_config()["processors"][:] = before


# --- made up (P07) --------------------------------------------------------------------------------


def bodies(chance: random.Random, payment: Payment) -> bytes:
    """What a forger would send: the public shape with right and wrong contents."""
    return json.dumps(
        chance.choice(
            [
                stk(payment, receipt="UKL7A2B3C4"),
                stk(payment, code=chance.choice([0, 1032, 1037, "0"])),
                b2c(payment),
                status(payment, "Completed"),
                {"Body": {}},
            ]
        )
    ).encode()


def tokens(chance: random.Random, known: list[str]) -> str:
    """Guessed, nearly right, right in other letters, too short, too long."""
    real = chance.choice(known)
    place = chance.randrange(32)
    other = chance.choice([digit for digit in "0123456789abcdef" if digit != real[place]])
    return chance.choice(
        [
            new_token(),
            real[:place] + other + real[place + 1 :],
            real[:-1],
            real + chance.choice(string.hexdigits),
            real[::-1],
            chance.choice(["", "-"]) + "0" * chance.randrange(1, 40),
            real.upper() if any(letter.isalpha() for letter in real) else "x",
        ]
    )


@pytest.mark.fault("P07")
def test_thousands_of_forgeries_change_nothing(world: World, provider: ScriptedRail, warnings) -> None:
    _, payment = buying(world)
    step(payment)
    _, payout = selling(world)
    step(payout)
    step(payout)
    known = [payment.token, payout.token, question(payout).token]
    before = (Transaction.objects.count(), payment.state, payout.state, len(provider.asked))
    chance = random.Random(2026)
    client, answers_seen = Client(enforce_csrf_checks=True), set()
    for number in range(1000):
        token = tokens(chance, known)
        if token in known:
            continue
        kind = chance.choice(
            ["collect", "payout", "payout-timeout", "status", "status-timeout", "stk", "b2c"]
        )
        answer = client.post(
            f"/hooks/{chance.choice(['daraja', 'mpesa'])}/{kind}/{token}/",
            bodies(chance, payment),
            content_type="application/json",
            REMOTE_ADDR=f"192.0.2.{number % 250}",
        )
        answers_seen.add((answer.status_code, answer.content, answer["Content-Type"]))
    assert answers_seen == {(404, b"Not found", "text/plain")}
    assert Callback.objects.count() == 0
    payment.refresh_from_db()
    payout.refresh_from_db()
    assert (Transaction.objects.count(), payment.state, payout.state, len(provider.asked)) == before
    assert {said["from_address"] for said in warnings} == {f"192.0.2.{number}" for number in range(250)}
    assert payment.token not in str(warnings)
    assert_books()


@pytest.mark.fault("P07")
def test_who_guesses_all_the_time_is_not_looked_for(world: World, warnings, monkeypatch) -> None:
    """The answer stays the same and costs the database nothing; others are heard as before."""
    _, payment = buying(world)
    monkeypatch.setattr(hooks, "strangers", Knocks(most=20, seconds=60))

    def guess(token: str, address: str = "192.0.2.1"):
        path = f"/hooks/daraja/collect/{token}/"
        return Client().post(path, {}, content_type="application/json", REMOTE_ADDR=address)

    first = [guess(new_token()) for _ in range(20)]
    with CaptureQueriesContext(connection) as queries:
        later = [guess(new_token()) for _ in range(100)]
    assert len(queries) == 0
    assert {(one.status_code, one.content) for one in (*first, *later)} == {(404, b"Not found")}
    assert [said["within_a_minute"] for said in warnings] == [1, 10]
    assert guess(payment.token, address="192.0.2.2").status_code == 200


def test_knocks_are_forgotten_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = itertools.count(0, 7)
    monkeypatch.setattr("goldwallet.knocks.time.monotonic", lambda: now[0])
    now = [float(next(moment))]
    knocks = Knocks(most=2, seconds=60, addresses=3)
    assert [knocks.noted("a"), knocks.noted("a")] == [1, 2]
    assert knocks.too_many("a") and not knocks.too_many("b")
    now[0] += 61
    assert not knocks.too_many("a")
    for address in "abcde":
        assert knocks.noted(address) == 1
    assert len(knocks._counts) <= 3


@pytest.mark.parametrize(
    ("ours", "noted", "address"),
    [
        (0, "203.0.113.9", "10.0.0.1"),
        (1, "", "10.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        (2, "203.0.113.9", "10.0.0.1"),
    ],
)
def test_only_our_own_proxies_are_believed(rf, settings, ours: int, noted: str, address: str) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = ours
    assert address_of(rf.get("/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": noted})) == address


# --- damaged (P12) --------------------------------------------------------------------------------


NO_CODES = [b"NaN", b"-Infinity", b"1e999", b'"0"x']
NO_AMOUNTS = [b"[1000]", b"null", b'{"a":1}', b"1e3", b'"1,000"', b"true", b"9" * 400]


def damaged(chance: random.Random, good: bytes) -> bytes:
    """One way out of many to break a body that was right."""
    place = chance.randrange(len(good))
    junk = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 8)))
    return chance.choice(
        [
            good[:place],
            good[:place] + junk + good[place:],
            good[:place] + junk + good[place + len(junk) :],
            good.replace(b'"ResultCode": 0', b'"ResultCode": ' + chance.choice(NO_CODES)),
            good.replace(b'"ResultCode": 0', b'"ResultCode": 1032, "ResultCode": 0'),
            good.replace(b"1000", chance.choice(NO_AMOUNTS)),
            b'{"Body":' * chance.randrange(2, 3000) + good,
            b"[" * chance.randrange(2, 60_000),
            good[:-1] + b',"x":"' + b"A" * chance.randrange(1, 200_000) + b'"}',
            b"\xef\xbb\xbf" + good,
            good.decode().encode("utf-16"),
            b"\x00" * chance.randrange(1, 100) + good,
        ]
    )


@pytest.mark.fault("P12")
@pytest.mark.parametrize("direction", ["in", "out"])
def test_damaged_bodies_are_kept_answered_and_move_nothing(
    world: World, provider: ScriptedRail, direction: str
) -> None:
    """While the provider itself says "still running": whatever a body claims, no state moves and nothing breaks."""
    order, payment = buying(world) if direction == "in" else selling(world)
    step(payment)
    kind, good = ("collect", stk(payment)) if direction == "in" else ("payout", b2c(payment))
    chance = random.Random(1209)
    before = Transaction.objects.count()
    url = f"/hooks/daraja/{kind}/{payment.token}/"
    for number in range(150):
        answer = Client().post(
            url, damaged(chance, json.dumps(good).encode()), content_type="application/json"
        )
        assert (answer.status_code, answer.json()) == (200, {"ResultCode": 0, "ResultDesc": "Accepted"})
        if number % 50 == 0:
            assert step(payment).state == State.PENDING
            Callback.objects.filter(payment=payment).update(handled_at=None)
    kept = Callback.objects.filter(payment=payment)
    assert 0 < kept.count() <= 50, "kept, and not without end"
    assert all(len(callback.body.encode()) <= 20_000 for callback in kept)
    assert step(payment).state == State.PENDING
    assert Transaction.objects.count() == before
    order.refresh_from_db()
    assert order.status == Status.PENDING
    assert_books()


@pytest.mark.fault("P12")
def test_ten_megabytes_are_not_read(world: World) -> None:
    """The rest of the body is left in the pipe."""
    _, payment = buying(world)

    class Pipe:
        taken = 0

        def read(self, size: int = -1) -> bytes:
            assert 0 <= size <= 64_000, "read within bounds"
            self.taken += size
            return b"x" * size

        def readline(self, size: int = -1) -> bytes:
            return self.read(size)

    pipe = Pipe()
    answer = Client().generic(
        "POST", f"/hooks/daraja/collect/{payment.token}/", b"", content_type="application/json"
    )
    assert answer.status_code == 200
    answer = Client().post(
        f"/hooks/daraja/collect/{payment.token}/",
        b"",
        content_type="application/json",
        **{"wsgi.input": pipe, "CONTENT_LENGTH": "10000000"},
    )
    assert answer.status_code == 200
    assert pipe.taken <= 64_000


# --- timeout notices and results, in every order (O05) --------------------------------------------


@pytest.mark.fault("O05")
@pytest.mark.parametrize("end", ["Completed", "Failed"])
@pytest.mark.parametrize(
    "order_of", sorted(set(itertools.permutations(["notice", "notice", "result", "status"]))), ids="-".join
)
def test_a_timeout_notice_ends_nothing_in_any_order(
    world: World, provider: ScriptedRail, order_of: tuple[str, ...], end: str
) -> None:
    """Twice the notice, the result, and the answer to our question, each told twice; only the answer ends it."""
    order, payment = selling(world)
    step(payment)
    step(payment)
    token = question(payment).token
    assert token
    code = 0 if end == "Completed" else 2040
    notice = {"OriginatorConversationID": str(payment.pk), "Amount": str(int(payment.amount)), "Remarks": "x"}
    say = {
        "notice": lambda: told("payout-timeout", payment.token, notice),
        "result": lambda: told("payout", payment.token, b2c(payment, code=code)),
        "status": lambda: told("status", token, status(payment, end)),
    }
    answered = False
    for what in order_of:
        for _ in range(2):
            assert say[what]() == 200
            step(payment)
            answered = answered or what == "status"
            expected = (
                {"Completed": State.SUCCEEDED, "Failed": State.FAILED}[end] if answered else State.PENDING
            )
            assert payment.state == expected
            assert balance(chart.user_gold_locked(world.alice.pk)) == (0 if answered else order.grams)
    assert Transaction.objects.filter(key__startswith=f"payment:{payment.pk}:").count() == 1
    assert Exchange.objects.filter(payment=payment, kind=Kind.PAY_OUT).count() == len(provider.sent) == 1
    assert (
        Order.objects.get(pk=order.pk).status == {"Completed": Status.COMPLETED, "Failed": Status.FAILED}[end]
    )
    assert_books()


# --- answers that nobody has heard of (P16, O02) --------------------------------------------------


def unheard_of(chance: random.Random) -> str:
    listed = set(codes.COLLECT_FAILURES) | {"0", "4999"}
    while True:
        alphabet = string.digits + chance.choice(["", "._", string.ascii_uppercase])
        code = "".join(chance.choice(alphabet) for _ in range(chance.randint(1, 12)))
        if code.lstrip("0") not in {one.lstrip("0") for one in listed}:
            return code


@pytest.mark.fault("P16")
def test_a_thousand_unheard_of_codes_keep_the_hold(world: World, provider: ScriptedRail) -> None:
    """As STK Query would say them, read as the rail reads them. After many of them a person is told."""
    order, payment = buying(world)
    step(payment)
    chance = random.Random(1000)
    for number in range(1000):
        code = unheard_of(chance)
        said = {
            "ResponseCode": "0",
            "CheckoutRequestID": payment.request_id,
            "ResultCode": chance.choice([code, int(code) if code.isdigit() else code]),
            "ResultDesc": "The initiator information is invalid.",
        }
        heard = answers.hear(
            http.Said(chance.choice([200, 200, 200, 400, 429, 500, 503]), json.dumps(said).encode())
        )
        read = answers.report(heard, request_id=payment.request_id)
        assert read.fate in {Fate.UNKNOWN, Fate.PENDING}, said
        if number % 20 == 0:
            provider.reports.append(read)
            assert step(payment).state == State.PENDING, said
            assert payment.due_at is not None, "it will be asked about again"
    assert payment.attention, "somebody was told"
    order.refresh_from_db()
    assert order.status == Status.PENDING
    assert balance(chart.user_gold_incoming(world.bob.pk)) == order.grams
    provider.reports.append(PAID)
    assert step(payment).state == State.SUCCEEDED, "and a definite answer still ends it"
    assert_books()


BROKEN = [
    http.Said(None, trouble=trouble)
    for trouble in (http.Trouble.TIMEOUT, http.Trouble.BROKEN, http.Trouble.LARGE)
] + [
    http.Said(code, body)
    for code in (200, 201, 202, 204, 301, 302, 400, 404, 409, 500, 502, 503, 504)
    for body in (
        b"",
        b"<html>Bad Gateway</html>",
        b'{"ResponseCode":"0"',
        b"[]",
        b'{"ResponseCode": null}',
        b"0",
    )
]


@pytest.mark.fault("O02")
def test_every_broken_answer_leaves_the_payout_unknown_and_held(world: World, provider: ScriptedRail) -> None:
    """Each of them as the answer to one payout: never a failure, never sent again, the hold stays."""
    order, payment = selling(world)
    for said in BROKEN:
        Payment.objects.filter(pk=payment.pk).update(state=State.CREATED, tries=0, due_at=Now())
        with shift_clock(seconds=1):
            provider.sent.clear()
            provider.answers.append(answers.pay_out(answers.hear(said), originator_id=str(payment.pk)))
            assert step(payment).state == State.UNKNOWN, said
            with shift_clock(days=2):
                step(payment)
            assert len(provider.sent) == 1, said
            assert payment.state == State.UNKNOWN
            assert balance(chart.user_gold_locked(world.alice.pk)) == order.grams
            assert balance(chart.payouts_clearing()) == order.total_kes
    assert_books()
