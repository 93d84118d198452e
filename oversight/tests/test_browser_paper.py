"""Every page of the desk on paper: what can only be pressed is gone, and whatever one reads on the screen is there."""

import mimetypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from playwright.sync_api import Browser, Page, Route, expect

from goldwallet.test.look import FOLDER
from goldwallet.tests.routes import all_routes
from goldwallet.tests.scene import made_for_all, photographs
from goldwallet.tests.test_routes import path_of
from oversight.tests import many_people  # noqa: F401 - what it makes is more of people and papers
from oversight.tests.many import Way, house_create
from oversight.tests.test_questions import PAGES, as_routes_have_it

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


class Paper(NamedTuple):
    """A page. `way`: its route and what the address asks for."""

    name: str
    way: str
    html: str


type Papers = list[Paper]

#: A sheet of A4 less the browser's margins, in pixels.
SHEET = {"width": 718, "height": 1046}
#: Where the browser finds them: by their places in the list.
HOST = "http://desk.test/"

#: Route -> what of it is not for paper. A close is one sheet, and who has read it is no part of it.
NOT_FOR_PAPER = {"desk_close_day": "[aria-labelledby=trail]"}

# Words of cells, facts and figures that are no control's, as the screen has them.
_ON_SCREEN = """apart => {
    const DATA = "td, th, dt, dd, li, pre, figcaption, .figure";
    const CONTROL = "button, a.button, label, summary, select, textarea, .actions, .field, .visually-hidden";
    const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    const found = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const at = node.parentElement;
        if (!node.data.trim() || !at.closest(DATA) || at.closest(CONTROL) || at.closest("time[data-age]")) continue;
        if (apart && at.closest(apart)) continue;
        if (at.checkVisibility({visibilityProperty: true, opacityProperty: true})) found.push(node);
    }
    // The head of a column that holds nothing but controls is one itself.
    const heads = cell => cell && found.some(node => {
        const other = node.parentElement.closest("tbody td, tbody th");
        return other?.closest("table") === cell.closest("table") && other.cellIndex === cell.cellIndex;
    });
    window.read = found.filter(node => {
        const head = node.parentElement.closest("thead th");
        return !head || heads(head);
    });
    return window.read.length;
}"""

# Those of them that the paper lacks: hidden, cut off by a box around them, or beside the sheet.
_MISSING = """() => window.read.filter(node => {
    if (!node.parentElement.checkVisibility({visibilityProperty: true, opacityProperty: true})) return true;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (!box.width || box.left < 0 || box.right > innerWidth + 1) return true;
    for (let up = node.parentElement; up; up = up.parentElement) {
        if (getComputedStyle(up).overflowX === "visible") continue;
        const frame = up.getBoundingClientRect();
        if (up === document.documentElement) break;
        if (box.right > frame.right + 1 || box.bottom > frame.bottom + 1) return true;
    }
    return false;
}).map(node => node.data.trim().slice(0, 60))"""


@pytest.fixture(scope="module")
def papers(django_db_setup, django_db_blocker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Papers]:
    """Every page at each of its addresses, in a house with some of everything."""

    def make() -> Papers:
        found: Papers = []
        with photographs(tmp_path_factory.mktemp("documents")):
            house = house_create()
            house.more(2)
            for name in PAGES:
                ways: list[Way] = [*as_routes_have_it(name), *house.ways.get(name, [])]
                for way in ways:
                    names = all_routes()[name]
                    path = path_of(name, house.scene.arguments(name, names) | way.arguments)
                    answer = house.browser.get(f"{path}?{way.query}")
                    if b"<main" in getattr(answer, "content", b""):
                        found.append(Paper(name, f"{name} {way}", answer.content.decode()))
        return found

    yield from made_for_all(django_db_blocker, make)


@pytest.fixture
def sheet(browser_program: Browser, papers: Papers) -> Iterator[Page]:
    """A window as wide as a sheet, in which those pages open."""
    context = browser_program.new_context(viewport=SHEET, base_url=HOST, java_script_enabled=False)  # type: ignore[arg-type]

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path.strip("/")
        file = finders.find(path.removeprefix("static/"))
        if path.isdigit():
            route.fulfill(body=papers[int(path)].html, content_type="text/html; charset=utf-8")
        elif isinstance(file, str):
            route.fulfill(path=file, content_type=mimetypes.guess_type(file)[0] or "text/plain")
        else:
            route.abort()

    context.route("**/*", answer)
    yield context.new_page()
    context.close()


def of_route(papers: Papers, name: str, query: str = "") -> str:
    return str(next(n for n, paper in enumerate(papers) if paper.name == name and query in paper.way))


def test_whatever_one_reads_on_the_screen_stands_on_paper(sheet: Page, papers: Papers) -> None:
    missing, read = {}, 0
    for number, paper in enumerate(papers):
        sheet.emulate_media(media="screen")
        sheet.goto(str(number))
        read += sheet.evaluate(_ON_SCREEN, NOT_FOR_PAPER.get(paper.name, ""))
        sheet.emulate_media(media="print")
        if lacking := sheet.evaluate(_MISSING):
            missing[paper.way] = lacking
        if folder := os.environ.get(FOLDER):
            edge = dict.fromkeys(("top", "right", "bottom", "left"), "1cm")
            sheet.pdf(path=Path(folder) / f"paper-{paper.name}-{number}.pdf", format="A4", margin=edge)  # type: ignore[arg-type]
    assert missing == {}, missing
    assert read > 1000
    assert {paper.name for paper in papers} >= {"desk", "desk_pool", "desk_audit", "desk_payment"}


def test_the_bars_of_a_pool_stand_on_paper_without_what_chooses_them(sheet: Page, papers: Papers) -> None:
    sheet.emulate_media(media="print")
    sheet.goto(of_route(papers, "desk_pool"))
    bars = sheet.locator("#rows table.lines tbody tr")
    assert bars.count() > 1
    for bar in bars.all():
        expect(bar.locator("a.code")).to_be_visible()
        expect(bar.locator("td.num").last).to_be_visible()
    expect(sheet.get_by_role("columnheader", name="Choose")).to_have_count(0)
    expect(sheet.get_by_role("checkbox")).to_have_count(0)
    expect(sheet.get_by_role("button")).to_have_count(0)

    sheet.goto(of_route(papers, "desk_bars_withdraw", "bar="))
    expect(sheet.locator("main table tbody tr").first).to_be_visible()
    expect(sheet.get_by_role("rowheader", name="Leaves the vault")).to_be_visible()
    expect(sheet.get_by_role("textbox")).to_have_count(0)


def test_what_a_cell_folds_away_is_unfolded_on_paper(sheet: Page, papers: Papers) -> None:
    """Before and after of an act: nobody can press on paper."""
    sheet.goto(of_route(papers, "desk_audit"))
    value = sheet.locator("td > details:not([open]) .trail-diff td").first
    expect(value).to_be_hidden()
    sheet.emulate_media(media="print")
    expect(value).to_be_visible()


def test_a_filtered_list_says_on_paper_what_it_leaves_out(sheet: Page, papers: Papers) -> None:
    """On the screen the filters do, which paper does not have."""
    sheet.goto(of_route(papers, "desk_pool", "status=all"))
    told = sheet.get_by_text("Only: State: Both")
    expect(told).to_be_hidden()
    sheet.emulate_media(media="print")
    expect(told).to_be_visible()
    sheet.goto(of_route(papers, "desk_orders"))
    expect(sheet.locator(".only-paper")).to_have_count(0)
