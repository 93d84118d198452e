"""The figures of the daily close against sums of their own, and days of Nairobi."""

import datetime as dt
import json
import re
from decimal import Decimal

import pytest
from django.db import connection
from django.urls import reverse

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import signed_in, staff
from controls.models import Request
from controls.services import switch_pause
from goldwallet.clock import NAIROBI, now
from goldwallet.test.books import assert_books
from goldwallet.test.pdf import pages
from goldwallet.test.two import agreed
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.models import Entry
from ledger.services import Transfer, post
from oversight.close.figures import digest_of, figures_of, span_of
from oversight.close.making import closes_make
from oversight.models import Break, BreakKind, DailyClose, Run, RunState
from oversight.privacy import letting_go
from oversight.tests.closing import at, busy_day, page, priced
from oversight.tests.day import Day
from pools import services as pools
from trading.models import Order
from trading.tests.pages import text as said

pytestmark = pytest.mark.django_db

ZERO = Decimal(0)


@pytest.fixture
def day(world: World) -> dt.date:
    """The day after tomorrow: the world was made before it."""
    return now().astimezone(NAIROBI).date() + dt.timedelta(days=2)


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
    assert "On its way" in printed and "Differs" in printed
