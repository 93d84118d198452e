"""Checks of identity before money moves."""

from decimal import Decimal

from goldwallet.errors import Refused
from goldwallet.money import shillings_down, show_kes
from kyc.selectors import limits


def check_day_limit(*, kyc_status: str, used_today: Decimal, amount: Decimal) -> None:
    """Refuse `amount` KES when it does not fit in what is left of today's limit.

    Call it while the customer's row is locked, with `used_today` read under that lock; else two orders at
    once each see the same room.
    """
    today = limits(kyc_status=kyc_status, used_today=used_today)
    if amount <= today.left_today:
        return
    left = show_kes(shillings_down(today.left_today))
    sentence = f"You can buy and sell for {show_kes(today.per_day)} a day, and {left} of it is left today."
    if not today.verified:
        sentence += " When you have shown us who you are, you can trade more."
    raise Refused(sentence, code="day_limit")
