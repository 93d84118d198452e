"""What the page of a request shows at a look, and what it shows when the request is tried out: then the act has run
and was taken back.
"""

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import code_now, signed_in
from controls.models import AuditEntry, Request, RequestState
from goldwallet.test.books import assert_books
from goldwallet.test.two import YES, asked
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from oversight.tests.kinds import RECEIPT
from payments.models import Payment, State
from trading.tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.fault("Z06")]

IMPOSSIBLE = "It cannot be done any more: "
DONE = "Tried out just now: it was done and taken back."
OFFER = "Try it out now"


@pytest.fixture
def maker(world: World) -> User:
    return world.staff(Role.TREASURY, email="one@example.com")


@pytest.fixture
def checker(world: World) -> User:
    return world.staff(Role.TREASURY, email="two@example.com")


class Desk:
    """The second person at one request."""

    def __init__(self, checker: User, request: Request) -> None:
        self.checker, self.browser, self.request = checker, signed_in(checker), request

    def _url(self, act: str = "") -> str:
        return reverse(f"desk_approval{act}", args=[self.request.pk])

    def looks(self) -> Any:
        return self.browser.get(self._url())

    def tries(self) -> Any:
        return self.browser.post(self._url("_try"))

    def approves(self, page: Any) -> Any:
        """As that page asks for it."""
        self.browser.get(self._url("_file"))
        form = {
            "seen": page.context["preview"].seal,
            "words": YES,
            "code": code_now(self.checker),
            "typed": [f"{field.amount.value.normalize():f}" for field in page.context["retype"]],
        }
        return self.browser.post(self._url("_approve"), form)

    def state(self) -> RequestState:
        self.request.refresh_from_db()
        return RequestState(self.request.state)


def moves(page: Any) -> dict[str, tuple[Decimal, Decimal]]:
    """What moves on which account, and what is there afterwards, as the page has it."""
    return {account.code: (account.moved, account.after) for account in page.context["shown"].accounts}


def taken_back_payment(world: World, maker: User) -> Request:
    """M-Pesa has taken back a payment for 2000 shillings of gold."""
    order = paid(buy(world.alice, 2000), receipt="UKLCAME001")
    payload = {"payment": str(order.payment_id), "receipt": RECEIPT}
    return asked("payment_reversed", payload, by=maker)


def test_a_look_shows_the_balances_of_now(world: World, maker: User, checker: User) -> None:
    desk, gold = Desk(checker, taken_back_payment(world, maker)), str(chart.user_gold(world.alice.pk))
    moved, after = moves(desk.looks())[gold]
    assert moved < 0 == after
    paid(buy(world.alice, 1000))
    page = desk.looks()
    assert moves(page)[gold] == (moved, balance(gold) + moved)
    assert "What it would do now" in text(page) and "would have done" not in text(page)
    assert moves(desk.tries()) == moves(page)
    assert_books()


def test_what_moves_otherwise_by_now_is_seen_when_it_is_tried_out(
    world: World, maker: User, checker: User
) -> None:
    """She has sold the gold: now she owes what it was worth. Nothing is approved that nobody has seen."""
    desk, gold = Desk(checker, taken_back_payment(world, maker)), str(chart.user_gold(world.alice.pk))
    paid(sell(world.alice, None))
    looked = desk.looks()
    # A look runs nothing, so it cannot know.
    assert moves(looked)[gold][1] < 0
    assert OFFER in text(looked) and DONE not in text(looked)
    posted = Transaction.objects.count()
    tried = desk.tries()
    assert tried.status_code == 200
    assert DONE in text(tried) and OFFER not in text(tried)
    assert "What it would have done when it was asked" in text(tried)
    assert gold not in moves(tried)
    refused = desk.approves(looked)
    assert refused.status_code == 409
    assert "What this would do has changed. Nothing was done. Look again." in text(refused)
    assert moves(refused) == moves(tried)
    assert (Transaction.objects.count(), desk.state()) == (posted, RequestState.WAITING)
    assert desk.approves(refused).status_code == 302
    assert desk.state() == RequestState.EXECUTED
    assert {code: balance(code) for code in moves(tried)} == {
        code: after for code, (_, after) in moves(tried).items()
    }
    assert_books()


def test_a_typing_error_after_that_keeps_what_was_seen(world: World, maker: User, checker: User) -> None:
    """The page that comes back is bound to the new effect, too."""
    desk = Desk(checker, taken_back_payment(world, maker))
    paid(sell(world.alice, None))
    refused = desk.approves(desk.looks())
    again = desk.browser.post(
        reverse("desk_approval_approve", args=[desk.request.pk]),
        {"seen": refused.context["preview"].seal, "words": "no"},
    )
    assert again.status_code == 400
    assert again.context["preview"].seal == refused.context["preview"].seal
    assert desk.approves(again).status_code == 302
    assert_books()


def test_what_cannot_be_done_any_more_says_so_when_it_is_tried_out(
    world: World, maker: User, checker: User
) -> None:
    paid(buy(world.alice, 16_500))
    payload = {"person": str(world.alice.pk), "pool": str(world.pool.pk), "grams": "0.75", "way": "debit"}
    desk = Desk(checker, asked("adjust_gold", payload | {"words": "We sent you too much gold."}, by=maker))
    sell(world.alice, Decimal("0.5"))
    looked, tried = desk.looks(), desk.tries()
    refused = desk.approves(looked)
    for page in (tried, refused):
        assert text(page).count(IMPOSSIBLE) == 1
        assert text(page).count("0.500000 g") == 1 and "free" in text(page)
        assert DONE not in text(page) and OFFER not in text(page)
        assert 'name="seen"' not in page.content.decode()
        assert "Refuse it" in text(page)
    assert (tried.status_code, refused.status_code) == (200, 409)
    assert desk.state() == RequestState.WAITING
    assert_books()


def test_who_tried_it_out_stands_in_the_trail(world: World, maker: User, checker: User) -> None:
    desk = Desk(checker, taken_back_payment(world, maker))
    desk.tries()
    entry = AuditEntry.objects.get(action="request_try")
    assert (entry.actor_id, entry.subject) == (checker.pk, f"request:{desk.request.pk}")
    assert "Tried out a request" in text(signed_in(world.staff(Role.AUDITOR)).get(reverse("desk_audit")))
    assert Payment.objects.get(pk=desk.request.payload["payment"]).state == State.SUCCEEDED


def test_what_is_decided_is_not_tried_out(world: World, maker: User, checker: User) -> None:
    desk = Desk(checker, taken_back_payment(world, maker))
    signed_in(maker).post(reverse("desk_approval_withdraw", args=[desk.request.pk]))
    answer = desk.tries()
    assert answer.status_code == 409
    assert "This request does not wait for anybody any more." in text(answer)
    assert OFFER not in text(answer)
    assert not AuditEntry.objects.filter(action="request_try").exists()


def test_who_may_try_it_out(world: World, maker: User, checker: User) -> None:
    """Who asked and who decides; who only reads sees no button, and is refused."""
    request = taken_back_payment(world, maker)
    place = reverse("desk_approval", args=[request.pk])
    for person in (maker, checker):
        assert OFFER in text(signed_in(person).get(place))
        assert DONE in text(signed_in(person).post(f"{place}try/"))
    auditor = signed_in(world.staff(Role.AUDITOR))
    assert OFFER not in text(auditor.get(place))
    assert auditor.post(f"{place}try/").status_code == 403
    assert signed_in(world.staff(Role.VAULT)).post(f"{place}try/").status_code == 403
