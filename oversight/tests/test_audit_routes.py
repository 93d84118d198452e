"""Every page of the desk leaves its lines in the audit trail: who read data of people, and who did what.

Nothing here is read from the guards: pages are opened, and whoever's data stands in the answer must be told of; forms
are sent as people fill them in (`BODIES`), and what was done must be told by the service that did it. A new route of
the desk that changes something fails until its form stands here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.test import Client

from accounts.models import Authenticator, User
from accounts.roles import Role
from accounts.second_factor import new_key
from accounts.services import person_freeze
from accounts.tests.people import code_now, signed_in, staff
from controls.models import AuditEntry, Note, Request, Switch, Threshold
from controls.selectors import thresholds_forget
from controls.services import request_effect, request_seal, switch_pause, threshold_set
from goldwallet import phones
from goldwallet.clock import Now
from goldwallet.once import form_key
from goldwallet.test.books import assert_books
from goldwallet.test.two import PAGE, WHY, YES, asked, typed_for
from goldwallet.test.world import World, sell
from goldwallet.tests.routes import ROUTES, all_routes
from goldwallet.tests.scene import ALL_ROLES, Scene, taken_back
from goldwallet.tests.test_routes import path_of
from kyc.models import Case
from kyc.tests.making import photos_once, said_why
from ledger import chart
from ledger.models import Transaction
from ledger.services import Transfer, post
from oversight.audit import LOOKS
from oversight.models import Break, BreakKind
from payments.models import Exchange, Kind, Payment, State
from payments.tests.test_statements import csv, row
from pools import services as pools
from pools.models import Bar, Pool, Price
from trading.models import Order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures(photos_once.__name__)]

FOUND = all_routes()
DESK = {name: names for name, names in FOUND.items() if name in ROUTES and ROUTES[name].kind == "staff"}


@dataclass
class House:
    """What the forms are about, and `me`, who may do everything at the desk and belongs to none of it."""

    world: World
    scene: Scene
    me: User
    browser: Client

    def path(self, name: str, **arguments: Any) -> str:
        return path_of(name, self.scene.arguments(name, DESK[name]) | arguments)


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
    return [word for word in words if re.search(rf"(?<![\w.+-]){re.escape(word)}(?![\w-])", text)]


def customers() -> set[str]:
    return set().union(*(data_of(person) for person in User.objects.filter(is_staff=False)))


#: What a page is asked beside its bare address, where that shows more.
ASKED = {"desk_orders": {"person": "alice"}}


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
        for query in ({}, ASKED.get(name, {})):
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

type Made = tuple[dict[str, Any], dict[str, Any]]


def asking() -> dict[str, Any]:
    """What every form that asks a second person holds."""
    return {"reason": WHY, "evidence": SimpleUploadedFile(PAGE.name, PAGE.content)}


def plain(**body: Any) -> Callable[[House], Made]:
    """The form with the ids of the scene."""
    return lambda house: ({}, dict(body))


def asks(**body: Any) -> Callable[[House], Made]:
    return lambda house: ({}, asking() | body)


def payout(house: House) -> Payment:
    """A payout that waits for staff."""
    threshold_set(name="payouts_manual", value=Decimal(1), by=house.world.pricing)
    found = sell(house.scene.alice, Decimal("0.01")).payment
    assert found.state == State.AWAITING_APPROVAL
    return found


def on_payout(**body: Any) -> Callable[[House], Made]:
    return lambda house: ({"payment_id": payout(house).pk}, dict(body))


def on_payout_asks(**body: Any) -> Callable[[House], Made]:
    return lambda house: ({"payment_id": payout(house).pk}, asking() | body)


def _paid(house: House) -> Payment:
    return Order.objects.get(pk=house.scene.ids["order_id"]).payment


def _seen(house: House) -> Made:
    Payment.objects.filter(pk=_paid(house).pk).update(attention=True)
    return {"payment_id": _paid(house).pk}, {"reason": WHY}


def _open_payment(house: House) -> Made:
    payment = house.scene.ids["payment_id"]
    for state in (State.SENDING, State.UNKNOWN):
        Payment.objects.filter(pk=payment).update(state=state, sent_at=Now())
    return {}, asking() | {"paid": "1", "receipt": "TKL7X2M9QT"}


def _decide(house: House) -> Made:
    case = Case.objects.get(pk=house.scene.ids["case_id"])
    assert case.submitted_at is not None
    body = {"outcome": "more", "submitted": case.submitted_at.isoformat(), "reason_selfie": "It is too dark."}
    return {}, body


def _approve(house: House) -> Made:
    request = asked(
        "threshold_set",
        {"name": "buy_min_kes", "value": "20"},
        by=house.world.staff(Role.TREASURY, email="ada@example.com"),
    )
    assert house.browser.get(house.path("desk_approval_file", request_id=request.pk)).status_code == 200
    effect = request_effect(request)
    body = {
        "seen": request_seal(request, effect),
        "words": YES,
        "typed": typed_for(effect),
        "code": code_now(house.me),
    }
    return {"request_id": request.pk}, body


def _withdraw(house: House) -> Made:
    return {"request_id": asked("threshold_set", {"name": "buy_min_kes", "value": "20"}, by=house.me).pk}, {}


def _bars(house: House) -> Made:
    form = {"bars-TOTAL_FORMS": "1", "bars-INITIAL_FORMS": "0"}
    bar = {"serial": "BAR-NEW", "gross_grams": "100", "fineness": "999.9", "refiner": "Rand"}
    return {}, asking() | form | {f"bars-0-{name}": value for name, value in bar.items()}


def _second(house: House) -> Bar:
    return Bar.objects.get(pool=house.world.gold(Decimal(5)))


def _bar_leaves(house: House) -> Made:
    bar = _second(house)
    return {"pool_id": bar.pool_id}, asking() | {"bar": str(bar.pk)}


def _bar_returns(house: House) -> Made:
    bar = _second(house)
    pools.bar_withdraw(pool_id=bar.pool_id, bar_ids=[bar.pk], key="test:out", by=house.world.vault)
    return {"pool_id": bar.pool_id, "bar_id": bar.pk}, asking()


def _pool_moves(house: House) -> Made:
    return {"pool_id": _second(house).pool_id}, {"way": "up", "place": "2"}


def _prices(house: House) -> Made:
    body = {"buy": "16600", "sell": "16100", "reason": "Gold went up."}
    shown = house.browser.get(house.path("desk_prices"), body)
    return {}, body | {"set": shown.context["effect"].seal}


def _scheduled(house: House) -> Made:
    moment = pools.prices.now() + pools.prices._DAY
    price: Price = pools.price_set(
        buy=Decimal(16600), sell=Decimal(16100), effective_from=moment, by=house.world.pricing, reason="soon"
    )
    return {"price_id": price.pk}, {"reason": "It was a mistake."}


def _statement(house: House) -> Made:
    file = SimpleUploadedFile("november.csv", csv(row(1)))
    return {}, {"account": "collections", "statement": file}


def _resolvable(house: House) -> Made:
    difference = Break.objects.get(pk=house.scene.ids["break_id"])
    found = Break.objects.create(
        key="audit",
        kind=BreakKind.PAYMENT_MISSING,
        kes=Decimal(33_000),
        ours=Decimal(33_000),
        sentence="A payment is on no statement.",
        cause="Nobody knows.",
        payment=_paid(house),
        first_run=difference.first_run,
        last_run=difference.last_run,
    )
    return {"break_id": found.pk}, asking() | {"how": "write_off"}


def _resume(house: House) -> Made:
    switch_pause(name="sell", cause="staff", note="A look at the prices.", by=house.world.pricing)
    return {}, asking()


def _flagged(house: House) -> Made:
    subject = f"person:{house.scene.alice.pk}"
    body = {"subject": subject, "text": "Careful.", "flag": "watch", "key": form_key()}
    house.browser.post(house.path("desk_note_add"), body)
    return {}, {"note": str(Note.objects.latest("made_at").pk), "reason": "It was cleared up."}


def _note(house: House) -> Made:
    words = "She called about her order."
    return {}, {"subject": f"person:{house.scene.alice.pk}", "text": words, "key": form_key()}


def _lost_factor(house: House) -> Made:
    device = Authenticator(user=house.scene.alice, confirmed=True)
    device.key = new_key()
    device.save()
    return {}, asking() | {"person": house.scene.alice.email}


def _held(house: House) -> Made:
    person_freeze(user_id=house.world.charlie.pk, reason="A stolen phone.", by=house.world.pricing.pk)
    return {"person_id": house.world.charlie.pk}, asking()


def _roles(house: House) -> Made:
    staff("treasury")  # two are left who lift holds
    return {}, asking() | {"role": ["vault"]}


def _tier(house: House) -> Made:
    return {}, asking() | {"enhanced": "1"}


def _adjust(house: House) -> Made:
    pool = str(house.world.pool.pk)
    more = {"person": house.scene.alice.email, "way": "credit", "words": "For the wait."}
    return {}, asking() | more | {"grams": "0.5", "pool": pool}


def _owes(house: House) -> Made:
    alice = str(house.scene.alice.pk)
    owed = Transfer(chart.user_receivable(alice), chart.house_adjustments(), Decimal(50))
    post(key="test:owed", kind="test", transfers=[owed])
    return {}, asking() | {"person": house.scene.alice.email, "kes": "50", "how": "write_off"}


def _has_cash(house: House) -> Made:
    cash = Transfer(chart.mpesa_collections(), chart.user_cash(str(house.scene.alice.pk)), Decimal(500))
    post(key="test:cash", kind="test", transfers=[cash])
    return {}, asking() | PERSON | {"kes": "100"}


def _reverses(house: House) -> Made:
    found = Transaction.objects.get(kind="float_in")
    return {"transaction_id": found.pk}, asking()


def _assay(house: House) -> Made:
    return {}, {"file": SimpleUploadedFile("assay.pdf", b"%PDF-1.7 an assay")}


def _may_close(house: House) -> Made:
    return {"person_id": house.world.charlie.pk}, asking()


def _said_of_money(house: House) -> Made:
    said = Exchange.objects.create(arrival_id=house.scene.ids["arrival_id"], kind=Kind.PULL)
    return {"said_id": said.pk}, {"reason": "Whose money is this?"}


PERSON = {"person": "alice@example.com"}
#: How each form that changes something is filled in by somebody who means it: other ids than the scene's, and the body.
BODIES: dict[str, Callable[[House], Made]] = {
    "desk_kyc_open": plain(reason="The police asks about this person."),
    "desk_kyc_decide": _decide,
    "desk_kyc_tier": _tier,
    "desk_pool_new": plain(name="Third", purity="999.9", note=""),
    "desk_pool_edit": plain(name="First of all", note="In the small room."),
    "desk_pool_move": _pool_moves,
    "desk_pool_turn": lambda house: ({"pool_id": _second(house).pool_id}, {"reason": WHY, "to": "closed"}),
    "desk_assay_add": _assay,
    "desk_bars_add": _bars,
    "desk_bars_withdraw": _bar_leaves,
    "desk_bar_restore": _bar_returns,
    "desk_prices": _prices,
    "desk_price_cancel": _scheduled,
    "desk_payouts_mode": plain(manual="1"),
    "desk_payout_approve": on_payout(),
    "desk_payout_refuse": on_payout(reason=WHY),
    "desk_payment_seen": _seen,
    "desk_payout_release": on_payout_asks(),
    "desk_payout_record": on_payout_asks(receipt="TKL7X2M9QT"),
    "desk_payment_resolve": _open_payment,
    "desk_payment_reversed": lambda house: (
        {"payment_id": _paid(house).pk},
        asking() | {"receipt": "TKL7X2M9QT"},
    ),
    "desk_floats_ask": plain(),
    "desk_float_move": asks(move="owner_payouts", amount="1000", reference="BANK-4711"),
    "desk_arrival_assign": asks(**PERSON),
    "desk_arrival_return": asks(),
    "desk_export": lambda house: ({"kind": "orders"}, {"format": "csv"}),
    "desk_transaction_reverse": _reverses,
    "desk_adjust_gold": _adjust,
    "desk_adjust_cash": asks(**PERSON, way="credit", words="For the wait.", kes="50"),
    "desk_debt_settle": _owes,
    "desk_cash_payout": _has_cash,
    "desk_approval_approve": _approve,
    "desk_approval_refuse": lambda house: ({}, {"words": WHY, "code": code_now(house.me)}),
    "desk_approval_withdraw": _withdraw,
    "desk_statement_upload": _statement,
    "desk_reconcile": plain(),
    "desk_break_own": plain(),
    "desk_break_resolve": _resolvable,
    "desk_switch_pause": plain(reason="A look at the prices."),
    "desk_switch_resume": _resume,
    "desk_threshold_ask": asks(value="20"),
    "desk_note_add": _note,
    "desk_flag_lower": _flagged,
    "desk_factor": _lost_factor,
    "desk_hold": plain(email="charlie@example.com", reason="A stolen phone."),
    "desk_person_roles": _roles,
    "desk_hold_lift": _held,
    "desk_person_hold": plain(reason="A stolen phone."),
    "desk_person_lift": _held,
    "desk_person_factor": _lost_factor,
    "desk_person_close": _may_close,
    "desk_person_message": plain(
        subject="Your order", text="It is on its way.", reason="She asked.", key=form_key()
    ),
    "desk_payment_said": plain(reason="She says that she was asked twice."),
    "desk_arrival_said": _said_of_money,
}


def acting_routes() -> list[str]:
    return sorted(name for name in DESK if ROUTES[name].answers[1] is not None)


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


def _complaint(house: House, name: str) -> str:
    """What is wrong with the line that this form leaves; empty when nothing is."""
    arguments, body = BODIES[name](house)
    before = len(lines_of(house.me))
    answer = house.browser.post(house.path(name, **arguments), body)
    if answer.status_code >= 400:
        refusal = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode(errors="replace")))
        return f"{answer.status_code}: {refusal[-1500:]}"
    done = [line for line in lines_of(house.me)[before:] if line.action not in {"read", "search"}]
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
