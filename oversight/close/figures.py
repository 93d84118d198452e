"""The figures of a day, as JSON: amounts as text (grams with six places, KES with two), people by their ids.

Everything is counted by a moment that is written once and stays, so a day that is over comes out the same whenever it
is counted again. So there are no names, whose owners may change them, and no line for a pool or an account in which
nothing lay and nothing moved: those that are new later have none either. Amounts of accounts that the outside holds
for us (M-Pesa, the vault) are shown as what lies there.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Count, Q, Sum

from controls.models import Request, RequestState
from goldwallet.clock import NAIROBI, midnight
from kyc.models import Review
from ledger import chart
from ledger.chart import Code
from oversight.close.book import ZERO, Held, Posted, Reading, Span, bars, held, moving, posted, readings
from oversight.models import Break, BreakState, News, Run, RunState
from payments.floats import shortcode_of
from payments.models import Float
from pools.selectors import prices_between

type Figures = dict[str, Any]

#: So many decisions of two people are listed; all are counted.
_LISTED = 200

MPESA = (chart.mpesa_collections().code, chart.mpesa_payouts().code)
#: The accounts in shillings in the order of the page; people's are added up.
CASH = (
    *MPESA,
    "user:cash",
    "user:receivable",
    chart.payouts_clearing().code,
    chart.suspense_mpesa().code,
    chart.house_sales().code,
    chart.house_purchases().code,
    chart.house_charges().code,
    chart.house_adjustments().code,
    chart.house_capital().code,
)
#: Settings of the house when the day was closed, and what was on its way, which later tries may have changed.
_NOT_COUNTED = frozenset({"shortcodes", "moving"})
_DECIDED = (RequestState.EXECUTED, RequestState.REFUSED)
_BUYS, _SALES = ("buy_paid", "buy_rebought"), ("sale_paid",)


def span_of(day: dt.date) -> Span:
    """The day in Nairobi."""
    return Span(midnight(day), midnight(day + dt.timedelta(days=1)))


def figures_of(day: dt.date, *, shortcodes: dict[str, str] | None = None) -> Figures:
    """Counted now. Of a day that is not over: so far. `shortcodes`: ours at M-Pesa by account, if not today's."""
    span = span_of(day)
    shortcodes = shortcodes or {str(one): shortcode_of(one) for one in Float}
    said = readings(span, shortcodes)
    differing = [one for one in said if one.there != one.book]
    book, kinds = {one.code: one for one in held(span)}, posted(span)
    return {
        "day": day.isoformat(),
        "gold": _gold(span, book),
        "cash": _cash(book, said),
        "trade": _trade(kinds),
        "posted": [_kind(one) for one in kinds],
        "breaks": _breaks(span),
        "prices": _prices(span),
        "requests": _requests(span),
        "switches": _switches(span),
        "identity": _identity(span),
        "shortcodes": shortcodes,
        "moving": {account: _kes(amount) for account, amount in moving(span, differing, shortcodes).items()},
    }


def digest_of(figures: Figures) -> str:
    """SHA-256 of the figures as canonical JSON, without what is kept for the page alone."""
    counted = {name: part for name, part in figures.items() if name not in _NOT_COUNTED}
    text = json.dumps(counted, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _grams(value: Decimal) -> str:
    return f"{value:.6f}"


def _kes(value: Decimal) -> str:
    return f"{value:.2f}"


def _who(person_id: UUID | None) -> str:
    return str(person_id or "")


# --- gold -----------------------------------------------------------------------------------------


def _gold(span: Span, book: dict[str, Held]) -> Figures:
    """By pool, and all of it: what lies in the vault is free, reserved for a buy, or a person's."""
    lying = bars(span)
    pools: list[Figures] = []
    # All gold that is no person's is a pool's.
    booked = (
        one.code for one in book.values() if one.asset == chart.GOLD and not one.code.startswith("user:")
    )
    for key in sorted({*lying, *(chart.owner_of(code).id for code in booked)}):
        vault = _of(book, chart.pool_vault(key))
        free = _of(book, chart.pool_available(key))
        count, fine = lying.get(key, (0, ZERO))
        if not (count or fine or vault.alive or free.alive):
            continue
        pools.append(
            {
                "id": key,
                "bars": count,
                # Gold in the vault stands below zero in the book: what goes out of the account has come in.
                "opening": _grams(-vault.opening),
                "came": _grams(-vault.went),
                "went": _grams(-vault.came),
                "closing": _grams(-vault.closing),
                "free": _grams(free.closing),
                "promised": _grams(-vault.closing - free.closing),
                "bars_fine": _grams(fine),
                "difference": _grams(fine + vault.closing),
            }
        )
    sums = {
        name: sum((Decimal(one[name]) for one in pools), ZERO)
        for name in ("opening", "came", "went", "closing", "free", "difference")
    }
    people = {
        part: book[part].closing if part in book else ZERO
        for part in ("user:gold", "user:gold:locked", "user:gold:incoming")
    }
    owed, reserved = people["user:gold"] + people["user:gold:locked"], people["user:gold:incoming"]
    return {
        "pools": pools,
        **{name: _grams(value) for name, value in sums.items() if name != "difference"},
        "bars": sum(one["bars"] for one in pools),
        "reserved": _grams(reserved),
        "owed": _grams(owed),
        "for_sale": _grams(people["user:gold:locked"]),
        #: Grams of bars that the book does not know, and grams in the vault that are neither free nor anybody's.
        "bars_difference": _grams(sums["difference"]),
        "difference": _grams(sums["closing"] - sums["free"] - reserved - owed),
    }


def _of(book: dict[str, Held], code: Code) -> Held:
    return book.get(code.code) or Held(code.code, code.asset, ZERO, ZERO, ZERO)


# --- cash -----------------------------------------------------------------------------------------


def _cash(book: dict[str, Held], said: list[Reading]) -> Figures:
    alive = [one for one in book.values() if one.asset == chart.KES and one.alive]
    return {
        "accounts": [_account(one) for one in sorted(alive, key=lambda one: one.code)],
        "floats": [
            {
                "account": str(one.account),
                "read_at": _moment(one.read_at),
                "there": _kes(one.there),
                "book": _kes(one.book),
                "difference": _kes(one.there - one.book),
            }
            for one in said
        ],
        #: All shillings of the book added up.
        "difference": _kes(sum((one.closing for one in book.values() if one.asset == chart.KES), ZERO)),
    }


def _account(one: Held) -> Figures:
    """What stands at M-Pesa is below zero in the book."""
    if one.code in MPESA:
        one = Held(one.code, one.asset, -one.opening, -one.went, -one.came)
    return {
        "code": one.code,
        "opening": _kes(one.opening),
        "came": _kes(one.came),
        "went": _kes(one.went),
        "closing": _kes(one.closing),
    }


# --- trade ----------------------------------------------------------------------------------------


def _trade(kinds: list[Posted]) -> Figures:
    """Bought and sold by people: what was delivered in the day, whenever it was ordered."""
    by_kind = {one.kind: one for one in kinds}
    buys = [by_kind[kind] for kind in _BUYS if kind in by_kind]
    sales = [by_kind[kind] for kind in _SALES if kind in by_kind]
    paid_out = [one for one in kinds if one.kind.endswith("_paid") and one.clearing < 0]
    return {
        "buys": _volume(
            count=sum(one.sales for one in buys),
            grams=sum((one.owed for one in buys), ZERO),
            kes=sum((one.sold for one in buys), ZERO),
        ),
        "sales": _volume(
            count=sum(one.count for one in sales),
            grams=-sum((one.owed for one in sales), ZERO),
            kes=-sum((one.clearing for one in sales), ZERO),
        ),
        "payouts": {
            "count": sum(one.count for one in paid_out),
            "kes": _kes(-sum((one.clearing for one in paid_out), ZERO)),
        },
        "expired": _count(by_kind, "buy_expired"),
        "buys_failed": _count(by_kind, "buy_failed"),
        "sales_failed": _count(by_kind, "sale_failed"),
        "kept_late": sum(one.count - one.sales for one in buys),
        "refunded": _count(by_kind, "refund_paid"),
        "reversed": _count(by_kind, "buy_reversed"),
    }


def _volume(*, count: int, grams: Decimal, kes: Decimal) -> Figures:
    return {
        "count": count,
        "grams": _grams(grams),
        "kes": _kes(kes),
        "average": _kes(kes / grams) if grams else "",
    }


def _count(by_kind: dict[str, Posted], kind: str) -> int:
    return by_kind[kind].count if kind in by_kind else 0


def _kind(one: Posted) -> Figures:
    return {
        "kind": one.kind,
        "count": one.count,
        "gold": _grams(one.owed),
        "cash": _kes(one.cash),
        "mpesa": _kes(one.mpesa),
    }


# --- what people did ------------------------------------------------------------------------------


def _breaks(span: Span) -> Figures:
    """Differences found, resolved and open; their size as the last comparison of the day found them."""
    day = {"gte": span.start, "lt": span.end}
    found = Q(**{f"found_at__{name}": moment for name, moment in day.items()})
    closed = Q(**{f"closed_at__{name}": moment for name, moment in day.items()})
    counted = Break.objects.aggregate(
        found=Count("pk", filter=found),
        resolved=Count("pk", filter=closed & Q(state=BreakState.RESOLVED)),
        gone=Count("pk", filter=closed & Q(state=BreakState.GONE)),
        open=Count("pk", filter=Q(found_at__lt=span.end) & (Q(closed_at=None) | Q(closed_at__gte=span.end))),
    )
    there = ~Q(findings__news=News.GONE)
    run = (
        Run.objects.filter(state=RunState.DONE, finished_at__gte=span.start, finished_at__lt=span.end)
        .annotate(
            differences=Count("findings", filter=there),
            kes=Sum("findings__kes", filter=there, default=ZERO),
            grams=Sum("findings__grams", filter=there, default=ZERO),
        )
        .order_by("-finished_at")
        .first()
    )
    compared = {}
    if run is not None and run.finished_at is not None:
        compared = {
            "at": _moment(run.finished_at),
            "differences": run.differences,
            "kes": _kes(run.kes),
            "grams": _grams(run.grams),
        }
    return {**counted, "compared": compared}


def _prices(span: Span) -> list[Figures]:
    """The pair that was in force when the day began, and those that came into force in it."""
    return [
        {
            "from": _moment(one.effective_from),
            "buy": _kes(one.buy),
            "sell": _kes(one.sell),
            "by": _who(one.created_by_id),
        }
        for one in prices_between(span.start, span.end)
    ]


def _requests(span: Span) -> Figures:
    """What two people decided, and how much was asked for.

    What it came to is a sentence with people's addresses, and a close stays when people are forgotten: it is read from
    the request when the day is shown.
    """
    asked = Q(created_at__gte=span.start, created_at__lt=span.end)
    over = Q(decided_at__gte=span.start, decided_at__lt=span.end, state__in=_DECIDED)
    columns = ("kind", "state", "created_at", "decided_at", "maker", "checker")
    rows = list(Request.objects.filter(asked | over).only(*columns).order_by("decided_at", "pk"))
    decided = [
        one
        for one in rows
        if one.state in _DECIDED and one.decided_at and span.start <= one.decided_at < span.end
    ]
    return {
        "made": sum(span.start <= one.created_at < span.end for one in rows),
        **{str(state): sum(one.state == state for one in decided) for state in _DECIDED},
        "decided": [
            {
                "id": str(one.pk),
                "kind": one.kind,
                "state": str(one.state),
                "at": _moment(one.decided_at),
                "maker": _who(one.maker_id),
                "checker": _who(one.checker_id),
            }
            for one in decided[:_LISTED]
        ],
    }


def _switches(span: Span) -> Figures:
    """Who paused what and who let it go on, and what was paused at the end. Read from the database's own history."""
    events = apps.get_model("controls", "SwitchEvent")._default_manager.filter(changed_at__lt=span.end)
    last = events.order_by("pgh_obj_id", "-changed_at", "-pgh_id").distinct("pgh_obj_id")
    asked = Q(changed_at__gte=span.start) | Q(pk__in=last.values("pk"))
    rows = list(events.filter(asked).order_by("changed_at", "pgh_id"))
    state = {one.name: one.paused for one in rows}
    return {
        "changes": [
            {
                "name": one.name,
                "paused": one.paused,
                "at": _moment(one.changed_at),
                "cause": one.cause,
                "by": _who(one.changed_by_id),
            }
            for one in rows
            if one.changed_at >= span.start
        ],
        "paused": sorted(name for name, paused in state.items() if paused),
    }


def _identity(span: Span) -> Figures:
    rows = Review.objects.filter(decided_at__gte=span.start, decided_at__lt=span.end)
    return dict(rows.order_by("outcome").values_list("outcome").annotate(count=Count("pk")))


def _moment(moment: dt.datetime | None) -> str:
    return moment.astimezone(NAIROBI).isoformat(timespec="seconds") if moment else ""


def people_in(figures: Figures) -> Iterable[UUID]:
    """Ids of everybody whom the figures name."""
    named = [
        *(one["by"] for one in figures["prices"]),
        *(one["by"] for one in figures["switches"]["changes"]),
        *(one[part] for one in figures["requests"]["decided"] for part in ("maker", "checker")),
    ]
    return {UUID(text) for text in named if text}
