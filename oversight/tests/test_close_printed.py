"""The PDF of a daily close has every word and every figure of its page, under the same labels and in the same order."""

import datetime as dt
import re
from decimal import Decimal
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from accounts.tests.people import signed_in, staff
from controls.services import switch_pause
from goldwallet.clock import NAIROBI, now
from goldwallet.test.books import assert_books
from goldwallet.test.pdf import pages
from goldwallet.test.two import agreed
from goldwallet.test.world import World
from oversight.close import figures
from oversight.close.making import closes_make
from oversight.models import Break, BreakKind, News, Run, RunState
from oversight.tests.closing import at, busy_day, page
from oversight.tests.day import Day

pytestmark = pytest.mark.django_db

_SAID = re.compile(
    r'<(td|th|dt|dd)\b(?! scope="col")[^>]*>(.*?)</\1>|<p class="pad muted">(.*?)</p>', re.DOTALL
)
_TITLES = re.compile(r'<(h1|h2|th scope="col")[^>]*>(.*?)</', re.DOTALL)


@pytest.fixture
def day(world: World) -> dt.date:
    """The day after tomorrow: the world was made before it."""
    return now().astimezone(NAIROBI).date() + dt.timedelta(days=2)


def plain(text: str) -> str:
    """Without blanks and the letter for grams, which some columns leave to their heading; the two dashes as a PDF has
    them.
    """
    text = unescape(strip_tags(text)).replace("–", "-").replace("−", "–")
    return "".join(re.sub(r"(?<=[0-9])\s*g\b", "", text).split())


def of_page(browser: Client, day: dt.date, **asked: str) -> tuple[list[str], set[str]]:
    """What the page says, cell by cell; and the titles of its parts and columns."""
    html = page(browser, day, **asked).content.decode()
    html = html[html.index('<div class="stack close">') : html.index('<div class="no-print">')]
    cells = [plain(cell or sentence) for _, cell, sentence in _SAID.findall(html)]
    # The state's title is for screen readers alone.
    return cells, {plain(title) for _, title in _TITLES.findall(html)} - {"State"}


def of_pdf(browser: Client, day: dt.date, titles: set[str], **asked: str) -> str:
    """What the PDF says without its titles, heads and feet."""
    answer = browser.get(reverse("desk_close_pdf", args=[day.isoformat()]), asked)
    assert answer.status_code == 200
    ours = re.compile(
        r"Gold Wallet|Daily close|\w+day [0-9]+ \w+ [0-9]+, Nairobi|Made by .*|Page [0-9]+ of .*"
    )
    said = []
    for sheet in pages(answer.content):
        for text in sheet:
            if ours.fullmatch(text) or plain(text) in titles:
                continue
            said.append(re.sub(r"^([0-9,]+) bars?$", r"\1", text))
    body, digest = " ".join(said).split("SHA-256 of these figures: ")
    assert re.fullmatch(r"[0-9a-f]{64}", digest.strip())
    return plain(body.replace("–", "−"))


def test_every_labelled_figure_of_a_busy_day_is_printed(world: World, day: dt.date) -> None:
    busy_day(world, day)
    with at(day, "14:00:00"):
        Day(world, staff("treasury")).reading("600991", Decimal(4_990_000))
        switch_pause(name="sell", cause="staff", note="A look at the prices.")
        decided(
            ("switch_resume", {"name": "sell"}), ("threshold_set", {"name": "sell_min_kes", "value": "20"})
        )
        compared(kes=Decimal(7), grams=Decimal("0.000003"))
    with at(day + dt.timedelta(days=1), "00:30:00"):
        closes_make()
        browser = signed_in(staff("treasury"))
        cells, titles = of_page(browser, day, recount="1")
        said = of_pdf(browser, day, titles, recount="1")
    assert said == "".join(cells)
    assert_books()

    # So the page itself has what was once on it alone.
    for label, figure in (
        ("State", "bythehouseitself"),
        ("Lastcomparison", ":1difference,KES7and0.000003"),
        ("M-Pesa'sword,payouts", "Difference:–KES1,989"),
        ("Identitiesdecided", "none"),
    ):
        assert figure in cells[cells.index(label) + 1], label
    assert "DoneSellingisonagain." in cells


def test_a_day_on_which_nothing_happened_is_printed_whole(world: World, day: dt.date) -> None:
    with at(day):
        browser = signed_in(staff("treasury"))
        cells, titles = of_page(browser, day)
        said = of_pdf(browser, day, titles)
    assert said == "".join(cells)
    for sentence in (
        "Not over. These are the figures so far.",
        "M-Pesa was not asked for its balances, or did not answer.",
        "Nothing was posted.",
    ):
        assert plain(sentence) in cells


def test_page_and_pdf_say_when_the_list_of_decisions_is_cut(
    world: World, day: dt.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "_LISTED", 2)
    limits = [("threshold_set", {"name": "sell_min_kes", "value": str(value)}) for value in (20, 30, 40)]
    with at(day):
        decided(*limits[:2])
        browser = signed_in(staff("treasury"))
        assert "listed" not in "".join(of_page(browser, day)[0])
        decided(limits[2])
        cells, titles = of_page(browser, day)
        said = of_pdf(browser, day, titles)
    assert said == "".join(cells)
    assert plain("3 asked, 3 approved, 0 refused. The first 2 of 3 are listed.") in cells


def decided(*asked: tuple[str, dict[str, str]]) -> None:
    maker, checker = staff("treasury"), staff("administrator")
    for kind, payload in asked:
        agreed(kind, payload, maker=maker, checker=checker)


def compared(*, kes: Decimal, grams: Decimal) -> None:
    """A comparison that has found a difference."""
    run = Run.objects.create(
        state=RunState.DONE, starts_at=now() - dt.timedelta(hours=1), ends_at=now(), finished_at=now()
    )
    one = Break.objects.create(
        key="printed",
        kind=BreakKind.BOOK_BROKEN,
        kes=kes,
        grams=grams,
        sentence="A shilling is missing.",
        cause="Nobody knows.",
        first_run=run,
        last_run=run,
    )
    run.findings.create(
        difference=one,
        news=News.NEW,
        kind=one.kind,
        subject="",
        kes=kes,
        grams=grams,
        sentence=one.sentence,
        cause=one.cause,
    )
