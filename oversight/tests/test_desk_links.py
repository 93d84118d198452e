"""Whoever works at the desk can open what the desk's pages point to."""

import re
from collections import deque
from decimal import Decimal
from html import unescape

import pytest
from django.test import Client
from django.urls import resolve, reverse

from accounts.roles import Role
from accounts.tests.people import signed_in, staff
from controls.services import threshold_set
from goldwallet.test.world import World, buy, paid, sell


def links(page: str) -> list[str]:
    """With what they ask: a list is taken out by one."""
    return [unescape(link) for link in re.findall(r'<a\b[^>]*\bhref="(/desk/[^"#]*)', page)]


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(Role))
def test_no_link_leads_to_a_closed_door(world: World, role: Role) -> None:
    paid(buy(world.alice, 165_000))
    threshold_set(name="sell_stepup_kes", value=Decimal(250_000), by=world.pricing)
    sell(world.alice, Decimal(7))  # waits for staff
    desk: Client = signed_in(staff(role))
    seen: dict[str, str] = {}
    ahead = deque([(reverse("desk"), "the start")])
    while ahead:
        path, source = ahead.popleft()
        kind = resolve(path.partition("?")[0]).view_name
        if kind in seen:
            continue
        seen[kind] = source
        answer = desk.get(path)
        # 302: a page that says by a message what to do first.
        assert answer.status_code in {200, 302}, f"{source} leads {role} to {path}"
        if answer["Content-Type"].startswith("text/html"):
            ahead.extend((link, path) for link in links(answer.content.decode()))
    assert "desk" in seen
    if role == Role.AUDITOR:
        assert {"desk_order", "desk_payment", "desk_pool", "desk_account", "desk_transaction"} <= seen.keys()
