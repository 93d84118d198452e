"""X10: no list of the desk stands on one page however long it is; each says that there are more, and leads to them."""

import datetime as dt
import re
import uuid
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import second_factor
from accounts.models import User
from accounts.tests.people import signed_in, staff
from goldwallet.test.books import assert_books
from goldwallet.test.two import agreed, asked
from ledger import chart
from ledger.services import Transfer, post
from trading.tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.fault("X10")]

#: More than two pages of each list.
MANY = 103
MORE = "there are more"


@pytest.fixture
def desk(db: None) -> Client:
    return signed_in(staff("treasury", "reviewer"))


@pytest.fixture
def people(db: None) -> list[User]:
    """So many, without the hashing of so many passwords. Their addresses are in the order of their numbers."""
    return User.objects.bulk_create(
        User(username=f"person{number:03d}", email=f"person{number:03d}@example.com", password="!")
        for number in range(MANY)
    )


def shown(page: str, heading: str) -> list[str]:
    """Whose addresses stand in the table of this name, in its order."""
    table = page.partition(f'aria-label="{heading}"')[2].partition("</table>")[0]
    return re.findall(r'<th scope="row"><a [^>]*>([^<]+@example\.com)</a></th>', table)


def walk(desk: Client, url: str, heading: str) -> list[list[str]]:
    """Every page of the list, by its own links."""
    pages, here = [], url
    while here:
        assert len(pages) < 10, "it goes round"
        answer = desk.get(here)
        assert answer.status_code == 200
        page = answer.content.decode()
        pages.append(shown(page, heading))
        found = re.search(r'href="([^"]+)">The next ones', page)
        here = found[1].replace("&amp;", "&").partition("#")[0] if found else ""
    return pages


def give(people: list[User], sign: int) -> None:
    """Cash to each, the first one first (1), or a debt (-1)."""
    for person in people:
        theirs, ours = chart.user_cash(person.pk), chart.mpesa_collections()
        if sign < 0:
            theirs, ours = chart.house_sales(), chart.user_receivable(person.pk)
        post(key=f"test:{uuid.uuid4()}", kind="test", transfers=[Transfer(ours, theirs, Decimal(10))])
    assert_books()


@pytest.mark.parametrize(("sign", "heading"), [(1, "Cash of customers"), (-1, "Who owes us")])
def test_who_has_cash_and_who_owes_stand_on_pages_and_nobody_is_left_out(
    desk: Client, people: list[User], sign: int, heading: str
) -> None:
    give(people, sign)
    first = desk.get("/desk/adjustments/")
    assert MORE in text(first)
    pages = walk(desk, "/desk/adjustments/", heading)
    assert [len(page) for page in pages] == [50, 50, 3]
    assert [address for page in pages for address in page] == [person.email for person in people]


def test_cash_that_rests_shows_its_longest_and_leads_to_all(
    desk: Client, people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    give(people, 1)
    monkeypatch.setattr("payments.selectors_money._DAY", dt.timedelta(days=-1))
    page = desk.get("/desk/money/")
    assert len(shown(page.content.decode(), "Cash that people have left with us")) == 50
    assert MORE in text(page) and 'href="/desk/adjustments/#holders"' in page.content.decode()


def test_people_on_hold_stand_there_by_fifty_and_the_list_of_people_has_all(
    desk: Client, people: list[User]
) -> None:
    User.objects.filter(pk__in=[person.pk for person in people]).update(frozen_reason="A stolen phone.")
    page = desk.get("/desk/roles/")
    assert page.content.decode().count("@example.com</strong>") == 50
    assert MORE in text(page) and 'href="/desk/people/?standing=hold"' in page.content.decode()
    with CaptureQueriesContext(connection) as queries:
        desk.get("/desk/roles/")
    assert len(queries) <= 25


def test_lost_factors_stand_on_pages_the_next_to_go_first(
    desk: Client, people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oversight.factor._PAGE", 2)
    monkeypatch.setattr("oversight.factor._ASKED", 2)
    maker, checker = staff("reviewer"), staff("treasury")
    lost, waiting = people[:5], people[5:8]
    for person in [*lost, *waiting]:
        second_factor.authenticator_give(user=person, key=second_factor.new_key())
    for person in lost:
        payload = {"person": str(person.pk)}
        agreed("factor_reset", payload, maker=maker, checker=checker, subject=f"factor:{person.pk}")
    for person in waiting:
        asked("factor_reset", {"person": str(person.pk)}, by=maker, subject=f"factor:{person.pk}")
    pages = walk(desk, "/desk/factor/", "About to be removed")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [address for page in pages for address in page] == [person.email for person in lost]
    page = text(desk.get("/desk/factor/"))
    assert page.count("has asked for another one") == 2 and "More are asked for." in page
