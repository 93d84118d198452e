"""What a person may trade in a day at the level of identity that they have shown."""

from decimal import Decimal

import pytest

from accounts.models import KycStatus, User
from controls.services import threshold_set
from goldwallet.errors import Refused
from kyc.selectors import day_limit, limits
from kyc.services import check_day_limit

pytestmark = pytest.mark.django_db


def check(status: str, used: str, amount: str) -> None:
    check_day_limit(kyc_status=status, used_today=Decimal(used), amount=Decimal(amount))


def test_only_the_verified_have_the_large_limit():
    assert day_limit(KycStatus.VERIFIED) == 1_000_000
    for status in (KycStatus.UNVERIFIED, KycStatus.PENDING, KycStatus.REJECTED):
        assert day_limit(status) == 20_000


def test_the_limit_is_met_to_the_shilling():
    check(KycStatus.UNVERIFIED, "0", "20000")
    check(KycStatus.UNVERIFIED, "19000", "1000")
    check(KycStatus.VERIFIED, "800000", "200000")
    with pytest.raises(Refused, match=r"KES 20,000 a day, and KES 1,000 of it is left today\. When you have"):
        check(KycStatus.UNVERIFIED, "19000", "1001")
    with pytest.raises(Refused, match=r"KES 1,000,000 a day, and KES 0 of it is left today\.$"):
        check(KycStatus.VERIFIED, "1000000", "1")


def test_a_limit_lowered_during_the_day_leaves_nothing_and_no_debt():
    staff = User.objects.create_user(username="chief", email="chief@example.com")
    threshold_set(name="unverified_day_kes", value=Decimal(5000), by=staff)
    today = limits(kyc_status=KycStatus.UNVERIFIED, used_today=Decimal(7000))
    assert (today.per_day, today.used_today, today.left_today, today.verified) == (5000, 7000, 0, False)
    with pytest.raises(Refused, match="KES 0 of it is left"):
        check(KycStatus.UNVERIFIED, "7000", "100")
