"""How pages print money, grams, phones, times and states: the one way of the house (design section 8).

A long list prints hundreds of them, and `format_html` took a third of such a page's time: what is put together here is
digits, fixed words and times, in which there is nothing to escape, and the rest is escaped by hand.
"""

import datetime as dt
from decimal import Decimal
from functools import lru_cache

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

from goldwallet import money, phones, wording
from goldwallet.clock import NAIROBI

register = template.Library()

NOTHING = SafeString("–")
MINUS = "−"


@register.filter
def kes(value: Decimal | None) -> str:
    """`KES 1,000`; cents only where there are any."""
    return NOTHING if value is None else money.show_kes(value).replace("-", MINUS)


@register.filter
def kes_signed(value: Decimal | None) -> str:
    """`+KES 120`, `KES 0`, and a loss with a minus sign: for gains and movements."""
    return NOTHING if value is None else _plus(value) + kes(value)


@register.filter
def grams(value: Decimal | None) -> SafeString:
    """Six places, the last three dimmed: the eye reads milligrams, the book keeps micrograms."""
    return NOTHING if value is None else _grams(value, sign=MINUS if value < 0 else "")


@register.filter
def grams_signed(value: Decimal | None) -> SafeString:
    return NOTHING if value is None else _grams(value, sign=MINUS if value < 0 else _plus(value))


@register.filter
def grams_plain(value: Decimal | None) -> str:
    """Without markup, for attributes and titles."""
    return NOTHING if value is None else money.show_grams(value).replace("-", MINUS)


@register.filter
def amount(value: Decimal | None, asset: str) -> str:
    """A ledger amount in its own unit; accounts of both assets stand in one list."""
    return grams(value) if asset == "GOLD" else kes(value)


@register.filter
def amount_signed(value: Decimal | None, asset: str) -> str:
    return grams_signed(value) if asset == "GOLD" else kes_signed(value)


@register.filter
def grams_number(value: Decimal) -> str:
    """Six places without separators or unit: for data attributes and for values that a form sends back."""
    return f"{value:.6f}"


@register.filter
def plain(value: Decimal) -> str:
    """Digits and a point only, for a script to read."""
    return f"{value:f}"


@register.filter
def percent_signed(value: Decimal | None) -> str:
    """One place: `+3.2%`."""
    if value is None:
        return NOTHING
    shown = value.quantize(Decimal("0.1"))
    return f"{_plus(shown)}{shown:,.1f}%".replace("-", MINUS) if shown else "0.0%"


@register.filter
def percent_two(value: Decimal | None) -> str:
    """Two places, for a small move: `+0.35%`."""
    if value is None:
        return NOTHING
    return f"{_plus(value)}{value:,.2f}%".replace("-", MINUS) if value else "0.00%"


@register.filter
def cents(value: Decimal) -> Decimal:
    """Cut to cents, for a sum that has more places."""
    return money.cents_down(value)


@register.filter
def minus(value: Decimal, other: Decimal) -> Decimal:
    return value - other


@register.filter
def worth(grams_owned: Decimal, price: Decimal) -> Decimal:
    """KES with cents for grams at a price per gram: for the line that explains how a total was rounded."""
    return money.cents_down(grams_owned * price)


@register.filter
def mask_phone(value: str) -> str:
    """`2547****5678`."""
    return phones.mask(value)


@register.filter
def local_phone(value: str) -> str:
    """`0712 345 678`."""
    return phones.local(value)


@register.filter
def words(value: str) -> str:
    """A code's words: `buy_paid` -> `Buy paid`."""
    return value.replace("_", " ").capitalize()


@register.simple_tag
def state(value: str, kind: str) -> SafeString:
    """The word for a state, with its dot: `{% state order.status "order" %}`."""
    return _state(str(value), kind)


# Few words stand in many rows.
@lru_cache(maxsize=256)
def _state(value: str, kind: str) -> SafeString:
    word, tone = wording.state(value, kind)
    return dot(tone, word)


@register.simple_tag
def dot(tone: str, word: str) -> SafeString:
    """A word, or an amount as the filters print it, with a dot of a tone: done, now, next, todo, ended, wrong."""
    return SafeString(
        f'<span class="state state-{tone}"><span class="dot dot-{tone}" aria-hidden="true"></span>'
        f"{conditional_escape(word)}</span>"
    )


@register.simple_tag(takes_context=True)
def when(context: Context, moment: dt.datetime | None, style: str = "") -> SafeString:
    """A time as people say it; the exact Nairobi time on hover.

    "Now" is the view's `now` if it gave one, else this process's clock: the words may be a second off, a
    deadline never is, because deadlines are the database's to decide. Style "exact" prints the clock time.
    """
    if moment is None:
        return NOTHING
    current = context.get("now") or timezone.now()
    local = moment.astimezone(NAIROBI)
    exact = wording.exact_time(local)
    text, counts = exact, ""
    if style != "exact":
        text = wording.said_time(local, current)
        age = int((current - moment).total_seconds())
        # Only "5 minutes ago" grows old on an open page; page.js counts those on.
        counts = f' data-age="{age}"' if 0 <= age < 3600 else ""
    at = local.isoformat(timespec="seconds")
    return SafeString(f'<time datetime="{at}" title="{exact}, Nairobi time"{counts}>{text}</time>')


def _plus(value: Decimal) -> str:
    return "+" if value > 0 else ""


def _grams(value: Decimal, *, sign: str) -> SafeString:
    digits = f"{abs(value):,.6f}"
    return SafeString(
        f'<span class="amount">{sign}{digits[:-3]}<span class="dim">{digits[-3:]}</span> '
        '<span class="unit">g</span></span>'
    )
