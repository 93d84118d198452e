"""Pull: what is asked, and that a list is read whole or not at all (daraja.md 5.5)."""

import datetime as dt
import json
from decimal import Decimal

import httpx
import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from goldwallet.clock import NAIROBI, now
from payments.rails import PulledRow, PullOutcome, rail
from payments.rails.daraja import answers, client, http, pulling
from payments.rails.daraja.documents import LISTS
from payments.tests.daraja_stub import Say, error, serving
from payments.tests.test_daraja_answers import CUT, EVERYWHERE
from payments.tests.test_daraja_claims import BODIES, QUICK

OK, NONE, UNKNOWN = PullOutcome.OK, PullOutcome.NONE, PullOutcome.UNKNOWN

ROW = {
    "transactionId": "UKL7A2B3C4",
    "trxDate": "2026-11-21 10:30:15",
    "msisdn": "2547****149",
    "sender": "JANE DOE",
    "transactiontype": "c2b-pay-bill-debit",
    "billreference": "GW7K2",
    "amount": "168.00",
    "organizationname": "GOLD WALLET",
}
READ = PulledRow(
    receipt="UKL7A2B3C4",
    at=dt.datetime(2026, 11, 21, 7, 30, 15, tzinfo=dt.UTC),
    amount=Decimal(168),
    reference="GW7K2",
    phone="2547****149",
    kind="c2b-pay-bill-debit",
    name="JANE DOE",
)


def row(number, **change):
    return {**ROW, "transactionId": f"UKL{number:07d}", **change}


def listed(rows, code="1000", **more):
    return {
        "ResponseRefID": "26178-1",
        "ResponseCode": code,
        "ResponseMessage": "Success",
        "Response": rows,
        **more,
    }


@pytest.fixture
def stub(settings, tmp_path, db):
    with serving(settings, tmp_path) as stub:
        stub.say(client.PULL, Say(body=listed([[ROW]])))
        yield stub


def pull(**change):
    end = now()
    return rail("daraja").pull(**{"start": end - dt.timedelta(hours=47), "end": end, "offset": 0, **change})


def heard(body, status=200):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return pulling.pulled(answers.hear(http.Said(status, raw), limits=LISTS))


# --- what is asked --------------------------------------------------------------------------------


def test_the_question(stub):
    end = now().replace(microsecond=200_000)
    assert pull(start=end - dt.timedelta(hours=2), end=end, offset=100).rows == (READ,)
    sent = stub.calls(client.PULL)[0].fields
    local = end.astimezone(NAIROBI).replace(microsecond=0)
    assert sent == {
        "ShortCode": 174379,
        "StartDate": f"{local - dt.timedelta(hours=2):%Y-%m-%d %H:%M:%S}",
        "EndDate": f"{local + dt.timedelta(seconds=1):%Y-%m-%d %H:%M:%S}",
        "OffSetValue": "100",
    }


def test_what_must_not_be_asked_is_not_asked(stub):
    end = now()
    for change in (
        {"start": end - dt.timedelta(hours=49)},
        {"start": end, "end": end - dt.timedelta(seconds=1)},
        {"start": end.replace(tzinfo=None)},
        {"end": end.replace(tzinfo=None)},
        {"offset": -1},
    ):
        with pytest.raises(ValueError, match=r"."):
            pull(**change)
    assert stub.seen == []
    assert pull(start=end - dt.timedelta(hours=48)).outcome == OK


@pytest.mark.fault("W08")
def test_no_call_inside_a_transaction(stub):
    with pytest.raises(RuntimeError, match="transaction"), transaction.atomic():
        pull()
    assert stub.seen == []


@pytest.mark.fault("P20")
def test_a_page_of_a_thousand(stub):
    rows = [row(number, amount=f"{number + 1}.50") for number in range(1000)]
    stub.say(client.PULL, Say(body=listed([rows])))
    pulled = pull()
    assert [found.receipt for found in pulled.rows] == [given["transactionId"] for given in rows]
    assert sum(found.amount for found in pulled.rows) == sum(Decimal(given["amount"]) for given in rows)
    assert len(pulled.body.encode()) <= 20_000


@pytest.mark.fault("P16")
def test_answers_that_are_no_list(stub):
    for status, body, _ in EVERYWHERE:
        stub.say(client.PULL, Say(status, body))
        pulled = pull()
        assert (pulled.outcome, pulled.rows, pulled.http_status) == (UNKNOWN, (), status), (status, body)


@pytest.mark.fault("P16")
@pytest.mark.parametrize(
    "say",
    [
        Say(raw=b""),
        Say(raw=CUT),
        Say(wait=0.3, body=listed([[ROW]])),
        Say(body=b'{"a":"' + b"a" * LISTS.size + b'"}'),
        Say(body=json.dumps(listed([[ROW]])).encode()[:-3]),
        Say(body=b"[" * 15_000),
        Say(body=b'{"Response":' + b"[" * 9_000 + b"]" * 9_000 + b',"ResponseCode":"1000"}'),
    ],
    ids=["closed", "cut", "silent", "huge", "half", "deep", "deep-list"],
)
def test_less_than_an_answer_is_unknown(stub, monkeypatch, say):
    monkeypatch.setattr(http, "TIMEOUT", httpx.Timeout(0.15 if say.wait else 5.0, connect=5.0, pool=5.0))
    stub.say(client.PULL, say)
    assert (pull().outcome, len(stub.calls(client.PULL))) == (UNKNOWN, 1)


def test_a_refused_token_is_renewed_once(stub):
    refusal = Say(
        401, error("401.002.01", "Error Occurred - Invalid Access Token - canary-token-0001-abcdefghijkl")
    )
    stub.say(client.PULL, refusal, Say(body=listed([[ROW]])))
    assert pull().outcome == OK
    stub.say(client.PULL, refusal)
    pulled = pull()
    assert pulled.outcome == UNKNOWN
    assert "canary" not in pulled.text + pulled.body


def test_without_a_token_nothing_is_asked(stub):
    stub.say("/oauth/v1/generate", Say(400))
    assert (pull().outcome, pull().code, stub.calls(client.PULL)) == (UNKNOWN, "token", [])


# --- what an answer is taken for ------------------------------------------------------------------

EMPTY = ["[[]]", "", "[]", [[]], []]


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("rows", [*EMPTY, None])
def test_nothing(status, rows):
    assert heard(listed(rows, "1001"), status).outcome == NONE
    bare = {"Response Ref ID": "1", "Response Code": "1001", "Response Message": "No transactions"}
    assert heard(bare, status).outcome == NONE


@pytest.mark.parametrize("rows", EMPTY)
def test_an_empty_page(rows):
    assert heard(listed(rows)).outcome == NONE


@pytest.mark.fault("P16", "P20")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (listed([[ROW]]), 500),
        (listed([[ROW]]), 201),
        (listed([]), 500),
        (listed([], "1001"), 404),
        (listed([], "1001"), 503),
        (listed([[ROW]], "1001"), 200),
        (listed([[ROW]], "1002"), 200),
        (listed([[ROW]], None), 200),
        (listed([[ROW]], errorCode="500.003.1001"), 200),
        (listed(None), 200),
        ({"ResponseCode": "1000"}, 200),
        ({"ResponseCode": "1002"}, 200),
        (listed(json.dumps([[ROW]])), 200),
        (listed(ROW), 200),
        (listed([[ROW]], response=[]), 200),
        (listed([[ROW]], responsecode="1001"), 200),
        (error("500.001.1001", "No records"), 500),
        (b"[[]]", 500),
    ],
)
def test_what_is_neither_a_list_nor_nothing(body, status):
    pulled = heard(body, status)
    assert (pulled.outcome, pulled.rows) == (UNKNOWN, ())


@pytest.mark.parametrize("shape", [[[ROW]], [ROW], [[], [ROW]], [[ROW], []]])
def test_arrays_of_arrays(shape):
    assert heard(listed(shape)).rows == (READ,)


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"trxDate": "2026-11-21T10:30:15"}, "at", READ.at),
        ({"trxDate": "2026-11-21T07:30:15Z"}, "at", READ.at),
        ({"trxDate": "2026-11-21T10:30:15.000+03:00"}, "at", READ.at),
        ({"amount": 168}, "amount", Decimal(168)),
        ({"amount": 168.5}, "amount", Decimal("168.5")),
        ({"msisdn": 254712345678}, "phone", "254712345678"),
        ({"msisdn": ""}, "phone", ""),
        ({"sender": "MPESA"}, "name", ""),
        ({"billreference": ""}, "reference", ""),
        ({"billreference": None}, "reference", ""),
        ({"billreference": 7207}, "reference", "7207"),
    ],
)
def test_rows_in_other_forms(change, field, value):
    pulled = heard(listed([[{**ROW, **change}]]))
    assert (pulled.outcome, getattr(pulled.rows[0], field)) == (OK, value)
    assert pulled.rows[0].at.tzinfo is not None


BAD_ROWS = [
    *[{**ROW, "amount": value} for value in (
        "", None, "1,680.00", "-168.00", "0", "0.00", "1.005", "NaN", True, [1], "\u0661"
    )],
    *[{**ROW, "trxDate": value} for value in (
        "", None, "21-11-2026 10:30:15", "2026-02-30 10:30:15", "2026-11-21", 20261121103015, "2026-11-21 25:00:00",
        "2026-11-21T10:30:15+99:99",
    )],
    *[{**ROW, "transactionId": value} for value in ("", None, "ukl7a2b3c4", "UKL 7", "U" * 65, 7, {})],
    *[{key: value for key, value in ROW.items() if key != name} for name in ("amount", "trxDate", "transactionId")],
    {**ROW, "Amount": "169.00"},
    {},
    None,
    "text",
    7,
    [ROW],
]  # fmt: skip


@pytest.mark.fault("P12", "P20")
@pytest.mark.parametrize("bad", BAD_ROWS)
def test_a_row_that_cannot_be_read_makes_all_unknown_and_is_named(bad):
    pulled = heard(listed([[row(1), bad, row(3)]]))
    assert (pulled.outcome, pulled.rows) == (UNKNOWN, ())
    assert pulled.text.startswith("Row 2 ")
    assert "JANE" not in pulled.text


@pytest.mark.fault("P20")
def test_the_same_receipt_twice():
    assert len(heard(listed([[ROW, ROW]])).rows) == 2
    pulled = heard(listed([[ROW, {**ROW, "amount": "169.00"}]]))
    assert (pulled.outcome, pulled.text) == (
        UNKNOWN,
        "Row 2 has the receipt of another row and differs from it.",
    )


# --- any answer at all ----------------------------------------------------------------------------

AMOUNTS = st.decimals(min_value="0.01", max_value="250000", places=2)


@pytest.mark.fault("P20")
@QUICK
@given(st.lists(AMOUNTS, max_size=30))
def test_the_sum_of_the_rows_is_the_sum_that_was_listed(amounts):
    pulled = heard(listed([[row(number, amount=str(amount)) for number, amount in enumerate(amounts)]]))
    assert pulled.outcome == (OK if amounts else NONE)
    assert sum(found.amount for found in pulled.rows) == sum(amounts)


@pytest.mark.fault("P12", "P20")
@QUICK
@given(st.lists(AMOUNTS, min_size=1, max_size=5), st.data())
def test_a_damaged_list_is_never_a_shorter_one(amounts, data):
    """Bytes that were cut out or changed: all rows, or none of them."""
    good = json.dumps(
        listed([[row(number, amount=str(amount)) for number, amount in enumerate(amounts)]])
    ).encode()
    at = data.draw(st.integers(0, len(good)))
    damaged = good[:at] + data.draw(st.binary(max_size=3)) + good[at + data.draw(st.integers(0, 4)) :]
    pulled = heard(damaged)
    assert len(pulled.rows) == (len(amounts) if pulled.outcome == OK else 0)
    assert pulled.outcome != NONE


@pytest.mark.fault("P12")
@QUICK
@given(BODIES, st.sampled_from([200, 500, 404]))
def test_no_body_raises(body, status):
    assert heard(body, status).rows == ()
