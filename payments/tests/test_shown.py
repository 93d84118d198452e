"""What of the provider's words a page shows: ids and outcomes stay, people do not."""

import json

import pytest

from payments.shown import HIDDEN, body_masked, text_masked

STK = {
    "Body": {
        "stkCallback": {
            "MerchantRequestID": "29115-34620561-1",
            "CheckoutRequestID": "ws_CO_191220191020363925",
            "ResultCode": 0,
            "CallbackMetadata": {
                "Item": [
                    {"Name": "Amount", "Value": 1.00},
                    {"Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV"},
                    {"Name": "TransactionDate", "Value": 20191219102115},
                    {"Name": "PhoneNumber", "Value": 254708374149},
                ]
            },
        }
    }
}


def test_a_prompt_s_callback_keeps_everything_but_the_number() -> None:
    shown = json.loads(body_masked(json.dumps(STK)))
    items = shown["Body"]["stkCallback"]["CallbackMetadata"]["Item"]
    assert items[3]["Value"] == "2547****4149"
    items[3]["Value"] = 254708374149
    assert shown == STK


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("MSISDN", "254712345678", "2547****5678"),
        ("MSISDN", 254712345678, "2547****5678"),
        ("MSISDN", "2547 ***** 678", "2547 ***** 678"),
        ("MSISDN", "5d41402abc4b2a76b9719d911017c592", HIDDEN),
        ("PartyA", "0112345678", "2541****5678"),
        ("PartyB", 174379, 174379),
        ("FirstName", "JANE", HIDDEN),
        ("ReceiverPartyPublicName", "254712345678 - JANE DOE", f"2547****5678 {HIDDEN}"),
        ("DebitPartyName", "600979 - Gold Wallet", HIDDEN),
        ("SecurityCredential", "x", HIDDEN),
        ("access_token", "c9SQxWWhmdVRlyh0zh8gZDTkubVF", HIDDEN),
        ("Password", "cGFzcw==", HIDDEN),
        ("ResultDesc", "Sent to +254 712 345 678.", "Sent to 2547****5678."),
        ("ResultDesc", "Paid 500 to JANE WANJIRU DOE.", f"Paid 500 to {HIDDEN}."),
        ("ResultDesc", "Paid to 0712345678 - Jane Doe", f"Paid to 2547****5678 - {HIDDEN}"),
        ("ResultDesc", "Declined for customer Jane", f"Declined for customer {HIDDEN}"),
        (
            "ResultDesc",
            "DS timeout user cannot be reached",
            "DS timeout user cannot be reached",
        ),
        ("ResultDesc", "The initiator information is invalid.", "The initiator information is invalid."),
        ("Occasion", "JANE DOE school fees", f"{HIDDEN} school fees"),
        ("BillRefNumber", "0712-345-678", "2547****5678"),
        ("BillRefNumber", "jane wanjiru", HIDDEN),
        ("BillRefNumber", "JANE", HIDDEN),
        ("BillRefNumber", "G7K2P9QX", "G7K2P9QX"),
        ("BillRefNumber", "", ""),
        ("CustomerFullName", "Jane Doe", HIDDEN),
        ("MiddleName", "WANJIRU", HIDDEN),
        ("LastName", "DOE", HIDDEN),
        ("Name", "Jane Doe", HIDDEN),
        ("InitiatorFullName", "Jane Doe", HIDDEN),
        ("InitiatorIdentifier", "jdoe", HIDDEN),
        ("TransID", "RKTQDM7W6S", "RKTQDM7W6S"),
        ("TransactionDate", 20260107123456, 20260107123456),
        ("ConversationID", "AG_20191219_00005797af5d7d75f652", "AG_20191219_00005797af5d7d75f652"),
        ("AccountBalance", "Working Account|KES|46713.00|46713.00", "Working Account|KES|46713.00|46713.00"),
        ("Nothing", None, None),
        ("Yes", True, True),
    ],
)
def test_each_kind_of_value(key: str, value: object, shown: object) -> None:
    assert json.loads(body_masked(json.dumps({key: value}))) == {key: shown}
    nested = {"Result": [{"Deep": {key: value}}]}
    assert json.loads(body_masked(json.dumps(nested))) == {"Result": [{"Deep": {key: shown}}]}


@pytest.mark.parametrize("name", ["Key", "Name"])
def test_an_item_s_value_goes_by_the_item_s_name_in_either_order(name: str) -> None:
    for item in ({name: "FirstName", "Value": "JANE"}, {"Value": "JANE", name: "FirstName"}):
        assert "JANE" not in body_masked(json.dumps({"Parameters": [item]}))


def test_json_within_json_is_looked_through_as_well() -> None:
    inner = json.dumps({"FirstName": "JANE", "Amount": 5})
    shown = body_masked(json.dumps({"Payload": inner}))
    assert "JANE" not in shown
    assert "Amount" in shown
    assert "JANE" not in body_masked(json.dumps({"Payload": '{"FirstName": "JANE'}))


def test_a_second_field_of_the_same_name_is_hidden_too() -> None:
    shown = body_masked(
        '{"MSISDN": "174379", "MSISDN": "254712345678", "FirstName": "A", "FirstName": "JANE"}'
    )
    assert "254712345678" not in shown
    assert "JANE" not in shown


@pytest.mark.parametrize(
    "body", ["", "JANE 0712345678", '{"FirstName": "JANE', "<xml>JANE</xml>", "[" * 90_000]
)
def test_what_is_no_json_is_not_shown(body: str) -> None:
    assert body_masked(body) == ""


def test_a_number_as_a_field_s_name() -> None:
    assert body_masked('{"254712345678": 1}') == '{\n  "2547****5678": 1\n}'


def test_sentences() -> None:
    assert text_masked("Paid to 0712345678 at 20260107123456") == "Paid to 2547****5678 at 20260107123456"
