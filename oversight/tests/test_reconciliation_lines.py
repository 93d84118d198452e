"""What belongs together is not reported, and what does not is: line by line, each case on a small day."""

import datetime as dt
from decimal import Decimal

import pytest

from accounts.models import User
from accounts.tests.people import staff
from goldwallet.clock import NAIROBI, now
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed
from goldwallet.test.world import BUY, SELL, World, buy, paid
from ledger import chart
from ledger.selectors import balance
from oversight.reconciliation.run import reconcile
from oversight.tests.day import Day, Row, keys, new_receipt, row_out, statement
from payments.models import Payment, StatementFile
from payments.statements import statement_import
from payments.tests.portal import HEADINGS
from pools.services import price_set

pytestmark = pytest.mark.django_db


@pytest.fixture
def maker() -> User:
    return staff("treasury", email="maker@example.com")


@pytest.fixture
def checker() -> User:
    return staff("treasury", email="checker@example.com")


@pytest.fixture
def day(world: World, maker: User) -> Day:
    made = Day(world, maker)
    made.trade(people=2, buys=3, sales=3)
    return made


def agree(day: Day) -> None:
    """M-Pesa's balances are what the book says."""
    day.reading("174379", -balance(chart.mpesa_collections()))
    charged = sum((payment.charge or Decimal(0) for payment in day.sales), Decimal(0))
    day.reading("600991", -balance(chart.mpesa_payouts()) + charged, -charged)


# --- moves of the float ---------------------------------------------------------------------------


def float_move(move: str, reference: str, maker: User, checker: User, amount: int = 5000) -> None:
    payload = {"move": move, "amount": str(amount), "reference": reference}
    agreed("float_move", payload, maker=maker, checker=checker, subject=reference)


def test_a_float_move_that_is_booked_is_no_difference(day: Day, maker: User, checker: User) -> None:
    with shift_clock(hours=1):
        float_move("owner_payouts", "UKLFLOAT01", maker, checker)
        float_move("collections_payouts", "UKLFLOAT02", maker, checker, 900)
        float_move("collections_owner", "FT26-0042", maker, checker, 700)
        day.payouts += [
            Row("UKLFLOAT01", now(), "Organization transfer", 5000, "Transfer of Funds"),
            Row("UKLFLOAT02", now(), "Organization transfer", 900, "Transfer of Funds"),
        ]
        day.collections += [
            Row("UKLFLOAT02", now(), "Organization transfer", -900, "Transfer of Funds"),
            Row(
                "UKLFLOAT03", now(), "Organization Settlement FT26-0042 done", -700, "Withdraw Funds to Bank"
            ),
        ]
    with shift_clock(hours=2):
        day.upload()
        agree(day)
        run = day.compare()
    assert list(run.seen.values_list("sentence", flat=True)) == []
    told = {step["name"]: step for step in run.report}
    for name in ("Money in", "Money out"):
        assert told[name]["theirs"] == {**told[name]["ours"], "name": told[name]["theirs"]["name"]}
    assert_books()


def test_a_float_move_takes_one_line_and_only_its_own(day: Day, maker: User, checker: User) -> None:
    with shift_clock(hours=1):
        float_move("owner_payouts", "UKLFLOAT01", maker, checker)
        float_move("owner_payouts", "BANK", maker, checker, 800)
        day.payouts += [
            Row("UKLFLOAT01", now(), "Organization transfer", 5001, "Transfer of Funds"),
            Row("UKLFLOAT04", now(), "Organization transfer UKLFLOAT01", 5000, "Transfer of Funds"),
            Row(
                "UKLFLOAT05",
                now() + dt.timedelta(minutes=1),
                "Organization transfer UKLFLOAT01",
                5000,
                "Transfer of Funds",
            ),
            Row("UKLFLOAT06", now(), "Transfer from BANK", 800, "Transfer of Funds"),
        ]
    with shift_clock(hours=2):
        day.upload()
        run = day.compare()
    found = set(run.seen.values_list("line__receipt", "kind"))
    assert found == {(f"UKLFLOAT0{number}", "line_in_unknown") for number in (1, 5, 6)}
    assert "booked as BANK" in run.seen.get(line__receipt="UKLFLOAT06").cause


# --- what M-Pesa does not show --------------------------------------------------------------------


def test_a_payment_that_never_came_is_gone_when_it_was_taken_back(
    day: Day, maker: User, checker: User
) -> None:
    payment = day.buys[-1]
    day.collections.pop()
    with shift_clock(hours=2):
        day.upload()
        assert keys(day.compare()) == {("payment_missing", f"missing:{payment.pk}")}
        payload = {"payment": str(payment.pk), "receipt": "UKLREVERS1"}
        agreed("payment_reversed", payload, maker=maker, checker=checker)
        assert keys(day.compare()) == set()
    with shift_clock(hours=4):
        day.upload()
        assert keys(day.compare()) == set()
        assert_books()


# --- what a statement covers ----------------------------------------------------------------------


def test_an_export_of_today_covers_until_its_last_line(world: World, maker: User) -> None:
    # All of it within one day of Nairobi, at whatever time the test runs.
    current = now().astimezone(NAIROBI)
    noon = (12 - current.hour) % 24
    day = Day(world, maker)
    with shift_clock(hours=noon):
        # Noon may be almost a day away, and nobody trades at a price of yesterday.
        price_set(buy=BUY, sell=SELL, by=world.pricing, reason="test", confirmed=True)
        day.trade(people=2, buys=3, sales=3)
    with shift_clock(hours=noon + 2):
        exported = statement(day.collections)
    with shift_clock(hours=noon + 3):
        paid(buy(day.people[0], 2000), receipt=new_receipt())
    with shift_clock(hours=noon + 4):
        end = now() + dt.timedelta(seconds=1)
        taken = statement_import(
            account="collections", name="x", data=exported, by=maker, starts_at=day.started, ends_at=end
        )
        assert taken.file.ends_at == day.collections[-1].at
        assert keys(day.compare()) == set()


def test_the_charges_alone_show_no_payment_missing(day: Day, maker: User) -> None:
    with shift_clock(hours=2):
        charges = statement([row for row in day.payouts if row.details.startswith("Fee")])
        taken = statement_import(
            account="payouts", name="x", data=charges, by=maker, starts_at=day.started, ends_at=now()
        )
        assert "charges alone" in taken.file.problems[0]
        assert "not the whole statement" in taken.sentence
        assert keys(day.compare()) == set()


def test_a_statement_is_compared_whole_even_after_a_run_of_other_days(day: Day) -> None:
    day.payouts.append(row_out(day.sales[0], receipt=new_receipt(), moved=-9_000))
    with shift_clock(hours=24 * 20):
        day.upload()
        assert keys(reconcile(starts_at=now() - dt.timedelta(days=1))) == set()
        run = reconcile()
        assert run.starts_at <= min(StatementFile.objects.values_list("starts_at", flat=True))
        assert {kind for kind, _ in keys(run)} == {"line_out_unknown"}
        assert reconcile().starts_at > run.starts_at


# --- short exports --------------------------------------------------------------------------------

SHORT = (*HEADINGS[:3], "Details", "Transaction Status", "Paid In", "Withdrawn", "Balance")


def short(rows: list[Row]) -> bytes:
    """Eight columns: neither account, nor reason, nor the receipt that a line is linked to."""
    lines = [",".join(f'"{cell}"' for cell in row.cells()[: len(SHORT)]) for row in rows]
    return "\n".join([",".join(SHORT), *lines, ""]).encode()


def test_a_short_export_names_payments_and_reversals_in_its_details(
    day: Day, maker: User, checker: User
) -> None:
    silent, back = day.buys[-1], day.buys[0]
    Payment.objects.filter(pk=silent.pk).update(receipt=None)
    with shift_clock(hours=1):
        payload = {"payment": str(back.pk), "receipt": "UKLREVERS1"}
        agreed("payment_reversed", payload, maker=maker, checker=checker)
        text = f"Transaction Reversal of {back.receipt} to 2547****123"
        day.collections.append(Row("UKLREVERS1", now(), text, -int(back.amount), "x", linked="x"))
    with shift_clock(hours=3):
        statement_import(
            account="collections", name="x", data=short(day.collections), by=maker,
            starts_at=day.started, ends_at=now(),
        )  # fmt: skip
        run = day.compare()
    assert list(run.seen.values_list("sentence", flat=True)) == []
