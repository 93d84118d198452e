"""Switches: one person or the house pauses, two go on."""

import pytest

from accounts.roles import Role
from accounts.services import staff_create
from controls import services
from controls.models import Anchor, Cause, Switch
from controls.selectors import switch, switches
from goldwallet.errors import Refused

pytestmark = pytest.mark.django_db


def test_pause_and_go_on() -> None:
    one = staff_create(email="one@example.com", password="x", roles=[Role.TREASURY])
    two = staff_create(email="two@example.com", password="x", roles=[Role.TREASURY])
    assert [row.paused for row in switches()] == [False, False, False]
    assert services.switch_pause(name="sell", cause=Cause.STAFF, note="Counting the bars.", by=one)
    assert not services.switch_pause(name="sell", cause=Cause.VOLUME, note="Many sales.")
    assert switch("sell").note == "Counting the bars."
    assert services.switches_lock("buy", "sell", "payouts") == {"sell"}
    request = services.request_make(
        kind="switch_resume",
        payload={"name": "sell"},
        subject="switch:sell",
        reason="All bars are there.",
        by=one,
    )
    seen = services.request_seal(request, services.request_effect(request))
    assert switch("sell").paused
    services.request_approve(request_id=request.pk, by=two, seen=seen)
    assert not switch("sell").paused
    assert switch("sell").changed_by == two


def test_nothing_to_go_on_with() -> None:
    one = staff_create(email="one@example.com", password="x", roles=[Role.TREASURY])
    for name in ("buy", "cash", ""):
        with pytest.raises(Refused):
            services.request_make(
                kind="switch_resume",
                payload={"name": name},
                subject="switch:x",
                reason="Just because.",
                by=one,
            )


def test_a_reason_is_due() -> None:
    with pytest.raises(Refused):
        services.switch_pause(name="buy", cause=Cause.STAFF, note=" ")
    with pytest.raises(Refused):
        services.switch_pause(name="cash", cause=Cause.STAFF, note="No such switch.")
    assert not Switch.objects.filter(paused=True).exists()


@pytest.mark.fault("W12")
def test_a_restored_database_starts_with_payouts_off() -> None:
    assert services.anchor_check("one")
    assert services.anchor_check("one")
    assert not switch("payouts").paused
    assert not services.anchor_check("two")
    assert switch("payouts").cause == Cause.RESTORED
    assert services.anchor_check("two")  # noted: two people may let it go on
    assert Anchor.objects.get().text == "two"
