"""What a person may do at the level of identity that they have shown."""

from dataclasses import dataclass
from decimal import Decimal

from accounts.models import KycStatus
from controls.selectors import threshold


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Buys and sales of one person on one day in Nairobi, in KES."""

    per_day: Decimal
    used_today: Decimal
    verified: bool

    @property
    def left_today(self) -> Decimal:
        """Never below zero: a limit that was lowered during the day leaves nothing, not a debt."""
        return max(Decimal(0), self.per_day - self.used_today)


def day_limit(kyc_status: str) -> Decimal:
    """KES that a person of this status may buy and sell in one day, together."""
    name = "verified_day_kes" if kyc_status == KycStatus.VERIFIED else "unverified_day_kes"
    return threshold(name)


def limits(*, kyc_status: str, used_today: Decimal) -> Limits:
    """The limits as a page shows them. `used_today` comes from the app that knows the orders."""
    return Limits(
        per_day=day_limit(kyc_status), used_today=used_today, verified=kyc_status == KycStatus.VERIFIED
    )
