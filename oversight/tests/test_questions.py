"""No page of the desk asks more than 25 questions, and none asks more when there is more to show.

Each page is opened in a house with one or two of everything, and again in one with several times as much; `many` makes
it. A new page is opened by itself, by the table of all routes, and fails here until there is more of what it lists. A
look counts as whoever comes first has it: nothing is remembered from a look before.
"""

from collections.abc import Iterator

import pytest

from goldwallet.test.books import assert_books
from goldwallet.tests.routes import ROUTES, all_routes
from goldwallet.tests.scene import made_for_all, photographs
from goldwallet.tests.test_routes import path_of
from oversight.tests import many_people  # noqa: F401 - what it makes is more of people and papers
from oversight.tests.many import House, Way, house_create
from oversight.tests.shown import MOST, Look, look

pytestmark = pytest.mark.django_db

#: How many there are of everything at first, and how many more there are then.
FEW, MORE = 1, 2
#: Every route of the desk that can be looked at.
PAGES = sorted(
    name for name, route in ROUTES.items() if route.kind == "staff" and route.answers[0] is not None
)

#: Lists that are as long as they are, by their pages: of kinds, roles, thresholds and accounts of the house there are
#: so many; a correction and the paying of an order move so many accounts; a request is asked for and decided once; and
#: of some the newest ten stand there, which are ten already when there is little.
SAME = {
    "desk": {"ul: Waiting for somebody", "table: Money"},
    "desk_approval": {
        "table: What it did",
        "table: What it would have done when it was asked",
        "table: Audit trail",
        "ul: In the ledger",
    },
    "desk_arrival": {"ul: In the ledger"},
    "desk_bar_restore": {"table: "},
    "desk_close_day": {"table: Money", "table: Trade", "table: All postings, by kind"},
    "desk_export_file": {"file"},
    "desk_ledger": {"table: Trial balance"},
    "desk_order": {"table: Buy paid", "table: History"},
    "desk_payment": {"table: Buy paid"},
    "desk_person": {"table: Limits and use", "table: #values"},
    "desk_pool": {"table: Where each gram is", "table: In the ledger"},
    "desk_prices": {"table: What this pair does at once"},
    "desk_roles": {"table: Who works where", "table: What takes two people", "table: Show the #addresses"},
    "desk_steering": {"table: Thresholds"},
}
#: What shows one thing and lists nothing: forms, files, the two accounts at M-Pesa, how far a comparison is. A written
#: file goes out by parts of 384 KB, each asked for by itself, so that no connection waits for somebody's slow line.
ALONE = {
    *("desk_bar_restore", "desk_bars_add", "desk_pool_edit", "desk_pool_new", "desk_pool_turn"),
    *("desk_approval_file", "desk_assay", "desk_export_file", "desk_kyc_image"),
    *("desk_floats", "desk_run_progress"),
}

type Looks = dict[str, list[tuple[str, Look]]]


def looks(house: House) -> Looks:
    """Every page at each of its addresses, those of a house with more in the same order."""
    routes = all_routes()
    return {
        name: [
            (
                str(way),
                look(
                    house.browser,
                    path_of(name, house.scene.arguments(name, routes[name]) | way.arguments),
                    query=way.query,
                    part=way.part,
                ),
            )
            for way in [*as_routes_have_it(name), *house.ways.get(name, [])]
        ]
        for name in PAGES
    }


def as_routes_have_it(name: str) -> list[Way]:
    """The scene's own address, if it answers with a page."""
    return [Way()] if ROUTES[name].answers[0] == 200 else []


@pytest.fixture(scope="module")
def looked(
    django_db_setup, django_db_blocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Looks, Looks]]:
    """What every page asks and shows where there is little, and where there is much."""

    def make() -> tuple[Looks, Looks]:
        with photographs(tmp_path_factory.mktemp("documents")):
            house = house_create()
            house.more(FEW)
            few = looks(house)
            house.more(MORE)
            many = looks(house)
            assert_books()
            return few, many

    yield from made_for_all(django_db_blocker, make)


@pytest.mark.parametrize("name", PAGES)
def test_no_page_of_the_desk_asks_more_when_there_is_more(looked: tuple[Looks, Looks], name: str) -> None:
    few, many = (looks[name] for looks in looked)
    assert many, "say in `many` at which address this is a page"
    for (way, one), (_, other) in zip(few, many, strict=True):
        assert len(other.questions) <= MOST, (way, other.told)
        assert len(other.told) <= len(one.told), (way, other.more_than(one))


@pytest.mark.parametrize("name", PAGES)
def test_there_is_more_of_whatever_a_page_lists(looked: tuple[Looks, Looks], name: str) -> None:
    """Else it would be no wonder that it asks no more. A list that cannot grow is named with the reason."""
    lists, grown = set(), set()
    for (_, one), (_, other) in zip(*(looks[name] for looks in looked), strict=True):
        lists |= set(other.rows)
        grown |= {label for label, number in other.rows.items() if number > one.rows.get(label, 0)}
    assert lists - grown == SAME.get(name, set())
    assert bool(grown) != (name in ALONE)
