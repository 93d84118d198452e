"""X10: a list of the desk that would look through too much gives up in time and says how to ask for less."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.tests.people import customer, signed_in, staff
from goldwallet import budget
from ledger import chart
from ledger.services import Transfer, post
from trading.tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.fault("X10")]

#: A list with what is asked of it, and a part of the question that a million rows would make slow.
LISTS = [
    ("/desk/orders/?status=completed", 'FROM "trading_order"'),
    ("/desk/orders/?person=ali", '"accounts_user"."username"'),
    ("/desk/payments/?state=succeeded", 'FROM "payments_payment"'),
    ("/desk/payments/?person=ali", '"accounts_user"."username"'),
    ("/desk/people/?standing=flagged", "controls_note"),
    ("/desk/people/?q=wanjiku", '"email"::text LIKE'),
    ("/desk/ledger/?code=sales", 'FROM "ledger_account"'),
    ("/desk/ledger/transactions/?since=2026-01-01", "ledger_transaction"),
    ("/desk/audit/?address=41.90.4.7", 'FROM "controls_auditentry"'),
]


@contextmanager
def slow(part: str) -> Iterator[list[str]]:
    """Let every question with this part take a second; answers those that were asked."""
    asked: list[str] = []

    def wait(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if part in sql and sql.lstrip().startswith(("SELECT", "WITH")):
            asked.append(sql)
            execute("SELECT pg_sleep(1)", None, False, context)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wait):
        yield asked


@pytest.fixture
def desk(db: None, monkeypatch: pytest.MonkeyPatch) -> Client:
    customer(email="alice@example.com")
    browser = signed_in(staff("treasury"))
    browser.get("/desk/orders/")
    monkeypatch.setattr(budget, "SECONDS", 0.05)
    return browser


@pytest.mark.parametrize(("url", "part"), LISTS)
def test_a_list_that_takes_too_long_says_so_and_how_to_ask_for_less(
    desk: Client, url: str, part: str
) -> None:
    with slow(part) as asked:
        answer = desk.get(url)
    assert asked, "nothing of this was asked: the test would see nothing"
    assert answer.status_code == 400
    assert "This looks through too much at once." in text(answer)
    with slow(part):
        rows = desk.get(url, headers={"HX-Request": "true", "HX-Target": "rows"})
    assert rows.status_code == 200 and "<html" not in rows.content.decode()
    assert "This looks through too much at once." in text(rows)
    assert desk.get(url).status_code == 200, "and the next question is answered"


@pytest.mark.parametrize(
    ("typed", "part"), [("wanjiku", '"email"::text LIKE'), ("TKL7X2M9QA", 'FROM "payments_statementline"')]
)
def test_find_that_takes_too_long_says_so_beside_its_field(desk: Client, typed: str, part: str) -> None:
    with slow(part) as asked:
        answer = desk.get("/desk/find/", {"q": typed})
    assert asked, "nothing of this was asked: the test would see nothing"
    assert answer.status_code == 400
    assert "This looks through too much at once." in text(answer) and typed in answer.content.decode()
    assert desk.get("/desk/find/", {"q": typed}).status_code == 200


def test_the_accounts_stand_without_the_sums_of_the_book_when_these_take_too_long(desk: Client) -> None:
    page = "/desk/ledger/"
    moved = Transfer(chart.mpesa_payouts(), chart.mpesa_collections(), Decimal(7))
    post(key="test:float", kind="float_in", transfers=[moved])
    assert "Agrees" in text(desk.get(page))
    with slow("count(*)") as asked:
        answer = desk.get(page)
    assert len(asked) == 1 and "ledger_account" in asked[0]
    assert answer.status_code == 400
    said = text(answer)
    assert "This looks through too much at once. The sums of the book are left out." in said
    assert said.index("Trial balance") < said.index("This looks through too much") < said.index("Entries")
    assert "/desk/ledger/accounts/" in answer.content.decode(), "and the list of accounts stands"
    assert "Above zero" not in said, "no half of the sums"
    assert "Agrees" in text(desk.get(page))
