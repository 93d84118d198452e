"""The ledger's lists at the desk: transactions by what was asked for, and periods of an account."""

import datetime as dt
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.tests.people import signed_in, staff
from controls.exports import rows_of
from goldwallet.budget import in_time
from goldwallet.errors import Refused
from goldwallet.test.books import assert_books
from goldwallet.test.world import World, buy, paid
from ledger.listing import last_before, period_of
from ledger.models import Account
from oversight.tests.posting import LIST, dated, every_id, found, keys, move, nairobi, numbers, three_days
from trading.tests.pages import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Client:
    return signed_in(staff("treasury"))


# --- transactions ---------------------------------------------------------------------------------


def test_all_transactions_newest_first_with_everything_that_moved_in_words(
    world: World, desk: Client
) -> None:
    order = paid(buy(world.alice, 1000))
    answer = desk.get(LIST)
    assert numbers(answer) == every_id()
    said = text(answer)
    assert "Buy reserved" in said
    assert "alice@example.com: gold reserved for a buy" in said
    assert "First: free gold" in said
    assert "KES 1,000" in said
    assert str(world.alice.pk) not in said
    assert order.reference in said
    assert_books()


def test_by_kind(world: World, desk: Client) -> None:
    paid(buy(world.alice, 1000))
    assert found(desk, kind="buy_reserved") == every_id(kind="buy_reserved") != []
    assert desk.get(LIST, {"kind": "no such kind"}).status_code == 400


def test_by_person_and_by_account(world: World, desk: Client) -> None:
    paid(buy(world.alice, 1000))
    paid(buy(world.bob, 1000))
    mine = every_id(entries__account__code__startswith=f"user:{world.alice.pk}:")
    assert set(found(desk, account="Alice@example.com")) == set(mine)
    assert len(set(mine)) == 2
    cash = f"user:{world.alice.pk}:cash"
    assert found(desk, account=cash) == sorted(set(every_id(entries__account__code=cash)), reverse=True)
    for written in ("nobody@example.com", "no:such:account", "user:", "%", "'"):
        assert found(desk, account=written) == [], written


def test_by_amount_in_its_asset(world: World, desk: Client) -> None:
    small, middle, large = (move(n, amount) for n, amount in enumerate(("10", "20.50", "30")))
    assert found(desk, asset="KES", at_least="20.5", at_most="30") == [large, middle]
    assert found(desk, asset="KES", at_least="10", at_most="10") == [small]
    assert found(desk, asset="GOLD", at_least="20", at_most="30") == []
    # With an account it is the amount that this account got or gave.
    assert found(desk, asset="KES", at_most="20", account="mpesa:collections") == [small]
    bars = every_id(kind="vault_arrival")
    assert found(desk, asset="GOLD", at_least="1000", at_most="1000.000000") == bars != []


def test_by_nairobi_days(world: World, desk: Client) -> None:
    late, early, noon, last, after = (move(n) for n in range(5))
    dated(late, nairobi(3, 23, 59))
    dated(early, nairobi(4, 0, 0))
    dated(noon, nairobi(4))
    dated(last, nairobi(5, 23, 59))
    dated(after, nairobi(6, 0, 0))
    assert found(desk, since="2026-03-04", until="2026-03-05") == [last, noon, early]
    assert found(desk, since="2026-03-04", until="2026-03-04") == [noon, early]
    assert found(desk, until="2026-03-03") == [late]
    assert after in found(desk, since="2026-03-06")


def test_by_who_posted_it(world: World, desk: Client) -> None:
    mine = move(1, actor=str(world.vault.pk))
    nobodys = move(2)
    assert mine in found(desk, actor="Keeper@example.com")
    assert set(found(desk, actor="keeper@example.com")) == set(every_id(actor=str(world.vault.pk)))
    assert nobodys in found(desk, actor="system")
    assert mine not in found(desk, actor="System")
    assert found(desk, actor="nobody@example.com") == []


def test_by_reference_receipt_id_key_and_number(world: World, desk: Client) -> None:
    order = paid(buy(world.alice, 1000), receipt="TKL7X2M9QA")
    other = paid(buy(world.bob, 1000), receipt="TKL7X2M9QB")
    wanted = [f"payment:{order.payment_id}:paid", f"order:{order.pk}:reserved"]
    for written in (order.reference.lower(), "tkl7x2m9qa ", order.payment.reference):
        assert keys(found(desk, about=written)) == wanted, written
    assert keys(found(desk, about=str(order.pk))) == wanted[1:]
    assert keys(found(desk, about=f"order:{order.pk}")) == wanted[1:]
    number = every_id()[0]
    assert found(desk, number=number) == [number]
    assert str(other.pk) not in "".join(keys(found(desk, about=order.reference)))
    for written in ("NOSUCH1", "%", "\x00", "é", ":", "2**31"):
        assert found(desk, about=written) in ([], every_id()), written
    assert found(desk, number=2**40) == []


def test_several_filters_are_all_meant(world: World, desk: Client) -> None:
    paid(buy(world.alice, 1000))
    paid(buy(world.bob, 1000))
    got = found(desk, account="alice@example.com", kind="buy_paid", asset="KES", at_least="1000")
    assert len(got) == 1
    assert found(desk, account="alice@example.com", kind="buy_paid", asset="KES", at_least="1001") == []


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"since": "yesterday"}, "Write a day like 2026-11-21."),
        ({"since": "2026-03-04", "until": "2026-03-03"}, "The last day is before the first."),
        ({"since": "0001-01-01"}, "Write a year from 2000 to 2999."),
        ({"until": "9999-12-31"}, "Write a year from 2000 to 2999."),
        ({"at_least": "10"}, "Choose shillings or gold, so that the amount means something."),
        ({"asset": "KES", "at_least": "1,000"}, "Write the amount in shillings with digits only"),
        ({"asset": "KES", "at_most": "1.234"}, "Use at most 2 digits after the point."),
        ({"asset": "KES", "at_least": "5", "at_most": "4"}, "This is less than the amount before it."),
        ({"asset": "USD"}, "Choose one of these."),
        ({"number": "-1"}, "Write the number with digits only."),
        ({"number": "²"}, "Write the number with digits only."),
        ({"account": "x" * 255}, "Write at most 254 letters."),
    ],
)
def test_what_makes_no_sense_is_said_beside_its_field(world: World, desk: Client, asked, sentence) -> None:
    answer = desk.get(LIST, asked)
    assert answer.status_code == 400
    assert sentence in text(answer)
    assert f'href="{LIST}' not in answer.content.decode().partition('id="rows"')[2]
    # The file says the same, before its first line.
    with pytest.raises(Refused, match=re.escape(sentence[:20])):
        next(rows_of("transactions", asked), None)


def test_nonsense_in_the_address(world: World, desk: Client) -> None:
    for name in ("after", "account", "about", "actor"):
        for written in ("\x00", "%", "'", "\\", "é", "9" * 30, "-", "99999999999999999-9", "1-x"):
            assert desk.get(LIST, {name: written}).status_code == 200, (name, written)
    assert desk.post(LIST).status_code == 405


@pytest.mark.fault("X10")
def test_pages_go_on_without_a_gap_also_among_transactions_of_the_same_moment(
    world: World, desk: Client
) -> None:
    same = nairobi(4)
    for number in range(120):
        made = move(number)
        if number % 3 == 0:
            dated(made, same)
    url: str | None = LIST + "?kind=test"
    seen: list[int] = []
    steps = 0
    while url:
        answer = desk.get(url)
        seen += numbers(answer)
        older = re.search(r'href="([^"]*after=[^"]+)"', answer.content.decode())
        url = older[1].replace("&amp;", "&") if older else None
        steps += 1
    assert seen == every_id(kind="test")
    assert (len(seen), steps) == (120, 3)


def test_htmx_gets_the_rows_alone_and_a_refusal_in_their_place(world: World, desk: Client) -> None:
    headers = {"HX-Request": "true", "HX-Target": "rows"}
    part = desk.get(LIST, {"kind": "float_in"}, headers=headers)
    assert part.status_code == 200
    assert "<html" not in part.content.decode()
    assert len(re.findall(rf'href="{LIST}\d+/"', part.content.decode())) == 1
    refused = desk.get(LIST, {"number": "x"}, headers=headers)
    assert refused.status_code == 200
    assert "Number: Write the number with digits only." in text(refused)


@pytest.mark.fault("X10")
def test_a_page_asks_as_much_for_fifty_rows_as_for_one(world: World, desk: Client) -> None:
    def asked(url: str, **filters: object) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert desk.get(url, filters).status_code == 200
        return len(queries)

    paid(buy(world.alice, 1000))
    move(0)
    account = reverse("desk_account", args=["house:sales"])
    urls = [
        (LIST, {"account": "alice@example.com", "asset": "KES", "actor": "system", "since": "2026-01-01"}),
        (LIST, {}),
        (account, {"since": "2026-01-01", "until": "2026-12-31"}),
        (reverse("desk_ledger"), {"asset": "KES"}),
    ]
    [asked(url, **filters) for url, filters in urls]  # what a process asks once
    few = [asked(url, **filters) for url, filters in urls]
    for number in range(1, 60):
        move(number, actor=str(staff().pk) if number % 10 == 0 else "")
    paid(buy(world.alice, 1000))
    many = [asked(url, **filters) for url, filters in urls]
    assert many == few
    assert max(many) <= 25


@pytest.mark.fault("X10")
def test_a_question_that_takes_too_long_is_given_up_with_a_sentence(world: World) -> None:
    with pytest.raises(Refused, match="too much at once"), in_time(0.05), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(5)")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout')")
        before = cursor.fetchone()[0]
    with in_time(1):
        pass
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout')")
        assert cursor.fetchone()[0] == before


def test_who_sees_the_lists_and_who_takes_an_extract(world: World) -> None:
    urls = [LIST, reverse("desk_account_extract", args=["house:capital"])]
    for role, status in (
        ("treasury", 200),
        ("auditor", 200),
        ("administrator", 200),
        ("pricing", 403),
        ("vault", 403),
        ("reviewer", 403),
    ):
        browser = signed_in(staff(role))
        assert [browser.get(url).status_code for url in urls] == [status] * 2, role
    assert [signed_in(world.alice).get(url).status_code for url in urls] == [403] * 2
    assert all(Client().get(url).status_code == 302 for url in urls)


# --- accounts -------------------------------------------------------------------------------------


def test_accounts_by_asset_and_by_whose_they_are(world: World, desk: Client) -> None:
    paid(buy(world.alice, 1000))

    def codes(**asked: str) -> list[str]:
        page = desk.get(reverse("desk_ledger"), asked).content.decode()
        return [code.replace("%3A", ":") for code in re.findall(r'/desk/ledger/accounts/([^"/]+)/"', page)]

    every = list(Account.objects.order_by("code").values_list("code", "asset"))
    assert codes(asset="GOLD") == [code for code, asset in every if asset == "GOLD"]
    assert codes(owner="people") == [code for code, _ in every if code.startswith("user:")]
    assert codes(owner="pools") == [code for code, _ in every if code.startswith("pool:")]
    house = [code for code, _ in every if not code.startswith(("user:", "pool:"))]
    assert codes(owner="house") == house != []
    assert codes(owner="house", asset="GOLD") == []
    assert desk.get(reverse("desk_ledger"), {"owner": "x"}).status_code == 400


def test_a_period_of_an_account_opens_and_closes_with_its_balances(world: World, desk: Client) -> None:
    url = three_days()
    answer = desk.get(url, {"since": "2026-03-05", "until": "2026-03-05"})
    said = text(answer)
    assert re.search(r"Opening balance\s+KES 10\b", said)
    assert re.search(r"Closing balance\s+KES 30\b", said)
    assert re.search(r"Change\s+\+KES 20\b", said)
    assert len(numbers(answer)) == 1
    assert re.search(r"Opening balance\s+KES 60\b", text(desk.get(url, {"since": "2026-03-07"})))
    nothing = text(desk.get(url, {"until": "2026-03-03"}))
    assert re.search(r"Closing balance\s+KES 0\b", nothing)
    assert "No entries in these days" in nothing
    wrong = desk.get(url, {"since": "2026-03-05", "until": "2026-03-04"})
    assert wrong.status_code == 400
    assert "The last day is before the first." in text(wrong)


def test_days_of_an_account_fit_together_also_when_lines_crossed_at_midnight(world: World) -> None:
    """A later line may carry an earlier time: its transaction waited for the account's lock."""
    made = [move(number) for number in range(6)]
    before, after = nairobi(4, 23, 59), nairobi(5, 0, 1)
    for one, at in zip(made, (before, after, before, after, after, after), strict=True):
        dated(one, at)
    sales = Account.objects.get(code="house:sales")
    midnight = nairobi(5, 0)
    first, second = period_of(sales, until=midnight), period_of(sales, since=midnight)
    assert (first.first, first.last, second.first, second.last) == (0, 3, 3, 6)
    assert first.closing == second.opening == 3
    assert first.change + second.change == sales.balance


def test_the_place_of_a_moment_is_found_in_a_long_account(world: World) -> None:
    start = nairobi(1)
    for number in range(40):
        dated(move(number), start + dt.timedelta(hours=number))
    with CaptureQueriesContext(connection) as queries:
        for number in range(41):
            assert last_before("house:sales", start + dt.timedelta(hours=number)) == number
    assert len(queries) == 41
    assert last_before("no:such:account", start) == 0
