"""The operator's view: figures over all apps, each read from where it is stored, and what waits for somebody."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import CharField, Count, F, Min, Q, QuerySet, Value
from django.urls import reverse

from accounts.asking import may_decide
from accounts.models import KycStatus, User
from accounts.own import own_accounts
from accounts.resets import resets_waiting
from accounts.roles import Role
from controls.kinds import KINDS
from controls.models import RequestState
from controls.selectors import requests_waiting
from controls.services.notes import flags_up
from goldwallet.clock import after
from kyc.models import Case, CaseState
from ledger import chart
from ledger.selectors import balances
from oversight.models import Break, BreakState
from oversight.people.about import ABOUT
from payments.floats import FloatState, floats
from payments.models import Arrival, ArrivalState, Direction, Payment, State
from pools.selectors import pools_with_figures
from trading.models import Order, Status

ZERO = Decimal(0)
#: What "new" means of a customer, and what the charts of the overview show.
DAYS = 30


@dataclass(frozen=True, slots=True)
class Figures:
    """Grams and KES as they stand now. `owed` is what customers own; `reserved` waits for their payment.

    `gold_difference`: grams in the vault that nobody accounts for. Anything but zero is an incident.
    """

    gold_vault: Decimal
    gold_reserved: Decimal
    gold_owed: Decimal
    gold_free: Decimal
    collections: Decimal
    payouts_float: Decimal
    payouts_clearing: Decimal
    suspense: Decimal
    sales_less_purchases: Decimal
    floats: list[FloatState]

    @property
    def gold_difference(self) -> Decimal:
        return self.gold_vault - self.gold_reserved - self.gold_owed - self.gold_free


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
        sales_less_purchases=money[chart.house_sales().code] + money[chart.house_purchases().code],
        floats=floats(money),
    )


@dataclass(frozen=True, slots=True)
class Customers:
    """People whose account is open and who are no staff. `new`: of the last 30 days."""

    everybody: int
    verified: int
    new: int
    on_hold: int


def customers() -> Customers:
    """As they are now. One statement, which reads everybody: pages ask `oversight.lately`."""
    month_ago = after(-DAYS * 24 * 3600)
    found = User.objects.filter(is_staff=False, is_active=True).aggregate(
        everybody=Count("pk"),
        verified=Count("pk", filter=Q(kyc_status=KycStatus.VERIFIED)),
        new=Count("pk", filter=Q(created_at__gte=month_ago)),
        on_hold=Count("pk", filter=~Q(frozen_reason="")),
    )
    return Customers(**found)


# --- what waits -----------------------------------------------------------------------------------


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
    unknown = payment.filter(state=State.UNKNOWN)
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
            unknown.filter(direction=Direction.OUT),
            "created_at",
            payouts,
            money,
        ),
        (
            "Prompts that M-Pesa has not answered",
            unknown.filter(direction=Direction.IN),
            "created_at",
            f"{reverse('desk_payments')}?state={State.UNKNOWN}",
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
            reverse("desk_money"),
            money,
        ),
        (
            "Differences in the reconciliation",
            Break.objects.filter(state=BreakState.OPEN),
            "found_at",
            reverse("desk_reconciliation"),
            money,
        ),
        (
            "Lost second factors that are about to go",
            resets_waiting().select_related(None),
            "created_at",
            reverse("desk_factor"),
            (Role.REVIEWER, Role.TREASURY),
        ),
        *(
            (
                f"Flags on {about.many}",
                flags_up().filter(subject__startswith=f"{kind}:"),
                "made_at",
                f"{reverse('desk_flags')}?about={kind}",
                about.roles,
            )
            for kind, about in ABOUT.items()
        ),
    ]


_TO_DECIDE = """
SELECT maker_id, person_id FROM controls_request
WHERE state = %s AND expires_at > wallet_now() AND kind = ANY (%s) AND maker_id <> %s
"""


def to_decide(user: User) -> int:
    """How many requests wait for this person to decide them: of kinds that their roles decide, and neither asked for by
    them nor about them, whichever of their accounts it is (as `oversight.inbox.Reader` has it).

    On every page of the desk: one question when nothing waits, else two.
    """
    kinds = [name for name in KINDS if may_decide(user, name)]
    if not kinds or user.frozen_reason:
        return 0
    # As a queryset it took a tenth of a page of the ledger.
    with connection.cursor() as cursor:
        cursor.execute(_TO_DECIDE, [RequestState.WAITING, kinds, user.pk])
        found = cursor.fetchall()
    own = own_accounts(user) if found else frozenset()
    return sum(own.isdisjoint(pair) for pair in found)


def waiting() -> list[Waiting]:
    """What waits for somebody, what has waited longest first; kinds with nothing are left out. One statement."""
    kinds = _kinds()
    parts = [
        rows.order_by()
        .annotate(part=Value(str(position), output_field=CharField()))
        .values("part")
        .annotate(number=Count("pk"), oldest=Min(F(column)))
        .values_list("part", "number", "oldest")
        for position, (_, rows, column, _, _) in enumerate(kinds)
    ]
    found = []
    for part, number, oldest in parts[0].union(*parts[1:], all=True):
        label, _, _, url, roles = kinds[int(part)]
        if number:
            found.append(Waiting(label, number, oldest, url, roles))
    return sorted(found, key=lambda kind: (kind.oldest is None, kind.oldest))
