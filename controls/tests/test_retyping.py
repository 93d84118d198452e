"""Thresholds are amounts, too: a large one is typed again, and those that say what is large are, whatever they are."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import staff
from controls.effects import Effect, effect_of
from controls.models import Request, RequestState
from controls.selectors import threshold, thresholds, thresholds_forget
from controls.services import request_approve, request_effect, request_seal, retype_needed, threshold_set
from goldwallet.errors import Refused
from goldwallet.test.two import YES, asked

pytestmark = [pytest.mark.django_db, pytest.mark.fault("Z06")]


@pytest.fixture
def maker() -> User:
    return staff(Role.TREASURY)


@pytest.fixture
def checker() -> User:
    return staff(Role.TREASURY)


def wants(name: str, value: str, by: User) -> Request:
    return asked("threshold_set", {"name": name, "value": value}, by=by)


def approve(request: Request, by: User, *typed: str) -> Request:
    seen = request_seal(request, request_effect(request))
    return request_approve(request_id=request.pk, by=by, seen=seen, words=YES, typed=typed)


@pytest.mark.parametrize(
    ("name", "value", "typed"),
    [
        ("payout_approval_kes", "90000", True),
        ("payout_approval_kes", "10", True),  # in the place of 100,000
        ("payout_approval_kes", "0", True),
        ("verified_sell_day_kes", "90000000", True),
        ("break_pause_kes", "50000", True),
        ("break_pause_kes", "49999", False),
        ("float_least_kes", "2000", False),
        ("approval_retype_kes", "90000000", True),
        ("approval_retype_kes", "1", True),
        ("approval_retype_grams", "500000", True),
        ("approval_retype_grams", "1", True),
        ("price_jump_percent", "90", False),
        ("payouts_hour_count", "99000", False),
        ("payouts_manual", "1", False),
    ],
)
def test_a_large_threshold_is_typed_again(
    maker: User, checker: User, name: str, value: str, typed: bool
) -> None:
    request = wants(name, value, maker)
    needed = retype_needed(request_effect(request))
    grams = name == "approval_retype_grams"
    assert [(amount.value, amount.grams) for amount in needed] == [(Decimal(value), grams)] * typed
    if typed:
        assert ("grams" if grams else "shillings") in needed[0].question
        for wrong in ((), ("",), (value + "0",) if value != "0" else ("1",)):
            with pytest.raises(Refused) as refused:
                approve(request, checker, *wrong)
            assert refused.value.code == "typed_1"
        assert Request.objects.get().state == RequestState.WAITING
    assert approve(request, checker, value).state == RequestState.EXECUTED
    assert thresholds()[name] == Decimal(value)


def test_nobody_switches_the_typing_off_with_a_yes(maker: User, checker: User) -> None:
    """Neither for grams nor for shillings, nor in two steps: the first one is typed itself."""
    with pytest.raises(Refused, match="Type the amount that this request sets"):
        approve(wants("approval_retype_kes", "90000000", maker), checker)
    assert thresholds()["approval_retype_kes"] == 50_000


def test_what_is_large_is_said_by_the_threshold_of_the_moment(maker: User, checker: User) -> None:
    request = wants("break_pause_kes", "20000", maker)
    assert retype_needed(request_effect(request)) == ()
    threshold_set(name="approval_retype_kes", value=Decimal(20_000), by=maker)
    with pytest.raises(Refused, match="Type the amount"):
        approve(request, checker)
    assert approve(request, checker, "20000").state == RequestState.EXECUTED


def test_a_refused_amount_leaves_the_old_threshold_in_force(maker: User, checker: User) -> None:
    """It is done first and taken back then: no one in between has read the new value and kept it."""
    request = wants("payout_approval_kes", "250001", maker)
    thresholds_forget()
    with pytest.raises(Refused):
        approve(request, checker, "25000")
    assert threshold("payout_approval_kes") == 100_000


def test_what_is_typed_is_no_part_of_what_was_asked(maker: User) -> None:
    """So a request of before there was this typing waits as it did, and nothing looks changed."""
    request = wants("approval_retype_kes", "60000", maker)
    now: Effect = request_effect(request)
    assert now.retype
    old: dict[str, Any] = request.effect | {"retype": {"kes": "60000", "question": "?"}}
    assert "retype" not in request.effect
    assert effect_of(old).essence() == effect_of(request.effect).essence() == now.essence()
