"""The operator's view: figures over all apps, each read from where it is stored."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Min, Q, QuerySet, Sum
from django.urls import reverse

from accounts.asking import may_decide
from accounts.models import User
from accounts.roles import Role
from controls.kinds import KINDS
from controls.selectors import requests_waiting
from goldwallet import clock
from kyc.models import Case, CaseState
from ledger import chart
from ledger.selectors import balances
from oversight.models import Break, BreakState
from payments.models import Arrival, ArrivalState, Direction, Payment, State
from pools.selectors import pools_with_figures
from trading.models import Order, Side, Status

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Figures:
    """Grams and KES as they stand now. `owed` is what customers own; `reserved` waits for their payment."""

    gold_vault: Decimal
    gold_reserved: Decimal
    gold_owed: Decimal
    gold_free: Decimal
    collections: Decimal
    payouts_float: Decimal
    payouts_clearing: Decimal
    suspense: Decimal
    customers: int
    volume_today_buy: Decimal
    volume_today_sell: Decimal
    spread: Decimal


def figures() -> Figures:
    pools = pools_with_figures()
    money = balances(
        [
            chart.mpesa_collections(),
            chart.mpesa_payouts(),
            chart.payouts_clearing(),
            chart.suspense_mpesa(),
            chart.house_sales(),
            chart.house_purchases(),
        ]
    )
    today = _today()
    return Figures(
        gold_vault=sum((pool.fine for pool in pools), ZERO),
        gold_reserved=sum((pool.reserved for pool in pools), ZERO),
        gold_owed=sum((pool.sold for pool in pools), ZERO),
        gold_free=sum((pool.available for pool in pools), ZERO),
        # What the outside holds for us is a negative in the book (design section 4).
        collections=-money[chart.mpesa_collections().code],
        payouts_float=-money[chart.mpesa_payouts().code],
        payouts_clearing=money[chart.payouts_clearing().code],
        suspense=money[chart.suspense_mpesa().code],
        customers=User.objects.filter(is_staff=False, is_active=True).count(),
        volume_today_buy=today["buy"] or ZERO,
        volume_today_sell=today["sell"] or ZERO,
        spread=money[chart.house_sales().code] + money[chart.house_purchases().code],
    )


def _today() -> dict[str, Decimal | None]:
    now = clock.now().astimezone(clock.NAIROBI)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    done = Order.objects.filter(status=Status.COMPLETED, finished_at__gte=midnight)
    totals: dict[str, Decimal | None] = done.aggregate(
        buy=Sum("total_kes", filter=Q(side=Side.BUY)), sell=Sum("total_kes", filter=Q(side=Side.SELL))
    )
    return totals


@dataclass(frozen=True, slots=True)
class Waiting:
    """Things of one kind that wait for a person. The page at `url` opens for `roles` and for those who see all."""

    label: str
    count: int
    oldest: dt.datetime | None
    url: str
    roles: tuple[str, ...]


def _kinds() -> list[tuple[str, QuerySet[Any], str, str, tuple[str, ...]]]:
    """Label, rows, the column with the time since when they wait, the page, who works there."""
    payouts, money = reverse("desk_payouts"), (Role.TREASURY,)
    ask = (Role.PRICING, Role.VAULT, Role.TREASURY, Role.REVIEWER)
    late = f"{reverse('desk_orders')}?status={Status.PAID_LATE}"
    payment = Payment.objects.all()
    return [
        ("Requests to decide", requests_waiting(), "created_at", reverse("desk_approvals"), ask),
        (
            "Identities to review",
            Case.objects.filter(state=CaseState.SUBMITTED),
            "submitted_at",
            reverse("desk_kyc"),
            (Role.REVIEWER,),
        ),
        ("Payouts to decide", payment.filter(state=State.AWAITING_APPROVAL), "created_at", payouts, money),
        (
            "Payouts that M-Pesa has not answered",
            payment.filter(state=State.UNKNOWN, direction=Direction.OUT),
            "created_at",
            payouts,
            money,
        ),
        ("Payments to look at", payment.filter(attention=True), "created_at", payouts, money),
        (
            "Late payments kept as cash",
            Order.objects.filter(status=Status.PAID_LATE),
            "created_at",
            late,
            ("treasury", "pricing", "vault"),
        ),
        (
            "Money that is nobody's yet",
            Arrival.objects.filter(state=ArrivalState.SUSPENSE),
            "arrived_at",
            "/desk/money/",
            money,
        ),
        (
            "Differences in the reconciliation",
            Break.objects.filter(state=BreakState.OPEN),
            "found_at",
            "/desk/reconciliation/",
            money,
        ),
    ]


def to_decide(user: User) -> int:
    """How many requests wait for this person to decide them: of kinds that their roles decide, and not their own."""
    kinds = [name for name in KINDS if may_decide(user, name)]
    return (
        requests_waiting().filter(kind__in=kinds).exclude(maker=user).exclude(person=user).count()
        if kinds
        else 0
    )


def waiting() -> list[Waiting]:
    """What waits for somebody, with the age of the oldest; kinds with nothing are left out."""
    found = []
    for label, rows, column, url, roles in _kinds():
        row = rows.order_by().aggregate(count=Count("pk"), oldest=Min(column))
        if row["count"]:
            found.append(Waiting(label, row["count"], row["oldest"], url, roles))
    return found
