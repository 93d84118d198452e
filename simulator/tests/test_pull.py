import pytest

PHONE, OTHER = "254712345678", "254722000002"
DAY = ("2026-11-21 00:00:00", "2026-11-21 23:59:59")


def pulled(provider, start, end, **changes):
    answer = provider.pull(start, end, **changes)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    [rows] = body["Response"]
    assert body["ResponseCode"] == ("1000" if rows else "1001")
    return rows


def receipts(provider, start, end):
    return [one["transactionId"] for one in pulled(provider, start, end)]


def test_registering(manual):
    assert manual.pull(*DAY).status_code == 400  # nothing without it
    first, second = manual.pull_register().json(), manual.pull_register().json()
    assert (first["ResponseStatus"], second["ResponseStatus"]) == ("1000", "1001")
    assert first["ShortCode"] == "174379"


def test_payments_in_and_nothing_else(manual):
    manual.pull_register()
    assert pulled(manual, *DAY) == []
    online = manual.paid(PHONE, 1000, AccountReference="ABC")
    manual.advance(60)
    by_hand = manual.paybill(OTHER, 168)
    manual.payout(PHONE)
    manual.paybill(PHONE, 5, shortcode="600991")
    manual.control("reverse", {"receipt": online})
    manual.advance(60)
    first, second = pulled(manual, *DAY)
    assert first == {
        "transactionId": online,
        "trxDate": "2026-11-21T07:00:00Z",
        "msisdn": "2547 ***** 678",
        "sender": first["sender"],
        "transactiontype": "c2b-pay-bill-debit",
        "billreference": "ABC",
        "amount": "1000.00",
        "organizationname": "Gold Wallet",
    }
    assert (second["transactionId"], second["amount"], second["billreference"]) == (by_hand, "168.00", "")


def test_only_the_window_asked_for_and_at_most_48_hours(manual):
    manual.pull_register()
    first = manual.paybill(PHONE, 10)
    manual.advance(3600)
    second = manual.paybill(PHONE, 11)
    assert receipts(manual, *DAY) == [first, second]
    assert receipts(manual, "2026-11-21 10:00:01", DAY[1]) == [second]
    assert receipts(manual, "2026-11-21 10:00:00", "2026-11-21 10:00:00") == [first]
    manual.advance(47 * 3600)
    assert receipts(manual, *DAY) == [first, second]
    manual.advance(1)
    assert receipts(manual, *DAY) == [second]
    manual.advance(3600)
    assert receipts(manual, "2026-11-01 00:00:00", "2026-12-01 00:00:00") == []


def test_pages_are_offsets_of_rows(manual):
    manual.pull_register()
    made = []
    for _ in range(103):
        made.append(manual.paybill(PHONE, 1))
        manual.advance(1)
    pages = [pulled(manual, *DAY, OffSetValue=str(offset)) for offset in (0, 100, 50, 103)]
    assert [len(page) for page in pages] == [100, 3, 53, 0]
    assert [one["transactionId"] for one in pages[0] + pages[1]] == made


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ShortCode", 600991),
        ("StartDate", "2026-11-21"),
        ("StartDate", "2026-13-21 00:00:00"),
        ("EndDate", "2026-11-20 00:00:00"),
        ("EndDate", None),
        ("OffSetValue", "-1"),
        ("OffSetValue", None),
    ],
)
def test_a_bad_field_is_named(manual, field, value):
    manual.pull_register()
    answer = manual.pull(*DAY, **{field: value})
    assert answer.status_code == 400
    assert answer.json()["errorMessage"] == f"Bad Request - Invalid {field}"


@pytest.mark.parametrize(
    ("field", "value"),
    [("ShortCode", 600991), ("RequestType", "Push"), ("NominatedNumber", "174379"), ("CallBackURL", None)],
)
def test_a_bad_registration_is_refused(manual, field, value):
    answer = manual.pull_register(**{field: value})
    assert answer.status_code == 400
    assert answer.json()["errorMessage"] == f"Bad Request - Invalid {field}"


def test_a_bad_token_and_a_wrong_path(manual):
    assert manual.call("/pulltransactions/v1/query", {}, token="x").json()["errorCode"] == "404.001.03"
    assert manual.call("/pulltransactions/v1/nothing", {}).json()["errorCode"] == "404.001.01"
