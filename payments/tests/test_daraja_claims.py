"""What callbacks claim (daraja.md 2.4, 4.3, 4.4, 5.1), and that no body can hurt."""

import json
import time
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments.rails import Claim, Fate, rail
from payments.rails.daraja import codes
from payments.rails.daraja.documents import MOST_BYTES

daraja = rail("daraja")


def raw(document):
    return json.dumps(document).encode()


def stk(code=0, items=None, **more):
    callback = {
        "MerchantRequestID": "29115-34620561-1",
        "CheckoutRequestID": "ws_CO_1",
        "ResultCode": code,
        "ResultDesc": "The service request is processed successfully.",
        **more,
    }
    if items is not None:
        callback["CallbackMetadata"] = {"Item": items}
    return {"Body": {"stkCallback": callback}}


ITEMS = [
    {"Name": "Amount", "Value": 150.00},
    {"Name": "MpesaReceiptNumber", "Value": "UKL7A2B3C4"},
    {"Name": "Balance"},
    {"Name": "TransactionDate", "Value": 20261121103015},
    {"Name": "PhoneNumber", "Value": 254708374149},
]


def test_collect_paid():
    assert daraja.read_collect(raw(stk(items=ITEMS))) == Claim(
        success=True,
        code="0",
        text="The service request is processed successfully.",
        request_id="ws_CO_1",
        merchant_request_id="29115-34620561-1",
        originator_id="",
        amount=Decimal(150),
        phone="254708374149",
        receipt="UKL7A2B3C4",
        transaction_status="",
        readable=True,
    )


@pytest.mark.parametrize(
    "items",
    [
        ITEMS[::-1],
        ITEMS[:2] + ITEMS[3:],
        [*ITEMS, {"Name": "Balance", "Value": "{Amount={BasicAmount=1.00}}"}],
        [*ITEMS, {"Name": "Amount"}, {"Name": "Amount", "Value": None}, "junk", 7, None, [], {}],
        [*ITEMS, {"Name": "Amount", "Value": 150.0}],
        [{"Key": entry["Name"], **{k: v for k, v in entry.items() if k != "Name"}} for entry in ITEMS],
        [{"Name": "mpesa receipt number", "Value": "UKL7A2B3C4"}, ITEMS[0], ITEMS[4]],
    ],
)
def test_collect_reads_items_by_name(items):
    claim = daraja.read_collect(raw(stk(items=items)))
    assert (claim.success, claim.readable) == (True, True)
    assert (claim.amount, claim.receipt, claim.phone) == (Decimal(150), "UKL7A2B3C4", "254708374149")


@pytest.mark.parametrize(
    ("code", "read", "success"),
    [
        (0, "0", True),
        ("0", "0", True),
        (0.0, "0", True),
        (" 0 ", "0", True),
        (1032, "1032", False),
        ("1032", "1032", False),
        (1032.0, "1032", False),
        (1037, "1037", False),
        (4999, "4999", None),
        (1050, "1050", None),
        ("SFC_IC0003", "SFC_IC0003", None),
        ("R000002", "R000002", None),
        (-1, "-1", None),
        (1e400, "Infinity", None),
    ],
)
def test_collect_codes(code, read, success):
    claim = daraja.read_collect(raw(stk(code)))
    assert (claim.code, claim.success, claim.readable) == (read, success, True)


def test_collect_failures_are_the_listed_ones():
    for code in codes.COLLECT_FAILURES:
        assert daraja.read_collect(raw(stk(int(code)))).success is False


@pytest.mark.parametrize("code", [None, True, False, "", [0], {"0": 0}, "0; DROP"])
def test_collect_without_a_code_claims_nothing(code):
    claim = daraja.read_collect(raw(stk(code, ITEMS)))
    assert (claim.success, claim.readable) == (None, False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"0",
        b'"text"',
        b"{}",
        b"<html>",
        b'{"Body": null}',
        b'{"Body": {"stkCallback": []}}',
        b"\xff\xfe{}",
        b'{"Body":{"stkCallback":{"ResultCode":0',
        raw(stk()) + b"{}",
        b"[" * 50_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        raw(stk(items=ITEMS, Junk="x" * MOST_BYTES)),
        b'{"Body":{"stkCallback":{"ResultCode":0,"x":' + b"9" * 50_000 + b"}}}" + b" " * 20_000,
    ],
)
def test_unreadable_bodies(body):
    for read in (daraja.read_collect, daraja.read_pay_out, daraja.read_status):
        claim = read(body)
        assert (claim.success, claim.readable, claim.amount) == (None, False, None)
        assert daraja.fate_of_status(claim) == Fate.UNKNOWN


def test_huge_numbers_are_only_text():
    digits = b"9" * 60_000
    body = b'{"Body":{"stkCallback":{"CheckoutRequestID":"ws_CO_1","ResultCode":0,"x":' + digits + b"}}}"
    assert daraja.read_collect(body).success is True
    body = b'{"Body":{"stkCallback":{"CheckoutRequestID":"ws_CO_1","ResultCode":' + digits + b"}}}"
    assert daraja.read_collect(body).readable is False


@pytest.mark.parametrize(
    "contradiction",
    [
        b'{"Body":{"stkCallback":{"CheckoutRequestID":"a","ResultCode":1032,"ResultCode":0}}}',
        b'{"Body":{"stkCallback":{"CheckoutRequestID":"a","CheckoutRequestID":"b","ResultCode":0}}}',
        b'{"Body":{"stkCallback":{"ResultCode":0}},"Body":{"stkCallback":{"ResultCode":1}}}',
        b'{"Body":{"stkCallback":{"ResultCode":0,"resultcode":1}}}',
        raw(stk(items=[*ITEMS, {"Name": "Amount", "Value": 15000}])),
        raw(stk(items=[*ITEMS, {"Name": "MpesaReceiptNumber", "Value": "UKL7A2B3C5"}])),
        raw(stk(items=[{"Name": "Amount", "Value": "1,500"}])),
        raw(stk(items=[{"Name": "Amount", "Value": -5}])),
        raw(stk(items=[{"Name": "Amount", "Value": True}])),
        raw(stk(items=[{"Name": "Amount", "Value": "\u0661\u0662"}])),
        b'{"Body":{"stkCallback":{"ResultCode":0,"CallbackMetadata":{"Item":[{"Name":"Amount","Value":NaN}]}}}}',
        b'{"Body":{"stkCallback":{"ResultCode":0,"CallbackMetadata":{"Item":{"Name":"Amount","Value":1e9}}}}}',
        raw(stk(CheckoutRequestID="x" * 65)),
        raw(stk(CheckoutRequestID="a b")),
        raw(stk(CheckoutRequestID={"a": 1})),
    ],
)
def test_a_body_that_contradicts_itself_claims_nothing(contradiction):
    claim = daraja.read_collect(contradiction)
    assert (claim.success, claim.readable) == (None, False)


def result(code=0, parameters=None, **more):
    body = {
        "ResultType": 0,
        "ResultCode": code,
        "ResultDesc": "words",
        "OriginatorConversationID": "payout-1",
        "ConversationID": "AG_20261121_1",
        "TransactionID": "UKL7A2B3C4",
        "ReferenceData": {"ReferenceItem": {"Key": "QueueTimeoutURL", "Value": "https://internal.example/"}},
        **more,
    }
    if parameters is not None:
        body["ResultParameters"] = {"ResultParameter": parameters}
    return raw({"Result": body})


PAID = [
    {"Key": "TransactionAmount", "Value": 500},
    {"Key": "TransactionReceipt", "Value": "UKL7A2B3C4"},
    {"Key": "ReceiverPartyPublicName", "Value": "254712345678 - JANE DOE"},
    {"Key": "TransactionCompletedDateTime", "Value": "21.11.2026 10:30:15"},
    {"Key": "B2CChargesPaidAccountAvailableFunds", "Value": -4510.00},
    {"Key": "B2CRecipientIsRegisteredCustomer", "Value": "Y"},
]


def test_pay_out_paid():
    assert daraja.read_pay_out(result(parameters=PAID)) == Claim(
        success=True,
        code="0",
        text="words",
        request_id="AG_20261121_1",
        merchant_request_id="",
        originator_id="payout-1",
        amount=Decimal(500),
        phone="254712345678",
        receipt="UKL7A2B3C4",
        transaction_status="",
        readable=True,
    )


@pytest.mark.parametrize("name", ["2547****678 - JANE", "2547 ***** 678 - JANE", "+2547****678"])
def test_masked_phones_are_kept_as_they_are(name):
    claim = daraja.read_pay_out(result(parameters=[{"Key": "ReceiverPartyPublicName", "Value": name}]))
    assert "JANE" not in claim.phone
    assert claim.phone.startswith("2547")


def test_pay_out_with_a_single_parameter_and_a_reference_list():
    body = result(
        2001,
        parameters={"Key": "DebitAccountBalance", "Value": "0"},
        ReferenceData={"ReferenceItem": [{"Key": "A"}, {"Key": "A", "Value": 1}]},
    )
    claim = daraja.read_pay_out(body)
    assert (claim.success, claim.code, claim.readable) == (False, "2001", True)


@pytest.mark.parametrize(
    ("code", "success"),
    [
        ("0", True),
        (1, False),
        ("SFC_IC0003", False),
        ("TP40153", False),
        ("R000002", None),
        (15, None),
        (17, None),
        (26, None),
        (100000000, None),
        (100000011, None),
        (31337, None),
    ],
)
def test_pay_out_codes(code, success):
    assert daraja.read_pay_out(result(code)).success is success


def test_more_to_come_is_no_end():
    assert daraja.read_pay_out(result(0, ResultType=1)).success is None
    assert daraja.read_pay_out(result(1, ResultType="1")).success is None
    assert daraja.read_pay_out(result(1, ResultType="0")).success is False


def test_the_receipt_of_a_payout():
    assert daraja.read_pay_out(result()).receipt == "UKL7A2B3C4"
    assert daraja.read_pay_out(result(1)).receipt == "", "the id of a failure is no receipt"
    assert daraja.read_pay_out(result(TransactionID="UKL0000000")).receipt == ""


ECHO = {
    "OriginatorConversationID": "payout-1",
    "InitiatorName": "someone",
    "SecurityCredential": "c2VjcmV0",
    "Amount": "500",
}


@pytest.mark.parametrize("document", [ECHO, {"Request": ECHO}, {"originatorConversationId": "payout-1"}])
def test_a_queue_timeout_that_echoes_our_request_is_no_failure(document):
    claim = daraja.read_pay_out(raw(document))
    assert (claim.success, claim.originator_id, claim.readable) == (None, "payout-1", True)
    assert (claim.code, claim.amount, claim.receipt) == ("", None, "")


def status(written="Completed", code=0, **more):
    parameters = [
        {"Key": "DebitPartyName", "Value": "600991 - GOLD"},
        {"Key": "DebitPartyName", "Value": "254712345678 - JANE"},
        {"Key": "CreditPartyName", "Value": "254712345678 - JANE"},
        {"Key": "OriginatorConversationID", "Value": "payout-1"},
        {"Key": "TransactionReason"},
        {"Key": "TransactionStatus", "Value": written},
        {"Key": "Amount", "Value": "500.00"},
        {"Key": "ConversationID", "Value": "AG_20261121_original"},
        {"Key": "Receipt No", "Value": "UKL7A2B3C4"},
    ]
    more = {"OriginatorConversationID": "echo", "TransactionID": "UKL0000000", **more}
    return result(code, parameters, **more)


def test_status():
    claim = daraja.read_status(status())
    assert daraja.fate_of_status(claim) == Fate.PAID
    assert (claim.request_id, claim.originator_id) == ("AG_20261121_1", "payout-1")
    assert (claim.amount, claim.receipt, claim.phone) == (Decimal(500), "UKL7A2B3C4", "254712345678")
    assert claim.transaction_status == "Completed"


@pytest.mark.parametrize(
    ("written", "fate"),
    [
        ("Completed", Fate.PAID),
        ("COMPLETED", Fate.PAID),
        ("Cancelled", Fate.FAILED),
        ("Declined", Fate.FAILED),
        ("Expired", Fate.FAILED),
        ("Failed", Fate.FAILED),
        ("Initiated", Fate.PENDING),
        ("Authorized", Fate.PENDING),
        ("Pending Authorized", Fate.PENDING),
        ("Pending", Fate.PENDING),
        ("Reversed", Fate.UNKNOWN),
        ("Complete", Fate.UNKNOWN),
        ("Not Completed", Fate.UNKNOWN),
        ("", Fate.UNKNOWN),
        (None, Fate.UNKNOWN),
        (True, Fate.UNKNOWN),
        (0, Fate.UNKNOWN),
        (["Completed"], Fate.UNKNOWN),
    ],
)
def test_fates(written, fate):
    assert daraja.fate_of_status(daraja.read_status(status(written))) == fate


@pytest.mark.parametrize("code", [1, 25, "SFC_IC0003", None, "", True, 2001])
def test_a_query_that_did_not_work_says_nothing(code):
    for written in ("Completed", "Failed"):
        assert daraja.fate_of_status(daraja.read_status(status(written, code))) == Fate.UNKNOWN


def test_two_statuses_that_differ_say_nothing():
    parameters = [{"Key": "TransactionStatus", "Value": text} for text in ("Completed", "Failed")]
    assert daraja.fate_of_status(daraja.read_status(result(0, parameters))) == Fate.UNKNOWN


def test_text_is_fit_for_the_database():
    body = raw(stk(1, ResultDesc="a\x00b\nc\ud800d" + "e" * 1000))
    claim = daraja.read_collect(body)
    assert claim.text.startswith("a b c d")
    assert len(claim.text) == 300
    claim.text.encode()


# --- any body at all -------------------------------------------------------------------------------------

WORDS = """
    Body stkCallback ResultCode CheckoutRequestID CallbackMetadata Item Name Key Value Result ResultType
    ResultParameters ResultParameter TransactionStatus Amount MpesaReceiptNumber PhoneNumber
"""
NAMES = st.sampled_from(WORDS.split())
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["0", 0, "Completed"])
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=25,
)
SHAPED = st.builds(
    lambda inner: {"Body": {"stkCallback": inner}, "Result": inner}, st.dictionaries(NAMES, TREES)
)
BODIES = st.binary(max_size=300) | (TREES | SHAPED).map(raw)
QUICK = settings(
    max_examples=250, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def check(body):
    for read in (daraja.read_collect, daraja.read_pay_out, daraja.read_status):
        claim = read(body)
        assert claim.success in (True, False, None)
        assert claim.readable or claim.success is None
        assert claim.amount is None or (claim.amount.is_finite() and claim.amount >= 0)
        limits = (
            (claim.code, 40),
            (claim.text, 300),
            (claim.request_id, 64),
            (claim.merchant_request_id, 64),
            (claim.originator_id, 64),
            (claim.phone, 15),
            (claim.receipt, 16),
            (claim.transaction_status, 40),
        )
        for text, most in limits:
            assert len(text) <= most
            assert "\x00" not in text
            text.encode()
        daraja.fate_of_status(claim)
    kept = daraja.scrub(body)
    assert len(kept.encode()) <= 20_000
    assert "\x00" not in kept


@pytest.mark.fault("P12")
@QUICK
@given(BODIES)
def test_no_body_raises(body):
    check(body)


@pytest.mark.fault("P12")
@QUICK
@given(st.data())
def test_no_damaged_callback_raises(data):
    good = data.draw(st.sampled_from([raw(stk(items=ITEMS)), result(parameters=PAID), status(), raw(ECHO)]))
    at = data.draw(st.integers(0, len(good)))
    body = good[:at] + data.draw(st.binary(max_size=4)) + good[at + data.draw(st.integers(0, 6)) :]
    check(body)


@pytest.mark.parametrize(
    "body",
    [
        b'["' + b'","'.join([b"a"] * 20_000) + b'"]',
        b'{"Result":{' + b",".join(b'"Key%d":"password=a"' % number for number in range(2500)) + b"}}",
        b'"' * 60_000,
        b"\\" * 60_000,
        b"password" * 8_000,
        b'"password\\\\' * 5_000,
        b"Bearer " * 9_000,
        b"Invalid Access Token " + b" " * 60_000,
        b"A" * 60_000,
        b"A-" * 50 + b"! " * 20_000,
        b"name:::" * 9_000,
    ],
)
def test_a_nasty_body_costs_little(body):
    started = time.process_time()
    check(body)
    assert time.process_time() - started < 0.3


def test_what_is_stored_reads_the_same():
    """The inbox keeps the scrubbed body, and claims are read from that."""
    for body, read in (
        (raw(stk(items=ITEMS)), daraja.read_collect),
        (raw(stk(1032)), daraja.read_collect),
        (result(parameters=PAID), daraja.read_pay_out),
        (raw(ECHO), daraja.read_pay_out),
        (status(), daraja.read_status),
        (b'{"Body":{"stkCallback":{"ResultCode":1032,"ResultCode":0}}}', daraja.read_collect),
    ):
        assert read(daraja.scrub(body).encode()) == read(body)
