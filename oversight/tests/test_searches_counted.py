"""Who of the staff looks for people by what one has of them is counted, by whatever list: an hour's numbers are no
register of who is a customer.
"""

from typing import Any

import pytest
from django.test import Client

from accounts.tests.people import customer, signed_in, staff
from controls.models import AuditEntry
from goldwallet.test.world import World, buy, paid
from trading.tests.pages import text

pytestmark = pytest.mark.django_db

_HTMX = {"HX-Request": "true", "HX-Target": "rows"}
_TOO_OFTEN = "That was too often in a short time."
PHONE, EMAIL = "254712345678", "alice@example.com"
#: Lists with filters that look for a person.
LOOKS = [
    f"/desk/orders/?phone={PHONE}",
    "/desk/orders/?person=ali&status=completed",
    # Which of several a form reads is the form's.
    "/desk/orders/?" + "person=ali&" * 40 + "person=",
    f"/desk/payments/?phone={PHONE}",
    "/desk/payments/?person=ali",
    "/desk/people/?q=ali",
    f"/desk/ledger/?code={EMAIL}",
    f"/desk/ledger/transactions/?account={EMAIL}",
    f"/desk/ledger/transactions/?actor={EMAIL}",
    f"/desk/audit/?person={EMAIL}",
    f"/desk/audit/?who={EMAIL}",
]
#: The same lists, asked for by what names nobody.
OTHERS = [
    "/desk/orders/?status=completed&person=&phone=",
    "/desk/payments/?receipt=TKL7X2M9QA",
    "/desk/people/?standing=hold&q=",
    "/desk/ledger/?code=house:",
    "/desk/ledger/transactions/?account=house:sales&actor=system",
    "/desk/audit/?who=system&action=read",
]


@pytest.fixture
def desk(world: World, settings: Any) -> Client:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "searches_person": (2, 3600)}
    paid(buy(world.alice, 1000), receipt="TKL7X2M9QA")
    return signed_in(staff("administrator"))


@pytest.mark.parametrize("url", LOOKS)
def test_every_list_that_looks_for_people_counts_and_says_when_it_was_too_often(
    desk: Client, url: str
) -> None:
    found = [desk.get(url, headers=_HTMX), desk.get(url)]
    assert [answer.status_code in {200, 302} for answer in found] == [True, True]
    whole, part = desk.get(url), desk.get(url, headers=_HTMX)
    assert (whole.status_code, part.status_code) == (429, 200)
    assert int(whole["Retry-After"]) > 0
    assert "<html" not in part.content.decode() and 'id="rows"' in part.content.decode()
    for answer in (whole, part):
        assert _TOO_OFTEN in text(answer)
        assert EMAIL not in answer.content.decode()
        assert "<tbody" not in answer.content.decode()
    # Without what names somebody, the list goes on.
    assert desk.get(url.partition("?")[0]).status_code == 200


def test_no_field_answers_after_too_many(desk: Client) -> None:
    """ "Nobody has this e-mail address" is an answer, too."""
    urls = ("/desk/audit/?person=nobody@example.com", "/desk/orders/?person=alice")
    assert "Nobody has this e-mail address." in text(desk.get(urls[0]))
    desk.get(urls[1])
    for url in urls:
        answer = desk.get(url)
        assert answer.status_code == 429 and "Nobody has" not in text(answer)


def test_what_names_nobody_is_not_counted(desk: Client) -> None:
    for _ in range(2):
        for url in OTHERS:
            assert desk.get(url).status_code == 200, url
    assert desk.get(LOOKS[0]).status_code == 200


def test_one_count_for_all_lists_and_for_find_and_one_for_each_of_the_staff(desk: Client) -> None:
    assert desk.get("/desk/find/?q=nobody").status_code == 200
    assert desk.get(LOOKS[0]).status_code == 200
    for url in (*LOOKS, "/desk/find/?q=nobody", f"/desk/kyc/?email={EMAIL}"):
        answer = desk.get(url)
        assert answer.status_code == 429 and _TOO_OFTEN in text(answer), url
    assert signed_in(staff("pricing")).get(LOOKS[0]).status_code == 200


def test_numbers_of_nobody_count_like_those_of_somebody(desk: Client) -> None:
    customer(phone="254733000001")
    for number in ("254733000001", "254733000002"):
        assert desk.get(f"/desk/orders/?phone={number}").status_code == 200
    assert desk.get("/desk/orders/?phone=254733000003").status_code == 429
    # Who tries numbers leaves a line for each, which says by what the list was asked for and not what was typed.
    lines = AuditEntry.objects.filter(page="desk_orders", action="read").order_by("id")
    assert [line.after for line in lines] == [{"asked_by": ["phone"]}] * 3
