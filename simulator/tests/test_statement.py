import csv
import io

import pytest

PHONE, OTHER = "254712345678", "254722000002"
HEADER = [
    "Receipt No.",
    "Completion Time",
    "Initiation Time",
    "Details",
    "Transaction Status",
    "Paid In",
    "Withdrawn",
    "Balance",
    "Balance Confirmed",
    "Reason Type",
    "Other Party Info",
    "Linked Transaction ID",
    "A/C No.",
]


def fetched(provider, **asked):
    asked = {name.rstrip("_"): value for name, value in asked.items()}
    answer = provider.http.get("/control/statement", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/csv")
    return answer.text


def rows(provider, **asked):
    """The lines as dictionaries, newest first."""
    read = list(csv.reader(io.StringIO(fetched(provider, **asked))))
    start = read.index(HEADER)
    assert start > 0  # something stands before the header
    assert all(len(row) == 13 for row in read[start:])
    return [dict(zip(HEADER, row, strict=True)) for row in read[start + 1 :]]


def test_collections(manual):
    online = manual.paid(PHONE, 250_000, AccountReference="GW7KQ2M4X9PA")
    manual.advance(90)
    by_hand = manual.paybill(OTHER, 1500, "rent")
    manual.advance(30)
    back = manual.control("reverse", {"receipt": online})["receipt"]
    reversal, second, first = rows(manual)
    name = first["Other Party Info"]
    assert name.startswith("2547****678 - ")
    assert first == {
        "Receipt No.": online,
        "Completion Time": "21-11-2026 10:00:00",
        "Initiation Time": "21-11-2026 10:00:00",
        "Details": f"Pay Bill Online from {name} Acc. GW7KQ2M4X9PA",
        "Transaction Status": "Completed",
        "Paid In": "250,000.00",
        "Withdrawn": "",
        "Balance": "250,000.00",
        "Balance Confirmed": "true",
        "Reason Type": "Pay Bill Online",
        "Other Party Info": name,
        "Linked Transaction ID": "",
        "A/C No.": "GW7KQ2M4X9PA",
    }
    assert second["Receipt No."] == by_hand
    assert second["Completion Time"] == "21-11-2026 10:01:30"
    assert second["Details"] == f"Pay Bill from {second['Other Party Info']} Acc. rent"
    assert second["Balance"] == "251,500.00"
    assert reversal["Receipt No."] == back
    assert reversal["Linked Transaction ID"] == online
    assert (reversal["Paid In"], reversal["Withdrawn"]) == ("", "-250,000.00")
    assert reversal["Balance"] == "1,500.00"
    assert '"250,000.00"' in fetched(manual)
    assert '"-250,000.00"' in fetched(manual)
    assert "174379" in fetched(manual).partition("Receipt No.")[0]


def test_payouts(manual):
    paid = manual.payout(PHONE, Amount=2000).json()["OriginatorConversationID"]
    manual.advance(10)
    manual.payout(PHONE, Amount=5)  # below the minimum
    manual.payout(PHONE, InitiatorName="somebody")  # never reaches the core
    manual.advance(10)
    manual.control("foreign-payout", {"phone": OTHER, "amount": 50, "receipt": "UKLSTOLEN1"})
    receipt = manual.payout_by(paid)["receipt"]
    foreign, declined, charge, payout = rows(manual, account="payouts")
    assert payout["Receipt No."] == charge["Receipt No."] == receipt
    assert payout["Details"] == f"Business Payment to {payout['Other Party Info']} via API"
    assert payout["Reason Type"] == "Business Payment to Customer via API"
    assert (payout["Withdrawn"], payout["Balance"]) == ("-2,000.00", "4,998,000.00")
    assert charge["Details"] == "Fee For B2C Payment"
    assert (charge["Withdrawn"], charge["Balance"]) == ("-9.00", "-9.00")
    assert declined["Transaction Status"] == "Declined"
    assert (declined["Withdrawn"], declined["Balance"]) == ("-5.00", "4,998,000.00")
    assert (foreign["Receipt No."], foreign["Withdrawn"]) == ("UKLSTOLEN1", "-50.00")
    assert foreign["Balance"] == "4,997,950.00"  # a payout of 50 costs nothing
    assert rows(manual, account="charges") == [charge]
    assert rows(manual) == []


def total(found):
    """What the Completed rows moved, in KES."""
    done = [row for row in found if row["Transaction Status"] == "Completed"]
    return sum(int((row["Paid In"] or row["Withdrawn"])[:-3].replace(",", "")) for row in done)


def test_a_statement_adds_up_to_the_books(manual):
    for number in range(12):
        receipt = manual.paid(PHONE, 100 + number)
        manual.payout(OTHER, Amount=10 + 300 * number)
        if number % 4 == 0:
            manual.control("reverse", {"receipt": receipt})
        manual.advance(61)
    held = manual.books()["accounts"]
    assert total(rows(manual)) == held["paybill:174379:utility"]
    assert total(rows(manual, account="charges")) == held["b2c:600991:charges"]
    both = held["b2c:600991:utility"] + held["b2c:600991:charges"] - 5_000_000
    assert total(rows(manual, account="payouts")) == both


def test_from_and_to(manual):
    first = manual.paybill(PHONE, 10)
    manual.advance(3600)
    second = manual.paybill(PHONE, 11)
    manual.advance(86_400)
    third = manual.paybill(PHONE, 12)

    def receipts(**asked):
        return [row["Receipt No."] for row in rows(manual, **asked)]

    assert receipts() == [third, second, first]
    assert receipts(from_="2026-11-22") == [third]
    assert receipts(to="2026-11-21") == [second, first]
    assert receipts(from_="2026-11-21T10:00:00", to="2026-11-21T10:00:00") == [first]
    assert receipts(from_="2026-11-21T10:30:00", to="2026-11-22") == [third, second]
    assert receipts(from_="2026-11-21T08:00:00+00:00", to="2026-11-21T08:00:00+00:00") == [second]
    raw = manual.http.get("/control/statement?from=2026-11-21T11:00:00+03:00&to=2026-11-21T11:00:00%2B03:00")
    assert second in raw.text
    assert first not in raw.text
    assert receipts(from_="2026-12-01", to="2026-12-02") == []


@pytest.mark.parametrize(
    "asked",
    [
        {"account": "savings"},
        {"from": "yesterday"},
        {"to": "21-11-2026"},
        {"from": "2026-11-22", "to": "2026-11-21"},
    ],
)
def test_a_bad_question_is_explained(manual, asked):
    answer = manual.http.get("/control/statement", params=asked)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
