"""How each form of the desk is filled in by somebody who means it (`BODIES`), in a house in which it finds what it is
about.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Authenticator, User
from accounts.roles import Role
from accounts.second_factor import new_key
from accounts.services import person_freeze
from accounts.tests.people import code_now, staff
from controls.models import Note
from controls.services import request_effect, request_seal, switch_pause, threshold_set
from goldwallet.clock import Now
from goldwallet.once import form_key
from goldwallet.test.two import PAGE, WHY, YES, asked, typed_for
from goldwallet.test.world import World, sell
from goldwallet.tests.routes import ROUTES, all_routes
from goldwallet.tests.scene import Scene
from goldwallet.tests.test_routes import path_of
from kyc.models import Case
from ledger import chart
from ledger.models import Transaction
from ledger.services import Transfer, post
from oversight.models import Break, BreakKind
from payments.models import Exchange, Kind, Payment, State
from payments.tests.test_statements import csv, row
from pools import services as pools
from pools.models import Bar, Price
from trading.models import Order

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


def _others_request(house: House) -> Made:
    maker = house.world.staff(Role.TREASURY, email="ada@example.com")
    return {"request_id": asked("threshold_set", {"name": "buy_min_kes", "value": "20"}, by=maker).pk}, {}


def _own_request(house: House) -> Made:
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
    "desk_approval": _others_request,
    "desk_approval_approve": _approve,
    "desk_approval_refuse": lambda house: ({}, {"words": WHY, "code": code_now(house.me)}),
    "desk_approval_withdraw": _own_request,
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
    "desk_hire": plain(email="charlie@example.com"),
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
