"""The portal's statement: every form of daraja.md 8, and what is damaged is said line by line."""

import csv
from decimal import Decimal

import pytest

from payments.rails.daraja import statement
from payments.rails.daraja.statement import Line, NotAStatement, line_kind, read_statement
from payments.tests.portal import HEADINGS, PAID, PREAMBLE, SENT, moment, one, written


@pytest.mark.fault("P20")
def test_a_statement():
    read = read_statement(written([PAID, SENT]))
    assert (read.problems, read.shortcode_hint) == ((), "174379")
    assert (read.start, read.end) == (moment(2026, 11, 20), moment(2026, 11, 21, 23, 59, 59))
    assert read.rows == (
        Line(
            receipt="UKL7A2B3C4",
            at=moment(2026, 11, 21, 10, 30, 15),
            started_at=moment(2026, 11, 21, 10, 30, 10),
            details="Pay Bill Online from 25474****920 - JANE DOE Acc. GW7K2",
            status="Completed",
            paid_in=Decimal(1500),
            withdrawn=Decimal(0),
            balance=Decimal(251500),
            reason="Pay Bill Online",
            other_party="25474****920 - JANE DOE",
            linked_receipt="",
            account_reference="GW7K2",
            line_number=8,
        ),
        Line(
            receipt="UKK1A2B3C4",
            at=moment(2026, 11, 20, 9),
            started_at=moment(2026, 11, 20, 8, 59, 58),
            details="Business Payment to 254712345678 - JANE DOE via API",
            status="Completed",
            paid_in=Decimal(0),
            withdrawn=Decimal(2000),
            balance=Decimal(-500),
            reason="Business Payment to Customer via API",
            other_party="25474****920 - JANE DOE",
            linked_receipt="",
            account_reference="",
            line_number=9,
        ),
    )
    assert [line_kind(line) for line in read.rows] == ["collection", "payout"]


@pytest.mark.fault("P20")
@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("quote", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("preamble", [PREAMBLE, []])
def test_files_in_other_forms(delimiter, encoding, end, quote, preamble):
    rows = [{**PAID, "Details": "Pay Bill from 2547****123 - JOS\u00c9 \u00d1 Acc. GW7K2"}, SENT]
    form = {"delimiter": delimiter, "encoding": encoding, "end": end, "quote": quote, "preamble": preamble}
    read = read_statement(written(rows, **form))
    assert (len(read.rows), read.problems) == (2, ())
    assert read.rows[0].details == rows[0]["Details"]
    assert (read.rows[0].paid_in, read.rows[1].withdrawn) == (Decimal(1500), Decimal(2000))


@pytest.mark.parametrize("most", [8, 9])
def test_short_forms(most):
    read = read_statement(written([PAID, SENT], headings=HEADINGS[:most]))
    assert (len(read.rows), read.problems) == (2, ())
    assert (read.rows[0].reason, read.rows[0].account_reference) == ("", "GW7K2")
    assert [line_kind(line) for line in read.rows] == ["collection", "payout"], "Details alone tell"


def test_the_daily_extract():
    names = [
        *("RECEIPT_NUMBER", "DATE", "DETAILS", "STATUS", "WITHDRAW_AMOUNT", "PAID_IN_AMOUNT", "BALANCE"),
        *("BALANCE_CONFIRMED", "TRANSACTION_TYPE", "OTHERPARTYINFO", "TRANSACTIONPARTYDETAILS"),
        *("TRANSACTION_ID", "REMARK"),
    ]
    values = [
        "UKK1A2B3C4",
        "2026-11-20 09:00:00",
        "x",
        "completed",
        "2000.00",
        "0.00",
        "5.00",
        "",
        "B2C Payment",
    ]
    row = dict(zip(names, [*values, "", "", "7", ""], strict=True))
    read = read_statement(written([row], headings=names, preamble=[], quote=csv.QUOTE_ALL))
    assert (read.rows[0].withdrawn, read.rows[0].completed, read.problems) == (Decimal(2000), True, ())
    assert line_kind(read.rows[0]) == "payout"


def test_what_is_no_row_of_money_is_passed_over():
    totals = [
        {"Receipt No.": "Total", "Paid In": "1,500.00"},
        {"Details": "Grand Total:", "Withdrawn": "-2,000.00"},
    ]
    extra = written(totals, preamble=[], headings=HEADINGS) + b"\r\nEnd of statement\r\n"
    read = read_statement(written([PAID, SENT]) + extra)
    assert (len(read.rows), read.problems) == (2, ())


def test_rows_that_did_not_complete_are_kept_with_their_status():
    for status in ("Failed", "Declined", "Cancelled", "Expired", "Reversed"):
        read = one(transaction_status=status)
        assert (read.rows[0].status, read.rows[0].completed, read.problems) == (status, False, ())
    read = one(transaction_status="Failed", completion_time="", paid_in="")
    assert (read.rows[0].at, read.rows[0].paid_in) == (moment(2026, 11, 21, 10, 30, 10), Decimal(0))


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("1,500.00", "1500"),
        ("1500", "1500"),
        ("1500.5", "1500.50"),
        ("1,234,567.89", "1234567.89"),
        (" 1,500.00 ", "1500"),
        ("\xa01,500.00\xa0", "1500"),
        ('"1,500.00"', "1500"),
        ("0.01", "0.01"),
    ],
)
def test_amounts(cell, amount):
    read = one(paid_in=cell)
    assert (read.rows[0].paid_in, read.problems) == (Decimal(amount), ())


BAD_AMOUNTS = ["1.500,00", "1,50", "15,00.00", "1,5000", "1 500.00", "1.005", "1e3", "NaN", "Infinity", "--1"]
BAD_AMOUNTS += [
    "(1,500.00)",
    "1500-",
    "KES 1500",
    "=1500",
    "\u0661\u0665",
    "1,500.",
    ".5",
    "0x10",
    "1_500",
    "9" * 40,
]


@pytest.mark.fault("P20")
@pytest.mark.parametrize(
    "change",
    [
        *[{"paid_in": cell} for cell in (*BAD_AMOUNTS, "-1,500.00")],
        *[{"paid_in": "", "withdrawn": cell} for cell in BAD_AMOUNTS],
        *[{"balance": cell} for cell in BAD_AMOUNTS[:4]],
        {"paid_in": "", "withdrawn": ""},
        {"paid_in": "1.00", "withdrawn": "1.00"},
        *[
            {"completion_time": cell}
            for cell in (
                "",
                "21/11/2026 10:30:15",
                "30-02-2026 10:30:15",
                "21-11-2026",
                "11-21-2026 10:30:15",
                "=A1",
            )
        ],
        {"initiation_time": "yesterday"},
        *[
            {"receipt_no": cell}
            for cell in ("", "ukl7a2b3c4", "UKL7", "UKL7A2B3C4UKL7A2B3C4", '="UKL7A2B3C4"')
        ],
        {"transaction_status": ""},
    ],
)
def test_a_row_that_cannot_be_read_is_a_problem_with_its_line(change):
    read = one(**change)
    assert read.rows == ()
    assert len(read.problems) == 1
    assert read.problems[0].startswith("Line 8 cannot be read: ")
    assert "JANE" not in read.problems[0]


def test_a_problem_leaves_the_rows_around_it():
    read = read_statement(written([PAID, {**PAID, "Paid In": "x"}, SENT]))
    assert [line.line_number for line in read.rows] == [8, 10]
    assert read.problems == ("Line 9 cannot be read: the amount under Paid In is in no known form.",)


def test_withdrawn_with_or_without_a_minus_but_not_both():
    plus = {**SENT, "Withdrawn": "2,000.00"}
    for rows in ([plus, plus, PAID], [SENT, SENT, PAID]):
        read = read_statement(written(rows))
        assert sum(line.withdrawn for line in read.rows) == Decimal(4000)
        assert read.problems == ()
    read = read_statement(written([SENT, SENT, plus, PAID]))
    assert [line.line_number for line in read.rows] == [8, 9, 11]
    assert read.problems == ("Line 10 cannot be read: its Withdrawn has another sign than in other rows.",)
    read = read_statement(written([SENT, plus, PAID]))
    assert ([line.line_number for line in read.rows], len(read.problems)) == ([10], 2)


def test_line_breaks_in_details():
    read = read_statement(
        written([{**PAID, "Details": "Pay Bill from 2547****123 -\r\nJANE\nAcc. GW7K2"}, SENT])
    )
    assert (read.rows[0].details, read.problems) == ("Pay Bill from 2547****123 - JANE Acc. GW7K2", ())
    assert [line.line_number for line in read.rows] == [8, 11]


@pytest.mark.fault("P12")
@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://x")',
        "+1",
        "@SUM(A1)",
        "-2+3",
        "'; DROP TABLE",
        "<script>",
        "a,b;c",
        "\x00\x1b[",
    ],
)
def test_formulas_and_their_like_are_text(text):
    read = one(details=text, other_party_info=text, **{"a/c_no": text})
    assert (len(read.rows), read.problems, read.rows[0].paid_in) == (1, (), Decimal(1500))
    kept = text.replace("\x00\x1b", "").strip()
    assert (read.rows[0].details, read.rows[0].account_reference) == (kept, kept)
    assert line_kind(read.rows[0]) == "collection", "by its reason"


# --- damage ---------------------------------------------------------------------------------------


@pytest.mark.fault("P20")
def test_a_quotation_mark_that_is_never_closed_hides_no_row():
    plain = {**PAID, "Paid In": "1500.00", "Balance": ""}
    good = written([plain] * 40).decode().splitlines(keepends=True)
    damaged = [*good[:10], good[10].replace("Pay Bill Online", '"Pay Bill Online', 1), *good[11:]]
    read = read_statement("".join(damaged).encode())
    assert read.problems == ("Lines 11 to 30 cannot be read: its quotation marks do not match.",)
    assert [line.line_number for line in read.rows] == [8, 9, 10, *range(31, 48)]


@pytest.mark.fault("P20")
def test_quotation_marks_that_swallow_a_row():
    good = written([{**PAID, "Paid In": "1500.00", "Balance": "", "Details": "x"} for _ in range(3)]).decode()
    head, rows = good.split("A/C No.\r\n")
    first, second, third = rows.splitlines(keepends=True)
    swallowing = first.replace(",x,", ',"x,') + second.replace(",x,", ',x",') + third
    read = read_statement(f"{head}A/C No.\r\n{swallowing}".encode())
    assert read.problems == (
        "Lines 8 to 9 cannot be read: another row seems to stand within one of its cells.",
    )
    assert [line.line_number for line in read.rows] == [10]


@pytest.mark.fault("P20", "P12")
def test_a_row_written_into_a_customer_s_text_is_no_row():
    forged = ",".join(str(SENT[heading]) for heading in HEADINGS).replace("2,000", "2000")
    read = read_statement(written([{**PAID, "Details": f"Acc. x\r\n{forged}\r\n"}, PAID]))
    assert [line.line_number for line in read.rows] == [11]
    assert len(read.problems) == 1


def test_a_file_that_was_cut_off():
    good = written([PAID, SENT, PAID])
    cut = good[: good.rindex(b"1,500") + 4]
    read = read_statement(cut)
    assert (len(read.rows), len(read.problems)) == (2, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n" * 100,
        b"PK\x03\x04" + b"\x00" * 50,
        b"\xd0\xcf\x11\xe0" + b"\x00" * 50,
        b"Receipt No.,Completion Time,Details\r\n",
        b"Receipt No.,Receipt No.,Completion Time,Details,Transaction Status,Paid In,Withdrawn\r\n",
        b"\n" * 61 + written([PAID], preamble=[]),
        b"<html>",
        "Receipt No.,Completion Time".encode("utf-16"),
        b'"' * 5_000,
    ],
)
def test_what_is_no_statement(data):
    with pytest.raises(NotAStatement, match=r"^This file .*\.$|^This is an Excel file\."):
        read_statement(data)


def test_too_large(monkeypatch):
    with pytest.raises(NotAStatement, match="10 MB"):
        read_statement(written([PAID]) + b" " * statement.MOST_BYTES)
    monkeypatch.setattr(statement, "MOST_ROWS", 3)
    assert len(read_statement(written([PAID] * 3)).rows) == 3
    with pytest.raises(NotAStatement, match="rows"):
        read_statement(written([PAID] * 4))


def test_problems_are_bounded():
    read = read_statement(written([{**PAID, "Paid In": "x"}] * 500))
    assert len(read.problems) == statement.MOST_PROBLEMS + 1
    assert read.problems[-1] == "300 more rows cannot be read."


@pytest.mark.parametrize(
    ("lines", "shortcode", "start", "end"),
    [
        ([["From", "01-11-2026"], ["To", "21-11-2026"]], "", (2026, 11, 1), (2026, 11, 21, 23, 59, 59)),
        ([["Period: 2026-11-01 - 2026-11-21"]], "", (2026, 11, 1), (2026, 11, 21, 23, 59, 59)),
        (
            [["Start Date: 2026-11-01 08:00:00"], ["End Date: 2026-11-02 09:00:00"]],
            "",
            (2026, 11, 1, 8),
            (2026, 11, 2, 9),
        ),
        ([["Organization: 600991 - GOLD WALLET"], ["Run on 21-11-2026"]], "600991", None, None),
        ([["Phone 254712345678"], ["Paybill No 174379"]], "174379", None, None),
        ([["From 22-11-2026 to 21-11-2026"]], "", None, None),
        ([["From 31-02-2026 to 21-11-2026"]], "", None, (2026, 11, 21, 23, 59, 59)),
        ([["Gold Wallet Ltd"]], "", None, None),
    ],
)
def test_what_stands_before_the_headings(lines, shortcode, start, end):
    read = read_statement(written([PAID], preamble=lines))
    assert read.shortcode_hint == shortcode
    assert read.start == (moment(*start) if start else None)
    assert read.end == (moment(*end) if end else None)


# --- kinds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("details", "reason", "money", "linked", "kind"),
    [
        ("Pay Bill from 2547****123 - JANE Acc. X", "", "in", "", "collection"),
        ("Pay  Bill Online from 2547****123 - JANE", "", "in", "", "collection"),
        ("Merchant Payment from 2547", "", "in", "", "collection"),
        ("x", "Pay Utility", "in", "", "collection"),
        ("x", "Customer Buy Goods Online", "in", "", "collection"),
        ("x", "Salary Payment via API", "out", "", "payout"),
        ("x", "B2C Payment", "out", "", "payout"),
        ("Fee For B2C Payment", "Business Payment to Customer via API", "out", "UKL7A2B3C4", "charge"),
        ("Pay Bill Charge", "Pay Bill Online", "out", "", "charge"),
        ("Business Charge", "", "out", "", "charge"),
        ("Organization Settle to Bank", "", "out", "", "settlement"),
        ("x", "Withdraw Funds to Bank", "out", "", "settlement"),
        ("Reversal of a payment", "", "out", "", "reversal"),
        ("Transaction Reversal of UKL7A2B3C4 to 2547****123", "", "out", "", "reversal"),
        ("Pay Bill from 2547****123 - JANE", "", "out", "UKL7A2B3C4", "reversal"),
        ("Business Payment to 2547", "", "in", "UKL7A2B3C4", "reversal"),
        ("x", "y", "out", "UKL7A2B3C4", "reversal"),
        ("Pay Bill from 2547****123 - JANE", "", "out", "", "other"),
        ("Business Payment to 2547", "", "in", "", "other"),
        ("Fee For B2C Payment", "", "in", "", "other"),
        ("Pay Bill from 2547 - REVERSAL Acc. Fee For B2C Payment", "", "in", "", "collection"),
        ("Acc. Pay Bill from 2547", "", "in", "", "other"),
        ("Pay Bill Chargeback", "", "out", "", "other"),
        ("", "", "in", "", "other"),
    ],
)
def test_kinds(details, reason, money, linked, kind):
    amount = {"paid_in": "5.00", "withdrawn": ""} if money == "in" else {"paid_in": "", "withdrawn": "-5.00"}
    read = one(details=details, reason_type=reason, linked_transaction_id=linked, **amount)
    assert line_kind(read.rows[0]) == kind
