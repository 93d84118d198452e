"""Gold in and out of the vault, and prices beyond the band: what two people decide (`controls.kinds`).

Each describes and does with the services of this app, which check everything again under the pool's lock; the pool's
grams before and after are shown by the rehearsal itself.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts.models import User
from controls.effects import Change, Description, Retype
from controls.models import Request
from controls.selectors import requests_waiting
from goldwallet import money
from goldwallet.clock import now
from goldwallet.errors import Conflict, Refused
from goldwallet.money import show_grams, show_kes
from goldwallet.wording import exact_time
from pools import services
from pools.effect import grams_owed
from pools.models import Bar, BarStatus, Pool, Price
from pools.services.band import band_breaks
from pools.services.bars import MOST_BARS_AT_ONCE, bar_checked, fine_grams
from pools.services.prices import pair_check, prices_around

#: One open request about the two prices at a time.
PRICE_SUBJECT = "price:band"
#: Of the columns that keep a reason beside a bar's movement and a price.
_REASON = 200


def bars_subject(pool_id: UUID) -> str:
    """One open request about the bars of a pool at a time."""
    return f"pool:{pool_id}:bars"


def _by(request: Request) -> User:
    """Who does it: the second person. While it is only asked for, whoever asks."""
    person: User = request.checker or request.maker
    return person


def _key(request: Request) -> str:
    return f"request:{request.pk}"


def _id(payload: dict[str, Any], name: str) -> UUID:
    try:
        return UUID(str(payload.get(name, "")))
    except ValueError:
        raise Refused(f"There is no such {name}.", code=f"no_{name}", status=404) from None


def _pool(payload: dict[str, Any]) -> Pool:
    found = Pool.objects.filter(pk=_id(payload, "pool")).first()
    if found is None:
        raise Refused("This pool does not exist.", code="no_pool", status=404)
    return found


def _count(bars: Sequence[object]) -> str:
    return "1 bar" if len(bars) == 1 else f"{len(bars)} bars"


# --- bars into a pool -----------------------------------------------------------------------------


def _new_bars(payload: dict[str, Any]) -> list[services.NewBar]:
    rows = payload.get("bars")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_BARS_AT_ONCE:
        raise Refused(f"Add 1 to {MOST_BARS_AT_ONCE} bars at a time.", code="bars")
    return [bar_checked(_new_bar(row)) for row in rows]


def _new_bar(row: Any) -> services.NewBar:
    if not isinstance(row, dict):
        raise Refused("This is no bar.", code="bars")
    return services.NewBar(
        serial=str(row.get("serial", "")),
        gross_grams=money.parse_grams(str(row.get("gross_grams", ""))),
        fineness=money.parse_grams(str(row.get("fineness", ""))),
        refiner=str(row.get("refiner", "")),
    )


def bars_add_describe(payload: dict[str, Any]) -> Description:
    """payload: `pool`, `bars` (each `serial`, `gross_grams`, `fineness` as text, `refiner`)."""
    pool, bars = _pool(payload), _new_bars(payload)
    fine = sum((fine_grams(bar.gross_grams, bar.fineness) for bar in bars), Decimal(0))
    sale = "Its gold goes on sale at once." if pool.is_open else "The pool is closed, so it is not sold yet."
    return Description(
        f"{_count(bars)} with {show_grams(fine)} of fine gold into the pool {pool.name}. {sale}",
        tuple(Change(f"Bar {bar.serial}", "not in the vault", _certificate(bar)) for bar in bars),
    )


def _certificate(bar: services.NewBar) -> str:
    made_by = f", {bar.refiner}" if bar.refiner else ""
    fine = fine_grams(bar.gross_grams, bar.fineness)
    weight = f"{show_grams(bar.gross_grams)} of {bar.fineness.normalize():f}{made_by}"
    return f"In the vault: {weight}, {show_grams(fine)} fine"


def bars_add_execute(request: Request) -> str:
    pool, bars = _pool(request.payload), _new_bars(request.payload)
    if request._state.adding:
        _refuse_asked({bar.serial for bar in bars})
    services.bar_add(
        pool_id=pool.pk, bars=bars, key=_key(request), note=request.reason[:_REASON], by=_by(request)
    )
    return f"{_count(bars)} added to {pool.name}."


def _refuse_asked(serials: set[str]) -> None:
    """One bar is asked for once, whatever the pool. Binding is the bar's unique serial number."""
    for other in requests_waiting().filter(kind="bars_add"):
        for bar in _new_bars(other.payload):
            if bar.serial in serials:
                raise Conflict(
                    f"Bar {bar.serial} stands in another request that waits for a second person.",
                    code="asked",
                )


# --- bars out of a pool, and back -----------------------------------------------------------------


def _bar_ids(payload: dict[str, Any]) -> list[UUID]:
    asked = payload.get("bars")
    if not isinstance(asked, list) or not 1 <= len(asked) <= MOST_BARS_AT_ONCE:
        raise Refused(f"Choose 1 to {MOST_BARS_AT_ONCE} bars of this pool.", code="no_bar")
    return [_id({"bar": text}, "bar") for text in asked]


def _bars(payload: dict[str, Any], pool: Pool) -> list[Bar]:
    ids = _bar_ids(payload)
    found = list(Bar.objects.filter(pool=pool, pk__in=ids).order_by("serial"))
    if len(found) != len(ids):
        raise Refused("Choose one or more bars of this pool.", code="no_bar")
    return found


def _moved(bar: Bar, to: BarStatus) -> Change:
    return Change(
        f"Bar {bar.serial}, {show_grams(bar.fine_grams)} fine", BarStatus(bar.status).label, to.label
    )


def bars_withdraw_describe(payload: dict[str, Any]) -> Description:
    """payload: `pool`, `bars` (ids)."""
    pool = _pool(payload)
    bars = _bars(payload, pool)
    fine = sum((bar.fine_grams for bar in bars), Decimal(0))
    return Description(
        f"{_count(bars)} with {show_grams(fine)} of fine gold out of the pool {pool.name} and out of the vault.",
        tuple(_moved(bar, BarStatus.WITHDRAWN) for bar in bars),
    )


def bars_withdraw_execute(request: Request) -> str:
    pool = _pool(request.payload)
    bars = services.bar_withdraw(
        pool_id=pool.pk,
        # Whether they are bars of this pool the service looks itself.
        bar_ids=_bar_ids(request.payload),
        key=_key(request),
        note=request.reason[:_REASON],
        by=_by(request),
    )
    return f"{_count(bars)} withdrawn from {pool.name}."


def bar_restore_describe(payload: dict[str, Any]) -> Description:
    """payload: `pool`, `bar` (id)."""
    pool = _pool(payload)
    (bar,) = _bars({"bars": [payload.get("bar")]}, pool)
    return Description(
        f"Bar {bar.serial} with {show_grams(bar.fine_grams)} of fine gold back into the pool {pool.name}.",
        (_moved(bar, BarStatus.ACTIVE),),
    )


def bar_restore_execute(request: Request) -> str:
    bar = services.bar_restore(
        pool_id=_pool(request.payload).pk,
        bar_id=_id(request.payload, "bar"),
        key=_key(request),
        note=request.reason[:_REASON],
        by=_by(request),
    )
    return f"Bar {bar.serial} is in the vault again."


# --- prices beyond the band -----------------------------------------------------------------------


def _moment(payload: dict[str, Any]) -> dt.datetime | None:
    text = str(payload.get("effective_from", ""))
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refused("Write the day and the time, for example 2026-11-21 14:30.", code="moment")
    return moment


def _pair(payload: dict[str, Any]) -> tuple[Decimal, Decimal]:
    return (
        money.parse_price(str(payload.get("buy", ""))),
        money.parse_price(str(payload.get("sell", ""))),
    )


def price_set_describe(payload: dict[str, Any]) -> Description:
    """payload: `buy`, `sell` (text), `effective_from` (ISO with its zone; empty: when it is approved)."""
    (buy, sell), moment = _pair(payload), _moment(payload)
    pair_check(buy, sell)
    pair, before = Price(buy=buy, sell=sell), prices_around(moment).before
    owed, start = grams_owed(), exact_time(moment) if moment else "the moment of approval"
    return Description(
        f"From {start} on people buy one gram for {show_kes(buy)} and sell it for {show_kes(sell)}.",
        tuple(Change(*line) for line in zip(_LABELS, _told(before, owed), _told(pair, owed), strict=True)),
        warnings=tuple(band_breaks(buy, sell, at=moment or now())),
        # Both: a digit too few in either of them costs the house as much.
        retype=(
            Retype(str(buy), "What will people pay for one gram?"),
            Retype(str(sell), "What will people get for one gram?"),
        ),
    )


_LABELS = (
    "People buy one gram for",
    "People sell one gram for",
    "Difference",
    "Worth of what customers own, when sold",
)


def _told(price: Price | None, owed: Decimal) -> tuple[str, ...]:
    """A pair in the words that stand beside `_LABELS`."""
    if price is None:
        return ("no price",) * len(_LABELS)
    spread = f"{show_kes(price.spread)}, {price.spread_percent}%"
    return show_kes(price.buy), show_kes(price.sell), spread, _about(owed * price.sell)


def _about(kes: Decimal) -> str:
    """With three digits: an approval is bound to what is shown, and people trade while it waits."""
    if not kes:
        return show_kes(kes)
    step = Decimal(1).scaleb(max(kes.adjusted() - 2, 0))
    return f"about {show_kes((kes / step).quantize(Decimal(1)) * step)}"


def price_set_execute(request: Request) -> str:
    (buy, sell), moment = _pair(request.payload), _moment(request.payload)
    services.price_set(
        buy=buy,
        sell=sell,
        effective_from=moment,
        reason=request.reason[:_REASON],
        confirmed=True,
        by=_by(request),
    )
    said = f"People buy at {show_kes(buy)} and sell at {show_kes(sell)} a gram"
    return f"{said} from {exact_time(moment)} on." if moment else f"{said} now."
