"""Bars, and the grams that come into the book and leave it with them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid4

from accounts.models import User
from goldwallet.errors import Refused
from goldwallet.money import grams_down, show_grams
from ledger import chart
from ledger.errors import KeyReused, Overdraft
from ledger.services import Transfer, post
from pools.models import HEAVIEST_BAR_GRAMS, Bar, BarStatus, Movement, MovementKind, Pool
from pools.services.acting import acting, unique
from pools.services.pools import pool_lock

_SERIAL = re.compile(r"[A-Z0-9][A-Z0-9./-]{0,39}")
_USED_KEY = "This form was sent before with other bars. Open the page again."
MOST_BARS_AT_ONCE = 50


@dataclass(frozen=True, kw_only=True)
class NewBar:
    """A bar as its certificate describes it: gross weight in grams, fineness in parts per thousand."""

    serial: str
    gross_grams: Decimal
    fineness: Decimal
    refiner: str = ""


def fine_grams(gross_grams: Decimal, fineness: Decimal) -> Decimal:
    """Grams of fine gold in a bar, cut to six places."""
    return grams_down(gross_grams * fineness / 1000)


def bar_add(*, pool_id: UUID, bars: Sequence[NewBar], key: str, by: User, note: str = "") -> list[Bar]:
    """Put bars into a pool and their fine grams on sale: one ledger transaction for all of them.

    The same `key` a second time answers the bars of the first. Raises Refused; then nothing has changed.
    """
    if not 1 <= len(bars) <= MOST_BARS_AT_ONCE:
        raise Refused(f"Add 1 to {MOST_BARS_AT_ONCE} bars at a time.", code="bars")
    checked = [bar_checked(bar) for bar in bars]
    serials = [bar.serial for bar in checked]
    if len(set(serials)) < len(serials):
        raise Refused("A serial number stands here twice.", code="serial_twice")
    with (
        unique("pools_bar_serial_key", "A bar with this serial number exists already."),
        acting(by, "bar_add"),
    ):
        pool = pool_lock(pool_id)
        before = _moved(key)
        if before:
            if sorted(bar.serial for bar in before) != sorted(serials):
                raise Refused(_USED_KEY, code="key")
            return before
        _refuse_known(serials)
        rows = [_row(pool, bar, by) for bar in checked]
        Bar.objects.bulk_create(rows)
        _move(pool, rows, MovementKind.ARRIVAL, key=key, by=by, note=note)
    return rows


def bar_withdraw(*, pool_id: UUID, bar_ids: Sequence[UUID], key: str, by: User, note: str = "") -> list[Bar]:
    """Take bars out of the vault, and their fine grams off sale. Raises Refused when people own or reserved
    them.
    """
    return _change(pool_id=pool_id, bar_ids=bar_ids, to=BarStatus.WITHDRAWN, key=key, by=by, note=note)


def bar_restore(*, pool_id: UUID, bar_id: UUID, key: str, by: User, note: str = "") -> Bar:
    """Bring a withdrawn bar back into its pool: it returned to the vault, or the wrong one was withdrawn."""
    return _change(pool_id=pool_id, bar_ids=[bar_id], to=BarStatus.ACTIVE, key=key, by=by, note=note)[0]


def _change(
    *, pool_id: UUID, bar_ids: Sequence[UUID], to: BarStatus, key: str, by: User, note: str
) -> list[Bar]:
    leaves = to == BarStatus.WITHDRAWN
    kind = MovementKind.WITHDRAWAL if leaves else MovementKind.ARRIVAL
    try:
        with acting(by, "bar_withdraw" if leaves else "bar_restore"):
            pool = pool_lock(pool_id)
            bars = list(Bar.objects.filter(pool=pool, pk__in=bar_ids).order_by("serial"))
            if not bars or len(bars) != len(set(bar_ids)):
                raise Refused("Choose one or more bars of this pool.", code="no_bar")
            before = _moved(key)
            if before:
                if {bar.pk for bar in before} != set(bar_ids):
                    raise Refused(_USED_KEY, code="key")
                return before
            moved = [bar.serial for bar in bars if bar.status == to]
            if moved:
                where = "left the vault" if leaves else "is in the vault"
                raise Refused(f"Bar {moved[0]} {where} already.", code="bar_moved")
            # The database counts bars against issued grams at each step: grams leave before their bars do.
            if leaves:
                _move(pool, bars, kind, key=key, by=by, note=note)
            Bar.objects.filter(pk__in=[bar.pk for bar in bars]).update(status=to)
            if not leaves:
                _move(pool, bars, kind, key=key, by=by, note=note)
    except Overdraft as error:
        fine = sum((bar.fine_grams for bar in bars), Decimal(0))
        raise Refused(
            f"People own or have reserved gold of this pool: less than {show_grams(fine)} of it is free. "
            "Nothing was withdrawn.",
            code="not_free",
        ) from error
    for bar in bars:
        bar.status = to
    return bars


def _move(pool: Pool, bars: Sequence[Bar], kind: MovementKind, *, key: str, by: User, note: str) -> None:
    """Post the grams of the bars into or out of the pool, and write down which bars they were."""
    vault, available = chart.pool_vault(pool.pk), chart.pool_available(pool.pk)
    total = sum((bar.fine_grams for bar in bars), Decimal(0))
    if kind == MovementKind.ARRIVAL:
        transfer = Transfer(source=vault, destination=available, amount=total)
    else:
        transfer = Transfer(source=available, destination=vault, amount=total)
    memo = ", ".join(bar.serial for bar in bars[:3]) + (f" and {len(bars) - 3} more" if len(bars) > 3 else "")
    try:
        transaction_id = post(
            key=f"vault:{key}",
            kind=f"vault_{kind}",
            transfers=[transfer],
            actor=str(by.pk),
            memo=f"{memo}. {note}".rstrip(". "),
        )
    except KeyReused as error:
        raise Refused(_USED_KEY, code="key") from error
    Movement.objects.bulk_create(
        Movement(
            bar=bar,
            kind=kind,
            grams=bar.fine_grams,
            transaction_id=transaction_id,
            key=key,
            note=note,
            created_by=by,
        )
        for bar in bars
    )


def _moved(key: str) -> list[Bar]:
    return list(Bar.objects.filter(movements__key=key).order_by("serial"))


def _refuse_known(serials: Sequence[str]) -> None:
    known = Bar.objects.filter(serial__in=serials).select_related("pool").order_by("serial").first()
    if known is None:
        return
    sentence = f"Bar {known.serial} is in the pool {known.pool.name} already."
    if known.status == BarStatus.WITHDRAWN:
        sentence = f"Bar {known.serial} was withdrawn from the pool {known.pool.name}. Bring it back there."
    raise Refused(sentence, code="serial_known")


def bar_fits(pool: Pool, bar: NewBar) -> None:
    """Raises Refused for a bar that is less pure than its pool."""
    if bar.fineness < pool.purity:
        raise Refused(
            f"Bar {bar.serial}: a fineness of {bar.fineness.normalize():f} is below this pool's "
            f"purity of {pool.purity_text}.",
            code="fineness_below_purity",
        )


def _row(pool: Pool, bar: NewBar, by: User) -> Bar:
    bar_fits(pool, bar)
    return Bar(
        pk=uuid4(),
        pool=pool,
        serial=bar.serial,
        refiner=bar.refiner,
        gross_grams=bar.gross_grams,
        fineness=bar.fineness,
        fine_grams=fine_grams(bar.gross_grams, bar.fineness),
        created_by=by,
    )


def bar_checked(bar: NewBar) -> NewBar:
    """The bar with its serial number as it is kept. Raises Refused for what is no bar."""
    serial = "".join(bar.serial.split()).upper()
    if not _SERIAL.fullmatch(serial):
        raise Refused(
            "Write the serial number with letters A to Z, digits and the signs . / - (at most 40).",
            code="serial",
        )
    refiner = " ".join(bar.refiner.split())
    if len(refiner) > 80:
        raise Refused(f"Bar {serial}: keep the refiner's name under 80 letters.", code="refiner")
    gross, fineness = bar.gross_grams, bar.fineness
    if not gross.is_finite() or not 0 < gross <= HEAVIEST_BAR_GRAMS or gross != grams_down(gross):
        raise Refused(
            f"Bar {serial}: write its weight in grams, above 0 and up to {HEAVIEST_BAR_GRAMS:,}.",
            code="weight",
        )
    if not fineness.is_finite() or not 1 < fineness <= 1000 or fineness != round(fineness, 3):
        raise Refused(
            f"Bar {serial}: write its fineness in parts per thousand, for example 999.9.", code="fineness"
        )
    if fine_grams(gross, fineness) <= 0:
        raise Refused(f"Bar {serial} holds less fine gold than we can count.", code="weight")
    return NewBar(serial=serial, gross_grams=gross, fineness=fineness, refiner=refiner)
