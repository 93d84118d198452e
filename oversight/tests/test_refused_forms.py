"""A form of the desk that is refused: its sentence stands beside the field, and what was typed stays in it."""

import re
from decimal import Decimal
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import signed_in
from controls.models import Cause, Request, SwitchName
from controls.services import switch_pause, threshold_set
from goldwallet.test.books import assert_books
from goldwallet.test.world import World, buy, paid, sell
from goldwallet.tests.routes import all_routes
from goldwallet.tests.scene import Scene, scene_create, visitor_open
from goldwallet.tests.test_routes import path_of
from kyc.tests.making import photos_once
from ledger import chart
from ledger.services import Transfer, post
from payments.models import Payment, State
from pools.models import Pool
from trading.models import Order
from trading.tests.pages import nothing_changes, text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures(photos_once.__name__)]

SHORT = "Zz short"
AT_LEAST = "Write why, for the second person. At least 10 letters."


@pytest.fixture
def scene(world: World) -> Scene:
    return scene_create(world)


@pytest.fixture
def desk(scene: Scene) -> Client:
    return visitor_open("all_roles", scene)


@pytest.fixture
def sale(world: World) -> Order:
    """A sale whose payout waits for staff."""
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    paid(buy(world.alice, 10_000), receipt="TKL7X2M9QA")
    made = sell(world.alice, Decimal("0.25"))
    assert made.payment.state == State.AWAITING_APPROVAL
    return made


def beside(page: str, name: str, typed: str) -> str:
    """What stands under the field of this name that holds what was typed: up to the end of its box."""
    value = rf'(?:value="{re.escape(typed)}"[^>]*>|>\s*{re.escape(typed)}</textarea>)'
    found = re.search(
        rf'<(?:input|textarea)[^>]*name="{name}"[^>]*?\s?{value}(.*?)(?=<div class="field"|<button|</form>)',
        unescape(page),
        re.S,
    )
    assert found, f"no field {name} holds {typed!r}"
    return found[1]


@pytest.mark.parametrize(
    ("route", "typed"),
    [
        ("desk_arrival_assign", {"person": "alice@example.com"}),
        ("desk_arrival_return", {}),
        ("desk_float_move", {"move": "owner_payouts", "amount": "5", "reference": "BANK 1"}),
        ("desk_adjust_cash", {"person": "alice@example.com", "way": "credit", "kes": "5", "words": "x" * 12}),
        ("desk_factor", {"person": "alice@example.com"}),
        ("desk_person_roles", {"role": "vault"}),
        ("desk_threshold_ask", {"value": "150"}),
        ("desk_switch_resume", {}),
        ("desk_hold_lift", {}),
        ("desk_kyc_tier", {"enhanced": "1"}),
        ("desk_bars_add", {"bars-TOTAL_FORMS": "1", "bars-INITIAL_FORMS": "0", "bars-0-serial": "ZZ-1",
                           "bars-0-gross_grams": "5", "bars-0-fineness": "999.9"}),
    ],
)  # fmt: skip
def test_a_reason_that_is_too_short_is_told_at_the_reason(
    scene: Scene, desk: Client, route: str, typed: dict[str, str]
) -> None:
    by = User.objects.filter(groups__name="treasury").latest("date_joined")
    switch_pause(name=SwitchName.SELL, cause=Cause.STAFF, note="A test of the desk.", by=by)
    User.objects.filter(pk=scene.alice.pk).update(frozen_reason="On hold for a test.", kyc_status="verified")
    asked = Request.objects.count()
    path = path_of(route, scene.arguments(route, _names(route)))
    answer = desk.post(path, typed | {"reason": SHORT})
    assert answer.status_code == 400
    assert AT_LEAST in beside(answer.content.decode(), "reason", SHORT)
    assert len(re.findall(rf">\s*{SHORT}</textarea>", answer.content.decode())) == 1
    assert Request.objects.count() == asked


def _names(route: str) -> list[str]:
    return all_routes()[route]


@pytest.mark.parametrize(
    ("act", "typed", "field", "sentence"),
    [
        ("record", {"receipt": "NO", "reason": "Paid by hand at noon."}, "receipt", "ten letters and digits"),
        ("record", {"receipt": "TKL7X2M9QB", "reason": SHORT}, "reason", AT_LEAST),
        ("refuse", {"reason": "No"}, "reason", "Write the reason."),
    ],
)
def test_a_payout_that_is_not_decided_keeps_what_was_typed(
    world: World, sale: Order, act: str, typed: dict[str, str], field: str, sentence: str
) -> None:
    desk = signed_in(world.staff(Role.TREASURY))
    with nothing_changes():
        answer = desk.post(reverse(f"desk_payout_{act}", args=[sale.payment_id]), typed)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert sentence in beside(page, field, typed[field])
    for name, value in typed.items():
        assert len(re.findall(rf'value="{value}"|>\s*{value}</textarea>', page)) == 1, name
    assert '<details class="fold" open>' in page
    assert not Request.objects.exists()


def test_a_payout_that_waits_no_more_says_so_on_its_page(world: World, sale: Order) -> None:
    desk = signed_in(world.staff(Role.TREASURY))
    path = reverse("desk_payout_refuse", args=[sale.payment_id])
    assert desk.post(path, {"reason": "The name is another one."}).status_code == 302
    with nothing_changes():
        again = desk.post(path, {"reason": "The name is another one."})
    assert again.status_code == 409
    assert "This payout does not wait for a decision any more." in text(again)
    assert_books()


@pytest.mark.parametrize("paid_", [None, "", "yes", "2"])
def test_nothing_said_about_a_payment_is_not_the_same_as_not_paid(
    world: World, sale: Order, paid_: str | None
) -> None:
    Payment.objects.filter(pk=sale.payment_id).update(state=State.UNKNOWN)
    desk = signed_in(world.staff(Role.TREASURY))
    sent = {"reason": "M-Pesa's statement shows it."} | ({} if paid_ is None else {"paid": paid_})
    answer = desk.post(reverse("desk_payment_resolve", args=[sale.payment_id]), sent)
    assert answer.status_code == 400
    assert "Say whether it was paid or not" in text(answer)
    assert not Request.objects.exists()


@pytest.mark.parametrize("manual", [None, "", "2"])
def test_how_payouts_go_out_is_not_changed_by_no_button(world: World, manual: str | None) -> None:
    desk = signed_in(world.staff(Role.TREASURY))
    sent = {"reason": "They may go by themselves."} | ({} if manual is None else {"manual": manual})
    answer = desk.post(reverse("desk_payouts_mode"), sent)
    assert answer.status_code == 400
    assert "Press one of the buttons below." in text(answer)
    assert not Request.objects.exists()


def test_why_payouts_go_by_themselves_again_stays_typed(world: World) -> None:
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    desk = signed_in(world.staff(Role.TREASURY))
    answer = desk.post(reverse("desk_payouts_mode"), {"manual": "0", "reason": SHORT})
    assert answer.status_code == 400
    assert AT_LEAST in beside(answer.content.decode(), "reason", SHORT)


@pytest.mark.parametrize("enhanced", [None, "", "yes"])
def test_limits_are_not_lowered_by_a_form_that_does_not_say_which(
    scene: Scene, desk: Client, enhanced: str | None
) -> None:
    asked = Request.objects.count()
    User.objects.filter(pk=scene.alice.pk).update(kyc_status="verified")
    page = SimpleUploadedFile("letter.pdf", b"%PDF-1.7 a letter of her bank")
    sent = {"reason": "Her business is known to us.", "evidence": page}
    sent |= {} if enhanced is None else {"enhanced": enhanced}
    answer = desk.post(reverse("desk_kyc_tier", args=[scene.alice.pk]), sent)
    assert answer.status_code == 400
    assert "Something of this form got lost." in text(answer)
    assert Request.objects.count() == asked


@pytest.mark.parametrize("to", [None, "", "shut"])
def test_a_pool_is_not_closed_by_a_form_that_does_not_say_so(world: World, to: str | None) -> None:
    desk = signed_in(world.staff(Role.VAULT))
    sent = {"reason": "We sell from the other one."} | ({} if to is None else {"to": to})
    answer = desk.post(reverse("desk_pool_turn", args=[world.pool.pk]), sent)
    assert answer.status_code == 400
    assert "Something of this form got lost." in text(answer)
    assert "We sell from the other one." in text(answer)
    assert Pool.objects.get(pk=world.pool.pk).is_open


@pytest.mark.parametrize(
    ("route", "typed", "field", "sentence"),
    [
        ("desk_adjust_cash", {"kes": "0"}, "kes", "The amount must be above zero."),
        ("desk_adjust_cash", {"kes": "250001"}, "kes", "Correct at most KES 250,000 at a time."),
        ("desk_adjust_cash", {"kes": "5", "words": "Sorry"}, "words", "10 to 200 letters"),
        ("desk_adjust_gold", {"grams": "0"}, "grams", "The amount must be above zero."),
    ],
)
def test_an_adjustment_says_it_at_the_field(
    world: World, route: str, typed: dict[str, str], field: str, sentence: str
) -> None:
    desk = signed_in(world.staff(Role.TREASURY))
    whole = {"person": "alice@example.com", "way": "credit", "words": "We sent you too little."}
    sent = whole | {"pool": str(world.pool.pk), "reason": "She wrote to us today."} | typed
    answer = desk.post(reverse(route), sent)
    assert answer.status_code == 400
    assert sentence in beside(answer.content.decode(), field, sent[field])


def test_a_debt_that_somebody_else_has_settled_meanwhile_is_said(world: World) -> None:
    """The form is gone with the last debt; its answer is not."""
    desk = signed_in(world.staff(Role.TREASURY))
    sent = {"person": "alice@example.com", "kes": "5", "how": "cash", "reason": "She has asked us to."}
    answer = desk.post(reverse("desk_debt_settle"), sent)
    assert answer.status_code == 409
    assert re.search(r'<p class="notice notice-wrong" role="alert">[^<]+</p>', answer.content.decode())


def test_cash_that_is_gone_meanwhile_is_said(world: World) -> None:
    desk = signed_in(world.staff(Role.TREASURY))
    sent = {"person": "alice@example.com", "kes": "50", "reason": "She has asked us to."}
    answer = desk.post(reverse("desk_cash_payout"), sent)
    assert answer.status_code == 409
    assert re.search(r'<p class="notice notice-wrong" role="alert">[^<]+</p>', answer.content.decode())
    # With cash there is a form again, and it says it there.
    moves = [Transfer(chart.mpesa_collections(), chart.user_cash(world.alice.pk), Decimal(40))]
    post(key="test:cash", kind="test", transfers=moves)
    answer = desk.post(reverse("desk_cash_payout"), sent)
    assert answer.status_code == 409
    assert 'value="50"' in answer.content.decode()


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"bars-0-gross_grams": "0"}, "bars-0-gross_grams", "write its weight in grams, above 0"),
        ({"bars-0-fineness": "1.2"}, "bars-0-fineness", "a fineness of 1.2 is below this pool's purity"),
        ({"bars-0-fineness": "1001"}, "bars-0-fineness", "write its fineness in parts per thousand"),
        ({"bars-0-serial": "Gold 😀"}, "bars-0-serial", "letters A to Z, digits"),
        ({"bars-1-serial": "zz-1"}, "bars-1-serial", "A bar above has this serial number already."),
    ],
)
def test_a_bar_is_refused_at_its_field(
    world: World, changes: dict[str, str], field: str, sentence: str
) -> None:
    one = {"serial": "ZZ-1", "gross_grams": "5", "fineness": "999.9", "refiner": "Rand"}
    sent = {f"bars-0-{name}": value for name, value in one.items()}
    sent |= {f"bars-1-{name}": value for name, value in (one | {"serial": "ZZ-2"}).items()}
    sent |= {"bars-TOTAL_FORMS": "2", "bars-INITIAL_FORMS": "0", "reason": "They came this morning."}
    desk = signed_in(world.staff(Role.VAULT))
    answer = desk.post(reverse("desk_bars_add", args=[world.pool.pk]), sent | changes)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert sentence in beside(page, field, changes[field])
    assert unescape(page).count(sentence) == 1
    assert "They came this morning." in page
    assert not Request.objects.exists()


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"sell": "13001"}, "sell", "the sell price must not be above the buy price"),
        ({"effective_from": "2020-01-01T10:00"}, "effective_from", "This time has passed."),
        ({"effective_from": "2999-01-01T10:00"}, "effective_from", "at most 31 days ahead"),
    ],
)
def test_a_price_is_refused_at_its_field(
    world: World, typed: dict[str, str], field: str, sentence: str
) -> None:
    desk = signed_in(world.staff(Role.PRICING))
    answer = desk.get(reverse("desk_prices"), {"buy": "13000", "sell": "12000", "effective_from": ""} | typed)
    assert answer.status_code == 400
    assert sentence in beside(answer.content.decode(), field, typed[field])


def test_a_pool_is_refused_at_its_field(world: World) -> None:
    desk = signed_in(world.staff(Role.VAULT))
    answer = desk.post(reverse("desk_pool_new"), {"name": "Second", "purity": "1000.001"})
    assert answer.status_code == 400
    assert "above 0 and up to 1000" in beside(answer.content.decode(), "purity", "1000.001")


def test_a_long_page_says_on_top_that_something_is_wrong_below(world: World) -> None:
    desk = signed_in(world.staff(Role.TREASURY))
    answer = desk.post(reverse("desk_adjust_cash"), {"person": "nobody@example.com"})
    top, below = answer.content.decode().split('<h2 id="cash"')
    assert 'Nothing was asked for. <a href="#cash">' in top
    assert "Nobody has this e-mail address or username." in below
    answer = desk.post(reverse("desk_person_hold", args=[world.bob.pk]), {"reason": "x"})
    top, below = answer.content.decode().split('<h2 id="act"')
    assert 'Nothing was done. <a href="#act">' in top
    assert "Write why." in below
