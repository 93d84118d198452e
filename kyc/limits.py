"""How much a person may buy and sell at the level of identity that they have shown.

Three spans for each tier and side, in KES: one order, one day in Nairobi, thirty days. All are thresholds, so two
people change them. Trading counts what was used and asks here, under the customer's lock.
"""

from dataclasses import dataclass
from decimal import Decimal

from accounts.models import Tier
from controls.selectors import threshold
from goldwallet.errors import Refused
from goldwallet.money import shillings_down, show_kes

_VERBS = {"buy": "buy for", "sell": "sell for"}


@dataclass(frozen=True, slots=True)
class Use:
    """What a person has bought, or sold, today and in thirty days, in KES. Binding only under the person's lock."""

    day: Decimal
    month: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of one side, in KES, and what is used of them."""

    tier: Tier
    side: str
    per_order: Decimal
    per_day: Decimal
    per_month: Decimal
    use: Use

    @property
    def left_today(self) -> Decimal:
        """Never below zero: a limit that was lowered leaves nothing, not a debt."""
        return max(Decimal(0), self.per_day - self.use.day)

    @property
    def left_month(self) -> Decimal:
        return max(Decimal(0), self.per_month - self.use.month)

    @property
    def left(self) -> Decimal:
        """What the next order may come to."""
        return min(self.per_order, self.left_today, self.left_month)


def limits(*, tier: Tier, side: str, use: Use) -> Limits:
    """`side` is buy or sell. M-Pesa's own limit for one movement holds for all tiers besides (`order_max_kes`)."""
    of_tier = f"{tier.value}_{side}"
    return Limits(
        tier=tier,
        side=side,
        per_order=min(threshold(f"{of_tier}_order_kes"), threshold("order_max_kes")),
        per_day=threshold(f"{of_tier}_day_kes"),
        per_month=threshold(f"{of_tier}_month_kes"),
        use=use,
    )


def limits_check(*, tier: Tier, side: str, use: Use, amount: Decimal) -> None:
    """Refuse `amount` KES when it does not fit. With `use` read under the customer's lock; else two orders at once each
    see the same room.
    """
    found = limits(tier=tier, side=side, use=use)
    verb = _VERBS[side]
    if amount > found.per_order:
        sentence, code = f"You can {verb} at most {show_kes(found.per_order)} at once.", "order_limit"
    elif amount > found.left_today:
        left = show_kes(shillings_down(found.left_today))
        sentence = f"You can {verb} {show_kes(found.per_day)} a day, and {left} of it is left today."
        code = "day_limit"
    elif amount > found.left_month:
        left = show_kes(shillings_down(found.left_month))
        sentence = f"You can {verb} {show_kes(found.per_month)} in 30 days, and {left} of it is left."
        code = "month_limit"
    else:
        return
    if tier == Tier.UNVERIFIED:
        sentence += " When you have shown us who you are, you can trade more."
    raise Refused(sentence, code=code)
