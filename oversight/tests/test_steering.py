"""Steering at the desk: one person pauses, two go on, two move a threshold."""

import re
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.roles import Role
from accounts.tests.people import customer, signed_in, staff
from controls.models import Cause, Request, Switch
from controls.selectors import switch, thresholds
from controls.services import switch_pause
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World
from oversight.tests.test_approvals import approve
from trading.tests.pages import text

pytestmark = pytest.mark.django_db

PAGE = "/desk/steering/"


def pause(desk: Client, name: str, reason: str = "Counting the bars."):
    return desk.post(reverse("desk_switch_pause", args=[name]), {"reason": reason}, follow=True)


def ask_to_go_on(desk: Client, name: str, reason: str = "All the bars are there."):
    return desk.post(reverse("desk_switch_resume", args=[name]), {"reason": reason}, follow=True)


@pytest.mark.fault("O16")
def test_one_pauses_and_two_go_on(world: World) -> None:
    one, two = staff("treasury", email="one@example.com"), staff("treasury", email="two@example.com")
    desk = signed_in(one)
    page = text(pause(desk, "payouts"))
    for words in ("Payouts is paused", "Staff paused it", "Counting the bars.", "one@example.com"):
        assert words in page
    assert switch("payouts").paused
    asked = ask_to_go_on(desk, "payouts")
    assert "A second person decides this." in text(asked)
    assert switch("payouts").paused
    request = Request.objects.get()
    assert "one@example.com has asked to go on." in text(desk.get(PAGE))
    alone = desk.post(reverse("desk_approval_approve", args=[request.pk]), {"seen": "0" * 64})
    assert alone.status_code == 403
    assert switch("payouts").paused
    approve(signed_in(two), request)
    assert not switch("payouts").paused
    history = text(desk.get(PAGE))
    assert "Payouts paused. Counting the bars." in history
    assert "Payouts on again." in history
    assert "two@example.com" in history


def test_a_second_pause_leaves_the_first_cause(world: World) -> None:
    switch_pause(name="buy", cause=Cause.INVARIANT, note="GOLD does not sum to zero.")
    page = pause(signed_in(staff("pricing")), "buy", "I saw it as well.")
    assert "Buying was paused already." in text(page)
    assert "GOLD does not sum to zero." in text(page)
    assert "the house itself" in text(page)


@pytest.mark.parametrize("reason", ["", "  ", "no", "\x00\x00\x00\x00\x00\x00"])
def test_a_reason_is_due(world: World, reason: str) -> None:
    desk = signed_in(staff("treasury"))
    answer = pause(desk, "sell", reason)
    assert answer.status_code == 400
    assert "Write why, for everybody who asks." in text(answer)
    assert not switch("sell").paused
    switch_pause(name="sell", cause=Cause.STAFF, note="Counting the bars.")
    assert ask_to_go_on(desk, "sell", reason).status_code == 400
    assert not Request.objects.exists()


def test_going_on_with_what_runs(world: World) -> None:
    answer = ask_to_go_on(signed_in(staff("treasury")), "buy")
    assert answer.status_code == 400
    assert "Buying is not paused." in text(answer)


def test_a_switch_that_does_not_exist(world: World) -> None:
    desk = signed_in(staff("treasury"))
    for name in ("everything", "BUY"):
        assert pause(desk, name).status_code == 404
        assert ask_to_go_on(desk, name).status_code == 404
    assert desk.get(reverse("desk_threshold_ask", args=["nothing"])).status_code == 404
    assert desk.get(reverse("desk_switch_pause", args=["buy"])).status_code == 405


def test_an_old_price_closes_and_opens_by_itself(world: World) -> None:
    with shift_clock(days=2):
        page = text(signed_in(staff("pricing")).get(PAGE))
    assert page.count("Closed: there is no price young enough.") == 2
    assert "Closed: there is no price" not in text(signed_in(staff("pricing")).get(PAGE))


#           reads, pauses buying, pauses payouts, asks to go on, asks for a threshold
MATRIX = {
    Role.PRICING: (200, 200, 403, 403, 403),
    Role.VAULT: (403, 403, 403, 403, 403),
    Role.REVIEWER: (403, 403, 403, 403, 403),
    Role.TREASURY: (200, 200, 200, 200, 200),
    Role.AUDITOR: (200, 403, 403, 403, 403),
    Role.ADMINISTRATOR: (200, 200, 200, 200, 200),
}


@pytest.mark.parametrize("role", list(Role))
def test_roles(world: World, role: Role) -> None:
    switch_pause(name="sell", cause=Cause.STAFF, note="Counting the bars.")
    desk = signed_in(staff(role))
    threshold = reverse("desk_threshold_ask", args=["price_jump_percent"])
    said = {"value": "30", "reason": "Gold is wild this week."}
    statuses = (
        desk.get(PAGE).status_code,
        pause(desk, "buy").status_code,
        pause(desk, "payouts").status_code,
        ask_to_go_on(desk, "sell").status_code,
        desk.post(threshold, said, follow=True).status_code,
    )
    assert statuses == MATRIX[role]
    assert switch("buy").paused == (statuses[1] == 200)
    assert switch("payouts").paused == (statuses[2] == 200)
    assert Request.objects.filter(kind="switch_resume").exists() == (statuses[3] == 200)
    assert Request.objects.filter(kind="threshold_set").exists() == (statuses[4] == 200)
    shown = desk.get(PAGE).content.decode()
    for name, allowed in (("buy", statuses[1]), ("payouts", statuses[2])):
        if allowed == 403:
            assert reverse("desk_switch_pause", args=[name]) not in shown


def test_nobody_else(world: World) -> None:
    for path in (PAGE, reverse("desk_threshold_ask", args=["price_jump_percent"])):
        assert signed_in(customer()).get(path).status_code == 403
        assert Client().get(path)["Location"].startswith("/accounts/login/")
    assert pause(signed_in(world.alice), "buy").status_code == 403
    assert not switch("buy").paused


def test_every_threshold_stands_there_with_its_bounds(world: World) -> None:
    page = text(signed_in(staff("treasury")).get(PAGE))
    assert "The largest buy or sale" in page
    assert "KES 250,000" in page
    assert "1 to 168 hours" in page


def test_yes_or_no_is_asked_and_told_in_words(world: World) -> None:
    path = reverse("desk_threshold_ask", args=["payouts_manual"])
    desk = signed_in(staff("treasury", email="one@example.com"))
    page = desk.get(path)
    assert "Default no Bounds yes or no" in text(page)
    assert '<option value="1">yes</option>' in page.content.decode()
    asked = desk.post(path, {"value": "1", "reason": "M-Pesa is slow today."}, follow=True)
    assert "Every payout waits for staff, not only large ones: no becomes yes." in text(asked)
    approve(signed_in(staff("pricing", email="two@example.com")), Request.objects.get())
    assert thresholds()["payouts_manual"] == 1


def test_a_value_out_of_bounds_is_told_the_bounds_as_amounts_are_written(world: World) -> None:
    path = reverse("desk_threshold_ask", args=["sell_min_kes"])
    form = {"value": "250001", "reason": "Small sales cost more than they bring."}
    answer = signed_in(staff("treasury")).post(path, form)
    assert "choose KES 10 to KES 250,000." in text(answer)


def test_two_people_move_a_threshold(world: World) -> None:
    path = reverse("desk_threshold_ask", args=["sell_min_kes"])
    desk = signed_in(staff("treasury", email="one@example.com"))
    assert "The least that a sale pays" in text(desk.get(path))
    desk.post(path, {"value": "50", "reason": "Small sales cost more than they bring."})
    assert thresholds()["sell_min_kes"] == 10
    assert "one@example.com has asked for another value." in text(desk.get(path))
    assert "another value is asked for" in text(desk.get(PAGE))
    approve(signed_in(staff("pricing", email="two@example.com")), Request.objects.get())
    assert thresholds()["sell_min_kes"] == Decimal(50)
    assert "two@example.com" in text(desk.get(PAGE))
    assert "two@example.com" in text(desk.get(path))


@pytest.mark.parametrize(
    "value", ["", "5", "1,000", "1e3", "٥٠", "-50", "50.5", "NaN", "250001", "10", "x" * 99]
)
def test_a_value_that_makes_no_sense(world: World, value: str) -> None:
    path = reverse("desk_threshold_ask", args=["sell_min_kes"])
    answer = signed_in(staff("treasury")).post(
        path, {"value": value, "reason": "Small sales cost more than they bring."}
    )
    assert answer.status_code == 400
    assert "Small sales cost more than they bring." in text(answer)
    assert not Request.objects.exists()


def test_the_history_of_the_switches_goes_back_to_the_first_line(world: World) -> None:
    by = staff("treasury")
    for number in range(26):
        for name in ("buy", "sell"):
            switch_pause(name=name, cause=Cause.STAFF, note=f"Reason {number} to stop {name}.", by=by)
            Switch.objects.filter(name=name).update(paused=False, cause="", note="")
    browser, url, said = signed_in(by), PAGE, []
    while url:
        answer = browser.get(url)
        page = answer.content.decode()
        assert "104 in all" in page
        assert ("To the newest" in page) == (url != PAGE)
        said += [what for _, _, what in answer.context["history"]]
        older = re.search(r'href="(\?history=[^"]*)#history"', page)
        url = PAGE + older[1] if older else ""
    assert [what for what in said if "on again" not in what] == [
        f"{label} paused. Reason {number} to stop {name}."
        for number in reversed(range(26))
        for label, name in (("Selling", "sell"), ("Buying", "buy"))
    ]
    assert len(said) == 104
