"""Switches: one person or the house pauses, two go on."""

import pytest

from accounts.roles import Role
from accounts.services import staff_create
from controls import services
from controls.models import Anchor, Cause, Switch
from controls.selectors import switch, switches
from goldwallet.errors import Conflict, Refused
from goldwallet.test.two import YES

pytestmark = pytest.mark.django_db


def test_pause_and_go_on() -> None:
    one = staff_create(email="one@example.com", password="x", roles=[Role.TREASURY])
    two = staff_create(email="two@example.com", password="x", roles=[Role.TREASURY])
    assert [row.paused for row in switches()] == [False, False, False]
    assert services.switch_pause(name="sell", cause=Cause.STAFF, note="Counting the bars.", by=one)
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
    services.request_approve(request_id=request.pk, by=two, seen=seen, words=YES)
    assert not switch("sell").paused
    assert switch("sell").changed_by == two


@pytest.mark.fault("O16")
def test_a_further_cause_is_not_lost_and_an_open_approval_looks_again() -> None:
    """Staff paused for lunch, then payouts went wrong: nobody resumes that as the end of lunch."""
    one = staff_create(email="one@example.com", password="x", roles=[Role.TREASURY])
    two = staff_create(email="two@example.com", password="x", roles=[Role.TREASURY])
    services.switch_pause(name="payouts", cause=Cause.STAFF, note="Lunch break.", by=one)
    request = services.request_make(
        kind="switch_resume",
        payload={"name": "payouts"},
        subject="switch:payouts",
        reason="Everybody is back.",
        by=one,
    )
    seen = services.request_seal(request, services.request_effect(request))
    assert not services.switch_pause(name="payouts", cause=Cause.INCIDENT, note="Paid twice.")
    assert not services.switch_pause(name="payouts", cause=Cause.INCIDENT, note="Paid twice.")
    row = switch("payouts")
    assert (row.cause, row.note) == (Cause.INCIDENT, "Lunch break. Also: Paid twice.")
    with pytest.raises(Conflict, match="Look again"):
        services.request_approve(request_id=request.pk, by=two, seen=seen, words=YES)
    assert switch("payouts").paused


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
