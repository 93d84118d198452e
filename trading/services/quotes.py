"""Quotes: made for a minute, bound to a person, used once.

The client sends back only the quote's id; side, grams, shillings, price and phone are read from the row.
"""

import secrets
import uuid
from decimal import Decimal
from typing import Any

from django.db import connection

from accounts.models import User
from accounts.numbers import payout_number_check, payouts_held
from controls.selectors import PAUSED, RUNNING, switch, threshold
from goldwallet import phones
from goldwallet.clock import Now, after
from goldwallet.counters import Counter, count
from goldwallet.errors import Conflict, Refused
from goldwallet.money import show_grams, show_kes
from kyc.limits import limits_check
from ledger import chart
from ledger.selectors import balance
from pools import selectors as pools
from trading import terms
from trading.models import Order, Quote, Side
from trading.selectors import price_or_refuse, running_or_refuse, used

QUOTE_SECONDS = 60
#: Of a sale that takes a code: a mail must come, and be read, within it (docs/decisions/0074).
CODE_QUOTE_SECONDS = 300
QUOTE_UNKNOWN = "We do not find this price. Please ask for a new one."
#: No 0/O, 1/I/L: a reference is read aloud on the telephone.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


class NotEnoughGold(Refused):
    """Less gold is free than was asked for. `grams` and `kes` are what can be had; zero grams: nothing."""

    def __init__(self, *, grams: Decimal, kes: Decimal) -> None:
        if grams > 0:
            sentence = f"There are {show_grams(grams)} for sale right now. That would cost {show_kes(kes)}."
        else:
            sentence = "All our gold is sold right now. More is on its way; please come back later."
        super().__init__(sentence, code="not_enough_gold", status=409)
        self.grams = grams
        self.kes = kes


def quote_buy(*, user: User, phone: str, kes: Decimal | None = None, grams: Decimal | None = None) -> Quote:
    """A quote for whole shillings or for grams (exactly one of them). Raises Refused, NotEnoughGold."""
    running_or_refuse(Side.BUY, user=user)
    price = price_or_refuse()
    stock = pools.grams_available()
    if (kes is None) == (grams is None):
        raise Refused("Write either the shillings or the grams.", code="amount")
    if grams is not None:
        deal = terms.buy_grams(grams, price=price.buy, stock=max(stock, grams))
    else:
        assert kes is not None
        deal = terms.buy_for_kes(kes, price=price.buy)
    # Before the stock: who asks for a tonne hears of M-Pesa's limit.
    check_amount(deal.kes, side=Side.BUY)
    if max(deal.grams, grams or 0) > stock:
        raise not_enough(stock, price=price.buy)
    _check_limits(user, Side.BUY, deal)
    return quote_make(user, Side.BUY, deal, price=price.buy, phone=phone)


def quote_sell(*, user: User, phone: str, grams: Decimal | None) -> Quote:
    """A quote for so many grams, or for the whole holding when `grams` is None. Raises Refused."""
    running_or_refuse(Side.SELL, user=user)
    if held := payouts_held(user):
        raise Refused(held, code="payouts_held", status=403)
    price = price_or_refuse()
    owned = balance(chart.user_gold(user.pk))
    asked = owned if grams is None else grams
    check_owned(asked, owned=owned)
    deal = terms.sell_grams(asked, price=price.sell)
    check_amount(deal.kes, side=Side.SELL)
    payout_number_check(user=user, phone=phone)
    _check_limits(user, Side.SELL, deal)
    seconds = CODE_QUOTE_SECONDS if sale_takes_code(deal.kes) else QUOTE_SECONDS
    return quote_make(
        user, Side.SELL, deal, price=price.sell, phone=phone, everything=grams is None, seconds=seconds
    )


def sale_takes_code(kes: Decimal) -> bool:
    """Whether a sale of so many shillings waits for a code of the person (faults.md A08)."""
    return kes > threshold("sell_stepup_kes")


def _check_limits(user: User, side: Side, deal: terms.Deal) -> None:
    limits_check(tier=user.tier, side=side, use=used(user_id=user.pk).of(side), amount=deal.kes)


def check_owned(asked: Decimal, *, owned: Decimal) -> None:
    """Refuse a sale of grams that the person does not have free."""
    if owned <= 0:
        raise Refused("You have no gold that you can sell now.", code="insufficient_grams")
    if asked <= 0:
        raise Refused("Write how many grams you want to sell.", code="number")
    if asked > owned:
        raise Refused(f"You can sell up to {show_grams(owned)}.", code="insufficient_grams")


def check_amount(kes: Decimal, *, side: Side) -> None:
    least = threshold("buy_min_kes" if side == Side.BUY else "sell_min_kes")
    most = threshold("order_max_kes")
    if kes < least:
        words = "The smallest purchase is" if side == Side.BUY else "A sale must pay at least"
        raise Refused(f"{words} {show_kes(least)}.", code="too_small")
    if kes > most:
        raise Refused(f"M-Pesa moves at most {show_kes(most)} at once.", code="too_large")


def not_enough(stock: Decimal, *, price: Decimal) -> NotEnoughGold:
    """What is left, as an offer that can be bought; nothing when it is worth less than the smallest purchase."""
    count(Counter.GOLD_SHORTAGES)
    kes = min(terms.sell_grams(stock, price=price).kes, threshold("order_max_kes"))
    if kes < threshold("buy_min_kes"):
        return NotEnoughGold(grams=Decimal(0), kes=Decimal(0))
    return NotEnoughGold(grams=terms.buy_for_kes(kes, price=price).grams, kes=kes)


def quote_make(
    user: User,
    side: Side,
    deal: terms.Deal,
    *,
    price: Decimal,
    phone: str,
    everything: bool = False,
    late_order: Order | None = None,
    seconds: int = QUOTE_SECONDS,
) -> Quote:
    """Write a quote down; what it offers was checked before. Raises Refused for a phone, or for too many quotes."""
    number = phones.normalise(phone)
    if Quote.objects.filter(user=user, used_at=None, expires_at__gt=Now()).count() >= threshold(
        "quote_open_max"
    ):
        raise Refused(
            "You have asked for many prices at once. Wait a minute, then go on.", code="quotes", status=429
        )
    quote = Quote(
        user=user,
        side=side,
        grams=deal.grams,
        total_kes=deal.kes,
        price_per_gram=price,
        everything=everything,
        late_order=late_order,
        expires_at=after(seconds),
    )
    quote.phone = number
    quote.save(force_insert=True)
    return quote


# `from_db` wants the values in the model's own order.
_COLUMNS = [field.attname for field in Quote._meta.concrete_fields]
#: By side: it says itself whether that side is paused, so that a pause costs no question of its own.
_CONSUME = {
    side: f"""
UPDATE trading_quote SET used_at = wallet_now()
WHERE id = %s AND user_id = %s AND side = '{side}' AND (late_order_id IS NOT NULL) = %s
  AND used_at IS NULL AND expires_at > wallet_now() AND {RUNNING.format(side)}
RETURNING {", ".join(_COLUMNS)}
"""  # noqa: S608 - the side, the switch and the columns are ours
    for side in Side.values
}


def quote_consume(*, quote_id: uuid.UUID, user_id: uuid.UUID, side: Side, late: bool = False) -> Quote:
    """Use the quote up: one conditional UPDATE, judged by the database's clock. Raises Refused with the reason.

    `late`: the quote is paid with late money; such a quote is good for nothing else.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CONSUME[side], [quote_id, user_id, late])
        row: tuple[Any, ...] | None = cursor.fetchone()
    if row is not None:
        return Quote.from_db("default", _COLUMNS, row)
    asked = Quote.objects.filter(pk=quote_id, user_id=user_id, side=side, late_order__isnull=not late)
    found = asked.values("used_at").first()
    if found is None:
        raise Refused(QUOTE_UNKNOWN, code="quote_unknown", status=404)
    if found["used_at"]:
        raise Conflict("You have confirmed this price already. It is good for one order.", code="quote_used")
    if switch(side).paused:
        raise Conflict(PAUSED[side], code="paused")
    raise Conflict("This price has run out. Please ask for a new one.", code="quote_expired")


def new_reference() -> str:
    """Twelve characters, the most that M-Pesa shows as account number; 31^11 of them, unique in the database too."""
    return "G" + "".join(secrets.choice(_ALPHABET) for _ in range(11))
