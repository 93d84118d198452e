"""Who of the staff is on hold reads at the desk as before and does nothing there, whatever their roles."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from accounts.exporting import export_do
from accounts.models import Authenticator, User
from accounts.permissions import ON_HOLD
from accounts.tests.people import signed_in, staff
from controls.models import Export
from controls.selectors import thresholds_forget
from goldwallet.test.world import World
from goldwallet.tests.routes import ROUTES
from goldwallet.tests.scene import ALL_ROLES, STAFF, Scene, taken_back, writes, written_since
from goldwallet.tests.test_routes import SEEN, Visit, path_of, wanted
from kyc.models import Document, Opening
from kyc.tests.making import photos_once
from oversight.tests.forms import BODIES, DESK, House, acting_routes
from trading.tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures(photos_once.__name__)]

#: They hand out files, and are shut by whatever method: whole lists and papers, and photos of identity, which ask for a
#: reason that nobody on hold can give.
COPIES = {
    "desk_export",
    "desk_export_file",
    "desk_account_extract",
    "desk_close_pdf",
    "desk_kyc_image",
}
#: Files that stay open, and why.
READ = {
    "desk_approval_file": "One paper that somebody attached: without it a request is read by half.",
    "desk_assay": "One certificate of one bar: it is about gold and shows no person.",
}


def hold(person: User) -> None:
    User.objects.filter(pk=person.pk).update(frozen_reason="A stolen laptop.")


def on_hold(*roles: str) -> Client:
    person = staff(*roles)
    hold(person)
    return signed_in(person)


@pytest.mark.parametrize("visitor", [*STAFF, "all_roles"])
def test_every_form_of_the_desk_is_shut_and_every_page_stays_open(
    shared: tuple[World, Scene], visitor: str
) -> None:
    visit, wrong = Visit(on_hold(*(ALL_ROLES if visitor == "all_roles" else (visitor,)))), []
    for name in DESK:
        path = path_of(name, shared[1].arguments(name, DESK[name]))
        for method in ("get", "post"):
            as_before = wanted(ROUTES[name], visitor, post=method == "post")
            if as_before in {403, 405}:
                continue  # Shut to their role, or to this method, with and without a hold (`test_routes`).
            shut = method == "post" or name in COPIES
            with taken_back():
                before = writes() if shut else {}
                answer = visit.ask(method, path)
                written = written_since(before) - SEEN if shut else set()
            if answer.status_code != (403 if shut else as_before):
                wrong.append(f"{method} {name}: {answer.status_code}")
            if shut and (ON_HOLD not in text(answer) or written):
                wrong.append(f"{method} {name}: no sentence, or it writes {written}")
    assert wrong == []


def test_every_way_to_a_file_is_shut_or_named_with_its_reason(shared: tuple[World, Scene]) -> None:
    """Each page of the desk, asked so that it answers: whatever is no page is a file."""
    me = staff(*ALL_ROLES)
    house = House(*shared, me, signed_in(me))
    files, unasked = set(), []
    for name in DESK:
        if ROUTES[name].answers[0] is None:
            continue
        with taken_back():
            arguments, query = WAYS.get(name, lambda house: ({}, {}))(house)
            answer = house.browser.get(house.path(name, **arguments), query)
        if answer.status_code not in {200, 302}:
            unasked.append(f"{name}: {answer.status_code}")
        if "Content-Disposition" in answer or not answer.headers["Content-Type"].startswith("text/html"):
            files.add(name)
    assert unasked == [], "say in WAYS what these are asked with"
    assert files == COPIES | set(READ)


def _photo(house: House) -> tuple[dict[str, Any], dict[str, str]]:
    """With a reason that was given on the page of the case."""
    photo = Document.objects.get(pk=house.scene.arguments("desk_kyc_image", ["document_id"])["document_id"])
    case = house.path("desk_kyc_open", case_id=photo.case_id)
    opened = house.browser.post(case, {"reason": "A question of the person's."})
    return {}, dict(parse_qsl(urlsplit(opened["Location"]).query))


def _written(house: House) -> tuple[dict[str, Any], dict[str, str]]:
    """A list that a job has written for me."""
    assert house.browser.post(house.path("desk_export"), {"format": "csv"}).status_code == 302
    export = Export.objects.get(by=house.me)
    export_do(export.pk)
    return {"export_id": export.pk}, {}


#: What those are asked with that answer nothing but a refusal otherwise: arguments and query.
WAYS: dict[str, Callable[[House], tuple[dict[str, Any], dict[str, str]]]] = {
    "desk_export": lambda house: ({}, {"format": "csv"}),
    "desk_export_file": _written,
    "desk_kyc_image": _photo,
}


def test_a_photo_stays_shut_with_a_reason_that_was_given_before_the_hold(
    shared: tuple[World, Scene],
) -> None:
    """Else a thief with the session would go on where its owner was."""
    me = staff("reviewer")
    house = House(*shared, me, signed_in(me))
    _, query = _photo(house)
    case = house.path("desk_kyc_case"), query
    image = house.path("desk_kyc_image"), query
    assert house.browser.get(*image).status_code == 200
    assert image[0] in house.browser.get(*case).content.decode()
    hold(me)
    before = Opening.objects.count()
    answer = house.browser.get(*image)
    assert (answer.status_code, Opening.objects.count()) == (403, before)
    page = house.browser.get(*case)
    assert page.status_code == 200
    assert house.path("desk_kyc_image") not in page.content.decode()
    assert house.path("desk_kyc_open") not in page.content.decode()


def test_forms_that_are_filled_in_well_are_shut_as_well(shared: tuple[World, Scene]) -> None:
    """They are those that leave their line in the trail when nobody is on hold (`test_audit_routes`)."""
    me = staff(*ALL_ROLES)
    house, wrong = House(*shared, me, signed_in(me)), []
    for name in acting_routes():
        with taken_back():
            arguments, body = BODIES[name](house)
            hold(me)
            before = writes()
            answer = house.browser.post(house.path(name, **arguments), body)
            written = written_since(before) - SEEN
        thresholds_forget()
        if answer.status_code != 403 or ON_HOLD not in text(answer) or written:
            wrong.append(f"{name}: {answer.status_code}, writes {written}")
    assert wrong == []


def test_the_hold_counts_from_the_next_request_on(shared: tuple[World, Scene]) -> None:
    keeper = staff("treasury")
    desk, asks = signed_in(keeper), reverse("desk_floats_ask")
    assert desk.post(asks).status_code == 302
    hold(keeper)
    assert desk.post(asks).status_code == 403
    User.objects.filter(pk=keeper.pk).update(frozen_reason="")
    assert desk.post(asks).status_code == 302


def test_the_desk_says_so_and_offers_nothing_to_press(shared: tuple[World, Scene]) -> None:
    free, held = signed_in(staff("treasury", "pricing")), on_hold("treasury", "pricing")
    for path, offer in [
        (f"/desk/people/{shared[1].alice.pk}/", "Put on hold"),
        ("/desk/prices/", "Show the effect"),
        ("/desk/orders/", "The whole list as a file"),
        ("/desk/steering/", "Pause buying"),
    ]:
        assert offer in text(free.get(path)), path
        assert ON_HOLD not in text(free.get(path))
        assert offer not in text(held.get(path)), path
        assert ON_HOLD in text(held.get(path))


def test_their_own_account_stays_theirs(shared: tuple[World, Scene]) -> None:
    person = staff("treasury")
    hold(person)
    browser, elsewhere = signed_in(person), signed_in(person)
    assert browser.get("/accounts/security/").status_code == 200
    assert browser.post(reverse("account_sessions_end")).status_code == 302
    assert elsewhere.get("/desk/").status_code == 302
    assert Authenticator.objects.filter(user=person, confirmed=True).exists()
    assert browser.post(reverse("account_logout")).status_code == 302
    assert browser.get("/desk/").status_code == 302
