"""Taking in statements: once, quickly, the right account, and honest about what could not be read."""

import datetime as dt
import time
from decimal import Decimal

import pytest

from accounts.models import User
from accounts.tests.people import staff
from goldwallet.clock import NAIROBI, now
from goldwallet.errors import Refused
from payments.models import StatementFile, StatementLine
from payments.statements import Imported, statement_import

pytestmark = pytest.mark.django_db

HEAD = (
    "Receipt No.,Completion Time,Initiation Time,Details,Transaction Status,Paid In,Withdrawn,Balance,"
    "Balance Confirmed,Reason Type,Other Party Info,Linked Transaction ID,A/C No."
)
DAY = "20-11-2026"


def row(
    number: int, *, status: str = "Completed", at: str = "10:00:00", balance: str = "", kes: int = 100
) -> str:
    return (
        f"UKK{number:07d},{DAY} {at},{DAY} {at},"
        f"Pay Bill Online from 2547****{number % 1000:03d} - A B Acc. ORD{number},{status},"
        f"{kes}.00,,{balance},true,Pay Bill Online,2547****{number % 1000:03d} - A B,,ORD{number}"
    )


def csv(*rows: str, shortcode: str = "174379", period: str = "") -> bytes:
    before = ["M-PESA Organization Statement", f"Short Code:,{shortcode}", *([period] if period else [])]
    return "\n".join([*before, HEAD, *rows, ""]).encode()


@pytest.fixture
def by() -> User:
    return staff("treasury")


def take(by: User, data: bytes, **changes) -> Imported:
    return statement_import(account="collections", name="november.csv", data=data, by=by, **changes)


def test_the_lines_are_kept_with_what_they_are(by: User) -> None:
    taken = take(by, csv(row(1, kes=250), row(2, status="Declined", at="11:30:00")))
    assert (taken.new, taken.file.lines_count, taken.file.problems) == (True, 2, [])
    paid, declined = StatementLine.objects.order_by("receipt")
    assert (paid.receipt, paid.kind, paid.status) == ("UKK0000001", "collection", "Completed")
    assert (paid.paid_in, paid.withdrawn, paid.reference) == (250, 0, "ORD1")
    assert paid.completed_at == dt.datetime(2026, 11, 20, 10, tzinfo=NAIROBI)
    assert paid.details.startswith("Pay Bill Online from 2547****001")
    assert "2547" not in paid.details_sealed
    assert declined.status == "Declined"
    # Only completed lines say what the file covers.
    assert taken.file.starts_at == taken.file.ends_at == paid.completed_at


def test_the_same_bytes_are_taken_once(by: User) -> None:
    first = take(by, csv(row(1)))
    second = take(by, csv(row(1)))
    assert (second.file, second.new) == (first.file, False)
    assert "very file" in second.sentence
    assert StatementFile.objects.count() == StatementLine.objects.count() == 1


def test_lines_of_two_files_are_kept_once(by: User) -> None:
    take(by, csv(row(1), row(2)))
    taken = take(by, csv(row(2), row(3)))
    assert StatementLine.objects.count() == 3
    assert taken.sentence.startswith("1 new lines were taken in, 1 were known")


def test_a_line_that_has_completed_since_is_a_new_one(by: User) -> None:
    take(by, csv(row(1, status="Pending"), row(2)))
    take(by, csv(row(1), row(2)))
    assert set(StatementLine.objects.filter(receipt="UKK0000001").values_list("status", flat=True)) == {
        "Pending",
        "Completed",
    }


def test_another_shortcode_is_refused(by: User) -> None:
    with pytest.raises(Refused, match=r"This statement is of 600991\. Collections is 174379\."):
        take(by, csv(row(1), shortcode="600991"))
    assert not StatementFile.objects.exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no line with the headings"),
        (b"PK\x03\x04 sheet", "Excel"),
        (b"x" * 10_000_001, "larger than 10 MB"),
        (csv(row(1, status="Declined")), "does not say which days"),
    ],
)
def test_what_is_no_statement_is_refused(by: User, data: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words):
        take(by, data)
    assert not StatementFile.objects.exists()


def test_an_unknown_account_is_refused(by: User) -> None:
    with pytest.raises(Refused, match="Choose the account"):
        statement_import(account="house:capital", name="x.csv", data=csv(row(1)), by=by)


def test_a_file_that_names_its_period_covers_it(by: User) -> None:
    period = "Time Period:,From 20-11-2026 00:00:00 to 20-11-2026 23:59:59"
    file = take(by, csv(row(1), period=period)).file
    assert file.starts_at == dt.datetime(2026, 11, 20, tzinfo=NAIROBI)
    today = now().astimezone(NAIROBI).date()
    if today > dt.date(2026, 11, 20):
        assert file.ends_at == dt.datetime(2026, 11, 20, 23, 59, 59, tzinfo=NAIROBI)


def test_a_day_that_goes_on_is_covered_to_its_last_line(by: User) -> None:
    """The export was made at some time today; what came after it is not on it, whatever period it names."""
    today = now().astimezone(NAIROBI)
    day, at = f"{today:%d-%m-%Y}", today.replace(hour=0, minute=0, second=1, microsecond=0)
    line = row(1, at="00:00:01").replace(DAY, day)
    file = take(by, csv(line, period=f"Time Period:,From {day} 00:00:00 to {day} 23:59:59")).file
    assert file.ends_at == at


def test_what_staff_say_widens_it_and_never_into_the_future(by: User) -> None:
    start = dt.datetime(2026, 11, 19, tzinfo=NAIROBI)
    file = take(by, csv(row(1)), starts_at=start, ends_at=now() + dt.timedelta(days=3)).file
    assert file.starts_at == start
    assert file.ends_at <= now()


def test_problems_stay_with_the_file(by: User) -> None:
    taken = take(
        by, csv(row(1, balance="100.00"), row(1, balance="200.00"), "UKK0000002,when,,x,Completed,5,,,,,,,")
    )
    assert len(taken.file.problems) == 2
    assert any("repeats line 4 with another balance" in problem for problem in taken.file.problems)
    assert "does not show that a payment is missing" in taken.sentence


def test_many_lines_take_seconds(by: User) -> None:
    """A tenth of the largest file. Generous: other tests run beside this one."""
    data = csv(*(row(number) for number in range(20_000)))
    started = time.monotonic()
    assert take(by, data).file.lines_count == 20_000
    assert time.monotonic() - started < 30
    assert StatementLine.objects.filter(paid_in=Decimal(100)).count() == 20_000
