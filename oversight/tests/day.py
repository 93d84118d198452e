"""A day of trade for tests of the reconciliation, and M-Pesa's statement of it in the form of the portal's export."""

import csv
import datetime as dt
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from accounts.models import KycStatus, User
from accounts.services import person_create
from accounts.tests.people import staff
from goldwallet.clock import NAIROBI, now
from goldwallet.test.world import PASSWORD, World, buy, paid, sell, world_create
from goldwallet.tests.scene import made_for_all
from oversight.models import Run
from oversight.reconciliation.explained import UNEXPLAINED
from oversight.reconciliation.run import reconcile
from payments.models import BalanceReading, Exchange, Float, Kind, Payment, State
from payments.statements import Imported, statement_import
from payments.tests.portal import HEADINGS

_numbers = itertools.count(1)


def new_receipt() -> str:
    return f"UKL{next(_numbers):07d}"


@dataclass(frozen=True)
class Row:
    """One row of the export. `moved` is signed KES."""

    receipt: str
    at: dt.datetime
    details: str
    moved: int
    reason: str
    linked: str = ""
    reference: str = ""
    status: str = "Completed"

    def cells(self) -> list[str]:
        at = f"{self.at.astimezone(NAIROBI):%d-%m-%Y %H:%M:%S}"
        paid_in = f"{self.moved:,}.00" if self.moved > 0 else ""
        withdrawn = f"{self.moved:,}.00" if self.moved < 0 else ""
        return [
            self.receipt, at, at, self.details, self.status, paid_in, withdrawn, "", "true", self.reason, "",
            self.linked, self.reference,
        ]  # fmt: skip


def statement(rows: list[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    # No two exports are the same bytes, since each says when it was made.
    made = f"Exported {now():%H:%M:%S.%f}"
    writer.writerows(
        [["M-PESA Organization Statement"], [made], [], HEADINGS, *(row.cells() for row in reversed(rows))]
    )
    return text.getvalue().encode()


def row_in(payment: Payment, **changes) -> Row:
    row = Row(
        receipt=payment.receipt or new_receipt(),
        at=payment.created_at.replace(microsecond=0),
        details=f"Pay Bill Online from {payment.phone[:4]}****{payment.phone[-3:]} - Somebody Acc. {payment.reference}",
        moved=int(payment.amount),
        reason="Pay Bill Online",
        reference=payment.reference,
    )
    return replace(row, **changes)


def row_out(payment: Payment, **changes) -> Row:
    row = Row(
        receipt=payment.receipt or new_receipt(),
        at=payment.created_at.replace(microsecond=0),
        details=f"Business Payment to {payment.phone[:4]}****{payment.phone[-3:]} - Somebody via API",
        moved=-int(payment.amount),
        reason="Business Payment to Customer via API",
    )
    return replace(row, **changes)


def row_charge(receipt: str, at: dt.datetime, charge: Decimal | int) -> Row:
    return Row(receipt, at.replace(microsecond=0), "Fee For B2C Payment", -int(charge), "Fee For B2C Payment")


def day_of_all(
    blocker, *, by: str = "maker@example.com", people: int = 2, buys: int, sales: int
) -> Iterator["Day"]:
    """For a fixture of a whole module (`made_for_all`): a day whose statements somebody of the treasury takes in."""

    def make() -> Day:
        day = Day(world_create(), staff("treasury", email=by))
        day.trade(people=people, buys=buys, sales=sales)
        return day

    yield from made_for_all(blocker, make)


@dataclass
class Day:
    """What was traded, and M-Pesa's rows about it, to be changed by the test before they are taken in."""

    world: World
    by: User
    people: list[User] = field(default_factory=list)
    buys: list[Payment] = field(default_factory=list)
    sales: list[Payment] = field(default_factory=list)
    collections: list[Row] = field(default_factory=list)
    payouts: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.started = now() - dt.timedelta(hours=1)

    def trade(self, *, people: int, buys: int, sales: int) -> None:
        """Each person buys and sells; amounts differ, so that no two payouts of a person are alike."""
        for number in range(people):
            self.people.append(
                person_create(
                    email=f"person{number}@example.com",
                    password=PASSWORD,
                    phone=f"2547330{number:05d}",
                    kyc_status=KycStatus.VERIFIED,
                )
            )
        for number in range(buys):
            order = paid(buy(self.people[number % people], 1500 + number), receipt=new_receipt())
            self.buys.append(Payment.objects.get(pk=order.payment_id))
        for number in range(sales):
            order = sell(self.people[number % people], Decimal("0.02") + Decimal(number) / 10_000)
            order = paid(order, receipt=new_receipt())
            self.sales.append(Payment.objects.get(pk=order.payment_id))
        Payment.objects.filter(direction="out", sent_at=None).update(sent_at=now())
        self.collections += [row_in(payment) for payment in self.buys]
        for payment in self.sales:
            self.payouts.append(row_out(payment))
            if payment.charge:
                self.payouts.append(row_charge(payment.receipt or "", payment.created_at, payment.charge))

    def pending(self, order) -> Payment:
        """The order's payment has gone to M-Pesa, and nothing was heard."""
        Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING, sent_at=now())
        return Payment.objects.get(pk=order.payment_id)

    def upload(self) -> list[Imported]:
        """Both statements, which cover from an hour before the trade until now."""
        end = now()
        return [
            statement_import(
                account=account,
                name=f"{account}.csv",
                data=statement(rows),
                by=self.by,
                starts_at=self.started,
                ends_at=end,
            )
            for account, rows in ((Float.COLLECTIONS, self.collections), (Float.PAYOUTS, self.payouts))
        ]

    def reading(self, shortcode: str, utility: Decimal, charges: Decimal = Decimal(0)) -> None:
        exchange = Exchange.objects.create(kind=Kind.BALANCE)
        for name, kes in (
            ("Utility Account", utility),
            ("Charges Paid Account", charges),
            ("Working Account", 9),
        ):
            BalanceReading.objects.create(
                exchange=exchange, shortcode=shortcode, name=name, current=kes, available=kes, read_at=now()
            )

    def compare(self) -> Run:
        run = reconcile(starts_at=self.started)
        assert_adds_up(run)
        return run


def keys(run: Run, **filters) -> set[tuple[str, str]]:
    """The open differences as (kind, key)."""
    return set(run.seen.filter(state="open", **filters).values_list("kind", "key"))


def assert_adds_up(run: Run) -> None:
    """In each comparison the left side and all that explains the rest are the right side."""
    for step in run.report:
        parts = {part["why"]: Decimal(part["exact"]) for part in step["parts"]}
        left, right = Decimal(step["theirs"]["exact"]), Decimal(step["ours"]["exact"])
        assert left + sum(parts.values()) == right, step
        assert UNEXPLAINED not in parts or step["name"] == "The whole book", step
