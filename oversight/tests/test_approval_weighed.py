"""A look at a request shows what was worked out when it was asked for. Who is about to decide sees what it would do
now: the act has run and was taken back.
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
from goldwallet.test.tamper import guard_off
from goldwallet.test.two import YES, agreed, asked
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from oversight.tests.kinds import RECEIPT
from payments.models import Payment, State
from trading.tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.fault("Z06")]

IMPOSSIBLE = "It cannot be done any more: "
ASKED = "What it would have done when it was asked"


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

    def weighs(self) -> Any:
        return self.browser.post(self._url())

    def approves(self, page: Any, **typed: str) -> Any:
        """As that page asks for it."""
        self.browser.get(self._url("_file"))
        form = {
            "seen": page.context["preview"].seal,
            "words": YES,
            "code": code_now(self.checker),
            "typed": [f"{field.amount.value.normalize():f}" for field in page.context["retype"]],
        }
        return self.browser.post(self._url("_approve"), form | typed)

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


def test_a_look_shows_what_was_asked_and_who_decides_sees_what_is(
    world: World, maker: User, checker: User
) -> None:
    desk, gold = Desk(checker, taken_back_payment(world, maker)), str(chart.user_gold(world.alice.pk))
    moved, after = moves(desk.looks())[gold]
    assert moved < 0 == after
    paid(buy(world.alice, 1000))
    looked, weighed = desk.looks(), desk.weighs()
    assert moves(looked)[gold] == (moved, 0)
    assert "What it would do" in text(looked) and "What it would do now" not in text(looked)
    assert "Worked out when it was asked" in text(looked) and "Decide" in text(looked)
    assert 'name="seen"' not in looked.content.decode()
    assert moves(weighed)[gold] == (moved, balance(gold) + moved)
    assert "What it would do now" in text(weighed) and ASKED not in text(weighed)
    assert "Worked out when it was asked" not in text(weighed)
    assert desk.approves(weighed).status_code == 302
    assert_books()


def test_what_moves_otherwise_by_now_is_seen_before_it_is_decided(
    world: World, maker: User, checker: User
) -> None:
    """She has sold the gold: now she owes what it was worth. Nothing is approved that nobody has seen."""
    desk, gold = Desk(checker, taken_back_payment(world, maker)), str(chart.user_gold(world.alice.pk))
    early = desk.weighs()
    paid(sell(world.alice, None))
    posted = Transaction.objects.count()
    weighed = desk.weighs()
    assert weighed.status_code == 200
    assert ASKED in text(weighed)
    assert gold in moves(early) and gold not in moves(weighed)
    refused = desk.approves(early)
    assert refused.status_code == 409
    assert "What this would do has changed. Nothing was done. Look again." in text(refused)
    assert moves(refused) == moves(weighed)
    assert (Transaction.objects.count(), desk.state()) == (posted, RequestState.WAITING)
    again = desk.approves(refused, words="no")
    assert again.status_code == 400, "a typing error in between keeps what was seen"
    assert again.context["preview"].seal == refused.context["preview"].seal
    assert desk.approves(again).status_code == 302
    assert desk.state() == RequestState.EXECUTED
    done = desk.looks()
    assert "What it did" in text(done) and ASKED not in text(done)
    assert moves(done) == moves(weighed)
    assert {code: balance(code) for code in moves(done)} == {
        code: after for code, (_, after) in moves(done).items()
    }
    assert_books()


def test_what_cannot_be_done_any_more_says_so_before_it_is_decided(
    world: World, maker: User, checker: User
) -> None:
    paid(buy(world.alice, 16_500))
    payload = {"person": str(world.alice.pk), "pool": str(world.pool.pk), "grams": "0.75", "way": "debit"}
    desk = Desk(checker, asked("adjust_gold", payload | {"words": "We sent you too much gold."}, by=maker))
    early = desk.weighs()
    sell(world.alice, Decimal("0.5"))
    weighed, refused = desk.weighs(), desk.approves(early)
    for page in (weighed, refused):
        assert text(page).count(IMPOSSIBLE) == 1
        assert text(page).count("only 0.500000 g free") == 1
        assert ">Approve<" not in page.content.decode()
        assert "Refuse it" in text(page)
    assert (weighed.status_code, refused.status_code) == (200, 409)
    assert desk.state() == RequestState.WAITING
    assert_books()


def test_who_had_it_worked_out_stands_in_the_trail(world: World, maker: User, checker: User) -> None:
    desk = Desk(checker, taken_back_payment(world, maker))
    desk.looks()
    assert not AuditEntry.objects.filter(action="request_weigh").exists()
    desk.weighs()
    entry = AuditEntry.objects.get(action="request_weigh")
    assert (entry.actor_id, entry.subject) == (checker.pk, f"request:{desk.request.pk}")
    trail = signed_in(world.staff(Role.AUDITOR)).get(reverse("desk_audit"))
    assert "Worked out what a request does now" in text(trail)
    assert Payment.objects.get(pk=desk.request.payload["payment"]).state == State.SUCCEEDED


def test_what_is_decided_is_not_worked_out(world: World, maker: User, checker: User) -> None:
    desk = Desk(checker, taken_back_payment(world, maker))
    signed_in(maker).post(reverse("desk_approval_withdraw", args=[desk.request.pk]))
    answer = desk.weighs()
    assert answer.status_code == 409
    assert "This request does not wait for anybody any more." in text(answer)
    assert ">Decide<" not in answer.content.decode()
    assert not AuditEntry.objects.filter(action="request_weigh").exists()


def test_it_is_worked_out_for_who_may_decide_it(world: World, maker: User, checker: User) -> None:
    request = taken_back_payment(world, maker)
    place = reverse("desk_approval", args=[request.pk])
    assert ">Decide<" in signed_in(checker).get(place).content.decode()
    for person in (maker, world.staff(Role.AUDITOR), world.staff(Role.VAULT)):
        browser = signed_in(person)
        assert ">Decide<" not in browser.get(place).content.decode()
        answer = browser.post(place)
        assert answer.status_code == 403
        assert "What it would do now" not in text(answer)


def test_a_request_of_before_shows_what_it_would_have_done(world: World, maker: User, checker: User) -> None:
    """What it did was not kept then."""
    order = paid(buy(world.alice, 2000), receipt="UKLCAME001")
    payload = {"payment": str(order.payment_id), "receipt": RECEIPT}
    desk = Desk(checker, agreed("payment_reversed", payload, maker=maker, checker=world.staff(Role.TREASURY)))
    assert "What it did" in text(desk.looks())
    with guard_off(Request, "done_stays"):
        Request.objects.update(done=None)
    looked = text(desk.looks())
    assert ASKED in looked and "What it did" not in looked
