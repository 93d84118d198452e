"""What the callbacks of balances, reversals and collections say, and that no body can hurt (daraja.md 5.1 to
5.4)."""

import json
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.rails import AccountBalance, Balances, Fate, Notice, ReversalResult, rail
from payments.tests.test_daraja_claims import BODIES, QUICK, raw, result, status

daraja = rail("daraja")

BALANCE = (
    "Working Account|KES|46713.00|46713.00|0.00|0.00&Utility Account|KES|51344.50|51000.00|344.50|0.00"
    "&Charges Paid Account|KES|-1540.00|-1540.00|0.00|0.00"
)


def balance(text=BALANCE, code="0", **more):
    parameters = [
        {"Key": "AccountBalance", "Value": text},
        {"Key": "BOCompletedTime", "Value": more.pop("at", 20261121103015)},
    ]
    return result(code, parameters, TransactionID="OA90000000", **{"ResultType": "0", **more})


@pytest.mark.fault("P20")
def test_balances():
    zero = Decimal("0.00")
    assert daraja.read_balance(balance()) == Balances(
        readable=True,
        code="0",
        text="words",
        request_id="AG_20261121_1",
        accounts=(
            AccountBalance("Working Account", "KES", Decimal(46713), Decimal(46713), zero, zero),
            AccountBalance(
                "Utility Account", "KES", Decimal("51344.5"), Decimal(51000), Decimal("344.5"), zero
            ),
            AccountBalance("Charges Paid Account", "KES", Decimal(-1540), Decimal(-1540), zero, zero),
        ),
        completed_at="20261121103015",
    )


def test_a_single_account_and_no_time():
    body = result(0, {"Key": "AccountBalance", "Value": "Merchant Account|KES|1.00|1|0.0|0"})
    read = daraja.read_balance(body)
    assert (read.readable, len(read.accounts), read.completed_at) == (True, 1, "")


@pytest.mark.fault("P12")
@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        7,
        [],
        "Working Account",
        "Working Account|KES|1.00|1.00|0.00",
        "Working Account|KES|1.00|1.00|0.00|0.00|0.00",
        "Working Account|KES|1,000.00|1.00|0.00|0.00",
        "Working Account|KES|1e3|1.00|0.00|0.00",
        "Working Account|KES|NaN|1.00|0.00|0.00",
        "Working Account|KES|--1|1.00|0.00|0.00",
        "Working Account|KES|1.001|1.00|0.00|0.00",
        "Working Account|KES|\u0661|1.00|0.00|0.00",
        "Working Account||1.00|1.00|0.00|0.00",
        "|KES|1.00|1.00|0.00|0.00",
        BALANCE + "&",
        BALANCE + "&Working Account|KES|1.00|1.00|0.00|0.00",
        "&".join(f"Account {number}|KES|1.00|1.00|0.00|0.00" for number in range(50)),
    ],
)
def test_odd_balances_are_no_balances(text):
    read = daraja.read_balance(balance(text))
    assert (read.readable, read.accounts, read.completed_at) == (False, (), "")


@pytest.mark.parametrize(
    "body",
    [
        balance(ResultType="1"),
        balance(at="20261321103015"),
        balance(at="yesterday"),
        balance(code=""),
        balance(code=None),
        result(0, [{"Key": "AccountBalance", "Value": text} for text in (BALANCE, "A|KES|1|1|0|0")]),
        result(0),
        raw({"OriginatorConversationID": "a", "Amount": "1"}),
        b"[]",
        b"",
    ],
)
def test_balances_that_contradict_themselves_or_are_not_there(body):
    read = daraja.read_balance(body)
    assert (read.readable, read.accounts) == (False, ())


def test_a_question_about_balances_that_failed():
    read = daraja.read_balance(balance(code=2001))
    assert (read.readable, read.code, read.accounts) == (True, "2001", ())


# --- reversals ------------------------------------------------------------------------------------

REVERSED = [
    {"Key": "DebitAccountBalance", "Value": "Utility Account|KES|51661.00|51661.00|0.00|0.00"},
    {"Key": "Amount", "Value": 500},
    {"Key": "TransCompletedTime", "Value": 20261121103015},
    {"Key": "OriginalTransactionID", "Value": "UKL7A2B3C4"},
    {"Key": "Charge", "Value": 0},
    {"Key": "CreditPartyPublicName", "Value": "254712345678 - JANE DOE"},
]


def reversal(code=0, parameters=REVERSED, **more):
    return result(code, parameters, **{"TransactionID": "UKL9Z8Y7X6", **more})


@pytest.mark.fault("P19")
def test_reversed():
    assert daraja.read_reversal(reversal()) == ReversalResult(
        readable=True,
        success=True,
        already=False,
        code="0",
        text="words",
        request_id="AG_20261121_1",
        originator_id="payout-1",
        receipt="UKL9Z8Y7X6",
        original_receipt="UKL7A2B3C4",
        amount=Decimal(500),
    )


@pytest.mark.fault("P16", "O02")
@pytest.mark.parametrize(
    ("code", "success", "already"),
    [
        ("0", True, False),
        (0, True, False),
        ("R000001", None, True),
        ("R000002", False, False),
        *[(code, False, False) for code in (1, 11, 21, 2001, 2006, 2028, 8006)],
        *[(code, None, False) for code in (15, 17, 26, 100000000, 31337, "R000003", "SFC_IC0003", "r000002")],
    ],
)
def test_reversal_codes(code, success, already):
    read = daraja.read_reversal(reversal(code, None))
    assert (read.readable, read.success, read.already) == (True, success, already)
    assert bool(read.receipt) == (success is True), "the id of a failure is no receipt"


@pytest.mark.fault("P12")
@pytest.mark.parametrize(
    "body",
    [
        reversal(ResultType=1),
        reversal("R000001", None, ResultType=1),
        reversal(None),
        reversal(True),
        reversal(parameters=[*REVERSED, {"Key": "Amount", "Value": 501}]),
        reversal(parameters=[{"Key": "Amount", "Value": 0}]),
        reversal(parameters=[{"Key": "Amount", "Value": 1.005}]),
        b'{"Result":{"ResultCode":"R000001","ResultCode":0}}',
        raw({"OriginatorConversationID": "a", "ResultCode": 0}),
        b"{}",
        b"\xff",
    ],
)
def test_no_end_of_a_reversal(body):
    read = daraja.read_reversal(body)
    assert (read.success, read.already, read.receipt) == (None, False, "")


@pytest.mark.fault("O05")
def test_a_reversal_that_waited_too_long_is_no_failure():
    read = daraja.read_reversal(raw({"OriginatorConversationID": "reversal-1", "SecurityCredential": "c2Vj"}))
    assert (read.readable, read.success, read.originator_id) == (True, None, "reversal-1")


def test_no_receipt_where_nothing_was_moved():
    assert daraja.read_reversal(reversal(TransactionID="UKL0000000")).receipt == ""


# --- collections ----------------------------------------------------------------------------------

NOTICE = {
    "TransactionType": "Pay Bill",
    "TransID": "UKL7A2B3C4",
    "TransTime": "20261121103015",
    "TransAmount": "1500.00",
    "BusinessShortCode": "174379",
    "BillRefNumber": "GW7K2",
    "InvoiceNumber": "",
    "OrgAccountBalance": "49197.00",
    "ThirdPartyTransID": "",
    "MSISDN": "2547 ***** 126",
    "FirstName": "JANE",
    "MiddleName": "",
    "LastName": "DOE",
}


def test_a_collection():
    assert daraja.read_collection(raw(NOTICE)) == Notice(
        readable=True,
        receipt="UKL7A2B3C4",
        amount=Decimal(1500),
        shortcode="174379",
        reference="GW7K2",
        phone="2547*****126",
        name="JANE DOE",
        at="20261121103015",
    )


HASH = "a" * 64


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"MSISDN": "25470****149"}, "phone", "25470****149"),
        ({"MSISDN": 254712345678}, "phone", "254712345678"),
        ({"MSISDN": HASH}, "phone", HASH),
        ({"MSISDN": "<script>"}, "phone", ""),
        ({"MSISDN": None}, "phone", ""),
        ({"TransAmount": 1500.5}, "amount", Decimal("1500.5")),
        ({"TransTime": 20261121103015}, "at", "20261121103015"),
        ({"BusinessShortCode": 174379}, "shortcode", "174379"),
        ({"BillRefNumber": ""}, "reference", ""),
        ({"BillRefNumber": None}, "reference", ""),
        ({"BillRefNumber": 12345}, "reference", "12345"),
        ({"BillRefNumber": "=1+1\r\nX"}, "reference", "=1+1 X"),
        ({"OrgAccountBalance": ""}, "receipt", "UKL7A2B3C4"),
        ({"FirstName": None, "LastName": None}, "name", ""),
    ],
)
def test_collections_in_other_forms(change, field, value):
    read = daraja.read_collection(raw({**NOTICE, **change}))
    assert (read.readable, getattr(read, field)) == (True, value)


@pytest.mark.fault("P12")
@pytest.mark.parametrize(
    "body",
    [
        *[
            raw({key: value for key, value in NOTICE.items() if key != name})
            for name in ("TransID", "TransTime", "TransAmount", "BusinessShortCode")
        ],
        *[
            raw({**NOTICE, "TransAmount": value})
            for value in (
                "1,500.00",
                "-1500.00",
                "0",
                "0.00",
                "1500.001",
                "1e3",
                "NaN",
                True,
                [1500],
                "",
                None,
                "\u0661",
            )
        ],
        *[
            raw({**NOTICE, "TransID": value})
            for value in ("", None, "ukl7a2b3c4", "UKL 7A2", "x" * 65, {}, True)
        ],
        *[raw({**NOTICE, "TransTime": value}) for value in ("", "20260230103015", "2026-11-21", 0, True)],
        *[raw({**NOTICE, "BusinessShortCode": value}) for value in ("", "1743", "17437x", None)],
        raw(NOTICE)[:-1] + b', "TransAmount": "15.00"}',
        raw(NOTICE)[:-1] + b', "trans_id": "UKL7A2B3C5"}',
        raw({"Body": NOTICE}),
        raw([NOTICE]),
        b"",
    ],
)
def test_what_is_no_notice(body):
    read = daraja.read_collection(body)
    assert read.readable is False


# --- what a status answer tells beside the fate ---------------------------------------------------


def told(**values):
    parameters = [{"Key": key, "Value": value} for key, value in values.items()]
    return daraja.read_status(result(0, [*parameters, {"Key": "TransactionStatus", "Value": "Completed"}]))


@pytest.mark.parametrize(
    ("written", "charge"),
    [
        ("Fee For B2C Payment|KES|22.40", Decimal("22.40")),
        ("Fee For B2C Payment|KES|0", Decimal(0)),
        ("Fee For B2C Payment|KES|13", Decimal(13)),
        ("", None),
        (None, None),
        ("Fee For B2C Payment|USD|22.40", None),
        ("Fee For B2C Payment|KES|-22.40", None),
        ("Fee|KES|1.00&Fee|KES|2.00", None),
        ("22.40", None),
        (22.4, None),
        (["Fee|KES|1.00"], None),
    ],
)
def test_the_charge(written, charge):
    claim = told(DebitPartyCharges=written)
    assert claim.charge == charge
    assert daraja.fate_of_status(claim) == Fate.PAID, "a charge that cannot be read does not hide the fate"


@pytest.mark.fault("P12")
def test_two_charges_that_differ_are_none():
    parameters = [
        {"Key": "DebitPartyCharges", "Value": "Fee For B2C Payment|KES|22.40"},
        {"Key": "DebitPartyCharges", "Value": "Fee For B2C Payment|KES|13.00"},
        {"Key": "TransactionStatus", "Value": "Completed"},
    ]
    claim = daraja.read_status(result(0, parameters))
    assert (claim.charge, daraja.fate_of_status(claim)) == (None, Fate.PAID)


@pytest.mark.parametrize(
    ("written", "party"),
    [
        ("174379 - GOLD WALLET", "174379"),
        ("254712345678 - JANE", "254712345678"),
        ("2547****678 - JANE", "2547****678"),
        ("JANE DOE", ""),
    ],
)
def test_who_got_the_money(written, party):
    claim = told(CreditPartyName=written, ReasonType="Pay Bill Online")
    assert (claim.credit_party, claim.reason) == (party, "Pay Bill Online")


def test_callbacks_of_payments_tell_no_charge():
    assert daraja.read_pay_out(result()).charge is None
    assert daraja.read_status(status()).charge is None


# --- any body at all -------------------------------------------------------------------------------

GOOD = [balance(), reversal(), raw(NOTICE)]


def check(body):
    read = daraja.read_balance(body)
    assert bool(read.accounts) == (read.readable and read.code == "0")
    turned = daraja.read_reversal(body)
    assert turned.readable or (turned.success, turned.already) == (None, False)
    notice = daraja.read_collection(body)
    assert not notice.readable or (notice.amount > 0 and notice.receipt and notice.shortcode)
    for found in (read, turned, notice):
        for name in found.__slots__:
            value = getattr(found, name)
            if isinstance(value, str):
                assert "\x00" not in value
                assert len(value) <= 300
                value.encode()


@pytest.mark.fault("P12")
@QUICK
@given(BODIES)
def test_no_body_raises(body):
    check(body)


@pytest.mark.fault("P12")
@QUICK
@given(st.data())
def test_no_damaged_callback_raises(data):
    good = data.draw(st.sampled_from(GOOD))
    at = data.draw(st.integers(0, len(good)))
    check(good[:at] + data.draw(st.binary(max_size=4)) + good[at + data.draw(st.integers(0, 6)) :])


@pytest.mark.fault("P12")
@pytest.mark.parametrize(
    "body", [balance("A|" * 30_000), balance("&" * 60_000), raw({**NOTICE, "MSISDN": "*" * 60_000})]
)
def test_a_nasty_body_costs_little(body):
    started = time.process_time()
    check(body)
    assert time.process_time() - started < 0.3


def test_what_is_stored_reads_the_same():
    """The inbox keeps the scrubbed body, and it is read from that."""
    for body, read in zip(
        GOOD, (daraja.read_balance, daraja.read_reversal, daraja.read_collection), strict=True
    ):
        assert read(daraja.scrub(body).encode()) == read(body)
        assert read(body).readable
        json.loads(daraja.scrub(body))
