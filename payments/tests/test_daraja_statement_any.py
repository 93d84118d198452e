"""The portal's statement, whatever file it is: no byte raises, no row is read wrong, and a nasty one costs little."""

import csv
import datetime as dt
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.rails.daraja.statement import NotAStatement, line_kind, read_statement
from payments.tests.portal import HEADINGS, PAID, PREAMBLE, SENT, written
from payments.tests.test_daraja_claims import QUICK

AMOUNTS = st.decimals(min_value="0.01", max_value="9999999", places=2)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=40)
FORMS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from(",;"),
        "end": st.sampled_from(["\n", "\r\n", "\r"]),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig"]),
        "quote": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        "preamble": st.sampled_from([PREAMBLE, []]),
    }
)


@st.composite
def rows(draw):
    minus = draw(st.booleans())
    made = []
    for number, amount in enumerate(draw(st.lists(AMOUNTS, max_size=12))):
        grouped = f"{amount:,}" if draw(st.booleans()) else str(amount)
        came = draw(st.booleans())
        at = dt.datetime(2026, 11, 21, 23, 0) - dt.timedelta(minutes=number)
        made.append(
            {
                **PAID,
                "Receipt No.": f"UKL{number:07d}",
                "Completion Time": at.strftime(
                    draw(st.sampled_from(["%d-%m-%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S"]))
                ),
                "Details": draw(TEXTS),
                "A/C No.": draw(TEXTS),
                "Paid In": grouped if came else "",
                "Withdrawn": "" if came else "-" * minus + grouped,
                "amount": amount if came else -amount,
            }
        )
    return made


def total(read):
    return sum((line.paid_in - line.withdrawn for line in read.rows), Decimal(0))


@pytest.mark.fault("P20", "P12")
@QUICK
@given(rows(), FORMS)
def test_the_sum_of_the_rows_is_the_sum_that_was_written(made, form):
    read = read_statement(written(made, **form))
    assert read.problems == ()
    assert [line.receipt for line in read.rows] == [row["Receipt No."] for row in made]
    assert total(read) == sum((row["amount"] for row in made), Decimal(0))


@pytest.mark.fault("P20", "P12")
@QUICK
@given(rows(), FORMS, st.data())
def test_a_file_that_was_cut_off_never_gains_or_changes_money(made, form, data):
    """Each row that is read is a row that was written, and at most the row at the cut goes unsaid."""
    good = written(made, **form)
    at = data.draw(st.integers(0, len(good)))
    damaged = good[:at]
    try:
        read = read_statement(damaged)
    except NotAStatement:
        return
    meant = {row["Receipt No."]: row["amount"] for row in made}
    for line in read.rows:
        assert line.paid_in - line.withdrawn == meant[line.receipt]
    assert len(read.rows) + len(read.problems) >= damaged.count(b"UKL0") - 1


def check(data):
    try:
        read = read_statement(data)
    except NotAStatement as error:
        assert str(error).endswith(".")
        return
    for line in read.rows:
        assert line.paid_in >= 0
        assert line.withdrawn >= 0
        assert not (line.paid_in and line.withdrawn)
        assert line.at.tzinfo is not None
        for text in (line.details, line.account_reference, line.other_party, line.status, line.reason):
            assert "\x00" not in text
            text.encode()
        assert line_kind(line) in ("collection", "payout", "charge", "reversal", "settlement", "other")
    assert all(problem.endswith(".") for problem in read.problems)


HEAD = (",".join(HEADINGS) + "\n").encode()


@pytest.mark.fault("P12")
@QUICK
@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_raise(data, headed):
    check(HEAD + data if headed else data)


@pytest.mark.fault("P12")
@QUICK
@given(st.data())
def test_no_damaged_statement_raises(data):
    good = written([PAID, SENT, {**PAID, "Details": "a\r\nb"}])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(good)))
        piece = data.draw(st.binary(max_size=4) | st.sampled_from([b'"', b",", b";", b"\r\n", b"=", b'"\n']))
        good = good[:at] + piece + good[at + data.draw(st.integers(0, 6)) :]
    check(good)


@pytest.mark.fault("P12")
@pytest.mark.parametrize(
    "data",
    [
        HEAD + b'"\n' * 300_000,
        HEAD + b"," * 900_000,
        HEAD + b'"' + b"a" * 900_000,
        HEAD + b"\n" * 900_000,
        HEAD + b'"a\n",' * 100_000,
        b"from " * 180_000 + b"\n" + HEAD,
        HEAD + (b'"' + b"\nAAAAAAAA   " * 15 + b'",\n') * 3_000,
    ],
)
def test_a_nasty_file_costs_little(data):
    started = time.process_time()
    check(data)
    assert time.process_time() - started < 6


def test_a_large_statement_is_read_in_seconds():
    data = written([{**PAID, "Receipt No.": f"UKL{number:07d}"} for number in range(20_000)])
    started = time.process_time()
    assert total(read_statement(data)) == Decimal(1500) * 20_000
    assert time.process_time() - started < 10
