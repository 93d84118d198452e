"""What a person may trade at the level of identity that they have shown."""

from decimal import Decimal

import pytest

from accounts.models import KycStatus, Tier, User, tier_of
from controls.services import threshold_set
from goldwallet.errors import Refused
from kyc.limits import Use, limits, limits_check

pytestmark = pytest.mark.django_db


def check(tier: Tier, side: str, amount: str, *, day: str = "0", month: str = "") -> None:
    use = Use(Decimal(day), Decimal(month or day))
    limits_check(tier=tier, side=side, use=use, amount=Decimal(amount))


def test_only_an_identity_that_is_proven_now_raises_the_tier():
    for status in KycStatus:
        proven = status == KycStatus.VERIFIED
        assert tier_of(status, enhanced=False) == (Tier.VERIFIED if proven else Tier.UNVERIFIED)
        assert tier_of(status, enhanced=True) == (Tier.ENHANCED if proven else Tier.UNVERIFIED)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_each_span_is_met_to_the_shilling(side):
    check(Tier.UNVERIFIED, side, "20000")
    check(Tier.UNVERIFIED, side, "1000", day="19000")
    check(Tier.VERIFIED, side, "200000", day="800000")
    check(Tier.VERIFIED, side, "1000", day="0", month="4999000")
    with pytest.raises(
        Refused, match=rf"You can {side} for at most KES 20,000 at once\. When you"
    ) as refused:
        check(Tier.UNVERIFIED, side, "20001")
    assert refused.value.code == "order_limit"
    with pytest.raises(
        Refused, match=rf"You can {side} for KES 20,000 a day, and KES 1,000 of it is left"
    ) as refused:
        check(Tier.UNVERIFIED, side, "1001", day="19000")
    assert refused.value.code == "day_limit"
    with pytest.raises(Refused, match=r"KES 5,000,000 in 30 days, and KES 999 of it is left\.$") as refused:
        check(Tier.VERIFIED, side, "1000", month="4999001")
    assert refused.value.code == "month_limit"


def test_the_enhanced_have_the_largest():
    check(Tier.ENHANCED, "buy", "250000", day="4750000", month="49750000")
    with pytest.raises(Refused, match=r"KES 5,000,000 a day, and KES 249,999 of it is left today\.$"):
        check(Tier.ENHANCED, "buy", "250000", day="4750001")


def test_a_limit_lowered_during_the_day_leaves_nothing_and_no_debt():
    staff = User.objects.create_user(username="chief", email="chief@example.com")
    threshold_set(name="unverified_buy_day_kes", value=Decimal(5000), by=staff)
    today = limits(tier=Tier.UNVERIFIED, side="buy", use=Use(Decimal(7000), Decimal(7000)))
    assert (today.per_day, today.left_today, today.left) == (5000, 0, 0)
    with pytest.raises(Refused, match="KES 0 of it is left"):
        check(Tier.UNVERIFIED, "buy", "100", day="7000")
    check(Tier.UNVERIFIED, "sell", "100", day="7000")


def test_nobody_may_do_more_at_once_than_mpesa_moves():
    staff = User.objects.create_user(username="chief", email="chief@example.com")
    threshold_set(name="enhanced_buy_order_kes", value=Decimal(900_000), by=staff)
    assert limits(tier=Tier.ENHANCED, side="buy", use=Use(Decimal(0), Decimal(0))).left == 250_000
