"""A large sale takes a proof for exactly this sale, whatever the way in (faults.md A08)."""

from collections import Counter
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts import second_factor
from accounts.models import StepUp, User
from accounts.stepup import StepUpNeeded, step_up_begin, step_up_digest
from accounts.tests.people import totp
from accounts.tests.proofs import confirm_page, enter_code, prove
from controls.services import threshold_set
from goldwallet.errors import Conflict
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.race import queue_empty, together
from goldwallet.test.world import World, buy, paid, world_create
from ledger import chart
from ledger.selectors import balance
from payments.models import Direction, Payment
from trading import services
from trading.models import Order, Quote, Status
from trading.services.quotes import CODE_QUOTE_SECONDS, QUOTE_SECONDS
from trading.services.selling import SALE, sale_digest
from trading.tests.pages import browser, confirm, nothing_changes, quote_asked, text

pytestmark = pytest.mark.django_db

LARGE = Decimal(4)  # KES 64,000
HERE = "session-of-this-browser"


def house() -> World:
    """alice and bob own ten grams each."""
    found = world_create()
    threshold_set(name="unverified_buy_day_kes", value=Decimal(1_000_000), by=found.vault)
    threshold_set(name="unverified_buy_order_kes", value=Decimal(250_000), by=found.vault)
    threshold_set(name="unverified_buy_month_kes", value=Decimal(1_000_000), by=found.vault)
    threshold_set(name="unverified_sell_day_kes", value=Decimal(1_000_000), by=found.vault)
    threshold_set(name="unverified_sell_order_kes", value=Decimal(250_000), by=found.vault)
    threshold_set(name="unverified_sell_month_kes", value=Decimal(1_000_000), by=found.vault)
    for person in (found.alice, found.bob):
        paid(buy(person, 165_000))
    return found


@pytest.fixture
def owner(db: None) -> World:
    return house()


def asked(user: User, grams: Decimal = LARGE) -> Quote:
    return services.quote_sell(user=user, phone=user.phone, grams=grams)


def proven(quote: Quote, *, user: User | None = None, session_key: str = HERE) -> StepUp:
    person = user or quote.user
    return prove(person, operation=SALE, digest=sale_digest(quote), session_key=session_key)


def sell(quote: Quote, *, session_key: str = HERE) -> Order:
    return services.sell_confirm(user_id=quote.user_id, quote_id=quote.pk, session_key=session_key)


# --- the service ----------------------------------------------------------------------------------


@pytest.mark.fault("A08")
def test_with_its_proof_it_sells_once(owner: World) -> None:
    quote = asked(owner.alice)
    step_up = proven(quote)
    order = sell(quote)
    assert (order.status, order.total_kes) == (Status.PENDING, 64_000)
    step_up.refresh_from_db()
    assert step_up.used_at is not None
    with nothing_changes(), pytest.raises(Conflict, match="confirmed this price already"):
        sell(quote)
    assert_books()


@pytest.mark.fault("A08")
def test_without_a_proof_nothing_happens(owner: World) -> None:
    quote = asked(owner.alice)
    for session_key in ("", HERE):
        with nothing_changes(), pytest.raises(StepUpNeeded) as refused:
            sell(quote, session_key=session_key)
    shown = dict(refused.value.shown)
    assert shown["You get"] == "KES 64,000"
    assert shown["Paid to"] == "0712 345 678"
    assert_books()


@pytest.mark.fault("A08")
def test_no_other_proof_will_do(owner: World) -> None:
    quote, other = asked(owner.alice), asked(owner.alice)
    proven(other)
    proven(asked(owner.bob))
    proven(quote, session_key="session-of-another-browser")
    prove(owner.alice, operation="phone", digest=sale_digest(quote), session_key=HERE)
    prove(owner.bob, operation=SALE, digest=sale_digest(quote), session_key=HERE)
    fewer = step_up_digest(
        SALE,
        user=quote.user_id,
        quote=quote.pk,
        grams=quote.grams,
        kes=quote.total_kes,
        phone="254733000111",
    )
    prove(owner.alice, operation=SALE, digest=fewer, session_key=HERE)
    step_up_begin(user=owner.alice, operation=SALE, digest=sale_digest(quote), session_key=HERE)
    with nothing_changes(), pytest.raises(StepUpNeeded):
        sell(quote)
    assert StepUp.objects.exclude(used_at=None).count() == 0
    proven(quote)
    assert sell(quote).status == Status.PENDING


@pytest.mark.fault("A08")
def test_a_proof_that_is_over_or_used(owner: World) -> None:
    quote = asked(owner.alice)
    step_up = proven(quote)
    StepUp.objects.filter(pk=step_up.pk).update(expires_at=step_up.proven_at)
    with nothing_changes(), pytest.raises(StepUpNeeded):
        sell(quote)
    used = proven(quote)
    StepUp.objects.filter(pk=used.pk).update(used_at=used.proven_at)
    with nothing_changes(), pytest.raises(StepUpNeeded):
        sell(quote)


@pytest.mark.fault("A08")
def test_the_service_asks_above_the_amount_and_not_at_it(owner: World) -> None:
    assert sell(asked(owner.alice, Decimal("3.125")), session_key="").total_kes == 50_000
    above = asked(owner.alice, Decimal("3.125063"))
    assert above.total_kes == 50_001
    with nothing_changes(), pytest.raises(StepUpNeeded):
        sell(above, session_key="")
    threshold_set(name="sell_stepup_kes", value=Decimal(0), by=owner.vault)
    with nothing_changes(quotes=False), pytest.raises(StepUpNeeded):
        sell(asked(owner.alice, Decimal("0.001")), session_key="")


def test_a_sale_that_fails_late_keeps_its_proof(owner: World) -> None:
    """The gold went meanwhile: refused by the ledger, after the proof was looked at."""
    everything = asked(owner.alice, Decimal(10))
    step_up = proven(everything)
    sell(asked(owner.alice, Decimal(1)), session_key="")
    with pytest.raises(Exception, match="You can sell up to 9"):
        sell(everything)
    step_up.refresh_from_db()
    assert step_up.used_at is None
    assert_books()


def test_its_price_keeps_long_enough_to_read_a_mail(owner: World) -> None:
    quote = asked(owner.alice)
    small = asked(owner.alice, Decimal(1))
    lives = [round((row.expires_at - row.created_at).total_seconds()) for row in (quote, small)]
    assert lives == [CODE_QUOTE_SECONDS, QUOTE_SECONDS] == [300, 60]
    proven(quote)
    with shift_clock(seconds=301), nothing_changes(), pytest.raises(Conflict, match="has run out"):
        sell(quote)


# --- the pages ------------------------------------------------------------------------------------


@pytest.mark.fault("A08")
def test_the_whole_way_through_the_pages(owner: World) -> None:
    client = browser(owner.alice)
    quote = quote_asked(client, "sell", grams="4")
    page = text(client.get(reverse("sell_quote", args=[quote.pk])))
    assert "Confirm with a code" in page
    assert "Sell and get" not in page
    with nothing_changes():
        answer = confirm(client, "sell", quote)
        page = text(client.get(confirm_page(client, answer)))
        for said in ("You are about to sell gold", "4.000000 g", "KES 64,000", "0712 345 678"):
            assert said in page
        back = enter_code(client, answer)
    assert back == reverse("sell_quote", args=[quote.pk])
    assert "Sell and get KES 64,000" in text(client.get(back))
    done = confirm(client, "sell", quote)
    order = Order.objects.get(side="sell")
    assert done["Location"] == reverse("order", args=[order.pk])
    assert order.payment.phone == owner.alice.phone
    assert_books()


def test_who_has_an_authenticator_writes_its_code(owner: World) -> None:
    second_factor.authenticator_give(user=owner.alice, key=second_factor.new_key())
    client = browser(owner.alice)
    quote = quote_asked(client, "sell", grams="4")
    page = confirm_page(client, confirm(client, "sell", quote))
    assert "authenticator app" in text(client.get(page))
    assert client.post(page, {"code": totp(owner.alice)}).status_code == 302
    assert confirm(client, "sell", quote)["Location"].startswith("/orders/")


@pytest.mark.fault("A08")
@pytest.mark.parametrize(
    "way", ["nothing", "other quote", "other session", "other person", "other operation"]
)
def test_a_direct_post_gets_nowhere(owner: World, way: str) -> None:
    client, second = browser(owner.alice), browser(owner.alice)
    quote, other = quote_asked(client, "sell", grams="4"), quote_asked(client, "sell", grams="4")
    if way == "other quote":
        enter_code(client, confirm(client, "sell", other))
    elif way == "other session":
        enter_code(second, confirm(second, "sell", quote))
    elif way == "other person":
        stranger = browser(owner.bob)
        theirs = asked(owner.bob)
        enter_code(stranger, confirm(stranger, "sell", theirs))
    elif way == "other operation":
        enter_code(client, client.post(reverse("account_phone"), {"phone": "0733 000 111"}))
    with nothing_changes():
        confirm_page(client, confirm(client, "sell", quote, proven="1", step_up="1", code="000000"))
        assert client.post(reverse("buy"), {"quote": str(quote.pk)}).status_code == 404
        assert client.post(reverse("sell_quote", args=[quote.pk])).status_code == 405
    assert not Payment.objects.filter(direction=Direction.OUT).exists()


def test_after_the_sale_the_code_is_good_for_no_second_one(owner: World) -> None:
    client = browser(owner.alice)
    quote, second = quote_asked(client, "sell", grams="4"), quote_asked(client, "sell", grams="4")
    enter_code(client, confirm(client, "sell", quote))
    assert confirm(client, "sell", quote)["Location"].startswith("/orders/")
    with nothing_changes():
        assert confirm(client, "sell", quote).status_code == 409
        confirm_page(client, confirm(client, "sell", second))


def test_the_price_went_while_the_code_was_looked_for(owner: World) -> None:
    client = browser(owner.alice)
    quote = quote_asked(client, "sell", grams="4")
    back = enter_code(client, confirm(client, "sell", quote))
    with shift_clock(seconds=301):
        assert "Get a new price" in text(client.get(back))
        with nothing_changes():
            answer = confirm(client, "sell", quote)
        assert answer.status_code == 409
        assert "This price has run out" in text(answer)


def test_another_session_of_the_same_person_asks_for_a_code_of_its_own(owner: World) -> None:
    client = browser(owner.alice)
    quote = quote_asked(client, "sell", grams="4")
    enter_code(client, confirm(client, "sell", quote))
    elsewhere = Client()
    elsewhere.cookies = browser(owner.alice).cookies
    assert "Confirm with a code" in text(elsewhere.get(reverse("sell_quote", args=[quote.pk])))


# --- at once --------------------------------------------------------------------------------------


@pytest.mark.fault("A08")
@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_16_confirmations_with_one_proof_are_one_sale() -> None:
    queue_empty()
    owner = house()
    quote = asked(owner.alice)
    proven(quote)
    results = together(16, lambda number: sell(quote))
    assert Counter(type(result) for result in results) == {Order: 1, Conflict: 15}
    assert balance(chart.user_gold_locked(owner.alice.pk)) == LARGE
    assert_books()
    queue_empty()
