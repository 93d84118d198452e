"""The audit trail in place, on the page of each thing: what two people did to it stands there as well."""

import json
import re
from decimal import Decimal
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.people import signed_in, staff
from controls.audit import acting, entries_about, record
from controls.exports import EXPORTS, rows_of
from controls.kinds import KINDS
from controls.models import AuditEntry
from controls.services import request_refuse, request_withdraw
from goldwallet.test.two import agreed, asked
from goldwallet.test.world import World
from goldwallet.tests.scene import Scene, scene_create
from kyc.tests.making import photos_once
from oversight.tests.kinds import BUILDERS
from oversight.trail import IN_PLACE, trail_of
from pools import services as pools
from pools.models import Price

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures(photos_once.__name__)]


@pytest.fixture
def vera() -> User:
    return staff("treasury")


def acts(subject: str) -> list[str]:
    return [entry.action for entry in entries_about(subject)]


def test_what_two_people_did_stands_with_the_thing(world: World, vera: User) -> None:
    subject = "payment:7"
    payload = BUILDERS["float_move"](world).payload
    refused = asked("float_move", payload, by=vera, subject=subject)
    request_refuse(request_id=refused.pk, by=staff("treasury"), words="Not this one, ask again.")
    back = asked("float_move", payload, by=vera, subject=subject)
    request_withdraw(request_id=back.pk, by=vera)
    agreed("float_move", payload, maker=vera, checker=staff("treasury"), subject=subject)
    made = "request_make"
    assert acts(subject) == ["request_approve", made, "request_withdraw", made, "request_refuse", made]
    assert acts("payment:70") == []
    assert acts(f"request:{back.pk}") == ["request_withdraw", made]


def test_the_trail_of_a_person_has_all_that_is_about_them(world: World, vera: User) -> None:
    agreed("adjust_cash", BUILDERS["adjust_cash"](world).payload, maker=vera, checker=staff("treasury"))
    record("read", subject="order:1", person_id=world.alice.pk, by=vera.pk)
    record("read", subject="order:2", person_id=world.bob.pk, by=vera.pk)
    assert acts(f"person:{world.alice.pk}") == ["read", "request_approve", "request_make"]


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_line_of_an_approval_says_what_it_did_and_names_nobody(world: World, kind: str) -> None:
    found = BUILDERS[kind](world)
    maker, checker = staff(sorted(KINDS[kind].makers)[0]), staff(sorted(KINDS[kind].checkers)[-1])
    done = agreed(kind, found.payload, maker=maker, checker=checker)
    line = AuditEntry.objects.get(action="request_approve", subject=f"request:{done.pk}")
    assert line.about == done.subject
    said = json.dumps([line.before, line.after])
    assert "@" not in said and "2547" not in said
    if done.effect["leaving_kes"] != "0":
        assert Decimal(line.after["leaving_kes"]) == Decimal(done.effect["leaving_kes"]) > 0
    if kind == "threshold_set":
        assert "50,000" in said or "50000" in said
    if kind == "adjust_cash":
        assert line.after["moved_kes"] == "60000"


@pytest.fixture
def scene(world: World) -> Scene:
    return scene_create(world)


#: Page -> its argument, the subject of its trail.
PLACES = {
    "desk_break": ("break_id", "break:{}"),
    "desk_run": ("run_id", "run:{}"),
    "desk_kyc_case": ("case_id", "case:{}"),
    "desk_kyc_person": ("person_id", "person:{}"),
    "desk_close_day": ("day", "close:{}"),
    "desk_person_roles": ("person_id", "roles:{}"),
    "desk_person": ("person_id", "person:{}"),
    "desk_pool": ("pool_id", "pool:{}:bars"),
    "desk_steering": ("", "threshold:sell_min_kes"),
    "desk_prices": ("", "price:band"),
}


@pytest.mark.parametrize("name", PLACES)
def test_pages_show_it_in_place(scene: Scene, name: str) -> None:
    argument, subject = PLACES[name]
    arguments = scene.arguments(name, [argument] if argument else [])
    key = arguments.get(argument, "")
    record("request_approve", subject="request:1", about=subject.format(key), reason="Seen with my own eyes.")
    page = signed_in(staff("administrator")).get(reverse(name, kwargs=arguments))
    assert page.status_code == 200
    assert "Audit trail</h2>" in page.content.decode()
    assert "Seen with my own eyes." in page.content.decode()


# --- acts and looks -------------------------------------------------------------------------------


def trail_in(page: str) -> tuple[str, list[int], dict[str, str]]:
    """The trail's part of a page, the numbers of its lines as they stand there, and its links by their words."""
    _, _, part = page.partition('<h2 id="trail">')
    part = part.partition("</section>")[0]
    links = {words: unescape(url) for url, words in re.findall(r'<a href="([^"]*)">([^<]*)</a>', part)}
    return part, [int(number) for number in re.findall(r"No\. (\d+)", part)], links


def numbers_of(browser: Client, url: str) -> list[int]:
    """Every line of a list of the trail, page after page."""
    found: list[int] = []
    while url:
        context = browser.get(url).context
        found += [row.entry.pk for row in context["rows"]]
        url = context["older_url"]
    return found


def test_looks_never_bury_what_was_done(world: World, vera: User) -> None:
    alice, page = world.alice, reverse("desk_person", args=[world.alice.pk])
    with acting(actor_id=vera.pk, address="41.90.4.7", page="desk_hold"):
        record(
            "hold",
            subject=f"person:{alice.pk}",
            person_id=alice.pk,
            before={"on_hold": False},
            after={"on_hold": True},
            reason="A stolen <b>phone</b>.",
        )
    hold = AuditEntry.objects.latest("id")
    browser = signed_in(vera)
    for _ in range(2 * IN_PLACE):
        browser.get(page)
    part, numbers, _ = trail_in(browser.get(page).content.decode())
    done, _, looked = part.partition('<details class="fold">')
    assert numbers[0] == hold.pk
    for words in (
        vera.email,
        "41.90.4.7",
        "Put a person on hold",
        "<td>no</td><td>yes</td>",
        "stolen &lt;b&gt;",
    ):
        assert words in done, words
    assert '<th scope="row">Read' not in done
    assert f"Looked at {2 * IN_PLACE} times, last by {vera.email}" in looked
    assert len(numbers) == 1 + IN_PLACE


def test_the_newest_stand_there_and_the_rest_is_linked_and_counted(world: World, vera: User) -> None:
    subject = f"order:{world.alice.pk}"
    for number in range(IN_PLACE + 2):
        record("note", subject=subject, reason=f"Note {number}.")
        record("read", subject=subject)
    for _ in range(100):
        record("read", subject=subject, by=vera.pk)
    found = trail_of(subject, vera)
    lines = AuditEntry.objects.filter(subject=subject).order_by("-id").values_list("pk", flat=True)
    for part, action, number in (
        (found.acts, "note", str(IN_PLACE + 2)),
        (found.looks, "read", "more than 100"),
    ):
        every = list(lines.filter(action=action))
        assert [row.entry.pk for row in part.rows] == every[:IN_PLACE]
        assert part.rest and part.number == number
        assert numbers_of(signed_in(vera), part.url) == every
    assert numbers_of(signed_in(vera), found.url) == list(lines)


@pytest.mark.parametrize("name", PLACES)
def test_all_of_it_is_at_least_what_stands_on_the_page(scene: Scene, vera: User, name: str) -> None:
    argument, subject = PLACES[name]
    arguments = scene.arguments(name, [argument] if argument else [])
    subject = subject.format(arguments.get(argument, ""))
    record("note", subject=subject, by=vera.pk)
    record("request_make", subject="request:1", about=subject)
    whose = {"person_id": arguments["person_id"]} if subject.startswith("person:") else {}
    record("read", subject="order:1", **whose)
    browser = signed_in(staff("administrator"))
    _, numbers, links = trail_in(browser.get(reverse(name, kwargs=arguments)).content.decode())
    assert len(numbers) >= 2 + len(whose)
    assert set(numbers) <= set(numbers_of(browser, links["All of it"]))


def test_the_page_of_prices_has_the_lines_of_all_of_them(world: World, vera: User) -> None:
    by = staff("pricing")
    for buy in (16_500, 16_600, 16_700):
        pools.price_set(buy=Decimal(buy), sell=Decimal(16_000), by=by, reason=f"At {buy}.", confirmed=True)
    made = [f"price:{key}" for key in Price.objects.order_by("-id").values_list("pk", flat=True)[:3]]
    lines = set(AuditEntry.objects.filter(subject__in=made).values_list("pk", flat=True))
    browser = signed_in(staff("administrator"))
    _, numbers, links = trail_in(browser.get(reverse("desk_prices")).content.decode())
    assert len(lines) == 3 and lines <= set(numbers)
    assert lines <= set(numbers_of(browser, links["All of it"]))


@pytest.mark.parametrize(
    ("name", "role"), [("desk_person", "reviewer"), ("desk_pool", "vault"), ("desk_prices", "pricing")]
)
def test_nothing_of_it_stands_there_for_whom_the_trail_is_closed(
    scene: Scene, vera: User, name: str, role: str
) -> None:
    argument, subject = PLACES[name]
    arguments = scene.arguments(name, [argument] if argument else [])
    with acting(actor_id=vera.pk, address="41.90.4.7", page=name):
        record("note", subject=subject.format(arguments.get(argument, "")), reason="Seen with my own eyes.")
    url = reverse(name, kwargs=arguments)
    seen = signed_in(staff("auditor")).get(url).content.decode()
    assert "41.90.4.7" in seen and "Seen with my own eyes." in seen
    closed = signed_in(staff(role)).get(url)
    assert closed.status_code == 200
    for words in ('id="trail"', "41.90.4.7", "Seen with my own eyes."):
        assert words not in closed.content.decode(), words


def test_whoever_reads_somebody_s_trail_by_an_id_is_noted_as_a_reader_of_theirs(
    world: World, vera: User
) -> None:
    alice = world.alice
    record("read", subject="order:1", person_id=alice.pk)
    browser = signed_in(vera)
    for typed, whose in (
        (f"person:{alice.pk}", alice.pk),
        (str(alice.pk), alice.pk),
        (f"person:{world.pool.pk}", None),
        (f"person:{alice.pk} person:{world.bob.pk}", None),
    ):
        browser.get(reverse("desk_audit"), {"subject": typed})
        assert AuditEntry.objects.latest("id").person_id == whose, typed


def test_the_trail_of_a_day_stays_off_its_printed_page(scene: Scene) -> None:
    address = reverse("desk_close_day", kwargs=scene.arguments("desk_close_day", ["day"]))
    page = signed_in(staff("treasury")).get(address).content.decode()
    printed, _, hidden = page.partition('<div class="no-print">')
    assert "SHA-256 of these figures" in printed and "Audit trail</h2>" not in printed
    assert "Audit trail</h2>" in hidden


def test_the_page_of_the_trail_and_its_file_say_what_a_request_is_about(vera: User) -> None:
    record("request_approve", subject="request:1", about="payment:7")
    browser = signed_in(vera)
    for typed in ("payment:7", "request:1", "7"):
        (row,) = browser.get(reverse("desk_audit"), {"subject": typed}).context["rows"]
        assert row.thing == "Payment 7", typed
    (line,) = rows_of("audit", {"subject": "payment:7"})
    assert dict(zip(EXPORTS["audit"].columns, line, strict=True))["Which is about"] == "payment:7"


def test_the_time_line_links_to_requests_that_open_for_the_reader(world: World, vera: User) -> None:
    cash = asked("adjust_cash", BUILDERS["adjust_cash"](world).payload, by=vera)
    tier = asked("tier_set", BUILDERS["tier_set"](world).payload, by=vera)
    for request in (cash, tier):
        request_withdraw(request_id=request.pk, by=vera)
    reader = signed_in(staff("reviewer"))
    page = reader.get(reverse("desk_person", args=[world.alice.pk])).content.decode()
    for request, opens in ((cash, False), (tier, True)):
        url = reverse("desk_approval", args=[request.pk])
        assert (f'href="{url}"' in page) == opens
        assert (reader.get(url).status_code == 200) == opens
