"""Somebody about whom staff should know: on hold, flagged, and with an order that waits for them."""

from collections.abc import Iterator
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.services import person_freeze
from accounts.tests.people import staff
from controls.models import Flag, Note
from controls.services import threshold_set
from controls.services.notes import note_add
from goldwallet.test.books import assert_books
from goldwallet.test.world import World, buy, paid, sell
from trading.models import Order

HOLD, SIM, CALLS = "The bank asked for it.", "Two SIM cards in one week.", "She calls every day."


def raised(subject: str, text: str, *, by: User, person: User | None = None, flag: str = Flag.FRAUD) -> Note:
    return note_add(subject=subject, text=text, flag=flag, by=by, person_id=person.pk if person else None)


@pytest.fixture
def sale(world: World) -> Iterator[Order]:
    """A sale of alice's that waits for staff. Alice is flagged, her order is, and she is on hold."""
    alice = world.alice
    paid(buy(alice, 20_000))
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    order = sell(alice, Decimal("0.5"))
    by = staff("treasury")
    person_freeze(user_id=alice.pk, reason=HOLD, by=by.pk)
    raised(f"person:{alice.pk}", SIM, by=by, person=alice)
    raised(f"order:{order.pk}", CALLS, by=by, person=alice, flag=Flag.COMPLAINT)
    yield order
    assert_books()


def unescaped(answer: Any) -> str:
    return unescape(answer.content.decode())


def read(browser: Client, name: str, *args: Any, **query: str) -> str:
    answer = browser.get(reverse(name, args=args), query)
    assert answer.status_code == 200, (name, answer)
    return unescaped(answer)
