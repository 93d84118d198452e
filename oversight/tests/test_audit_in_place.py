"""The audit trail in place, on the page of each thing: what two people did to it stands there as well."""

import json
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import User
from accounts.tests.people import signed_in, staff
from controls.audit import entries_about, record
from controls.exports import EXPORTS, rows_of
from controls.kinds import KINDS
from controls.models import AuditEntry
from controls.services import request_refuse, request_withdraw
from goldwallet.test.two import agreed, asked
from goldwallet.test.world import World
from goldwallet.tests.scene import Scene, scene_create
from kyc.tests.making import photos_once
from oversight.tests.kinds import BUILDERS

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
