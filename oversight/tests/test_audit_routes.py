"""Every page of the desk leaves its lines in the audit trail: who read data of people, and who did what.

Nothing here is read from the guards: pages are opened, and whoever's data stands in the answer must be told of; forms
are sent as people fill them in (`BODIES`), and what was done must be told by the service that did it. A new route of
the desk that changes something fails until its form stands here.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import signed_in, staff
from controls.models import AuditEntry, Note, Request, Switch, Threshold
from controls.selectors import thresholds_forget
from goldwallet import phones
from goldwallet.test.books import assert_books
from goldwallet.test.two import asked
from goldwallet.test.world import World
from goldwallet.tests.routes import ROUTES
from goldwallet.tests.scene import ALL_ROLES, Scene, taken_back
from kyc.models import Case
from kyc.tests.making import photos_once, said_why
from ledger import chart
from oversight.models import Break
from oversight.tests.forms import BODIES, DESK, House, acting_routes
from oversight.trail import LOOKS
from payments.models import Payment
from pools.models import Pool, Price

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures(photos_once.__name__)]


@pytest.fixture
def house(shared: tuple[World, Scene]) -> House:
    me = staff(*ALL_ROLES)
    return House(*shared, me, signed_in(me))


def lines_of(person: User) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(actor=person).order_by("id"))


# --- reading --------------------------------------------------------------------------------------


def forms_of_a_phone(phone: str) -> set[str]:
    """As it is kept, as people write it, in groups, and with its middle hidden."""
    local = phones.local(phone)
    return {
        phone,
        local.replace(" ", ""),
        local,
        phones.mask(phone),
        f"+{phone[:3]} {phone[3:6]} {phone[6:9]} {phone[9:]}",
    }


def data_of(person: User) -> set[str]:
    """What would tell a reader something of this person."""
    words = {person.email, person.username}
    if person.phone:
        words |= forms_of_a_phone(person.phone)
    for case in Case.objects.filter(user=person):
        words |= {case.legal_name, case.id_number}
    return {word for word in words if word and len(word) > 4}


def tells_of(text: str, words: set[str]) -> list[str]:
    # The pattern looks behind at every letter of a page, so it is asked only about what is there at all.
    there = [word for word in words if word in text]
    return [word for word in there if re.search(rf"(?<![\w.+-]){re.escape(word)}(?![\w-])", text)]


def customers() -> set[str]:
    return set().union(*(data_of(person) for person in User.objects.filter(is_staff=False)))


#: What a page is asked beside its bare address, where that shows more.
ASKED = {"desk_orders": [{"person": "alice"}]}


def about_alice(house: House) -> dict[str, dict[str, Any]]:
    """Arguments of the pages of a request: the scene's is about a number, this one about Alice."""
    payload = {"person": str(house.scene.alice.pk), "kes": "50", "way": "credit", "words": "For the wait."}
    request = asked("adjust_cash", payload, by=house.world.staff(Role.TREASURY, email="ada@example.com"))
    return {name: {"request_id": request.pk} for name in DESK if "request_id" in DESK[name]}


@pytest.mark.fault("Z10")
def test_whose_page_shows_data_of_a_customer_says_who_looked(house: House) -> None:
    own = about_alice(house)
    words, silent, telling = customers(), [], set()
    for name in DESK:
        if ROUTES[name].answers[0] is None:
            continue
        for query in [{}, *ASKED.get(name, [])]:
            with taken_back():
                before = len(lines_of(house.me))
                answer = house.browser.get(house.path(name, **own.get(name, {})), query)
                if answer.status_code != 200 or answer.streaming:
                    continue
                told = tells_of(answer.content.decode(errors="replace"), words)
                looks = [line.action for line in lines_of(house.me)[before:] if line.action in LOOKS]
            if told and not looks:
                silent.append((name, told[:3]))
            telling |= {name} if told else set()
    assert silent == [], f"staff_page(..., reads=...) is missing: {silent}"
    assert {"desk_orders", "desk_order", "desk_kyc", "desk_kyc_case", "desk_payment"} <= telling
    assert {"desk_approvals", "desk_approval"} <= telling


@pytest.mark.fault("Z10")
def test_a_form_that_is_refused_and_shows_the_page_again_counts_as_a_look(house: House) -> None:
    own = about_alice(house)
    words, silent, telling = customers(), [], set()
    for name in DESK:
        if ROUTES[name].answers[1] is None:
            continue
        with taken_back():
            before = len(lines_of(house.me))
            answer = house.browser.post(house.path(name, **own.get(name, {})), {})
            if answer.status_code < 400:
                continue
            told = tells_of(answer.content.decode(errors="replace"), words)
            lines = [line.action for line in lines_of(house.me)[before:]]
        if told and "read" not in lines:
            silent.append((name, told[:3]))
        telling |= {name} if told else set()
        # Nothing was done, so nothing is told to have been done.
        assert set(lines) <= LOOKS, (name, lines)
    assert silent == [], f"staff_page(..., reads=...) is missing: {silent}"
    assert {"desk_approval_approve", "desk_approval_refuse", "desk_approval_withdraw"} <= telling


_FILTERS = re.compile(r'<form[^>]*method="get".*?</form>', re.DOTALL)
_NAMES = re.compile(r'<(?:input|select|textarea)[^>]* name="([^"]+)"')
#: Asked by a link, not by a form of the page's own.
LINKED = {"desk_account_extract": {"since", "until"}}


@pytest.mark.fault("Z10")
def test_a_filter_that_makes_no_sense_hides_nobody_s_look(house: House) -> None:
    """Whatever status the answer has: what tells of a customer is told of."""
    gold = {"code": chart.user_gold(house.scene.alice.pk).code}
    own = {"desk_account": gold, "desk_account_extract": gold}
    words, silent, tried, telling = customers(), [], set(), set()
    for name in DESK:
        if ROUTES[name].answers[0] is None:
            continue
        path = house.path(name, **own.get(name, {}))
        with taken_back():
            page = house.browser.get(path)
        html = "" if page.streaming else page.content.decode(errors="replace")
        found = {field for form in _FILTERS.findall(html) for field in _NAMES.findall(form)}
        for field in sorted(found | LINKED.get(name, set()) | ({"after"} if found else set())):
            with taken_back():
                before = len(lines_of(house.me))
                answer = house.browser.get(path, {field: "zz"})
                if answer.streaming or 300 <= answer.status_code < 400:
                    continue
                told = tells_of(answer.content.decode(errors="replace"), words)
                looks = [line.action for line in lines_of(house.me)[before:] if line.action in LOOKS]
            tried.add((name, field))
            if told and not looks:
                silent.append((name, field, answer.status_code, told[:3]))
            telling |= {(name, field, answer.status_code)} if told else set()
    assert silent == [], "these looks left no line"
    assert {("desk_people", "identity"), ("desk_pool", "sort"), ("desk_orders", "status")} <= tried
    assert {("desk_pool", "sort", 400), ("desk_account_extract", "since", 400)} <= telling
    assert ("desk_people", "identity", 400) not in telling, "what cannot be read asks for nobody"


def test_one_s_page_says_whose_it_is(house: House) -> None:
    """For the person's own trail: everybody who read about Alice, whatever page it was on."""
    alice = house.scene.alice
    for name in ("desk_order", "desk_payment", "desk_kyc_person"):
        house.browser.get(house.path(name))
    found = AuditEntry.objects.filter(actor=house.me, action="read", person=alice)
    assert {line.page for line in found} == {"desk_order", "desk_payment", "desk_kyc_person"}


def test_a_photo_is_opened_with_its_reason_in_the_trail(house: House) -> None:
    words = "The police asks about this person."
    case = Case.objects.get(pk=house.scene.ids["case_id"])
    photo = house.path("desk_kyc_image") + said_why(house.browser, case, words)
    assert house.browser.get(photo).status_code == 200
    line = lines_of(house.me)[-1]
    assert (line.action, line.reason, line.person_id) == ("photo_open", words, case.user_id)
    assert line.subject == f"case:{case.pk}" and line.after == {"part": "id_front"}


# --- acting ---------------------------------------------------------------------------------------


def test_every_form_of_the_desk_stands_here() -> None:
    assert set(acting_routes()) - set(BODIES) == set(), "say in BODIES how these are filled in"
    assert set(BODIES) - set(acting_routes()) == set(), "these are gone"


@pytest.mark.fault("Z10")
def test_who_does_something_has_a_line_that_says_what(house: House) -> None:
    """One house for all of them: each form finds it as it was."""
    wrong = {}
    for name in sorted(set(BODIES) & set(acting_routes())):
        with taken_back():
            if complaint := _complaint(house, name):
                wrong[name] = complaint
        thresholds_forget()
    assert wrong == {}


#: Forms that look for somebody and do no more: sent, so that what was typed stays out of addresses.
FINDS = {"desk_hire"}


def _complaint(house: House, name: str) -> str:
    """What is wrong with the line that this form leaves; empty when nothing is."""
    arguments, body = BODIES[name](house)
    before = len(lines_of(house.me))
    answer = house.browser.post(house.path(name, **arguments), body)
    if answer.status_code >= 400:
        refusal = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode(errors="replace")))
        return f"{answer.status_code}: {refusal[-1500:]}"
    looks = {"read"} if name in FINDS else {"read", "search"}
    done = [line for line in lines_of(house.me)[before:] if line.action not in looks]
    if not done:
        return "nothing says what was done"
    if "act" in {line.action for line in done}:
        return "the service itself writes what it did"
    if {(line.page, line.address) for line in done} != {(name, "127.0.0.1")}:
        return f"on {done[0].page} from {done[0].address}"
    told = tells_of(" ".join(f"{line.before} {line.after} {line.subject}" for line in done), customers())
    return f"a line holds no data of a person's but the id: {told}" if told else ""


# --- what fails -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["desk_hold", "desk_payout_refuse", "desk_kyc_decide", "desk_threshold_ask"])
def test_what_was_refused_is_not_told_as_done(house: House, name: str) -> None:
    arguments, body = BODIES[name](house)
    body = body | {"reason": "no", "outcome": "approved", "reason_selfie": ""}
    before = len(lines_of(house.me))
    assert house.browser.post(house.path(name, **arguments), body).status_code >= 400
    assert {line.action for line in lines_of(house.me)[before:]} <= {"read"}


@pytest.fixture
def nothing_is_written(house: House) -> None:
    """From now on the audit trail takes no line (of what somebody does; what the scene needs is there)."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "CREATE FUNCTION test_no_line() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the trail is full'; END $$"
        )


def _closed() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER test_no_line BEFORE INSERT ON controls_auditentry"
            " FOR EACH ROW EXECUTE FUNCTION test_no_line()"
        )


#: What each act would have changed.
STATES: dict[str, Callable[[House], Any]] = {
    "desk_hold": lambda house: list(User.objects.order_by("pk").values_list("frozen_reason", flat=True)),
    "desk_payout_approve": lambda house: sorted(Payment.objects.values_list("pk", "state")),
    "desk_payout_refuse": lambda house: sorted(Payment.objects.values_list("pk", "state")),
    "desk_kyc_decide": lambda house: sorted(Case.objects.values_list("pk", "state")),
    "desk_switch_pause": lambda house: sorted(Switch.objects.values_list("name", "paused")),
    "desk_payouts_mode": lambda house: sorted(Threshold.objects.values_list("name", "value")),
    "desk_prices": lambda house: Price.objects.count(),
    "desk_pool_new": lambda house: Pool.objects.count(),
    "desk_break_own": lambda house: sorted(Break.objects.values_list("pk", "owner")),
    "desk_threshold_ask": lambda house: Request.objects.count(),
    "desk_approval_approve": lambda house: sorted(Request.objects.values_list("pk", "state")),
    "desk_note_add": lambda house: Note.objects.count(),
}


@pytest.mark.fault("Z10")
@pytest.mark.parametrize("name", sorted(STATES))
def test_an_act_and_its_line_stand_or_fall_together(
    house: House, nothing_is_written: None, name: str
) -> None:
    arguments, body = BODIES[name](house)
    before = STATES[name](house)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    _closed()
    with pytest.raises(DatabaseError, match="the trail is full"):
        house.browser.post(house.path(name, **arguments), body)
    assert STATES[name](house) == before
    assert_books()


@pytest.mark.fault("Z10")
def test_what_cannot_be_noted_is_not_shown(house: House, nothing_is_written: None) -> None:
    _closed()
    for name in ("desk_order", "desk_kyc_case", "desk_payment"):
        with pytest.raises(DatabaseError, match="the trail is full"), transaction.atomic():
            house.browser.get(house.path(name))
