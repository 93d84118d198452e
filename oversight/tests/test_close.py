"""The daily close: its figures against sums of their own, days of Nairobi, and a page that never changes."""

import datetime as dt
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import signed_in, staff
from controls.models import AuditEntry, Request, Switch
from controls.services import switch_pause
from goldwallet.clock import NAIROBI, now
from goldwallet.test.books import assert_books
from goldwallet.test.clock import clock_shift
from goldwallet.test.pdf import pages
from goldwallet.test.two import agreed
from goldwallet.test.world import BUY, SELL, World, buy, paid, sell
from ledger import chart
from ledger.models import Entry
from ledger.services import Transfer, post
from ledger.services import reverse as undo
from oversight.close import making
from oversight.close.figures import digest_of, figures_of, span_of
from oversight.close.making import closes_make
from oversight.models import Break, BreakKind, DailyClose, Run, RunState
from oversight.privacy import letting_go
from oversight.tests.day import Day
from payments.models import Exchange, Kind, Payment, State
from payments.services import payment_settle
from pools import services as pools
from pools.models import Bar
from pools.services import NewBar
from trading.models import Order
from trading.services import order_expire

pytestmark = pytest.mark.django_db

ZERO = Decimal(0)


@pytest.fixture
def day(world: World) -> dt.date:
    """The day after tomorrow: the world was made before it."""
    return now().astimezone(NAIROBI).date() + dt.timedelta(days=2)


@contextmanager
def at(day: dt.date, time: str = "12:00:00") -> Iterator[None]:
    """The house lives at this time in Nairobi."""
    wanted = dt.datetime.combine(day, dt.time.fromisoformat(time), NAIROBI)
    clock_shift(dt.timedelta())
    clock_shift(wanted - now())
    try:
        yield
    finally:
        clock_shift(dt.timedelta())


def unpaid(order: Order) -> None:
    Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING)
    exchange = Exchange.objects.create(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT)
    assert payment_settle(payment_id=order.payment_id, paid=False, exchange=exchange, code="1032")


def priced(world: World) -> None:
    """A price of the house's own moment: an old one closes the trade."""
    pools.price_set(buy=BUY, sell=SELL, by=world.pricing, reason="test", confirmed=True)


def busy_day(world: World, day: dt.date) -> None:
    """Everything that moves gold and money, in the day and around it."""
    alice = world.alice
    with at(day - dt.timedelta(days=1), "23:00:00"):
        priced(world)
        paid(buy(alice, 33_000))
        too_late = buy(world.bob, 1700)
    with at(day - dt.timedelta(days=1), "23:59:00"):
        left_open = buy(world.bob, 1000)
    with at(day, "00:00:10"):
        paid(left_open)
    with at(day, "00:05:00"):
        priced(world)
        paid(too_late)
        paid(buy(alice, 16_500))
        expired = buy(world.bob, 2000)
        Order.objects.filter(pk=expired.pk).update(expires_at=now())
        assert order_expire(expired.pk)
        paid(expired, receipt="TKL7X2M9QA")
        unpaid(buy(alice, 1500))
        paid(sell(alice, Decimal("0.5")))
        unpaid(sell(alice, Decimal("0.25")))
        sell(alice, Decimal("0.1"))
        buy(world.bob, 1600)
        bars = [
            NewBar(serial=f"BAR-{number}", gross_grams=Decimal(100), fineness=Decimal("999.9"))
            for number in (1, 2)
        ]
        pools.bar_add(pool_id=world.pool.pk, bars=bars, key="in", by=world.vault)
        gone = Bar.objects.get(serial="BAR-2")
        pools.bar_withdraw(pool_id=world.pool.pk, bar_ids=[gone.pk], key="out", by=world.vault)
        given = Transfer(chart.house_adjustments(), chart.user_cash(alice.pk), Decimal(70))
        posted = post(key="test:given", kind="adjust_cash", transfers=[given])
        undo(transaction_id=posted, key="test:undone")
        strange = Transfer(chart.mpesa_collections(), chart.suspense_mpesa(), Decimal(500))
        post(key="test:strange", kind="arrival_suspense", transfers=[strange])
    with at(day + dt.timedelta(days=1), "00:00:01"):
        priced(world)
        paid(buy(alice, 3300))


# --- figures --------------------------------------------------------------------------------------


def summed(code: str, end: dt.datetime, start: dt.datetime | None = None, *, sign: int = 0) -> Decimal:
    """Entries of an account, or of one of people's (`user:gold`), added up one by one."""
    wanted = re.compile(code.replace("user:", "user:[^:]+:", 1) + "$")
    rows = Entry.objects.filter(transaction__created_at__lt=end)
    if start is not None:
        rows = rows.filter(transaction__created_at__gte=start)
    return sum(
        (
            amount
            for name, amount in rows.values_list("account__code", "amount")
            if wanted.match(name) and amount * sign >= 0
        ),
        ZERO,
    )


def test_every_account_is_what_its_entries_add_up_to(world: World, day: dt.date) -> None:
    busy_day(world, day)
    span = span_of(day)

    figures = figures_of(day)

    accounts = figures["cash"]["accounts"]
    assert {"mpesa:collections", "user:cash", "suspense:mpesa"} <= {one["code"] for one in accounts}
    for one in accounts:
        there = -1 if one["code"].startswith("mpesa:") else 1
        assert Decimal(one["opening"]) == there * summed(one["code"], span.start), one
        assert Decimal(one["closing"]) == there * summed(one["code"], span.end), one
        assert Decimal(one["came"]) == there * summed(one["code"], span.end, span.start, sign=there), one
        assert Decimal(one["went"]) == there * summed(one["code"], span.end, span.start, sign=-there), one
    assert figures["cash"]["difference"] == "0.00"
    moved = [one for one in accounts if Decimal(one["came"]) or Decimal(one["went"])]
    assert len(moved) >= 7, "the day was busy"
    assert_books()


def test_gold_by_pool_is_what_lay_there(world: World, day: dt.date) -> None:
    busy_day(world, day)
    span = span_of(day)

    gold = figures_of(day)["gold"]

    (pool,) = gold["pools"]
    vault = chart.pool_vault(world.pool.pk).code
    assert (pool["id"], pool["bars"]) == (str(world.pool.pk), 2)
    assert (pool["opening"], pool["came"], pool["went"]) == ("1000.000000", "199.980000", "-99.990000")
    assert pool["closing"] == "1099.990000" == f"{-summed(vault, span.end):.6f}"
    assert pool["bars_fine"] == pool["closing"]
    assert Decimal(gold["owed"]) == summed("user:gold", span.end) + summed("user:gold:locked", span.end)
    assert Decimal(gold["for_sale"]) == Decimal("0.1")
    assert Decimal(gold["reserved"]) == summed("user:gold:incoming", span.end) > 0
    assert (gold["difference"], gold["bars_difference"]) == ("0.000000", "0.000000")
    promised = Decimal(gold["owed"]) + Decimal(gold["reserved"])
    assert Decimal(pool["promised"]) == promised == Decimal(pool["closing"]) - Decimal(pool["free"])


def test_trade_is_what_was_delivered_in_the_day(world: World, day: dt.date) -> None:
    busy_day(world, day)

    trade = figures_of(day)["trade"]

    # Bought a minute before midnight and paid after it, 1000 shillings count here; so does honoured late money.
    assert (trade["buys"]["count"], trade["buys"]["kes"]) == (3, "19500.00")
    done = Order.objects.filter(
        side="buy", status="completed", finished_at__gte=span_of(day).start, finished_at__lt=span_of(day).end
    )
    assert Decimal(trade["buys"]["grams"]) == sum(done.values_list("grams", flat=True), ZERO)
    assert Decimal(trade["buys"]["average"]) == pytest.approx(Decimal(16500), abs=Decimal("0.05"))
    assert trade["sales"] == {"count": 1, "grams": "0.500000", "kes": "8000.00", "average": "16000.00"}
    assert trade["payouts"] == {"count": 1, "kes": "8000.00"}
    assert (trade["expired"], trade["buys_failed"], trade["sales_failed"]) == (1, 1, 1)
    assert (trade["kept_late"], trade["reversed"], trade["refunded"]) == (1, 0, 0)


def test_postings_by_kind_are_the_whole_change_of_the_day(world: World, day: dt.date) -> None:
    busy_day(world, day)
    span = span_of(day)

    figures = figures_of(day)

    kinds = figures["posted"]
    assert {"buy_paid", "vault_arrival", "vault_withdrawal", "reversal"} <= {one["kind"] for one in kinds}
    assert sum(one["count"] for one in kinds) == (
        Entry.objects.filter(transaction__created_at__gte=span.start, transaction__created_at__lt=span.end)
        .values("transaction")
        .distinct()
        .count()
    )
    cash = {one["code"]: one for one in figures["cash"]["accounts"]}
    change = Decimal(cash["user:cash"]["closing"]) - Decimal(cash["user:cash"]["opening"])
    assert sum(Decimal(one["cash"]) for one in kinds) == change
    floats = [cash["mpesa:collections"], cash["mpesa:payouts"]]
    assert sum(Decimal(one["mpesa"]) for one in kinds) == sum(
        Decimal(one["closing"]) - Decimal(one["opening"]) for one in floats
    )


def test_a_day_is_nairobis(world: World, day: dt.date) -> None:
    """Midnight there is nine in the evening in UTC: what is posted a second before belongs to the day before."""
    for number, (offset, time) in enumerate(
        [(-1, "23:59:59"), (0, "00:00:00"), (0, "23:59:59"), (1, "00:00:00")]
    ):
        with at(day + dt.timedelta(days=offset), time):
            moved = Transfer(chart.mpesa_collections(), chart.house_capital(), Decimal(10**number))
            post(key=f"test:{number}", kind="float_move", transfers=[moved])

    account = next(one for one in figures_of(day)["cash"]["accounts"] if one["code"] == "mpesa:collections")

    assert (account["opening"], account["came"], account["closing"]) == ("1.00", "110.00", "111.00")
    assert span_of(day).start.astimezone(dt.UTC).hour == 21


def test_days_follow_one_another(world: World, day: dt.date) -> None:
    busy_day(world, day)
    before, found, after = (figures_of(day + dt.timedelta(days=offset)) for offset in (-1, 0, 1))

    for one, next_one in ((before, found), (found, after)):
        assert one["gold"]["closing"] == next_one["gold"]["opening"]
        # A day has no line for an account in which nothing lay and nothing moved.
        closing, opening = (
            {line["code"]: line[end] for line in lines["cash"]["accounts"] if Decimal(line[end])}
            for lines, end in ((one, "closing"), (next_one, "opening"))
        )
        assert closing == opening != {}


def test_mpesas_word_stands_beside_the_book_of_its_moment(world: World, day: dt.date) -> None:
    trade = Day(world, world.staff(Role.TREASURY))
    with at(day, "20:00:00"):
        priced(world)
        paid(buy(world.alice, 1000))
        trade.reading("174379", Decimal(1000))
        trade.reading("600991", Decimal(4_999_990))
    with at(day, "21:00:00"):
        paid(buy(world.alice, 2000))
    with at(day + dt.timedelta(days=1), "00:00:01"):
        trade.reading("174379", Decimal(77))

    collections, payouts = figures_of(day)["cash"]["floats"]

    assert (collections["there"], collections["book"], collections["difference"]) == (
        "1000.00",
        "1000.00",
        "0.00",
    )
    assert payouts["difference"] == "-10.00"


def test_what_people_decided_stands_there(world: World, day: dt.date) -> None:
    maker = world.staff(Role.TREASURY)
    checker = world.staff(Role.ADMINISTRATOR)
    with at(day):
        agreed("threshold_set", {"name": "sell_min_kes", "value": "20"}, maker=maker, checker=checker)
        switch_pause(name="sell", cause="staff", note="A look at the prices.", by=maker)
        pools.price_set(buy=Decimal(17000), sell=Decimal(16400), by=world.pricing, reason="t", confirmed=True)
        run = Run.objects.create(state=RunState.DONE, starts_at=now(), ends_at=now(), finished_at=now())
        for key in "ab":
            Break.objects.create(
                key=key,
                kind=BreakKind.BOOK_BROKEN,
                kes=7,
                sentence="A.",
                cause="B.",
                first_run=run,
                last_run=run,
            )
        Break.objects.filter(key="b").update(state="gone", closed_at=now())

    figures = figures_of(day)

    (decided,) = figures["requests"]["decided"]
    assert (decided["kind"], decided["maker"], decided["checker"]) == (
        "threshold_set",
        str(maker.pk),
        str(checker.pk),
    )
    assert (figures["requests"]["made"], figures["requests"]["executed"]) == (1, 1)
    assert figures["switches"]["paused"] == ["sell"]
    assert [(one["name"], one["paused"]) for one in figures["switches"]["changes"]] == [("sell", True)]
    assert [one["buy"] for one in figures["prices"]] == ["16500.00", "17000.00"]
    assert {name: figures["breaks"][name] for name in ("found", "resolved", "gone", "open")} == {
        "found": 2,
        "resolved": 0,
        "gone": 1,
        "open": 1,
    }
    assert figures_of(day - dt.timedelta(days=1))["switches"] == {"changes": [], "paused": []}
    later = figures_of(day + dt.timedelta(days=1))
    assert (later["switches"]["paused"], later["switches"]["changes"]) == (["sell"], [])
    assert later["breaks"]["open"] == 1
    assert [one["buy"] for one in later["prices"]] == ["17000.00"]


def test_what_changes_later_is_no_difference_of_the_day(world: World, day: dt.date, settings) -> None:
    """Names, the order of pools, pools and accounts that are new, our shortcodes: none of it is of the day."""
    busy_day(world, day)
    with at(day, "20:00:00"):
        world.gold(Decimal(7))
        Day(world, world.staff(Role.TREASURY)).reading("600991", Decimal(4_992_000))
    with at(day + dt.timedelta(days=1), "00:30:00"):
        closes_make()
        stored = DailyClose.objects.get(day=day)
        assert len(stored.figures["gold"]["pools"]) == 2
        assert stored.figures["cash"]["floats"]

        pools.pool_update(pool_id=world.pool.pk, name="Vault of Nairobi", note="", by=world.vault)
        pools.pool_move(pool_id=world.pool.pk, way="down", place=1, by=world.vault)
        world.gold(Decimal(50), name="Third", priority=3)
        new = Transfer(chart.mpesa_collections(), chart.house_charges(), Decimal(5))
        post(key="test:new", kind="charge", transfers=[new])
        settings.DARAJA = {**settings.DARAJA, "b2c_shortcode": "600000", "shortcode": "600001"}
        text = said(page(signed_in(staff("treasury")), day, recount="1"))

    assert "Counted again now The same" in text
    # Names and order are those of now.
    assert text.index("Second") < text.index("Vault of Nairobi")
    assert "First" not in text and "Third" not in text
    shown = text[text.index("M-Pesa's word, payouts") :]
    assert "KES 4,992,000" in shown


def test_who_is_forgotten_stands_in_no_close(world: World, day: dt.date) -> None:
    maker, checker = world.staff(Role.TREASURY), world.staff(Role.ADMINISTRATOR)
    with at(day):
        priced(world)
        paid(buy(world.alice, 1000))
        agreed("threshold_set", {"name": "sell_min_kes", "value": "20"}, maker=maker, checker=checker)
        # As requests about a person's money say it.
        Request.objects.update(result="KES 70 given to alice@example.com.")
    with at(day + dt.timedelta(days=1), "00:30:00"):
        closes_make()
        stored = DailyClose.objects.get(day=day)
        assert "alice" not in json.dumps(stored.figures)
        assert "KES 70 given to alice@example.com." in said(page(signed_in(maker), day))

        User.objects.filter(pk=world.alice.pk).update(is_active=False, closed_at=now() - dt.timedelta(days=1))
        assert letting_go.people(now(), 10) == 1
        Request.objects.update(result="")
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM oversight_dailyclose d WHERE d::text ILIKE '%%alice%%'", [])
            assert cursor.fetchone() == (0,)
        assert digest_of(figures_of(day)) == stored.digest


def test_a_float_on_its_way_is_not_called_different(world: World, day: dt.date) -> None:
    """A payout that M-Pesa had made and we had not heard of; it ends after midnight."""
    treasurer = staff("treasury")
    trade = Day(world, treasurer)
    with at(day, "20:00:00"):
        priced(world)
        paid(buy(world.alice, 33_000))
        order = sell(world.alice, Decimal("0.5"))
        trade.pending(order)
    with at(day, "23:00:00"):
        trade.reading("600991", Decimal(4_992_000))
        trade.reading("174379", Decimal(31_000))
        before = said(page(signed_in(treasurer), day))
    with at(day + dt.timedelta(days=1), "00:10:00"):
        paid(order)
    with at(day + dt.timedelta(days=1), "00:30:00"):
        closes_make()
        stored = said(page(signed_in(treasurer), day, recount="1"))
        pdf = signed_in(treasurer).get(reverse("desk_close_pdf", args=[day.isoformat()])).content

    for text in (before, stored):
        assert "Difference: −KES 8,000. On its way" in text
        assert "Difference: −KES 2,000. Differs" in text
        assert "last word about payouts differs" not in text
        assert "last word about collections differs" in text
    assert "Counted again now The same" in stored
    printed = " ".join(text for one in pages(pdf) for text in one)
    assert "On its way." in printed and "Differs." in printed


# --- closing --------------------------------------------------------------------------------------


def test_the_job_closes_what_is_over_and_only_once(world: World, day: dt.date) -> None:
    first = now().astimezone(NAIROBI).date()
    with at(day, "00:10:00"):
        assert closes_make() == [first], "the last postings of the day before may still be under way"
    with at(day, "00:20:00"):
        assert closes_make() == [day - dt.timedelta(days=1)]
        assert closes_make() == []

    stored = DailyClose.objects.get(day=first)
    assert stored.digest == digest_of(stored.figures)
    assert stored.figures == figures_of(first)
    assert stored.made_by is None
    assert AuditEntry.objects.filter(action="close_make", subject=f"close:{first}", actor=None).count() == 1


def test_a_house_that_stood_still_closes_a_month_behind_it(world: World, day: dt.date) -> None:
    with at(day + dt.timedelta(days=99), "09:00:00"):
        made = closes_make()

    assert len(made) == making.MOST_DAYS
    assert made[-1] == day + dt.timedelta(days=98)


def test_the_job_has_longer_than_a_page(world: World, day: dt.date, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = []

    def counting(day: dt.date) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout')")
            limits.append(cursor.fetchone()[0])
        return figures_of(day)

    monkeypatch.setattr(making, "figures_of", counting)
    with at(day, "00:20:00"):
        assert len(closes_make()) == len(limits) > 0
    assert set(limits) == {"10min"}


def test_a_house_without_any_posting_closes_nothing(db: None) -> None:
    assert closes_make() == []


def test_a_close_is_never_changed(world: World, day: dt.date) -> None:
    with at(day, "01:00:00"):
        closes_make()
    stored = DailyClose.objects.latest("day")

    for act in (
        lambda: DailyClose.objects.filter(pk=stored.pk).update(digest="0" * 64),
        lambda: DailyClose.objects.filter(pk=stored.pk).delete(),
    ):
        with (
            pytest.raises(DatabaseError, match="the rows of oversight_dailyclose stay"),
            transaction.atomic(),
        ):
            act()


# --- pages ----------------------------------------------------------------------------------------


@pytest.fixture
def browser(world: World) -> Client:
    return signed_in(staff("treasury"))


def page(browser: Client, day: dt.date, **asked: str) -> Any:
    return browser.get(reverse("desk_close_day", args=[day.isoformat()]), asked)


def said(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_a_stored_day_is_shown_and_counted_again(world: World, day: dt.date, browser: Client) -> None:
    busy_day(world, day)
    with at(day + dt.timedelta(days=1), "00:30:00"):
        closes_make()
        browser = signed_in(staff("treasury"))
        text = said(page(browser, day, recount="1"))
        assert "Closed" in text
        assert "Counted again now The same" in text
        assert "1,099.990 000 g" in text.replace(" 000", " 000")
        assert DailyClose.objects.get(day=day).digest in text

        # Whoever gets by every guard of the book is seen.
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE oversight_dailyclose DISABLE TRIGGER USER")
            cursor.execute(
                "UPDATE oversight_dailyclose SET figures = jsonb_set(figures, '{gold,owed}', '\"1.000000\"')"
                " WHERE day = %s",
                [day],
            )
            cursor.execute("ALTER TABLE oversight_dailyclose ENABLE TRIGGER USER")
        assert "Not the same" in said(page(browser, day))
        assert "Not the same" in said(page(browser, day, recount="1"))


def test_a_stored_day_is_counted_again_only_for_who_asks(
    world: World, day: dt.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at(day, "00:30:00"):
        yesterday = closes_make()[-1]
        browser = signed_in(staff("treasury"))
        counted: list[dt.date] = []
        monkeypatch.setattr(
            "oversight.close.shown.figures_of",
            lambda day, **asked: (counted.append(day), figures_of(day, **asked))[1],
        )
        pdf = reverse("desk_close_pdf", args=[yesterday.isoformat()])

        assert "Count it again" in said(page(browser, yesterday))
        assert browser.get(pdf).status_code == 200
        assert counted == []
        assert "Counted again now The same" in said(page(browser, yesterday, recount="1"))
        assert counted == [yesterday]


def test_there_is_no_day_before_the_first_posting(world: World, day: dt.date) -> None:
    first = now().astimezone(NAIROBI).date()
    with at(day):
        browser = signed_in(staff("treasury"))
        assert [
            page(browser, first + dt.timedelta(days=offset)).status_code for offset in (-1, 0, 1, 2, 3)
        ] == [404, 200, 200, 200, 404]
        assert "Day before" not in said(page(browser, first))
        before = reverse("desk_close_pdf", args=[(first - dt.timedelta(days=1)).isoformat()])
        assert browser.get(before).status_code == 404
    assert "Yesterday" not in said(signed_in(staff("treasury")).get(reverse("desk_close")))


def test_today_says_that_it_is_not_over(world: World, browser: Client) -> None:
    today = now().astimezone(NAIROBI).date()
    paid(buy(world.alice, 1000))

    text = said(page(browser, today))

    assert "These are the figures so far." in text
    assert "Everything adds up." in text
    assert "Counted again" not in text


def test_what_does_not_add_up_stands_on_top(world: World, day: dt.date) -> None:
    with at(day):
        Day(world, staff("treasury")).reading("600991", Decimal(4_999_000))
        switch_pause(name="sell", cause="staff", note="A look at the prices.")
        text = said(page(signed_in(staff("treasury")), day))

    assert "M-Pesa's last word about payouts differs from the book of that moment by -KES 1,000." in text
    assert "Selling paused." in text
    assert Switch.objects.get(name="sell").paused


@pytest.mark.parametrize("day", ["2999-01-01", "2026-13-45", "yesterday", "2026-1-1", "٢٠٢٦-01-01"])
def test_a_day_that_is_none_is_not_there(world: World, browser: Client, day: str) -> None:
    assert browser.get(reverse("desk_close_day", args=[day])).status_code == 404
    assert browser.get(reverse("desk_close_pdf", args=[day])).status_code == 404


def test_the_list_shows_the_newest_first_and_goes_on(
    world: World, day: dt.date, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oversight.close.pages._PAGE", 2)
    with at(day + dt.timedelta(days=2), "01:00:00"):
        made = closes_make()
    assert len(made) == 4

    first = browser.get(reverse("desk_close")).content.decode()
    older = re.search(r'href="([^"]*before=[^"]*)"', first)
    assert older
    second = browser.get(older[1]).content.decode()

    rows = r'<th scope="row"><a href="/desk/close/(20[0-9-]+)/'
    assert re.findall(rows, first) == [str(made[3]), str(made[2])]
    assert re.findall(rows, second) == [str(made[1]), str(made[0])]


def test_who_looks_at_a_day_is_noted(world: World) -> None:
    """What two people decided says whom it was about."""
    today = str(now().astimezone(NAIROBI).date())
    treasurer = staff("treasury")
    browser = signed_in(treasurer)

    for number, name in enumerate(("desk_close_day", "desk_close_pdf"), start=1):
        assert browser.get(reverse(name, args=[today])).status_code == 200
        looks = AuditEntry.objects.filter(action="read", subject=f"close:{today}", actor=treasurer)
        assert looks.count() == number


def test_a_day_asks_few_questions_however_busy(world: World, day: dt.date) -> None:
    busy_day(world, day)
    with at(day + dt.timedelta(days=1), "01:00:00"):
        closes_make()
        browser = signed_in(staff("treasury"))
        page(browser, day)
        with CaptureQueriesContext(connection) as asked:
            assert page(browser, day).status_code == 200
    assert len(asked) <= 25, [one["sql"][:80] for one in asked.captured_queries]


def test_the_pdf_says_what_the_page_says(world: World, day: dt.date, browser: Client) -> None:
    today = now().astimezone(NAIROBI).date()
    paid(buy(world.alice, 1000))

    answer = browser.get(reverse("desk_close_pdf", args=[today.isoformat()]))

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'attachment; filename="gold-wallet-close-{today}.pdf"'
    printed = pages(answer.content)
    assert len(printed) <= 2, "a sheet of paper"
    said_there = " ".join(text for one in printed for text in one)
    assert "1,000.000000" in said_there
    assert re.search(r"SHA-256 of these figures: [0-9a-f]{64}", said_there)
