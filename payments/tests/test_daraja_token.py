"""One access token for all processes (daraja.md 1)."""

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection

from goldwallet.clock import now
from payments.models import RailToken
from payments.rails import Fate, Outcome, rail
from payments.rails.daraja import client, http, token
from payments.tests.daraja_stub import B2C_ACK, PHONE, STK_ACK, TOKEN_PATH, URLS, Say, error, serving

pytestmark = pytest.mark.django_db

FIRST, SECOND = "canary-token-0001-abcdefghijkl", "canary-token-0002-abcdefghijkl"


@pytest.fixture
def stub(settings, tmp_path):
    with serving(settings, tmp_path) as stub:
        yield stub


def pay_out():
    return rail("daraja").pay_out(
        originator_id="payout-1", amount=Decimal(500), phone=PHONE, remarks="Gold sold", **URLS
    )


def ends_in(**left):
    RailToken.objects.update(
        minted_at=now() - dt.timedelta(hours=1), expires_at=now() + dt.timedelta(**left), renewing_until=None
    )


@pytest.mark.parametrize("expires_in", ["3599", 3599, 3599.0, "900"])
def test_it_is_fetched_once_and_kept(stub, expires_in):
    stub.expires_in = expires_in
    assert [token.bearer() for _ in range(3)] == [FIRST] * 3
    assert stub.minted == 1
    row = RailToken.objects.get()
    assert FIRST not in row.token_sealed
    if expires_in != 3599.0:
        assert abs(row.expires_at - row.minted_at - dt.timedelta(seconds=int(expires_in))).total_seconds() < 5


def test_the_request_is_the_documented_one(stub):
    token.bearer()
    seen = stub.calls(TOKEN_PATH)[0]
    assert seen.path == "/oauth/v1/generate?grant_type=client_credentials"
    assert seen.headers["Authorization"] == "Basic Y2FuYXJ5LWNvbnN1bWVyLWtleTpjYW5hcnkvY29uc3VtZXIrc2VjcmV0"


@pytest.mark.parametrize("expires_in", [None, "", "soon", -5, 0, "0", True, 1e300, "9" * 400, [], {}])
def test_a_senseless_life_does_not_stop_us(stub, expires_in):
    stub.expires_in = expires_in
    assert [token.bearer() for _ in range(3)] == [FIRST] * 3
    life = RailToken.objects.get().expires_at - now()
    assert dt.timedelta(minutes=1) < life <= dt.timedelta(hours=1)


def test_it_is_renewed_five_minutes_early(stub):
    token.bearer()
    ends_in(minutes=5, seconds=20)
    assert token.bearer() == FIRST
    ends_in(minutes=4, seconds=50)
    assert token.bearer() == SECOND


def test_while_one_renews_the_others_use_the_old_one(stub):
    token.bearer()
    ends_in(minutes=2)
    RailToken.objects.update(renewing_until=now() + dt.timedelta(seconds=20))
    assert token.bearer() == FIRST
    assert stub.minted == 1


def test_a_claim_that_ran_out_is_nobody_s(stub):
    token.bearer()
    ends_in(seconds=-1)
    RailToken.objects.update(renewing_until=now() - dt.timedelta(seconds=1))
    assert token.bearer() == SECOND


def test_whoever_cannot_wait_longer_says_so(stub, monkeypatch):
    monkeypatch.setattr(token, "WAIT_SECONDS", 0.1)
    token.bearer()
    ends_in(seconds=-1)
    RailToken.objects.update(renewing_until=now() + dt.timedelta(seconds=20))
    answer = pay_out()
    assert (answer.outcome, answer.code) == (Outcome.NOT_EXECUTED, "token")
    assert stub.calls(client.B2C) == []


def test_when_renewing_early_fails_the_old_one_serves_on(stub):
    token.bearer()
    ends_in(minutes=2)
    stub.say(TOKEN_PATH, Say(503))
    assert [token.bearer() for _ in range(4)] == [FIRST] * 4
    assert len(stub.calls(TOKEN_PATH)) == 2, "the pause between tries was not kept"


BAD = [
    Say(400),
    Say(500, b"oops"),
    Say(200, b"<html>"),
    Say(200, {"access_token": ""}),
    Say(200, {"access_token": None}),
    Say(200, {"access_token": 12345678, "expires_in": "3599"}),
    Say(raw=b""),
    Say(200, {"access_token": "two words"}),
    Say(200, {"access_token": "line\r\nX-Evil: 1"}),
    Say(400, error("400.008.01", "Invalid Authentication passed")),
]


def test_without_a_token_nothing_is_sent(stub):
    for say in BAD:
        stub.say(TOKEN_PATH, say)
        answer = pay_out()
        assert answer.outcome == Outcome.NOT_EXECUTED, say
        assert rail("daraja").collect_report(request_id="ws_CO_1").fate == Fate.UNKNOWN
    assert stub.calls(client.B2C) == []
    del stub.says[TOKEN_PATH]
    stub.say(client.B2C, Say(body=B2C_ACK))
    assert pay_out().outcome == Outcome.ACCEPTED, "a failure must not block the next try"


REFUSALS = [
    Say(404, error("404.001.03", "Invalid Access Token")),
    Say(400, error("400.003.01", "Invalid Access Token")),
    Say(401, error("401.002.01", f"Error Occurred - Invalid Access Token - {FIRST}")),
    Say(401, error("401.003.01", "Invalid Access Token")),
    Say(401, error("", "Invalid API call as no apiproduct match found")),
    Say(401),
]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refused_token_is_renewed_and_the_call_made_once_more(stub, refusal):
    stub.say(client.B2C, refusal, Say(body=B2C_ACK))
    assert pay_out().outcome == Outcome.ACCEPTED
    first, second = stub.calls(client.B2C)
    assert first.headers["Authorization"] == f"Bearer {FIRST}"
    assert second.headers["Authorization"] == f"Bearer {SECOND}"
    assert first.raw == second.raw, "it must be the same request, with the same id"
    assert stub.minted == 2


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refused_twice_is_not_executed_and_not_tried_a_third_time(stub, refusal):
    stub.say(client.B2C, refusal)
    answer = pay_out()
    assert answer.outcome == Outcome.NOT_EXECUTED
    assert FIRST not in answer.text + answer.body
    assert len(stub.calls(client.B2C)) == 2
    stub.say(client.STK_QUERY, refusal)
    assert rail("daraja").collect_report(request_id="ws_CO_1").fate == Fate.UNKNOWN


def test_the_second_sending_is_judged_like_any_other(stub):
    stub.say(client.B2C, REFUSALS[2], Say(raw=b""))
    assert pay_out().outcome == Outcome.UNKNOWN
    assert len(stub.calls(client.B2C)) == 2


@pytest.mark.parametrize("say", [Say(500, error("404.001.03", "Invalid Access Token")), Say(403)])
def test_what_is_no_refusal_of_the_token_is_sent_once(stub, say):
    stub.say(client.B2C, say)
    assert pay_out().outcome == Outcome.UNKNOWN
    assert len(stub.calls(client.B2C)) == 1


def test_somebody_else_s_newer_token_is_used(stub):
    token.bearer()
    assert token.bearer(refused=FIRST) == SECOND
    assert token.bearer(refused=FIRST) == SECOND, "renewed twice for one refusal"
    assert stub.minted == 2


def test_who_read_the_row_before_it_was_renewed_may_not_claim(stub):
    old = token._held()
    token.bearer()
    assert not token._claim(old), "the new token would have been replaced at once"
    assert token.bearer() == FIRST


def test_a_token_of_other_credentials_is_not_sent(stub, settings):
    token.bearer()
    settings.DARAJA = {**settings.DARAJA, "consumer_key": "another-key"}
    assert token.bearer() == SECOND


def test_a_token_whose_key_is_gone_is_fetched_again(stub):
    token.bearer()
    RailToken.objects.update(token_sealed="gone:AAAA")
    assert token.bearer() == SECOND


def many(call, count):
    """`count` threads, each with a connection of its own, that start together."""
    start = threading.Barrier(count)

    def one(_):
        try:
            start.wait(timeout=10)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_sixteen_threads_fetch_one_token(stub):
    stub.token_wait = 0.2
    assert set(many(token.bearer, 16)) == {FIRST}
    assert stub.minted == 1


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_sixteen_refusals_fetch_one_token(stub):
    token.bearer()
    stub.token_wait = 0.1
    assert set(many(lambda: token.bearer(refused=FIRST), 16)) == {SECOND}
    assert stub.minted == 2


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_without_the_claim_each_thread_fetches_its_own(stub, monkeypatch):
    """The negative control: the two tests above would notice a missing claim."""
    stub.token_wait = 0.2
    monkeypatch.setattr(token, "_claim", lambda held: True)
    monkeypatch.setattr(token, "_renew", lambda held, usable: token._mint()[0])
    assert len(set(many(token.bearer, 4))) > 1


@pytest.mark.django_db(transaction=True)
def test_a_renewal_that_took_too_long_does_not_overwrite_the_next(stub):
    token.bearer()
    ends_in(seconds=-1)
    slow = token._held()
    assert token._claim(slow)
    RailToken.objects.update(renewing_until=now() - dt.timedelta(seconds=1))
    assert token.bearer() == SECOND
    assert token._renew(slow, "") == "", "its token may be dead already: look again"
    assert token.bearer() == SECOND


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_threads_share_one_client_and_do_not_mix_answers(stub):
    token.bearer()
    stub.say(client.STK_PUSH, Say(body=STK_ACK))
    stub.say(client.B2C, Say(body=B2C_ACK))

    def one():
        paid = pay_out()
        asked = rail("daraja").collect(
            amount=Decimal(10),
            phone=PHONE,
            reference="GW1",
            description="Gold",
            callback_url="https://wallet.example/hooks/c/1/",
        )
        return paid.request_id, asked.request_id

    assert set(many(one, 8)) == {(B2C_ACK["ConversationID"], STK_ACK["CheckoutRequestID"])}
    assert len(http._clients) == 1
