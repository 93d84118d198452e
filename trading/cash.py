"""Cash that belongs to no late order, and debts: what the customer reads about theirs, and the desk's lists."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from accounts.models import User
from accounts.numbers import payouts_held
from goldwallet import clock, phones
from goldwallet.money import show_kes
from goldwallet.paging import Page
from ledger import chart
from ledger.selectors import Resting, balances, people_below_zero, people_resting
from payments.models import FINAL, Payment
from trading.models import Order, Status
from trading.selectors import cash_loose, late_kept
from trading.services.cashing import LEAST

ZERO = Decimal(0)


def cash_news(user: User, late: Iterable[Order], *, cash: Decimal, owed: Decimal) -> list[str]:
    """What becomes of the person's `cash` (KES) that no late order waits for, in sentences; none when there is none."""
    news = []
    loose = cash_loose(late, cash=cash)
    if loose > 0:
        news.append(f"{show_kes(loose)} of yours is with us as cash. {_what_next(user, loose, owed)}")
    going = Payment.objects.filter(user=user, purpose="cash").exclude(state__in=FINAL)
    if on_its_way := going.aggregate(kes=Sum("amount"))["kes"]:
        news.append(
            f"{show_kes(on_its_way)} of your cash with us goes to your M-Pesa. You get a mail when it is paid."
        )
    return news


def _what_next(user: User, loose: Decimal, owed: Decimal) -> str:
    if owed:
        return "Please write to us, and we settle it with what you owe us."
    if user.frozen_reason:
        return "It is safe, and stays here while your account is on hold."
    if held := payouts_held(user):
        return held
    if not user.phone:
        return "It is safe and stays yours. Please write to us where to send it."
    if loose < LEAST:
        return f"It is safe and stays yours. M-Pesa pays out {show_kes(LEAST)} or more."
    return (
        f"It is safe and stays yours. Our team sends it to your M-Pesa number {phones.local(user.phone)}, and you get "
        "a mail when it is paid."
    )


# --- the desk -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Holder:
    """A person's cash with us in KES, unmoved since `since`; `payable` is what can be paid out to them."""

    person: User
    cash: Decimal
    payable: Decimal
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class Debtor:
    """What a person owes us in KES, unmoved since `since`, and the cash of theirs that could cover it."""

    person: User
    owed: Decimal
    cash: Decimal
    since: dt.datetime


def holders(*, after: str = "") -> Page[Holder]:
    """Everybody who has cash with us, the longest first, a page at a time."""
    page = people_resting("cash", until=clock.now(), after=after)
    rows = _of_people(page.rows)
    late = _late_orders(person for person, _ in rows)
    debts = balances(chart.user_receivable(person.pk) for person, _ in rows)
    found = []
    for person, row in rows:
        barred = person.frozen_reason or debts[chart.user_receivable(person.pk).code] < 0
        kept = late_kept(late[person.pk], is_open=person.is_active)
        payable = ZERO if barred else cash_loose(kept, cash=row.balance)
        found.append(Holder(person, row.balance, payable, row.since))
    return Page(found, page.older)


def debtors(*, after: str = "") -> Page[Debtor]:
    """Everybody who owes us, the longest first, a page at a time."""
    page = people_below_zero("receivable", after=after)
    rows = _of_people(page.rows)
    cash = balances(chart.user_cash(person.pk) for person, _ in rows)
    found = [
        Debtor(person, -row.balance, cash[chart.user_cash(person.pk).code], row.since) for person, row in rows
    ]
    return Page(found, page.older)


def _of_people(rows: Sequence[Resting]) -> list[tuple[User, Resting]]:
    ids = [uuid.UUID(chart.owner_of(row.code).id) for row in rows]
    people = User.objects.in_bulk(ids)
    return [(people[id_], row) for id_, row in zip(ids, rows, strict=True) if id_ in people]


def _late_orders(people: Iterable[User]) -> dict[uuid.UUID, list[Order]]:
    """By person, oldest first."""
    found: dict[uuid.UUID, list[Order]] = defaultdict(list)
    late = Order.objects.filter(user__in=list(people), status=Status.PAID_LATE)
    for order in late.select_related("payment", "refund").order_by("created_at", "pk"):
        found[order.user_id].append(order)
    return found
