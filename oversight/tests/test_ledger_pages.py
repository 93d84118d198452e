"""The ledger at the desk: accounts, one account's statement, one transaction."""

import re
from decimal import Decimal
from urllib.parse import unquote

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.people import signed_in, staff
from goldwallet.test.world import World, buy, paid
from ledger import chart
from ledger.chart import Code
from ledger.models import Account, Transaction
from ledger.selectors import trial_balance
from ledger.services import Transfer, post
from ledger.services import reverse as undo
from trading.tests.pages import nothing_changes, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Client:
    return signed_in(staff("treasury"))


def codes(response) -> list[str]:
    return [
        unquote(code)
        for code in re.findall(r'href="/desk/ledger/accounts/([^"/]+)/"', response.content.decode())
    ]


def test_all_accounts_and_the_trial_balance(world: World, desk: Client) -> None:
    paid(buy(world.alice, 1000))
    response = desk.get(reverse("desk_ledger"))
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert codes(response) == sorted(Account.objects.values_list("code", flat=True))
    assert all(total.difference == 0 for total in trial_balance())


def test_finding_an_account(world: World, desk: Client) -> None:
    paid(buy(world.alice, 1000))
    found = codes(desk.get(reverse("desk_ledger"), {"code": f" {world.alice.pk} "}))
    assert found == sorted([f"user:{world.alice.pk}:{part}" for part in ("cash", "gold", "gold:incoming")])
    assert codes(desk.get(reverse("desk_ledger"), {"code": "no such account"})) == []


def test_accounts_are_called_by_their_owners(world: World, desk: Client) -> None:
    """Nobody has to know which person has which id: on no page of the ledger an id is read."""
    order = paid(buy(world.alice, 1000))
    posted = Transaction.objects.get(key=f"payment:{order.payment_id}:paid")
    cash, free = chart.user_cash(world.alice.pk).code, chart.pool_available(world.pool.pk).code
    for url in (
        reverse("desk_ledger"),
        reverse("desk_account", args=[chart.mpesa_collections().code]),
        reverse("desk_transaction", args=[posted.pk]),
        reverse("desk_order", args=[order.pk]),
    ):
        said = text(desk.get(url))
        assert "alice@example.com: cash that we owe" in said, url
        assert cash not in said, url
    keeper = signed_in(staff("vault"))
    assert "alice@example.com: gold reserved for a buy" in text(
        keeper.get(reverse("desk_pool", args=[world.pool.pk]))
    )
    assert "First: free gold" in text(desk.get(reverse("desk_account", args=[free])))


def test_a_person_is_found_by_the_email_address(world: World, desk: Client) -> None:
    paid(buy(world.alice, 1000))
    paid(buy(world.bob, 1000))
    found = codes(desk.get(reverse("desk_ledger"), {"code": "Alice@example.com"}))
    assert found == sorted([f"user:{world.alice.pk}:{part}" for part in ("cash", "gold", "gold:incoming")])
    assert codes(desk.get(reverse("desk_ledger"), {"code": "nobody@example.com"})) == []


def test_who_posted_it_is_named(world: World, desk: Client) -> None:
    transfer = Transfer(chart.mpesa_collections(), chart.house_sales(), Decimal(1))
    post(key="test:by", kind="test", transfers=[transfer], actor=str(world.vault.pk))
    posted = Transaction.objects.get(key="test:by")
    said = text(desk.get(reverse("desk_transaction", args=[posted.pk])))
    assert "keeper@example.com" in said
    assert str(world.vault.pk) not in said


def test_nonsense_in_the_address(world: World, desk: Client) -> None:
    for name in ("code", "after"):
        for written in ("\x00", "%", "_", "'", "\\", "x" * 254, "é"):
            assert desk.get(reverse("desk_ledger"), {name: written}).status_code == 200, written
    too_long = desk.get(reverse("desk_ledger"), {"code": "x" * 2000})
    assert too_long.status_code == 400
    assert "Write at most 254 letters." in text(too_long)


def test_the_next_page_of_accounts(world: World, desk: Client) -> None:
    for number in range(60):
        source = Code(f"test:{number:03}:out", "KES", may_go_negative=True)
        transfers = [Transfer(source, Code(f"test:{number:03}:in", "KES"), Decimal(1))]
        post(key=f"test:{number}", kind="test", transfers=transfers)
    first = desk.get(reverse("desk_ledger"), {"code": "test:"})
    assert len(codes(first)) == 100
    older = re.search(r'href="(/desk/ledger/\?[^"]*after=[^"]+)"', first.content.decode())
    assert older is not None
    second = desk.get(older[1].replace("&amp;", "&"))
    assert codes(first) + codes(second) == sorted(codes(first) + codes(second))
    assert len(codes(second)) == 20


def test_the_statement_of_an_account(world: World, desk: Client) -> None:
    for _ in range(3):
        paid(buy(world.alice, 1000))
    code = chart.user_gold(world.alice.pk).code
    response = desk.get(reverse("desk_account", args=[code]))
    assert response.status_code == 200
    said = re.sub(r"\s", "", text(response))
    for figure in ("0.060606", "0.121212", "0.181818"):
        assert figure in said
    assert len(set(re.findall(r"/desk/ledger/transactions/(\d+)/", response.content.decode()))) == 3


def test_a_long_statement_goes_on(world: World, desk: Client) -> None:
    for number in range(52):
        transfer = Transfer(chart.mpesa_collections(), chart.house_sales(), Decimal(1))
        post(key=f"test:{number}", kind="test", transfers=[transfer])
    url = reverse("desk_account", args=[chart.house_sales().code])
    seen: list[str] = []
    pages = 0
    while url:
        response = desk.get(url)
        seen += re.findall(r"/desk/ledger/transactions/(\d+)/", response.content.decode())
        older = re.search(r'href="(/desk/ledger/accounts/[^"]*after=\d+)"', response.content.decode())
        url = older[1] if older else ""
        pages += 1
    assert pages == 2
    assert len(set(seen)) == 52


def test_a_place_in_the_statement_that_is_nonsense(world: World, desk: Client) -> None:
    url = reverse("desk_account", args=[chart.mpesa_payouts().code])
    for after in ("x", "-1", "²", "0", "9" * 30, "\x00"):
        assert desk.get(url, {"after": after}).status_code == 200, after


def test_an_account_or_transaction_that_does_not_exist(world: World, desk: Client) -> None:
    for url in (
        reverse("desk_account", args=["no:such"]),
        "/desk/ledger/accounts/%00/",
        reverse("desk_transaction", args=[2**31]),
        reverse("desk_transaction", args=[2**70]),
        "/desk/ledger/transactions/x/",
    ):
        assert desk.get(url).status_code == 404, url


def test_one_transaction_with_both_ends_of_each_transfer(world: World, desk: Client) -> None:
    order = paid(buy(world.alice, 1000))
    posted = Transaction.objects.get(key=f"payment:{order.payment_id}:paid")
    response = desk.get(reverse("desk_transaction", args=[posted.pk]))
    assert response.status_code == 200
    said = text(response)
    assert order.reference in said
    assert "KES 1,000" in said
    assert set(codes(response)) >= {
        f"user:{world.alice.pk}:gold:incoming",
        f"user:{world.alice.pk}:gold",
        f"user:{world.alice.pk}:cash",
        "mpesa:collections",
        "house:sales",
    }


def test_a_reversal_and_what_it_reverses_point_at_each_other(world: World, desk: Client) -> None:
    first = Transaction.objects.get(key="test:float")
    second = undo(transaction_id=first.pk, key="test:undo", memo="a test")
    assert (
        f"/desk/ledger/transactions/{second}/"
        in desk.get(reverse("desk_transaction", args=[first.pk])).content.decode()
    )
    assert (
        f"/desk/ledger/transactions/{first.pk}/"
        in desk.get(reverse("desk_transaction", args=[second])).content.decode()
    )


def test_who_sees_the_ledger(world: World) -> None:
    posted = Transaction.objects.get(key="test:float")
    urls = [
        reverse("desk_ledger"),
        reverse("desk_account", args=["house:capital"]),
        reverse("desk_transaction", args=[posted.pk]),
    ]
    for role, status in (
        ("treasury", 200),
        ("auditor", 200),
        ("administrator", 200),
        ("pricing", 403),
        ("vault", 403),
        ("reviewer", 403),
    ):
        browser = signed_in(staff(role))
        assert [browser.get(url).status_code for url in urls] == [status] * 3, role
    assert [signed_in(world.alice).get(url).status_code for url in urls] == [403] * 3
    assert all(Client().get(url).status_code == 302 for url in urls)


def test_the_ledger_is_only_read(world: World, desk: Client) -> None:
    with nothing_changes():
        for url in (reverse("desk_ledger"), reverse("desk_account", args=["house:capital"])):
            assert desk.post(url, {"balance": "1"}).status_code == 405
