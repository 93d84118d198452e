"""What a page of the desk looks like where people work: at a desk and on a tablet, in light and in dark."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from playwright.sync_api import Locator, Page

from goldwallet.test.browser import DESK, TABLET, Visitor

#: A folder's name; then every look leaves pictures there, for people to look at.
FOLDER = "SCREENSHOTS"

#: How many pixels of the page lie right of the window.
_WIDER = "document.scrollingElement.scrollWidth - document.documentElement.clientWidth"

#: In seconds: by then what a page still fetched has come.
_MOMENT = 5

# Only the window is scrolled, and only down: what lies sideways in a table would be found by nobody.
_IN_THE_WAY = """act => {
    act.scrollIntoView({block: "center", inline: "nearest"});
    for (let up = act.parentElement; up; up = up.parentElement) up.scrollLeft = 0;
    const box = act.getBoundingClientRect();
    if (act.matches(":disabled")) return "it is disabled";
    if (!box.width || !box.height) return "it is not shown";
    if (box.left < 0 || box.right > document.documentElement.clientWidth) return "it lies beside the window";
    const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    if (top && (act.contains(top) || [...(act.labels || [])].some(label => label.contains(top)))) return "";
    return "it is covered by " + (top ? top.outerHTML.slice(0, 200) : "nothing that is shown");
}"""


def look(
    person: Visitor,
    name: str,
    act: Locator | None = None,
    *,
    sizes: Sequence[Mapping[str, int]] = (DESK, TABLET),
) -> None:
    """Nothing is wider than the window, and `act`, what the person does next here, can be pressed where it stands.

    At both widths; the window then has the width that it had. `name` names the pictures. As a person would, it waits
    a moment for a page that is still on its way: a list that searches while one types comes more than once.
    """
    page, before = person.page, person.page.viewport_size
    # Without script, what was pressed last has led to a page that may still be on its way.
    page.wait_for_load_state()
    for size in sizes:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        end = time.monotonic() + _MOMENT
        while hinders := _hinders(page, act):
            assert time.monotonic() < end, f"{name} at {size['width']}: {hinders}"
            page.wait_for_timeout(50)
        if folder := os.environ.get(FOLDER):
            _pictures(person, Path(folder) / f"{name}-{size['width']}")
    if before is not None:
        page.set_viewport_size(before)


def _hinders(page: Page, act: Locator | None) -> str:
    """What is in the way just now; empty when nothing is."""
    if page.evaluate(_WIDER) > 0:
        return "the page is wider than the window"
    found = act.evaluate(_IN_THE_WAY) if act else ""
    return found and f"{act}: {found}"


def _pictures(person: Visitor, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    person.page.evaluate("scrollTo(0, 0)")
    for scheme in ("light", "dark"):
        person.page.emulate_media(color_scheme=scheme)
        person.page.screenshot(path=f"{path}-{scheme}.png", full_page=True, animations="disabled")
    person.page.emulate_media(color_scheme="light")
