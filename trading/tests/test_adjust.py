"""Corrections that two people agree: the effect shown is the effect done, no gram without a pool, nobody below zero."""

from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from accounts.roles import Role
from accounts.services import person_freeze
from accounts.tests.people import read_mail
from controls.models import Request
from controls.services import request_approve, request_effect, request_seal
from goldwallet.errors import Conflict, Refused
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.tamper import guard_off
from goldwallet.test.two import YES, agreed, approve, asked
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from notifications.models import Message
from pools.models import Allocation, Pool
from pools.selectors import figures_of
from trading.requests import adjustment_subject
from trading.selectors import holding

pytestmark = pytest.mark.django_db

WORDS = "We sent you too little gold on Monday."


@pytest.fixture
def maker(world: World):
    return world.staff(Role.TREASURY, email="one@example.com")


@pytest.fixture
def checker(world: World):
    return world.staff(Role.TREASURY, email="two@example.com")


def gold(person, pool: Pool, grams: str, way: str = "credit", **more) -> dict[str, str]:
    payload = {"person": str(person.pk), "pool": str(pool.pk), "grams": grams, "way": way, "words": WORDS}
    return payload | more


def cash(person, kes: str, way: str = "credit", **more) -> dict[str, str]:
    return {"person": str(person.pk), "kes": kes, "way": way, "words": WORDS} | more


def owned(person) -> Decimal:
    return balance(chart.user_gold(person.pk))


def sold(pool: Pool) -> Decimal:
    return figures_of(pool).sold


def assert_done_as_shown(request: Request, by) -> None:
    accounts = request_effect(request).accounts
    assert len(accounts) == 2
    approve(request, by)
    assert {a.code: Decimal(a.after) for a in accounts} == {a.code: balance(a.code) for a in accounts}
    assert_books()


# --- grams ----------------------------------------------------------------------------------------


def test_gold_is_credited_with_an_allocation_and_a_mail(world: World, maker, checker) -> None:
    request = asked("adjust_gold", gold(world.alice, world.pool, "0.5"), by=maker)
    effect = request_effect(request)
    assert effect.summary == "alice@example.com gets 0.500000 g of the pool First."
    assert effect.leaving_kes == "0"
    assert (owned(world.alice), Allocation.objects.count(), Message.objects.count()) == (0, 0, 0)
    assert_done_as_shown(request, checker)
    assert owned(world.alice) == Decimal("0.5") == sold(world.pool)
    given = Allocation.objects.get()
    assert (given.order_id, given.state, given.pool) == (request.pk, "sold", world.pool)
    text = str(read_mail("alice@example.com").body)
    assert "We added 0.500000 g to your gold." in text and WORDS in text
    posted = Transaction.objects.get(key=f"request:{request.pk}")
    assert (posted.kind, posted.memo, posted.actor) == ("adjustment_gold", WORDS, str(checker.pk))


def test_credited_gold_is_sold_like_any_other(world: World, maker, checker) -> None:
    agreed("adjust_gold", gold(world.alice, world.pool, "0.5"), maker=maker, checker=checker)
    paid(sell(world.alice, Decimal("0.5")))
    assert (owned(world.alice), sold(world.pool)) == (0, 0)
    assert_books()


def test_gold_is_taken_of_the_pool_that_is_named(world: World, maker, checker) -> None:
    """The person's gold comes from two pools. Each gram goes back where it came from."""
    paid(buy(world.alice, 16_500))
    second = world.gold(Decimal(10))
    agreed("adjust_gold", gold(world.alice, second, "0.25"), maker=maker, checker=checker)
    with pytest.raises(Refused, match=r"does not hold 0\.300000 g of this pool"):
        asked("adjust_gold", gold(world.alice, second, "0.3", "debit"), by=maker)
    request = asked("adjust_gold", gold(world.alice, second, "0.1", "debit"), by=maker)
    assert request_effect(request).summary == "alice@example.com gives back 0.100000 g of the pool Second."
    assert_done_as_shown(request, checker)
    assert (sold(world.pool), sold(second), owned(world.alice)) == (1, Decimal("0.15"), Decimal("1.15"))
    assert "We took 0.100000 g out of your gold." in str(read_mail("alice@example.com").body)


def test_gold_that_is_being_sold_is_not_taken(world: World, maker, checker) -> None:
    paid(buy(world.alice, 16_500))
    request = asked("adjust_gold", gold(world.alice, world.pool, "0.6", "debit"), by=maker)
    sale = sell(world.alice, Decimal("0.5"))
    with pytest.raises(Conflict, match=r"has only 0\.500000 g free; what is being sold is held"):
        approve(request, checker)
    assert (owned(world.alice), sold(world.pool)) == (Decimal("0.5"), 1)
    agreed("adjust_gold", gold(world.alice, world.pool, "0.5", "debit"), maker=maker, checker=checker)
    paid(sale)
    assert (owned(world.alice), sold(world.pool)) == (0, 0)
    assert_books()


@pytest.mark.fault("L11")
def test_no_gold_is_credited_that_no_bar_covers(world: World, maker, checker) -> None:
    small = world.gold(Decimal(1), name="Small")
    with pytest.raises(Conflict, match=r"This pool has only 1\.000000 g free"):
        asked("adjust_gold", gold(world.alice, small, "1.000001"), by=maker)
    request = asked("adjust_gold", gold(world.alice, small, "1"), by=maker)
    agreed("adjust_gold", gold(world.bob, small, "0.000001"), maker=maker, checker=checker)
    with pytest.raises(Conflict, match=r"only 0\.999999 g free"):
        approve(request, checker)
    assert owned(world.alice) == 0
    # A digit too many, with gold enough: more than any order may be.
    with pytest.raises(Refused, match="at most KES 250,000 at a time"):
        asked("adjust_gold", gold(world.alice, world.pool, "50"), by=maker)
    assert_books()


def test_the_wallet_still_says_what_was_paid(world: World, maker, checker) -> None:
    """A correction sets the grams right that the money bought. What was paid stays, and goes with the grams."""

    def told() -> tuple[Decimal, Decimal]:
        found = holding(world.alice.pk, price=None)
        return found.grams, found.cost

    paid(buy(world.alice, 16_500))
    assert told() == (1, 16_500)
    agreed("adjust_gold", gold(world.alice, world.pool, "1"), maker=maker, checker=checker)
    assert told() == (2, 16_500)
    # A mistake, and taken back: as if it had never been.
    agreed("adjust_gold", gold(world.alice, world.pool, "1", "debit"), maker=maker, checker=checker)
    assert told() == (1, 16_500)
    agreed("adjust_gold", gold(world.alice, world.pool, "0.5", "debit"), maker=maker, checker=checker)
    assert told() == (Decimal("0.5"), 16_500)
    paid(sell(world.alice, Decimal("0.25")))
    assert told() == (Decimal("0.25"), 8_250)
    # No gold, so nothing was paid for it; the next purchase starts anew.
    agreed("adjust_gold", gold(world.alice, world.pool, "0.25", "debit"), maker=maker, checker=checker)
    assert told() == (0, 0)
    paid(buy(world.alice, 1650))
    assert told() == (Decimal("0.1"), 1650)
    assert [row.amount for row in holding(world.alice.pk, price=None).corrections] == [
        1,
        -1,
        Decimal("-0.5"),
        Decimal("-0.25"),
    ]
    assert holding(world.bob.pk, price=None).corrections == []


# --- shillings ------------------------------------------------------------------------------------


def test_cash_is_credited_and_taken(world: World, maker, checker) -> None:
    request = asked("adjust_cash", cash(world.alice, "1500"), by=maker)
    effect = request_effect(request)
    assert (effect.summary, effect.leaving_kes) == (
        "alice@example.com gets KES 1,500 of cash with us.",
        "1500",
    )
    assert effect.changes[0].after == WORDS
    assert_done_as_shown(request, checker)
    assert "We added KES 1,500 to your cash with us." in str(read_mail("alice@example.com").body)
    with pytest.raises(Conflict, match="only KES 1,500 in cash"):
        asked("adjust_cash", cash(world.alice, "1501", "debit"), by=maker)
    back = asked("adjust_cash", cash(world.alice, "1500", "debit"), by=maker)
    assert request_effect(back).leaving_kes == "0"
    assert_done_as_shown(back, checker)
    assert balance(chart.user_cash(world.alice.pk)) == 0 == balance(chart.house_adjustments())


def test_cash_that_went_meanwhile_is_not_taken(world: World, maker, checker) -> None:
    agreed("adjust_cash", cash(world.alice, "1500"), maker=maker, checker=checker)
    request = asked("adjust_cash", cash(world.alice, "1000", "debit"), by=maker)
    agreed("adjust_cash", cash(world.alice, "1200", "debit"), maker=maker, checker=checker)
    with pytest.raises(Conflict, match="only KES 300 in cash"):
        approve(request, checker)
    assert balance(chart.user_cash(world.alice.pk)) == 300
    assert_books()


def test_somebody_on_hold_can_be_corrected(world: World, maker, checker) -> None:
    """That is how a hold is settled."""
    person_freeze(user_id=world.alice.pk, reason="M-Pesa took a payment back.")
    agreed("adjust_cash", cash(world.alice, "100"), maker=maker, checker=checker)
    assert balance(chart.user_cash(world.alice.pk)) == 100


# --- two people -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["adjust_gold", "adjust_cash"])
class TestTwoPeople:
    def payload(self, world: World, kind: str) -> dict[str, str]:
        return gold(world.alice, world.pool, "0.5") if kind == "adjust_gold" else cash(world.alice, "500")

    def nothing_moved(self, world: World) -> bool:
        return owned(world.alice) == balance(chart.user_cash(world.alice.pk)) == 0

    def test_not_one_alone(self, world: World, maker, kind) -> None:
        request = asked(kind, self.payload(world, kind), by=maker)
        with pytest.raises(Refused, match="yourself"):
            approve(request, maker)
        assert self.nothing_moved(world)

    def test_not_by_another_role(self, world: World, maker, kind) -> None:
        request = asked(kind, self.payload(world, kind), by=maker)
        for role in (Role.VAULT, Role.PRICING, Role.REVIEWER, Role.AUDITOR):
            with pytest.raises(Refused, match="role"):
                approve(request, world.staff(role))
        with pytest.raises(Refused, match="role"):
            asked(kind, self.payload(world, kind), by=world.vault)
        assert self.nothing_moved(world)

    def test_not_about_oneself(self, world: World, maker, checker, kind) -> None:
        for person in (maker, checker):
            payload = self.payload(world, kind) | {"person": str(person.pk)}
            with pytest.raises(Refused, match="about yourself"):
                approve(asked(kind, payload, by=maker), checker)
        assert balance(chart.house_adjustments()) == 0 == sold(world.pool)

    def test_once(self, world: World, maker, checker, kind) -> None:
        request = asked(kind, self.payload(world, kind), by=maker)
        seen = request_seal(request, request_effect(request))
        request_approve(request_id=request.pk, by=checker, seen=seen, words=YES)
        with pytest.raises(Conflict, match="any more"):
            request_approve(request_id=request.pk, by=checker, seen=seen, words=YES)
        assert Transaction.objects.filter(kind__startswith="adjustment").count() == 1

    def test_one_open_request_about_a_person(self, world: World, maker, checker, kind) -> None:
        subject = adjustment_subject(user_id=world.alice.pk, gold=kind == "adjust_gold")
        asked(kind, self.payload(world, kind), by=maker, subject=subject)
        with pytest.raises(Conflict, match="already"):
            asked(kind, self.payload(world, kind), by=checker, subject=subject)

    def test_not_what_was_edited(self, world: World, maker, checker, kind) -> None:
        request = asked(kind, self.payload(world, kind), by=maker)
        more = {"grams": "5"} if kind == "adjust_gold" else {"kes": "5000"}
        with guard_off(Request, "content_stays"):
            Request.objects.filter(pk=request.pk).update(payload=request.payload | more)
        request.refresh_from_db()
        with pytest.raises(Conflict, match="changed after"):
            approve(request, checker)
        assert self.nothing_moved(world)

    def test_not_after_three_days(self, world: World, maker, checker, kind) -> None:
        request = asked(kind, self.payload(world, kind), by=maker)
        with shift_clock(hours=73), pytest.raises(Conflict, match="any more"):
            approve(request, checker)
        assert self.nothing_moved(world)


@pytest.mark.fault("L13")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"person": ""}, "no such person"),
        ({"person": str(UUID(int=7))}, "no such person"),
        ({"person": "alice@example.com"}, "no such person"),
        ({"pool": ""}, "Choose the pool"),
        ({"pool": str(uuid4())}, "Choose the pool"),
        ({"way": ""}, "gets it or gives it back"),
        ({"way": "CREDIT"}, "gets it or gives it back"),
        ({"grams": "0"}, "above zero"),
        ({"grams": "-1"}, "digits only"),
        ({"grams": "1e3"}, "digits only"),
        ({"grams": "NaN"}, "digits only"),
        ({"grams": "٥"}, "digits only"),
        ({"grams": "0.0000001"}, "6 digits"),
        ({"words": "short"}, "10 to 200 letters"),
        ({"words": "x" * 201}, "10 to 200 letters"),
    ],
)
def test_what_makes_no_sense_is_not_asked_for(world: World, maker, change, sentence) -> None:
    with pytest.raises(Refused, match=sentence):
        asked("adjust_gold", gold(world.alice, world.pool, "0.5") | change, by=maker)
    assert not Request.objects.exists()


@pytest.mark.parametrize(
    ("kes", "sentence"),
    [("0", "above zero"), ("10.50", "whole shillings"), ("1,000", "digits only"), ("250001", "at most KES")],
)
def test_shillings_that_make_no_sense(world: World, maker, kes, sentence) -> None:
    with pytest.raises(Refused, match=sentence):
        asked("adjust_cash", cash(world.alice, kes), by=maker)
    assert not Request.objects.exists()


@pytest.mark.fault("L13")
def test_accounts_come_from_our_rows(world: World, maker, checker) -> None:
    """Names of accounts and assets in a payload are words that nobody reads."""
    payload = cash(world.alice, "100", source="mpesa:payouts", account=chart.user_cash(world.bob.pk).code)
    agreed(
        "adjust_cash", payload | {"asset": "GOLD", "pool": str(world.pool.pk)}, maker=maker, checker=checker
    )
    assert balance(chart.user_cash(world.alice.pk)) == 100 == -balance(chart.house_adjustments())
    assert balance(chart.user_cash(world.bob.pk)) == 0 == owned(world.alice)
    assert_books()
