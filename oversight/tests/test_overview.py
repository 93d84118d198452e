"""The overview: its figures are the ledger's, and what waits is listed with its age."""

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
from controls.selectors import switches
from controls.services import request_make, threshold_set
from controls.services.notes import note_add
from goldwallet.clock import NAIROBI, now
from goldwallet.money import show_grams, show_kes
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import BUY, SELL, World, buy, paid, sell
from goldwallet.wording import exact_time
from ledger import chart
from ledger.models import Account, Entry
from ledger.selectors import balance
from oversight.health import Line, health
from oversight.models import Run, RunState
from oversight.selectors import Customers, customers, figures, waiting
from oversight.tests.shown import look
from oversight.trade import Traded, TradeDay, owed_days, trade_days, trade_sum
from payments.floats import shortcode_of
from payments.models import BalanceReading, Exchange, Float, Kind, Payment, State, new_token
from pools.models import Price
from pools.selectors import current_price
from pools.services import price_cancel, price_set
from trading.models import Order, Status
from trading.tests.pages import text

pytestmark = pytest.mark.django_db


def ledger_sum(ends: str) -> Decimal:
    rows = Account.objects.filter(code__endswith=ends).values_list("balance", flat=True)
    return sum(rows, Decimal(0))


@pytest.fixture
def busy(world: World) -> World:
    """Two pools, finished and open orders on both sides, and cash that came too late."""
    world.gold(Decimal(5), name="Second")
    paid(buy(world.alice, 33_000))
    buy(world.alice, 1650)
    paid(sell(world.alice, Decimal("0.25")))
    sell(world.alice, Decimal("0.5"))
    late = buy(world.bob, 1000)
    Payment.objects.filter(pk=late.payment_id).update(state=State.PENDING)
    with shift_clock(minutes=20):
        paid(late)
    return world


def test_the_figures_are_those_of_the_ledger(busy: World) -> None:
    shown = figures()
    assert shown.gold_vault == -ledger_sum(":vault") == 1005
    assert shown.gold_free == ledger_sum(":available")
    assert shown.gold_reserved == ledger_sum(":gold:incoming") == Decimal("0.1")
    assert shown.gold_owed == ledger_sum(":gold") + ledger_sum(":gold:locked") == Decimal("1.75")
    assert shown.gold_vault == shown.gold_free + shown.gold_reserved + shown.gold_owed
    assert shown.collections == -balance(chart.mpesa_collections()) == 34_000
    assert shown.payouts_float == -balance(chart.mpesa_payouts()) == 5_000_000 - 4_000 - 9  # its charge
    assert shown.payouts_clearing == balance(chart.payouts_clearing()) == 8_000
    assert shown.suspense == 0
    assert shown.sales_less_purchases == 33_000 - 4_000 - 8_000
    assert shown.gold_difference == 0
    assert_books()


def today() -> TradeDay:
    (day,) = trade_days(days=1, moment=now())
    return day


def test_todays_trade_is_that_of_the_day_in_nairobi(busy: World) -> None:
    assert (today().bought.kes, today().sold.kes) == (33_000, 4_000)
    assert (today().bought.grams, today().sold.grams) == (2, Decimal("0.25"))
    assert (today().bought.orders, today().sold.orders) == (1, 1)
    here = now().astimezone(NAIROBI)
    midnight = here.replace(hour=23, minute=59, second=59) - here
    with shift_clock(seconds=midnight.total_seconds() + 5):
        assert today().both == Traded()
        yesterday, quiet = trade_days(days=2, moment=now())
        assert (yesterday.bought.kes, yesterday.sold.kes, quiet.both.orders) == (33_000, 4_000, 0)


def test_each_order_earns_its_half_of_the_spread_that_it_was_quoted_at(world: World) -> None:
    """Half of 500 a gram at first, then half of 700; a pair that was taken back never counted."""
    paid(buy(world.alice, 33_000))  # 2 g
    paid(sell(world.alice, Decimal("0.5")))
    waiting = sell(world.alice, Decimal("0.25"))  # agreed at the first pair, paid at the second
    price_set(buy=Decimal(16_700), sell=Decimal(16_000), by=world.pricing, reason="Noon")
    paid(buy(world.alice, 16_700))  # 1 g
    paid(waiting)
    wrong = price_set(
        buy=Decimal(17_900),
        sell=Decimal(13_000),
        by=world.pricing,
        effective_from=now() + dt.timedelta(minutes=5),
    )
    price_cancel(price_id=wrong.pk, by=world.pricing, reason="A typing error")
    with shift_clock(minutes=10):
        paid(buy(world.alice, 16_700))  # 1 g
        bought, sold = trade_sum(trade_days(days=30, moment=now()))
    assert bought.earned == 2 * 250 + 350 + 350
    assert sold.earned == Decimal("0.5") * 250 + Decimal("0.25") * 250
    assert bought.grams == 4 and sold.grams == Decimal("0.75")
    assert_books()


def test_thirty_days_are_the_sums_of_the_orders(world: World) -> None:
    """Against sums made one order at a time."""
    for back, kes in ((40, 5000), (29, 4000), (12, 3300), (12, 1650), (0, 1000)):
        with shift_clock(days=-back):
            price_of_then(world)
            paid(buy(world.alice, kes))
    paid(sell(world.alice, Decimal("0.25")))
    buy(world.alice, 1650)  # is not paid, so it is not trade
    days = trade_days(days=30, moment=now())
    here = now().astimezone(NAIROBI).date()
    assert [day.day for day in days] == [here - dt.timedelta(days=back) for back in range(29, -1, -1)]
    for day in days:
        for side, shown in (("buy", day.bought), ("sell", day.sold)):
            orders = [
                order
                for order in Order.objects.filter(status="completed", side=side)
                if order.finished_at.astimezone(NAIROBI).date() == day.day
            ]
            assert shown.orders == len(orders)
            assert shown.kes == sum(order.total_kes for order in orders)
            assert shown.grams == sum(order.grams for order in orders)
            assert shown.earned == sum(order.grams * 250 for order in orders)
    bought, sold = trade_sum(days)
    assert (bought.kes, bought.orders, sold.kes) == (4000 + 3300 + 1650 + 1000, 4, 4000)


def price_of_then(world: World) -> None:
    """The world's price is of today; a day of the past needs its own."""
    Price.objects.create(buy=BUY, sell=SELL, effective_from=now(), created_by=world.pricing)


def test_gold_owed_at_the_end_of_each_day_is_what_the_entries_left(world: World) -> None:
    """Against the running balances of the entries."""
    for back, kes in ((40, 5000), (29, 4000), (12, 3300), (0, 1000)):
        with shift_clock(days=-back):
            price_of_then(world)
            paid(buy(world.alice, kes))
            paid(buy(world.bob, 1000))
            buy(world.bob, 1650)
    paid(sell(world.alice, Decimal("0.25")))
    sell(world.alice, Decimal("0.1"))  # held, and still hers
    days = owed_days(days=30, moment=now())
    assert len(days) == 30
    for midnight, grams in days:
        end, expected = midnight + dt.timedelta(days=1), Decimal(0)
        for person in (world.alice, world.bob):
            for code in (chart.user_gold(person.pk), chart.user_gold_locked(person.pk)):
                last = (
                    Entry.objects.filter(account__code=str(code), transaction__created_at__lt=end)
                    .order_by("-seq")
                    .first()
                )
                expected += last.balance if last else 0
        assert grams == expected, midnight
    assert days[-1][1] == figures().gold_owed
    assert days[0][1] != days[-1][1]


def test_the_page_shows_them(busy: World) -> None:
    response = signed_in(staff("treasury")).get(reverse("desk"))
    plain = re.sub(r"\s", "", text(response))
    shown = figures()
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    for grams in (shown.gold_vault, shown.gold_owed, shown.gold_reserved, shown.gold_free):
        assert re.sub(r"\s", "", show_grams(grams)) in plain
    for kes in (shown.collections, shown.payouts_float, shown.payouts_clearing, shown.sales_less_purchases):
        assert re.sub(r"\s", "", show_kes(kes)) in plain


def test_customers_are_counted(world: World) -> None:
    staff("treasury")
    User.objects.filter(pk=world.bob.pk).update(frozen_reason="A test holds this person.")
    User.objects.filter(pk=world.charlie.pk).update(created_at=now() - dt.timedelta(days=31))
    assert customers() == Customers(everybody=3, verified=1, new=2, on_hold=1)


def counts(queries: CaptureQueriesContext) -> int:
    """How often everybody was read."""
    return sum("FILTER" in one["sql"] and 'FROM "accounts_user"' in one["sql"] for one in queries)


def test_customers_are_counted_once_a_minute_for_all_desks(world: World) -> None:
    first, second = signed_in(staff("treasury")), signed_in(staff("auditor"))
    with CaptureQueriesContext(connection) as queries:
        page = first.get(reverse("desk"))
    assert counts(queries) == 1
    moment = page.context["counted_at"]
    assert f"As of {exact_time(moment.astimezone(NAIROBI))}" in text(page)
    User.objects.filter(pk=world.bob.pk).update(frozen_reason="A test holds this person.")
    with CaptureQueriesContext(connection) as queries:
        again = [refresh(first), refresh(second), second.get(reverse("desk"))]
    assert counts(queries) == 0
    assert {(one.context["customers"].on_hold, one.context["counted_at"]) for one in again} == {(0, moment)}
    # What stands beside it is of this moment.
    paid(buy(world.alice, 33_000))
    assert "KES 33,000" in text(refresh(first))
    with shift_clock(seconds=61), CaptureQueriesContext(connection) as queries:
        assert refresh(second).context["customers"].on_hold == 1
        assert refresh(first).context["counted_at"] > moment + dt.timedelta(seconds=60)
    assert counts(queries) == 1
    # A clock that was set back makes no count of the future one of now.
    assert refresh(first).context["counted_at"] < moment + dt.timedelta(seconds=60)


def test_what_waits_is_counted_with_its_oldest(world: World) -> None:
    assert [kind for kind in waiting() if kind.count] == []
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    paid(buy(world.alice, 10_000))
    first = sell(world.alice, Decimal("0.1"))
    sell(world.alice, Decimal("0.1"))
    flagged = buy(world.bob, 1000).payment
    Payment.objects.filter(pk=flagged.pk).update(attention=True)
    found = {kind.label: kind for kind in waiting() if kind.count}
    assert {label: kind.count for label, kind in found.items()} == {
        "Payouts to decide": 2,
        "Payments to look at": 1,
    }
    assert found["Payouts to decide"].oldest == Payment.objects.get(pk=first.payment_id).created_at
    Payment.objects.filter(pk=first.payment_id).update(state=State.UNKNOWN)
    found = {kind.label: kind.count for kind in waiting() if kind.count}
    assert found["Payouts that M-Pesa has not answered"] == 1
    assert found["Payouts to decide"] == 1


def test_what_has_waited_longest_comes_first(world: World) -> None:
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    with shift_clock(minutes=-30):
        price_of_then(world)
        paid(buy(world.alice, 10_000))
        sell(world.alice, Decimal("0.1"))
    note_add(subject=f"person:{world.bob.pk}", text="Look out", flag="watch", by=world.vault)
    with shift_clock(minutes=-45):
        request_make(
            kind="threshold_set",
            payload={"name": "sell_min_kes", "value": "20"},
            subject="threshold:sell_min_kes",
            reason="Small sales cost more than they bring.",
            by=staff("treasury"),
        )
    found = waiting()
    assert [kind.label for kind in found] == ["Requests to decide", "Payouts to decide", "Flags on people"]
    assert [kind.oldest for kind in found] == sorted(kind.oldest for kind in found)


def test_every_kind_that_waits_leads_to_a_page_that_opens(busy: World) -> None:
    """For somebody of a role that works there; a list that is filtered holds what was counted."""
    unknown = buy(busy.bob, 1000).payment
    Payment.objects.filter(pk=unknown.pk).update(state=State.UNKNOWN)
    note_add(subject=f"person:{busy.bob.pk}", text="Look out", flag="watch", by=busy.vault)
    kinds = {kind.label: kind for kind in waiting()}
    assert {"Prompts that M-Pesa has not answered", "Flags on people"} <= kinds.keys()
    browser = signed_in(staff("treasury", "reviewer"))
    for kind in kinds.values():
        assert browser.get(kind.url).status_code == 200, kind.label
    assert "bob@example.com" in text(browser.get(kinds["Flags on people"].url))
    assert unknown.reference in text(browser.get(kinds["Prompts that M-Pesa has not answered"].url))


def test_late_cash_waits(busy: World) -> None:
    (late,) = [kind for kind in waiting() if kind.label == "Late payments kept as cash"]
    assert late.count == 1
    page = signed_in(staff("treasury")).get(late.url)
    assert "bob@example.com" in text(page)
    assert "alice@example.com" not in text(page)


@pytest.mark.parametrize("role", ["pricing", "vault", "reviewer", "treasury", "auditor", "administrator"])
def test_all_staff_see_the_overview(world: World, role: str) -> None:
    browser = signed_in(staff(role))
    assert browser.get(reverse("desk")).status_code == 200
    assert browser.post(reverse("desk")).status_code in {403, 405}


def test_nobody_else_does(world: World) -> None:
    assert signed_in(world.alice).get(reverse("desk")).status_code == 403
    assert Client().get(reverse("desk"))["Location"] == "/accounts/login/?next=/desk/"
    unproven = signed_in(staff("treasury"), verified=False)
    assert unproven.get(reverse("desk"))["Location"].startswith("/accounts/code/")


def test_a_house_without_a_price_says_so(world: World) -> None:
    with shift_clock(days=-1):
        response = signed_in(staff("treasury")).get(reverse("desk"))
    assert response.status_code == 200
    assert "There is no price, so trading is closed." in text(response)


def test_it_asks_the_database_a_bounded_number_of_times(busy: World) -> None:
    """The whole page, and what it asks for again; with readings of both floats, and however much there is."""
    browser = signed_in(staff("treasury"))
    readings_made()
    counts = []
    for number in range(3):
        page, part = (
            look(browser, reverse("desk")),
            look(browser, reverse("desk"), query="poll=1", part="live"),
        )
        assert len(page.questions) <= 25, page.told
        assert len(part.questions) <= 22, part.told
        # Three of four times a minute nothing is counted, and all those orders are not read.
        with CaptureQueriesContext(connection) as queries:
            refresh(browser)
        assert len(queries) < len(part.questions), queries.captured_queries
        counts.append((len(page.questions), len(part.questions)))
        for more in range(3):
            busy.gold(Decimal(1), name=f"More {number} {more}")
            paid(buy(busy.alice, 1000))
            Payment.objects.filter(pk=buy(busy.bob, 1000).payment_id).update(attention=True)
    assert len(set(counts)) == 1, counts


def readings_made() -> None:
    """M-Pesa's word on both accounts."""
    for account, kes in ((Float.COLLECTIONS, 34_000), (Float.PAYOUTS, 4_000_000)):
        exchange = Exchange.objects.create(kind=Kind.BALANCE, token=new_token())
        BalanceReading.objects.create(
            exchange=exchange,
            shortcode=shortcode_of(account),
            name="Utility Account",
            current=kes,
            available=kes,
            read_at=now(),
        )


def refresh(browser: Client):
    """What the page asks for by itself."""
    return browser.get(f"{reverse('desk')}?poll=1", headers={"HX-Request": "true", "HX-Target": "live"})


def test_it_asks_again_for_what_changes_alone(busy: World) -> None:
    browser = signed_in(staff("treasury"))
    page = browser.get(reverse("desk")).content.decode()
    assert 'hx-get="/desk/?poll=1" hx-trigger="every 15s, shown"' in page
    part = refresh(browser)
    html = part.content.decode()
    assert part.status_code == 200
    assert html.strip().startswith('<div id="live"') and "<html" not in html and "<svg" not in html
    assert "KES 33,000" in text(part) and "Late payments kept as cash" in text(part)
    paid(buy(busy.alice, 3300))
    assert "KES 36,300" in text(refresh(browser))
    # A look of the page's own is none of the person's: the session's time goes on running.
    before = browser.session.get("last_seen_at")
    with shift_clock(minutes=5):
        refresh(browser)
    assert browser.session.get("last_seen_at") == before


def month_of(answer) -> tuple[Traded, Traded]:
    return answer.context["bought"], answer.context["sold"]


def test_thirty_days_go_on_with_today(world: World) -> None:
    """And are those of the whole page at any time: the days before today are read once a minute for all desks."""
    for back in (29, 12):
        with shift_clock(days=-back):
            price_of_then(world)
            paid(buy(world.alice, 3300))
    with shift_clock(days=-30):
        price_of_then(world)
        paid(buy(world.alice, 9900))  # before the thirty days
    first, second = signed_in(staff("treasury")), signed_in(staff("auditor"))
    assert month_of(first.get(reverse("desk")))[0].kes == 6600
    paid(buy(world.alice, 33_000))
    paid(sell(world.alice, Decimal("0.25")))
    for answer in (refresh(first), refresh(second), second.get(reverse("desk"))):
        assert month_of(answer) == trade_sum(trade_days(days=30, moment=now()))
        assert month_of(answer)[0].kes == 39_600 and month_of(answer)[1].kes == 4000
        assert "KES 39,600" in text(answer)
    # What ended long ago may be taken back: a minute later at the latest it is seen.
    old = Order.objects.filter(status=Status.COMPLETED).order_by("finished_at")[1]
    Order.objects.filter(pk=old.pk).update(status=Status.REVERSED)
    assert month_of(refresh(first))[0].kes == 39_600
    with shift_clock(seconds=61):
        assert month_of(refresh(first))[0].kes == 36_300


def test_thirty_days_begin_anew_at_midnight(world: World) -> None:
    paid(buy(world.alice, 33_000))
    here = now().astimezone(NAIROBI)
    late = (here.replace(hour=23, minute=59, second=50) - here).total_seconds()
    browser = signed_in(staff("treasury"))
    with shift_clock(seconds=late):
        assert refresh(browser).context["today"].bought.kes == 33_000
    with shift_clock(seconds=late + 20):
        answer = refresh(browser)
    assert answer.context["today"].bought.kes == 0
    assert month_of(answer)[0].kes == 33_000


def asks_to_change_a_threshold() -> None:
    request_make(
        kind="threshold_set",
        payload={"name": "sell_min_kes", "value": "20"},
        subject="threshold:sell_min_kes",
        reason="Small sales cost more than they bring.",
        by=staff("treasury"),
    )


def test_the_count_in_the_navigation_comes_with_the_figures(world: World) -> None:
    browser = signed_in(staff("treasury"))
    page = browser.get(reverse("desk")).content.decode()
    assert page.count('id="to-decide"') == 1 and "hx-swap-oob" not in page
    assert '<span class="nav-count" id="to-decide"></span>' in page
    there = '<span class="nav-count" id="to-decide" hx-swap-oob="true">'
    assert f"{there}</span>" in refresh(browser).content.decode()
    asks_to_change_a_threshold()
    assert f'{there}1<span class="visually-hidden"> for you to decide</span></span>' in (
        refresh(browser).content.decode()
    )
    assert f"{there}</span>" in refresh(signed_in(staff("auditor"))).content.decode()


def test_what_has_the_focus_is_there_again_after_a_refresh(busy: World) -> None:
    """htmx gives the focus back to what has the same id."""
    page = refresh(signed_in(staff("treasury"))).content.decode()
    links = re.findall(r"<a [^>]*href=[^>]*>", page)
    assert links
    assert [link for link in links if " id=" not in link and "desk" not in link] == []
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_a_stranger_s_refresh_leads_to_sign_in(world: World) -> None:
    answer = refresh(Client())
    assert answer.status_code == 401 and answer["HX-Redirect"].startswith("/accounts/login/")
    assert refresh(signed_in(world.alice)).status_code == 403


def test_the_floats_stand_beside_what_m_pesa_said(world: World) -> None:
    browser = signed_in(staff("treasury"))
    assert "Not asked yet" in text(browser.get(reverse("desk")))
    paid(buy(world.alice, 34_000))
    with shift_clock(minutes=10):
        readings_made()
        shown = text(browser.get(reverse("desk")))
    assert "Collections KES 34,000 KES 34,000 just now KES 0 Agrees" in shown
    assert "Payouts KES 5,000,000 KES 4,000,000 just now −KES 1,000,000 Differs" in shown


def test_charts_have_their_numbers_in_words_and_as_tables(busy: World) -> None:
    page = signed_in(staff("auditor")).get(reverse("desk"))
    html = page.content.decode()
    assert len(re.findall(r'<svg [^>]*role="img" aria-label="[^"]{20,}"', html)) == 3
    assert html.count("As a table") == 3
    assert " style=" not in html
    assert "bought KES 33,000, sold KES 4,000 in all" in html


# --- health ---------------------------------------------------------------------------------------


def lines() -> dict[str, Line]:
    found = health(current_price(), states=switches(), moment=now())
    return {line.label: line for line in found}


def test_health_tells_of_the_last_reconciliation(world: World) -> None:
    assert lines()["Reconciliation"].word == "late"
    run = Run.objects.create(starts_at=now(), ends_at=now(), state=RunState.DONE, finished_at=now())
    assert lines()["Reconciliation"] == Line(
        "Reconciliation", "ok", "It found no difference, less than a minute ago."
    )
    with shift_clock(hours=31):
        assert lines()["Reconciliation"].word == "late"
        assert "31 hours ago" in lines()["Reconciliation"].sentence
    Run.objects.filter(pk=run.pk).update(found=2)
    assert lines()["Reconciliation"].sentence.startswith("It left 2 open")
    Run.objects.create(starts_at=now(), ends_at=now(), state=RunState.FAILED)
    assert lines()["Reconciliation"].word == "wrong"


def test_health_tells_the_price_s_age(world: World) -> None:
    with shift_clock(hours=3):
        assert lines()["Price"] == Line("Price", "ok", "It is 3 hours old. Trading closes at 24 hours.")
    with shift_clock(hours=20):
        assert lines()["Price"].word == "late"
    with shift_clock(hours=25):
        assert lines()["Price"].word == "wrong"


def test_health_tells_of_jobs_that_wait(world: World) -> None:
    """A job that is due and that nobody takes."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_events")
        cursor.execute("DELETE FROM procrastinate_jobs")
        assert lines()["Queue"] == Line("Queue", "ok", "It is empty. No job was given up.")
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at)"
            " VALUES ('default', 'x', now() - interval '5 minutes'), ('default', 'x', now() + interval '1 day')"
        )
        assert lines()["Queue"] == Line("Queue", "late", "1 job is due, the oldest for 5 minutes.")
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE scheduled_at < now()")
        assert lines()["Queue"] == Line("Queue", "ok", "1 job is due. No job was given up.")
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE scheduled_at <= now()")
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE status = 'doing'")
        assert lines()["Queue"].sentence.startswith("1 job failed and was given up")


def test_a_link_stands_only_where_it_opens(busy: World) -> None:
    """Late cash is on the orders' page, which the vault may open and the reviewer may not; requests are for both."""
    request_make(
        kind="threshold_set",
        payload={"name": "sell_min_kes", "value": "20"},
        subject="threshold:sell_min_kes",
        reason="Small sales cost more than they bring.",
        by=staff("treasury"),
    )
    link, inbox = 'href="/desk/orders/?status=paid_late"', 'href="/desk/approvals/"><span>'
    for role, late_opens, inbox_opens in (("vault", True, True), ("reviewer", False, True)):
        page = re.sub(r">\s+<", "><", signed_in(staff(role)).get(reverse("desk")).content.decode())
        assert "Late payments kept as cash" in page
        assert "Requests to decide" in page
        assert (link in page, inbox in page) == (late_opens, inbox_opens)
