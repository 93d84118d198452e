"""Faults of the callbacks of payments, as the receiver sees them. The clock is moved by hand; the books stay true."""

import json

import pytest

from simulator.tests.events import declined, items, paid, paid_out, receipts, told_by_seed
from simulator.tests.tools import assert_books_balance


@pytest.fixture
def provider(manual):
    yield manual
    assert_books_balance(manual.books())


# Whether, when and how often.


def test_drop(provider, receiver, phone):
    provider.spoil({"api": "callback:collect", "fault": "drop"})
    checkout_id = paid(provider, phone, receiver.address())
    assert provider.advance(3600) == []
    assert provider.query(checkout_id).json()["ResultCode"] == "0"
    assert "dropped by the fault plan" in provider.http.get("/books").text


def test_duplicate(provider, receiver, phone):
    counts = set()
    for seed in range(12):
        provider.control("reset", {"seed": 1})
        provider.spoil({"api": "callback:collect", "fault": "duplicate"}, seed=seed)
        address = receiver.address()
        paid(provider, phone, address)
        provider.advance(1)
        count = receiver.count_after(address, 0)
        assert len({receiver.next(address).raw for _ in range(count)}) == 1
        counts.add(count)
        assert provider.balance(phone) == 299_000
    assert counts == {2, 3, 4, 5}


def test_duplicates_arrive_together(program, receiver, phone):
    """By the machine's clock all copies are under way at once: each waits, none for another."""
    provider = program().start()
    provider.spoil({"api": "callback:collect", "fault": "duplicate"}, seed=3)
    address = receiver.address(pause=0.5)
    paid(provider, phone, address)
    receiver.next(address)
    assert receiver.count_after(address, 0.3) >= 1


def test_delay(provider, receiver, phone):
    provider.spoil({"api": "callback:*", "fault": "delay", "delay_ms": 90_000, "count": 1})
    address = receiver.address()
    paid(provider, phone, address)
    assert provider.advance(89) == []
    assert len(provider.advance(2)) == 1
    assert receiver.next(address).stk["ResultCode"] == 0


def test_reorder(provider, receiver, phone):
    provider.spoil({"api": "callback:*", "fault": "reorder", "count": 1})
    first = declined(provider, phone, receiver.address())
    provider.advance(60)
    second = declined(provider, phone, receiver.address())
    third = declined(provider, phone, receiver.address())
    assert [one["subject"] for one in provider.advance(1)] == [second, first, third]


def test_two_that_are_held_do_not_wait_for_each_other(provider, receiver, phone):
    provider.spoil({"api": "callback:*", "fault": "reorder"})
    order = [declined(provider, phone, receiver.address()) for _ in range(4)]
    told = [one["subject"] for one in provider.advance(1)]
    assert sorted(told[:2]) == sorted(order[:2])
    assert told != order


def test_what_is_held_goes_out_when_faults_end(provider, receiver, phone):
    provider.spoil({"api": "callback:*", "fault": "reorder"})
    checkout_id = declined(provider, phone, receiver.address())
    assert provider.advance(3600) == []
    provider.spoil()
    assert [one["subject"] for one in provider.advance(0)] == [checkout_id]


def test_malformed(provider, receiver, phone):
    ends = set()
    for call in list(told_by_seed(provider, receiver, phone, "malformed", paid, "callback:collect"))[1:]:
        with pytest.raises(json.JSONDecodeError):
            json.loads(call.raw)
        ends.add(call.raw.startswith(b"<html>"))
    assert ends == {True, False}


# Success and failure.


def test_contradict_a_success(provider, receiver, phone):
    provider.spoil({"api": "callback:collect", "fault": "contradict"})
    address = receiver.address()
    checkout_id = paid(provider, phone, address)
    provider.advance(1)
    told = receiver.next(address).stk
    assert (told["CheckoutRequestID"], told["ResultCode"]) == (checkout_id, 1032)
    assert "CallbackMetadata" not in told
    assert provider.query(checkout_id).json()["ResultCode"] == "0"
    assert provider.balance(phone) == 299_000


def test_contradict_a_failure(provider, receiver, phone):
    provider.spoil({"api": "callback:collect", "fault": "contradict"})
    address = receiver.address()
    checkout_id = declined(provider, phone, address)
    provider.advance(1)
    call = receiver.next(address)
    assert (call.stk["CheckoutRequestID"], call.stk["ResultCode"]) == (checkout_id, 0)
    assert (items(call)["Amount"], items(call)["PhoneNumber"]) == (1000.0, int(phone))
    assert items(call)["MpesaReceiptNumber"] not in receipts(provider)
    assert provider.query(checkout_id).json()["ResultCode"] == "1032"
    assert provider.balance(phone) == 300_000


@pytest.mark.parametrize(("amount", "truth", "told"), [(500, "0", 1), (5, "2", 0)])
def test_contradict_a_payout(provider, receiver, phone, amount, truth, told):
    provider.spoil({"api": "callback:payout", "fault": "contradict"})
    address = receiver.address()
    paid_out(provider, phone, address, Amount=amount)
    provider.advance(10)
    call = receiver.next(address)
    assert call.result["ResultCode"] == told
    assert ("ResultParameters" in call.result) == (told == 0)
    [payout] = provider.control("payouts")
    assert payout["result_code"] == truth
    if told == 0:
        assert call.parameters["TransactionAmount"] == amount
        assert call.parameters["TransactionReceipt"] == call.result["TransactionID"]
        assert call.result["TransactionID"] not in receipts(provider)


def test_forge_a_payment_that_was_declined(provider, receiver, phone):
    """The forgery comes first and looks like the truth in all but its receipt."""
    honest_at, address = receiver.address(), receiver.address()
    paid(provider, phone, honest_at, amount=999)
    provider.advance(1)
    honest = receiver.next(honest_at)
    provider.spoil({"api": "callback:collect", "fault": "forge"})
    checkout_id = declined(provider, phone, address)
    assert len(provider.advance(1)) == 2
    forged, true = receiver.next(address), receiver.next(address)
    assert (forged.stk["ResultCode"], true.stk["ResultCode"]) == (0, 1032)
    assert forged.stk["CheckoutRequestID"] == true.stk["CheckoutRequestID"] == checkout_id
    assert items(forged).keys() == items(honest).keys()
    assert (items(forged)["Amount"], items(forged)["PhoneNumber"]) == (1000.0, int(phone))
    assert len(items(forged)["MpesaReceiptNumber"]) == 10
    assert items(forged)["MpesaReceiptNumber"] not in receipts(provider)
    assert forged.headers["BusinessShortCode"] == "174379"
    assert provider.balance(phone) == 299_001


def test_forge_beside_a_success(provider, receiver, phone):
    provider.spoil({"api": "callback:*", "fault": "forge"})
    for happen, read in ((paid, items), (paid_out, lambda call: call.parameters)):
        address = receiver.address()
        happen(provider, phone, address)
        provider.advance(10)
        forged, true = receiver.next(address), receiver.next(address)
        differing = {name for name, value in read(true).items() if read(forged)[name] != value}
        assert differing in ({"MpesaReceiptNumber"}, {"TransactionReceipt"})
        assert read(true)[differing.pop()] in receipts(provider)
    assert len(receipts(provider)) == 2


def test_forge_a_status(provider, receiver, phone):
    """A payout that failed: the forged answer calls it completed, the true one declined."""
    own_id = provider.payout(phone, Amount=5).json()["OriginatorConversationID"]
    provider.advance(10)
    provider.spoil({"api": "callback:status", "fault": "forge"})
    address = receiver.address()
    provider.status(address, OriginalConversationID=own_id)
    provider.advance(1)
    forged, true = receiver.next(address).parameters, receiver.next(address).parameters
    assert (forged["TransactionStatus"], true["TransactionStatus"]) == ("Completed", "Declined")
    assert forged["ReceiptNo"] != true["ReceiptNo"]
    assert receipts(provider) == set()


# What it says.


@pytest.mark.parametrize(("happen", "api"), [(paid, "callback:collect"), (paid_out, "callback:payout")])
def test_a_code_that_nobody_knows(provider, receiver, phone, happen, api):
    provider.spoil({"api": api, "fault": "unknown_code"})
    address = receiver.address()
    subject = happen(provider, phone, address)
    provider.advance(10)
    told = receiver.next(address).stk if happen is paid else receiver.next(address).result
    assert told["ResultCode"] in range(20_000, 100_000)
    assert not {"CallbackMetadata", "ResultParameters"} & told.keys()
    assert subject in {told.get("CheckoutRequestID"), told.get("ConversationID")}
    assert len(receipts(provider)) == 1


def test_wrong_id(provider, receiver, phone):
    """The second callback tells of the first payment. The first has none before it, so it is left alone."""
    provider.spoil({"api": "callback:collect", "fault": "wrong_id"})
    address = receiver.address()
    first = paid(provider, phone, address)
    second = paid(provider, phone, address, amount=2000)
    provider.advance(1)
    calls = [receiver.next(address), receiver.next(address)]
    assert [call.stk["CheckoutRequestID"] for call in calls] == [first, first]
    assert [items(call)["Amount"] for call in calls] == [1000, 2000]
    assert provider.query(second).json()["ResultCode"] == "0"


@pytest.mark.parametrize(("happen", "api"), [(paid, "callback:collect"), (paid_out, "callback:payout")])
def test_wrong_amount(provider, receiver, phone, happen, api):
    calls = told_by_seed(provider, receiver, phone, "wrong_amount", happen, api)
    read, name = (
        (items, "Amount") if happen is paid else ((lambda call: call.parameters), "TransactionAmount")
    )
    honest = read(next(calls))
    told = set()
    for call in calls:
        spoilt = read(call)
        told.add(spoilt[name])
        assert spoilt | {name: honest[name]} == honest
    assert told == {honest[name] + 1, honest[name] - 1, honest[name] * 10}


@pytest.mark.parametrize(("happen", "api"), [(paid, "callback:collect"), (paid_out, "callback:payout")])
def test_wrong_receipt(provider, receiver, phone, happen, api):
    provider.spoil({"api": api, "fault": "wrong_receipt"})
    address = receiver.address()
    happen(provider, phone, address)
    provider.advance(10)
    call = receiver.next(address)
    if happen is paid:
        told = items(call)["MpesaReceiptNumber"]
    else:
        told = call.parameters["TransactionReceipt"]
        assert call.result["TransactionID"] == told
    [true] = receipts(provider)
    assert told != true
    assert told[:3] == true[:3]
    assert len(told) == 10


def test_wrong_phone(provider, receiver, phone):
    provider.spoil({"api": "callback:*", "fault": "wrong_phone"})
    address = receiver.address()
    paid(provider, phone, address)
    provider.advance(1)
    told = items(receiver.next(address))["PhoneNumber"]
    assert isinstance(told, int)
    assert told != int(phone)
    assert str(told)[:-1] == phone[:-1]
    paid_out(provider, phone, address)
    provider.advance(10)
    name = receiver.next(address).parameters["ReceiverPartyPublicName"]
    assert phone not in name
    assert name.startswith(phone[:-1])


def test_masked_phone(provider, receiver, phone):
    provider.spoil({"api": "callback:*", "fault": "masked_phone"})
    masked = f"{phone[:4]}****{phone[-3:]}"
    address = receiver.address()
    paid(provider, phone, address)
    provider.advance(1)
    assert items(receiver.next(address))["PhoneNumber"] == masked
    paid_out(provider, phone, address)
    provider.advance(10)
    assert receiver.next(address).parameters["ReceiverPartyPublicName"].startswith(f"{masked} - ")


def shape_of(honest, spoilt):
    """Which of the known wrong types a result has."""
    if isinstance(spoilt["ResultCode"], str) and spoilt | {"ResultCode": honest["ResultCode"]} == honest:
        return "code as text"
    outer, inner = next(pair for pair in LISTS if pair[0] in honest)
    if isinstance(spoilt[outer][inner], dict):
        return "single object"
    if any("Value" not in item for item in spoilt[outer][inner]):
        return "missing value"
    values = [
        (item["Value"], other["Value"])
        for item, other in zip(honest[outer][inner], spoilt[outer][inner], strict=True)
    ]
    assert any(type(true) is not type(other) for true, other in values)
    assert all(str(true) == str(other) for true, other in values)
    return "types swapped"


LISTS = [("CallbackMetadata", "Item"), ("ResultParameters", "ResultParameter")]


@pytest.mark.parametrize(("happen", "api"), [(paid, "callback:collect"), (paid_out, "callback:payout")])
def test_wrong_types(provider, receiver, phone, happen, api):
    calls = told_by_seed(provider, receiver, phone, "wrong_type", happen, api)
    results = [call.stk if happen is paid else call.result for call in calls]
    shapes = {shape_of(results[0], spoilt) for spoilt in results[1:]}
    assert shapes == {"code as text", "single object", "missing value", "types swapped"}
