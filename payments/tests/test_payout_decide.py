"""Staff decide a waiting payout: approve, refuse, or record that it was paid by hand."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.people import signed_in, staff
from controls.models import Request
from controls.selectors import threshold
from controls.services import threshold_set
from goldwallet.errors import Conflict
from goldwallet.test.books import assert_books
from goldwallet.test.two import approve
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from payments.models import Payment, State
from payments.sending import payment_step
from payments.services import payout_approve, payout_record, payout_refuse, payout_release
from payments.tests.scripted import ScriptedRail
from payments.tests.test_send import jobs_for
from trading.models import Order, Status

pytestmark = pytest.mark.django_db


@pytest.fixture
def tina(db: None) -> User:
    return staff("treasury", username="tina")


@pytest.fixture
def order(world: World) -> Iterator[Order]:
    """A sale of alice's that waits for staff. Whatever a test does, the books hold afterwards."""
    paid(buy(world.alice, 20_000))
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    order = sell(world.alice, Decimal("1.000000"))
    assert order.payment.state == State.AWAITING_APPROVAL
    yield order
    assert_books()


def desk(person: User) -> Client:
    return signed_in(person)


def act(browser: Client, order: Order, what: str, **fields: str):
    return browser.post(reverse(f"desk_payout_{what}", args=[order.payment_id]), fields)


def state(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return Payment.objects.get(pk=order.payment_id).state, order.status


WAITS = (State.AWAITING_APPROVAL, Status.PENDING)


# --- what waits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("least", "waits"), [(15_999, True), (16_000, True), (16_001, False)], ids=["below", "equal", "above"]
)
def test_the_threshold_decides_what_waits(world: World, least: int, waits: bool) -> None:
    paid(buy(world.alice, 20_000))
    threshold_set(name="payout_approval_kes", value=Decimal(least), by=world.vault)
    order = sell(world.alice, Decimal(1))
    assert order.total_kes == 16_000
    assert (state(order)[0] == State.AWAITING_APPROVAL) is waits
    assert (jobs_for(order.payment) == 0) is waits


def test_a_waiting_payout_is_not_sent_by_a_job(order: Order, provider: ScriptedRail) -> None:
    payment_step(order.payment_id)
    assert provider.sent == []
    assert state(order) == WAITS


# --- approve --------------------------------------------------------------------------------------


def test_approve_lets_it_go(order: Order, tina: User, provider: ScriptedRail) -> None:
    answer = act(desk(tina), order, "approve")
    assert answer.status_code == 302
    assert state(order) == (State.CREATED, Status.PENDING)
    assert Payment.objects.get(pk=order.payment_id).decided_by == tina
    assert jobs_for(order.payment) == 1
    payment_step(order.payment_id)
    assert [sent["amount"] for sent in provider.sent] == [order.total_kes]


def test_the_second_approval_is_refused(order: Order, tina: User, provider: ScriptedRail) -> None:
    payout_approve(payment_id=order.payment_id, by=tina.pk)
    answer = act(desk(tina), order, "approve")
    assert answer.status_code == 409
    assert b"does not wait for a decision any more" in answer.content
    assert jobs_for(order.payment) == 1
    for decide in (
        lambda: payout_refuse(payment_id=order.payment_id, by=tina.pk, reason="Too late now"),
        lambda: payout_release(payment_id=order.payment_id, by=tina.pk),
        lambda: payout_record(payment_id=order.payment_id, by=tina.pk, receipt="UKL7A2B3C4"),
    ):
        with pytest.raises(Conflict):
            decide()
    assert state(order) == (State.CREATED, Status.PENDING)


# --- refuse ---------------------------------------------------------------------------------------


def test_refuse_gives_the_gold_back_and_tells_the_customer_why(
    order: Order, tina: User, world: World
) -> None:
    answer = act(desk(tina), order, "refuse", reason="  The number belongs to   somebody else.\x00 ")
    assert answer.status_code == 302
    assert state(order) == (State.CANCELLED, Status.FAILED)
    assert order.failure_sentence.endswith("They wrote: The number belongs to somebody else.")
    assert balance(chart.user_gold_locked(world.alice.pk)) == 0
    assert balance(chart.payouts_clearing()) == balance(chart.house_purchases()) == 0
    page = signed_in(world.alice).get(reverse("order", args=[order.pk])).content.decode()
    assert "The number belongs to somebody else." in page
    assert "Your gold is back in your wallet." in page


@pytest.mark.parametrize("reason", ["", "   ", "no", "a b"])
def test_a_refusal_needs_a_reason(order: Order, tina: User, reason: str) -> None:
    before = Transaction.objects.count()
    answer = act(desk(tina), order, "refuse", reason=reason)
    assert answer.status_code == 400
    assert b"Write the reason." in answer.content
    assert state(order) == WAITS
    assert Transaction.objects.count() == before


# --- who may --------------------------------------------------------------------------------------


def test_nobody_decides_their_own_payout(world: World) -> None:
    tess = staff("treasury", username="tess", phone="0733000001")
    paid(buy(tess, 1700))
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    order = sell(tess, None)
    for what, fields in (
        ("approve", {}),
        ("refuse", {"reason": "I changed my mind"}),
    ):
        answer = act(desk(tess), order, what, **fields)
        assert answer.status_code == 403
        assert b"This is your own payment." in answer.content
    assert state(order) == WAITS
    assert_books()


@pytest.mark.parametrize("role", ["auditor", "administrator", "pricing", "vault", "reviewer"])
def test_other_roles_do_not_decide(order: Order, role: str) -> None:
    browser = desk(staff(role))
    reads = 200 if role in {"auditor", "administrator"} else 403
    assert browser.get(reverse("desk_payouts")).status_code == reads
    assert browser.get(reverse("desk_payment", args=[order.payment_id])).status_code == reads
    for what in ("approve", "refuse"):
        assert act(browser, order, what, reason="Because I can").status_code == 403
    if role != "administrator":  # who may ask, and act on nothing alone
        for what in ("payout_release", "payout_record", "payment_resolve", "payment_reversed"):
            url = reverse(f"desk_{what}", args=[order.payment_id])
            assert browser.post(url, {"reason": "Because I can"}).status_code == 403
        assert browser.post(reverse("desk_payouts_mode"), {"manual": "0"}).status_code == 403
    assert threshold("payouts_manual") == 1
    assert state(order) == WAITS


def test_an_auditor_with_the_role_as_well_still_only_reads(order: Order) -> None:
    browser = desk(staff("treasury", "auditor"))
    assert act(browser, order, "approve").status_code == 403
    page = browser.get(reverse("desk_payouts")).content
    assert reverse("desk_payout_approve", args=[order.payment_id]).encode() not in page
    assert state(order) == WAITS


def test_strangers_and_customers(order: Order, world: World) -> None:
    for name in ("desk_payouts", "desk"):
        assert Client().get(reverse(name))["Location"].startswith("/accounts/login/")
        assert signed_in(world.alice).get(reverse(name)).status_code == 403
    assert act(Client(), order, "approve").status_code == 302
    assert act(signed_in(world.alice), order, "approve").status_code == 403
    unproven = signed_in(staff("treasury"), verified=False)
    assert act(unproven, order, "approve")["Location"].startswith("/accounts/code/")
    assert state(order) == WAITS


def test_only_posts_decide(order: Order, tina: User) -> None:
    for what in ("approve", "refuse", "record"):
        url = reverse(f"desk_payout_{what}", args=[order.payment_id])
        assert desk(tina).get(url).status_code == 405
    assert desk(tina).post(reverse("desk_payouts")).status_code == 405
    assert state(order) == WAITS


def test_a_payment_that_does_not_exist(order: Order, tina: User) -> None:
    url = reverse("desk_payout_approve", args=["6f0d1c3e-0000-4000-8000-000000000000"])
    assert desk(tina).post(url).status_code == 404
    assert desk(tina).get(reverse("desk_payment", args=[order.quote_id])).status_code == 404


def test_a_prompt_cannot_be_decided(world: World, tina: User) -> None:
    order = buy(world.bob, 1000)
    for what, fields in (
        ("approve", {}),
        ("refuse", {"reason": "No reason"}),
        ("release", {"reason": "There is no reason"}),
        ("record", {"reason": "There is no reason", "receipt": "UKL7A2B3C4"}),
    ):
        assert act(desk(tina), order, what, **fields).status_code == 409
    assert state(order) == (State.CREATED, Status.PENDING)
    assert_books()


# --- pages ----------------------------------------------------------------------------------------


def test_the_list_shows_what_waits_and_what_needs_a_look(order: Order, tina: User, world: World) -> None:
    flagged = buy(world.bob, 1000).payment
    Payment.objects.filter(pk=flagged.pk).update(attention=True, note="A callback names another prompt.")
    page = desk(tina).get(reverse("desk_payouts"))
    text = page.content.decode()
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    assert "KES 16,000" in text
    assert "A callback names another prompt." in text
    assert reverse("desk_payout_approve", args=[order.payment_id]) in text


def test_one_payment_with_everything_that_was_said(order: Order, tina: User, provider: ScriptedRail) -> None:
    payout_approve(payment_id=order.payment_id, by=tina.pk)
    payment_step(order.payment_id)
    text = desk(tina).get(reverse("desk_payment", args=[order.payment_id])).content.decode()
    assert order.reference in text
    assert "Accepted" in text


def test_to_manual_goes_one_person_and_back_go_two(world: World, tina: User) -> None:
    browser = desk(tina)
    assert browser.post(reverse("desk_payouts_mode"), {"manual": "1"}).status_code == 302
    assert threshold("payouts_manual") == 1
    paid(buy(world.alice, 2000))
    assert sell(world.alice, Decimal("0.01")).payment.state == State.AWAITING_APPROVAL
    assert browser.post(reverse("desk_payouts_mode"), {"manual": "0"}).status_code == 400
    back = {"manual": "0", "reason": "Everything was counted."}
    assert browser.post(reverse("desk_payouts_mode"), back).status_code == 302
    assert threshold("payouts_manual") == 1
    approve(Request.objects.get(), staff("treasury", username="tom"))
    assert threshold("payouts_manual") == 0
    assert sell(world.alice, Decimal("0.01")).payment.state == State.CREATED
