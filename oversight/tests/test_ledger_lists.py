"""The ledger's lists at the desk: transactions by what was asked for, periods of an account, files and the extract."""

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from accounts.tests.people import signed_in, staff
from controls.exports import EXPORTS, rows_of
from controls.models import AuditEntry
from goldwallet.budget import in_time
from goldwallet.clock import NAIROBI
from goldwallet.errors import Refused
from goldwallet.test.books import assert_books
from goldwallet.test.pdf import pages, texts
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.chart import Code
from ledger.models import Account, Transaction
from ledger.services import Transfer, post
from oversight.book import extract
from oversight.book.extract import hash_of
from trading.tests.pages import text

pytestmark = pytest.mark.django_db

LIST = "/desk/ledger/transactions/"


@pytest.fixture
def desk(db: None) -> Client:
    return signed_in(staff("treasury"))


def numbers(response) -> list[int]:
    assert response.status_code == 200, text(response)
    rows = response.content.decode().partition('id="rows"')[2].partition('id="trail"')[0]
    return [int(number) for number in re.findall(rf'href="{LIST}(\d+)/"', rows)]


def found(desk: Client, **asked: object) -> list[int]:
    return numbers(desk.get(LIST, asked))


def keys(ids: list[int]) -> list[str]:
    by_id = dict(Transaction.objects.filter(pk__in=ids).values_list("pk", "key"))
    return [by_id[number] for number in ids]


def every_id(**conditions: object) -> list[int]:
    rows = Transaction.objects.filter(**conditions).order_by("-created_at", "-pk")
    return list(rows.values_list("pk", flat=True))


def move(
    number: int, amount: Decimal | int = 1, *, kind: str = "test", actor: str = "", memo: str = ""
) -> int:
    transfer = Transfer(chart.mpesa_collections(), chart.house_sales(), Decimal(amount))
    return post(key=f"test:{number}", kind=kind, transfers=[transfer], actor=actor, memo=memo)


def dated(transaction_id: int, at: dt.datetime) -> None:
    """Let it have been posted then. The book's guards are off for this one statement."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_transaction DISABLE TRIGGER USER")
        cursor.execute("UPDATE ledger_transaction SET created_at = %s WHERE id = %s", [at, transaction_id])
        cursor.execute("ALTER TABLE ledger_transaction ENABLE TRIGGER USER")


def nairobi(day: int, hour: int = 12, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 3, day, hour, minute, tzinfo=NAIROBI)


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
            if len(written) < 200:
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
        with CaptureQueriesContext(
            connection,
        ) as queries:
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


def three_days(desk: Client) -> str:
    """Lines on 4, 5 and 6 March of 10, 20 and 30 shillings; the page of their account."""
    for number, day in enumerate((4, 5, 6)):
        dated(move(number, (number + 1) * 10), nairobi(day))
    return reverse("desk_account", args=["house:sales"])


def test_a_period_of_an_account_opens_and_closes_with_its_balances(world: World, desk: Client) -> None:
    url = three_days(desk)
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
    from ledger.listing import period_of

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
    from ledger.listing import last_before

    start = nairobi(1)
    for number in range(40):
        dated(move(number), start + dt.timedelta(hours=number))
    with CaptureQueriesContext(connection) as queries:
        for number in range(41):
            assert last_before("house:sales", start + dt.timedelta(hours=number)) == number
    assert len(queries) == 41
    assert last_before("no:such:account", start) == 0


# --- files ----------------------------------------------------------------------------------------


def test_the_file_of_transactions_is_the_list(world: World, desk: Client) -> None:
    paid(buy(world.alice, 1000))
    sell(world.alice, Decimal("0.01"))
    asked = {"account": "alice@example.com"}
    rows = list(rows_of("transactions", asked))
    assert list(dict.fromkeys(row[0] for row in rows)) == found(desk, **asked)
    assert {len(row) for row in rows} == {len(EXPORTS["transactions"].columns)}
    said = text(desk.get(LIST, asked))
    for row in rows:
        assert row[2] in said
        assert row[4] in said
        assert row[5] in said
    cash = [row for row in rows if row[6] == "KES" and row[5] == "alice@example.com: cash that we owe"]
    assert [str(row[7]) for row in cash if row[2] == "Buy paid"] == ["1000.00"]
    assert list(rows_of("transactions", {"account": "nobody@example.com"})) == []


def test_a_file_goes_on_over_its_steps(world: World, desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oversight.exports._STEP", 3)
    for number in range(7):
        move(number)
    assert [row[0] for row in rows_of("transactions", {"kind": "test"})] == every_id(kind="test")
    lines = list(rows_of("account", {"code": "house:sales"}))
    assert [row[0] for row in lines] == [7, 6, 5, 4, 3, 2, 1]
    assert [row[6] for row in lines] == [7, 6, 5, 4, 3, 2, 1]
    assert {len(row) for row in lines} == {len(EXPORTS["account"].columns)}


def test_the_file_of_an_account_is_its_page(world: World, desk: Client) -> None:
    url = three_days(desk)
    asked = {"since": "2026-03-05"}
    rows = list(rows_of("account", asked | {"code": "house:sales"}))
    assert [row[2] for row in rows] == numbers(desk.get(url, asked))
    assert [row[6] for row in rows] == [60, 30]
    for code in ("", "no:such", "\x00"):
        with pytest.raises(Refused, match="no such account"):
            next(rows_of("account", {"code": code}), None)


# --- the extract ----------------------------------------------------------------------------------


def test_an_extract_on_paper(world: World, desk: Client) -> None:
    url = three_days(desk)
    answer = desk.get(f"{url}extract.pdf", {"since": "2026-03-05", "until": "2026-03-06"})
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="ledger-house-sales.pdf"'
    assert "no-store" in answer["Cache-Control"]
    said = texts(answer.content)
    for piece in (
        "Gold Wallet",
        "Ledger extract",
        "5 Mar 2026 to 6 Mar 2026",
        "Sales of gold",
        "house:sales",
        "10.00 KES",
        "60.00 KES",
        "20.00",
        "30.00",
        "At M-Pesa, collections",
        "Page 1 of 1",
    ):
        assert piece in said, piece
    maker = User.objects.get(groups__name="treasury")
    assert any(text.startswith(f"Made by {maker.email} on ") for text in said)
    line = AuditEntry.objects.get(action="export")
    assert (line.subject, line.actor, line.after["lines"]) == ("account:house:sales", maker, 2)
    assert any(line.after["sha256"] in text for text in said)
    assert str(world.alice.pk) not in " ".join(said)


def test_an_extract_of_a_person_says_for_the_audit_trail_whose_it_is(world: World, desk: Client) -> None:
    paid(buy(world.alice, 1000))
    code = chart.user_gold(world.alice.pk).code
    said = texts(desk.get(reverse("desk_account_extract", args=[code])).content)
    assert "alice@example.com: gold" in said
    assert "0.060606" in said
    assert AuditEntry.objects.get(action="export").person == world.alice


def test_the_hash_of_an_extract_changes_with_each_part_of_a_line(world: World, desk: Client) -> None:
    from dataclasses import replace

    from ledger.selectors import statement

    three_days(desk)
    lines = statement("house:sales")
    told = {hash_of(lines), hash_of(lines[:2]), hash_of(lines[::-1])}
    for other in (
        {"seq": 9},
        {"transaction_id": 9},
        {"kind": "x"},
        {"counterpart": "x"},
        {"amount": Decimal(9)},
        {"balance": Decimal(9)},
        {"at": nairobi(9)},
    ):
        told.add(hash_of([replace(lines[0], **other), *lines[1:]]))
    assert len(told) == 10
    # It is of what was posted, not of how it is printed.
    assert hash_of([replace(lines[0], at=lines[0].at.astimezone(NAIROBI)), *lines[1:]]) == hash_of(lines)


@pytest.mark.fault("X10")
def test_more_lines_than_a_pdf_holds_are_refused_with_the_way_to_the_file(
    world: World, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "MOST_LINES", 2)
    url = three_days(desk)
    answer = desk.get(f"{url}extract.pdf")
    assert answer.status_code == 400
    assert (
        "These days have 3 lines, and a PDF holds 2. Choose fewer days, or take the list as a CSV file."
        in text(answer)
    )
    assert "format=csv&amp;code=house%3Asales" in answer.content.decode()
    assert not AuditEntry.objects.filter(action="export").exists()
    assert desk.get(f"{url}extract.pdf", {"since": "2026-03-05"}).status_code == 200


def test_an_extract_with_names_that_no_font_knows(world: World, desk: Client) -> None:
    world.pool.name = "👑 ذهب Zürich\u202e"
    type(world.pool).objects.filter(pk=world.pool.pk).update(name=world.pool.name)
    code = chart.pool_available(world.pool.pk).code
    answer = desk.get(reverse("desk_account_extract", args=[code]))
    assert answer.status_code == 200
    assert "? ??? Zürich: free gold" in texts(answer.content)


def test_a_long_extract_has_all_lines_and_a_number_on_each_page(world: World, desk: Client) -> None:
    for number in range(130):
        move(number)
    content = desk.get(reverse("desk_account_extract", args=["house:sales"])).content
    sheets = pages(content)
    assert len(sheets) > 1
    assert all(f"Page {n} of {len(sheets)}" in sheet for n, sheet in enumerate(sheets, start=1))
    assert texts(content).count("Test") == 130


def test_days_of_an_extract_that_make_no_sense(world: World, desk: Client) -> None:
    url = reverse("desk_account_extract", args=["house:capital"])
    assert desk.get(url, {"since": "x"}).status_code == 400
    assert desk.get("/desk/ledger/accounts/%00/extract.pdf").status_code == 404
    assert desk.get("/desk/ledger/accounts/no:such/extract.pdf").status_code == 404


# --- one transaction ------------------------------------------------------------------------------


def links(desk: Client, key: str) -> str:
    posted = Transaction.objects.get(key=key)
    return desk.get(reverse("desk_transaction", args=[posted.pk])).content.decode()


def test_a_transaction_leads_to_what_it_is_about(world: World, desk: Client) -> None:
    order = paid(buy(world.alice, 1000), receipt="TKL7X2M9QA")
    for key in (f"order:{order.pk}:reserved", f"payment:{order.payment_id}:paid"):
        page = links(desk, key)
        assert f'href="{reverse("desk_order", args=[order.pk])}"' in page, key
        assert f'href="{reverse("desk_payment", args=[order.payment_id])}"' in page, key
        assert f"Order {order.reference}" in page
        assert "receipt TKL7X2M9QA" in page
        # And its accounts.
        assert f'href="/desk/ledger/accounts/user:{world.alice.pk}:gold:incoming/"' in page.replace(
            "%3A", ":"
        )


def test_a_transaction_of_bars_leads_to_their_pool_for_who_may_open_it(world: World, desk: Client) -> None:
    vault = links(signed_in(staff("administrator")), "vault:test:first")
    assert "Bars BAR-FIRST, pool First" in vault
    assert f'href="{reverse("desk_pool", args=[world.pool.pk])}"' in vault
    treasury = links(desk, "vault:test:first")
    assert "Bars BAR-FIRST, pool First" in treasury
    assert f'href="{reverse("desk_pool", args=[world.pool.pk])}"' not in treasury


def test_a_transaction_without_a_cause_that_we_know(world: World, desk: Client) -> None:
    for number, key in enumerate(
        ("request:x", "order:", "payment:00000000-0000-4000-8000-000000000000:paid", "x")
    ):
        transfer = Transfer(Code("test:a", "KES", may_go_negative=True), Code("test:b", "KES"), Decimal(1))
        post(key=key, kind=f"test{number}", transfers=[transfer])
        assert "<dt>About</dt>" not in links(desk, key), key


def test_looking_at_the_book_is_noted(world: World, desk: Client) -> None:
    paid(buy(world.alice, 1000))
    code = chart.user_cash(world.alice.pk).code
    posted = every_id()[0]
    for url in (LIST, reverse("desk_account", args=[code]), reverse("desk_transaction", args=[posted])):
        assert desk.get(url).status_code == 200
    told = AuditEntry.objects.filter(action="read").order_by("id").values_list("subject", "person_id")
    assert list(told) == [
        ("transactions", None),
        (f"account:{code}", world.alice.pk),
        (f"transaction:{posted}", None),
    ]


def test_a_request_and_money_that_came_lead_to_what_they_posted(world: World, desk: Client) -> None:
    """The other way round: from the page of the cause into the ledger, for who may open it."""
    from django.template import Context, Template

    move_on = Transfer(chart.mpesa_collections(), chart.house_sales(), Decimal(1))
    key = "00000000-0000-4000-8000-000000000001"
    made = [
        post(key=name, kind=f"test{number}", transfers=[move_on])
        for number, name in enumerate((f"request:{key}", f"adjustment:{key}", f"arrival:{key}:suspense"))
    ]
    shown = Template('{% include "components/posted.html" %}')

    def links_for(subject: str, role: str) -> list[int]:
        page = shown.render(Context({"subject": subject, "user": staff(role)}))
        return [int(number) for number in re.findall(rf"{LIST}(\d+)/", page)]

    assert links_for(f"request:{key}", "treasury") == made[:2]
    assert links_for(f"arrival:{key}", "auditor") == made[2:]
    assert links_for(f"request:{key}", "vault") == []
    assert links_for("request:x", "treasury") == []
