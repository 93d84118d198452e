"""The daily close: what the job stores, a page that never changes, its list and its PDF."""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.tests.people import signed_in, staff
from controls.models import AuditEntry, Switch
from controls.services import switch_pause
from goldwallet.clock import NAIROBI, now
from goldwallet.test.pdf import pages
from goldwallet.test.world import World, buy, paid
from oversight.close import making
from oversight.close.figures import digest_of, figures_of
from oversight.close.making import closes_make
from oversight.models import DailyClose
from oversight.tests.closing import at, busy_day, page
from oversight.tests.day import Day
from trading.tests.pages import text as said

pytestmark = pytest.mark.django_db


@pytest.fixture
def day(world: World) -> dt.date:
    """The day after tomorrow: the world was made before it."""
    return now().astimezone(NAIROBI).date() + dt.timedelta(days=2)


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


def test_a_stored_day_is_shown_and_counted_again(world: World, day: dt.date) -> None:
    busy_day(world, day)
    with at(day + dt.timedelta(days=1), "00:30:00"):
        closes_make()
        browser = signed_in(staff("treasury"))
        text = said(page(browser, day, recount="1"))
        assert "Closed" in text
        assert "Counted again now The same" in text
        assert "1,099.990 000 g" in text
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

    assert "M-Pesa's last word about payouts differs from the book of that moment by −KES 1,000." in text
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
