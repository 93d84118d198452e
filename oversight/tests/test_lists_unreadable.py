"""A filter that cannot be read shows nothing and says why: on the whole page with 400, and in the part that htmx asks
for with 200, because htmx puts in nothing else.
"""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.people import signed_in, staff
from goldwallet.test.world import World
from trading.tests.pages import text

pytestmark = pytest.mark.django_db

_HTMX = {"HX-Request": "true", "HX-Target": "rows"}
_CHOICE = "There is no such choice here."
#: Each list of the desk that filters by htmx: its page, a filter that cannot be read, and what is said about it.
LISTS: list[tuple[str, dict[str, str], str]] = [
    ("desk_orders", {"status": "gone"}, _CHOICE),
    ("desk_payments", {"state": "gone"}, _CHOICE),
    ("desk_people", {"standing": "gold"}, _CHOICE),
    ("desk_people", {"identity": "gold", "q": "alice"}, _CHOICE),
    ("desk_people", {"q": "a" * 255}, "This is too long: at most 254 characters."),
    ("desk_approvals", {"kind": "gone"}, _CHOICE),
    ("desk_approvals", {"since": "yesterday"}, "Write a day like 2026-11-21"),
    ("desk_audit", {"action": "gone"}, _CHOICE),
    ("desk_audit", {"who": "nobody@example.com"}, "Nobody has this e-mail address."),
    ("desk_ledger", {"asset": "BTC"}, "Choose one of these."),
    ("desk_transactions", {"number": "x"}, "Write the number with digits only."),
    ("desk_account", {"since": "yesterday"}, "Write a day like 2026-11-21."),
    ("desk_pool", {"status": "melted"}, _CHOICE),
    ("desk_pool", {"q": "a" * 81}, "This is too long: at most 80 characters."),
    ("desk_pool_book", {"account": "cellar"}, _CHOICE),
    ("desk_pool_book", {"start": "2026-02-02", "end": "2026-02-01"}, "This day is before the first one."),
]


@pytest.fixture
def path(world: World) -> Callable[[str], str]:
    named = {"desk_account": "house:capital", "desk_pool": world.pool.pk, "desk_pool_book": world.pool.pk}
    return lambda name: reverse(name, args=[named[name]] if name in named else [])


@pytest.fixture
def desk(world: World) -> Client:
    return signed_in(staff("administrator"))


@pytest.mark.parametrize(("name", "asked", "sentence"), LISTS)
def test_what_cannot_be_read_is_said_on_the_page_and_in_the_part(
    desk: Client, path: Callable[[str], str], name: str, asked: dict[str, str], sentence: str
) -> None:
    whole, part = desk.get(path(name), asked), desk.get(path(name), asked, headers=_HTMX)
    assert (whole.status_code, part.status_code) == (400, 200)
    assert sentence in text(whole) and sentence in text(part)
    html = part.content.decode()
    assert "<html" not in html and 'id="rows"' in html
    # What is shown beside the sentence would be taken for the answer.
    assert "<tbody" not in html
    assert desk.get(path(name), headers=_HTMX).status_code == 200
    assert sentence not in text(desk.get(path(name), headers=_HTMX))
