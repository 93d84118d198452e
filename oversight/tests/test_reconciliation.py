"""The comparison: a clean day has no difference, and of planted ones every single one is found, and no other."""

import copy
import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.db import connection

from controls.models import Cause
from controls.selectors import switch
from goldwallet.clock import now
from goldwallet.errors import Conflict
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import buy, sell
from ledger import chart
from ledger.audit import verify_each
from ledger.selectors import balance
from ledger.services import Transfer, post
from oversight.models import Break, BreakKind, BreakState, Run
from oversight.reconciliation.alive import run_held
from oversight.tests.day import Day, Row, day_of_all, keys, new_receipt, row_charge, row_in, row_out
from payments.models import Arrival, ArrivalState, Payment, Source, StatementLine
from pools.models import Allocation

pytestmark = pytest.mark.django_db

#: The plan below fits into this day, and leaves some payments of each side as they are.
BUYS, SALES, PEOPLE = 90, 45, 12


def raw(sql: str, *values: object) -> None:
    """Past every guard, as somebody does who has the database's password."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(sql, values)
        cursor.execute("SET session_replication_role = origin")


@pytest.fixture(scope="module")
def traded(django_db_setup, django_db_blocker) -> Iterator[Day]:
    """More than a hundred payments, made once."""
    yield from day_of_all(django_db_blocker, by="treasury@example.com", people=PEOPLE, buys=BUYS, sales=SALES)


@pytest.fixture
def day(traded: Day, db: None) -> Day:
    return copy.deepcopy(traded)


def provider_agrees(day: Day) -> None:
    """M-Pesa's balances are what the book says."""
    day.reading("174379", -balance(chart.mpesa_collections()))
    charged = sum((payment.charge or Decimal(0) for payment in day.sales), Decimal(0))
    day.reading("600991", -balance(chart.mpesa_payouts()) + charged, -charged)


@pytest.mark.fault("P20")
def test_a_clean_day_has_no_difference(day: Day) -> None:
    with shift_clock(hours=2):
        provider_agrees(day)
        day.upload()
        run = day.compare()
    assert run.state == "done"
    assert list(run.seen.values_list("sentence", flat=True)) == []
    told = {step["name"]: step for step in run.report}
    assert told["Money in"]["theirs"]["count"] == told["Money in"]["ours"]["count"] == BUYS
    assert told["Money out"]["theirs"]["total"] == told["Money out"]["ours"]["total"]
    assert told["Charges"]["theirs"]["total"] == told["Charges"]["ours"]["total"] != "KES 0"
    assert not switch("payouts").paused
    assert_books()


def test_nothing_is_missing_where_no_statement_was_taken_in(day: Day) -> None:
    with shift_clock(hours=2):
        run = day.compare()
    assert keys(run) == set()


def test_what_has_just_happened_is_not_judged(day: Day) -> None:
    day.collections = [*day.collections[1:], row_in(day.buys[0], receipt=new_receipt(), reference="")]
    day.upload()
    assert keys(day.compare()) == set()


class Plan:
    """Differences of every kind. `expected` has kind and key of each."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.at = now()
        self.lines: list[tuple[str, str, str]] = []  # kind, beginning of the key, receipt
        self.expected: set[tuple[str, str]] = set()
        self.buys, self.sales = iter(day.buys), iter(day.sales)
        for plant in (
            self.unknown_in, self.unknown_out, self.missing, self.amounts, self.states, self.receipts, self.reversed,
            self.parts,
            self.charges, self.twice, self.postings, self.pools, self.holdings, self.holds, self.book,
        ):  # fmt: skip
            plant()

    def line(self, kind: str, row: Row, account: list[Row], key: str = "line:") -> None:
        account.append(row)
        self.lines.append((kind, key, row.receipt))

    def known_in(self, payment: Payment) -> int:
        return next(i for i, row in enumerate(self.day.collections) if row.receipt == payment.receipt)

    def known_out(self, payment: Payment, details: str) -> int:
        rows = self.day.payouts
        return next(
            i
            for i, row in enumerate(rows)
            if row.receipt == payment.receipt and row.details.startswith(details)
        )

    def unknown_in(self) -> None:
        """Paid by hand, with a reference that is none, or with that of a buy which has its money (P18)."""
        paid = next(self.buys)
        for number in range(25):
            reference = paid.reference.lower() if number == 0 else f"HAND {number}"
            row = row_in(paid, receipt=new_receipt(), reference=reference, moved=700 + number)
            self.line("line_in_unknown", row, self.day.collections)

    def unknown_out(self) -> None:
        """Somebody else uses our credential (O15), some of them for an amount and phone that we know."""
        known = next(self.sales)
        for number in range(25):
            moved = int(known.amount) if number == 0 else 30_000 + number
            self.line(
                "line_out_unknown", row_out(known, receipt=new_receipt(), moved=-moved), self.day.payouts
            )

    def missing(self) -> None:
        for _ in range(10):
            payment = next(self.buys)
            del self.day.collections[self.known_in(payment)]
            self.expected.add(("payment_missing", f"missing:{payment.pk}"))
        for _ in range(8):
            payment = next(self.sales)
            self.day.payouts = [row for row in self.day.payouts if row.receipt != payment.receipt]
            self.expected.add(("payment_missing", f"missing:{payment.pk}"))

    def amounts(self) -> None:
        for number in range(10):
            payment = next(self.buys)
            row = self.day.collections.pop(self.known_in(payment))
            changed = row_in(payment, moved=row.moved + 1 + number)
            self.line("amount_differs", changed, self.day.collections)
        for _ in range(8):
            payment = next(self.sales)
            self.day.payouts.pop(self.known_out(payment, "Business"))
            self.line("amount_differs", row_out(payment, moved=-int(payment.amount) - 1), self.day.payouts)

    def states(self) -> None:
        for number in range(8):
            payment = self.day.pending(buy(self.day.people[number], 3000 + number))
            self.line("state_differs", row_in(payment), self.day.collections)
        for number in range(6):
            payment = self.day.pending(
                sell(self.day.people[number], Decimal("0.001") + Decimal(number) / 1000)
            )
            self.line("state_differs", row_out(payment), self.day.payouts)

    def receipts(self) -> None:
        for _ in range(8):
            payment = next(self.buys)
            del self.day.collections[self.known_in(payment)]
            self.line("receipt_differs", row_in(payment, receipt=new_receipt()), self.day.collections)
        for _ in range(3):
            payment = next(self.sales)
            self.day.payouts = [row for row in self.day.payouts if row.receipt != payment.receipt]
            Payment.objects.filter(pk=payment.pk).update(receipt=None)
            self.line("receipt_differs", row_out(payment, receipt=new_receipt()), self.day.payouts)

    def reversed(self) -> None:
        for _ in range(15):
            payment = next(self.buys)
            text = f"Transaction Reversal of {payment.receipt} to somebody"
            row = Row(
                new_receipt(), self.at, text, -int(payment.amount), "Reversal", linked=payment.receipt or ""
            )
            self.line("reversed", row, self.day.collections)

    def parts(self) -> None:
        """Taken back in part, or twice."""
        for number in range(15):
            payment = next(self.buys)
            text = f"Transaction Reversal of {payment.receipt} to somebody"
            kes = [int(payment.amount)] * 2 if number % 3 == 0 else [100 + number]
            for moved in kes:
                row = Row(new_receipt(), self.at, text, -moved, "Reversal", linked=payment.receipt or "")
                self.day.collections.append(row)
            self.expected.add(("reversal_differs", f"reversal:{payment.pk}"))

    def charges(self) -> None:
        for _ in range(10):
            payment = next(self.sales)
            self.day.payouts.pop(self.known_out(payment, "Fee"))
            self.day.payouts.append(row_charge(payment.receipt or "", self.at, (payment.charge or 0) + 2))
            self.expected.add(("charge_differs", f"charge:{payment.pk}"))
        for _ in range(5):
            payment = next(self.sales)
            self.day.payouts.pop(self.known_out(payment, "Fee"))
            self.expected.add(("charge_differs", f"charge:{payment.pk}"))
        for _ in range(4):
            self.line(
                "charge_differs", row_charge(new_receipt(), self.at, 33), self.day.payouts, "charge:line:"
            )

    def twice(self) -> None:
        for _ in range(10):
            payment = next(self.buys)
            row = row_in(payment, details="Pay Bill Online from somebody else", reference="")
            self.day.collections.append(row)
            self.lines.append(("line_twice", "twice:", row.receipt))

    def postings(self) -> None:
        for number in range(6):
            payment = next(self.buys)
            raw(
                "UPDATE ledger_transaction SET key = %s WHERE key = %s",
                f"x{number}",
                f"payment:{payment.pk}:paid",
            )
            self.expected.add(("posting_differs", f"posting:{payment.pk}"))
        for _ in range(6):
            payment = next(self.sales)
            again = [Transfer(chart.house_capital(), chart.mpesa_payouts(), Decimal(7))]
            post(key=f"payment:{payment.pk}:incident", kind="sale_incident", transfers=again)
            self.expected.add(("posting_differs", f"posting:{payment.pk}"))

    def pools(self) -> None:
        for number in range(6):
            pool = self.day.world.gold(Decimal(10), name=f"Pool {number}", priority=50 + number)
            raw("UPDATE pools_bar SET status = 'withdrawn' WHERE pool_id = %s", pool.pk)
            self.expected.add(("pool_differs", f"pool:{pool.pk}"))

    def holdings(self) -> None:
        """The same grams under another name: the pools stay right."""
        for number in range(0, 8, 2):
            one, other = self.day.people[number], self.day.people[number + 1]
            allocation = Allocation.objects.filter(user=one, state="sold", returned=0).latest("pk")
            raw("UPDATE pools_allocation SET user_id = %s WHERE id = %s", other.pk, allocation.pk)
            for person in (one, other):
                self.expected.add(("holding_differs", f"holding:{person.pk}:owned"))

    def holds(self) -> None:
        for number in range(8, 12):
            order = buy(self.day.people[number], 5000)
            raw("UPDATE trading_order SET status = 'expired' WHERE id = %s", order.pk)
            self.expected.add(("hold_differs", f"hold:user:{order.user_id}:gold:incoming"))
        late = next(self.day.world.alice for _ in range(1))
        Payment.objects.create(
            direction="out",
            purpose="sell",
            user=late,
            amount=444,
            phone_lookup="x",
            reference="NOBODY",
            state="unknown",
        )
        self.expected.add(("hold_differs", "hold:payouts:clearing"))
        row = row_in(next(self.buys), receipt=new_receipt(), reference="SOMEBODY")
        self.day.collections.append(row)
        Arrival.objects.create(
            receipt=row.receipt,
            amount=row.moved,
            source=Source.PULL,
            arrived_at=row.at,
            state=ArrivalState.SUSPENSE,
        )
        self.expected.add(("hold_differs", "hold:suspense:mpesa"))

    def book(self) -> None:
        raw("UPDATE ledger_account SET balance = balance + 1 WHERE code = 'house:capital'")
        self.broken = sum(len(texts) for _, _, texts in verify_each())

    def complete(self) -> set[tuple[str, str]]:
        """With the keys that the lines got when they were taken in."""
        for kind, start, receipt in self.lines:
            found = StatementLine.objects.filter(receipt=receipt)
            found = found.filter(kind="charge") if kind == "charge_differs" else found.exclude(kind="charge")
            line = found.get(reference="") if kind == "line_twice" else found.get()
            self.expected.add((kind, f"{start}{line.pk}"))
        return self.expected


@pytest.mark.fault("P20", "O15", "P18")
def test_every_planted_difference_is_found_and_no_other(day: Day) -> None:
    plan = Plan(day)
    with shift_clock(hours=2):
        day.reading("174379", Decimal(1_000_000))
        day.reading("600991", Decimal(77))
        day.upload()
        expected = plan.complete() | {("float_differs", "float:174379"), ("float_differs", "float:600991")}
        run = day.compare()
        found = keys(run)
        book = {one for one in found if one[0] == BreakKind.BOOK_BROKEN}
        assert found - book == expected
        assert len(book) == plan.broken > 0
        assert len(found) >= 200
        assert {kind for kind, _ in found} == set(BreakKind.values)
        assert switch("payouts").cause == Cause.BREAK

        # Once more: the same, and not a second time.
        again = day.compare()
        assert keys(again) == found
        assert Break.objects.count() == len(found)
        assert not Break.objects.exclude(first_run=run).exists()

        # What is put right is gone, and only that.
        right = {("book_broken", key) for _, key in book} | {("hold_differs", "hold:payouts:clearing")}
        raw("UPDATE ledger_account SET balance = balance - 1 WHERE code = 'house:capital'")
        raw("DELETE FROM payments_payment WHERE reference = 'NOBODY'")
        last = day.compare()
        assert keys(last) == found - right
        gone = Break.objects.filter(state=BreakState.GONE)
        assert set(gone.values_list("kind", "key")) == right
        assert not gone.filter(closed_at=None).exists()


def test_a_file_that_could_not_be_read_whole_shows_nothing_missing(day: Day) -> None:
    del day.collections[5]
    day.collections.append(row_in(day.buys[7], receipt="bad receipt"))
    with shift_clock(hours=2):
        first, _ = day.upload()
        assert first.file.problems
        run = day.compare()
    assert keys(run) == set()
    assert "could not be read whole" in next(step["note"] for step in run.report if "show" in step["name"])


def test_a_balance_may_differ_by_what_was_on_its_way(day: Day) -> None:
    Payment.objects.filter(pk=day.pending(buy(day.people[0], 2500)).pk).update(created_at=now())
    with shift_clock(hours=2):
        day.reading("174379", -balance(chart.mpesa_collections()) + 2500)
        assert keys(day.compare()) == set()
        day.reading("174379", -balance(chart.mpesa_collections()) + 2901)
        assert keys(day.compare()) == {("float_differs", "float:174379")}


def test_one_at_a_time(day: Day) -> None:
    other = Run.objects.create(starts_at=now() - dt.timedelta(days=1), ends_at=now())
    with run_held(other.pk), pytest.raises(Conflict, match="running already"):
        day.compare()
