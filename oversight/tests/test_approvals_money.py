"""Approvals that move money: what the page shows is what happens, and an unknown payout is never sent again."""

import re
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import signed_in, staff
from controls import services
from controls.models import Request
from goldwallet.test.books import assert_books
from goldwallet.test.world import World, buy, paid, sell
from ledger.selectors import balance
from oversight.tests.test_approvals import approve, seen, url
from payments.models import Payment, State
from payments.urls import urlpatterns as payment_urls
from trading.tests.pages import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def maker() -> User:
    return staff("treasury", email="maker@example.com")


@pytest.fixture
def checker() -> User:
    return staff("treasury", email="checker@example.com")


@pytest.fixture
def payout(world: World) -> Payment:
    """Alice's sale of KES 8,000, which waits for staff."""
    services.threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    paid(buy(world.alice, 33_000))
    return sell(world.alice, Decimal("0.5")).payment


def record(payout: Payment, by: User) -> Request:
    return services.request_make(
        kind="payout_record",
        payload={"payment": str(payout.pk), "receipt": "UKL7A2B3C4"},
        subject=f"payment:{payout.pk}",
        reason="Paid at the portal this morning.",
        by=by,
    )


def test_the_effect_that_is_shown_is_the_one_that_happens(
    payout: Payment, maker: User, checker: User
) -> None:
    request = record(payout, maker)
    desk = signed_in(checker)
    page = desk.get(url(request))
    shown = {account.code: account for account in page.context["shown"].accounts}
    assert shown["payouts:clearing"].moved == -8000
    assert shown[f"user:{payout.user_id}:gold:locked"].name == "alice@example.com: gold held for a sale"
    before = {code: balance(code) for code in shown}
    assert before == {code: account.before for code, account in shown.items()}
    plain = text(page)
    for words in ("Payouts under way", "At M-Pesa, payouts", "First: free gold", "0.500 000 g", "KES 8,000"):
        assert words in plain
    assert f'href="{reverse("desk_payment", args=[payout.pk])}"' in page.content.decode()
    approve(desk, request)
    assert {code: balance(code) for code in shown} == {code: account.after for code, account in shown.items()}
    payout.refresh_from_db()
    assert payout.state == State.SUCCEEDED
    assert "What it did" in text(desk.get(url(request)))
    assert_books()


@pytest.mark.parametrize("role", ["vault", "pricing", "reviewer"])
def test_money_of_people_is_not_for_who_does_not_decide_it(payout: Payment, maker: User, role: str) -> None:
    request = record(payout, maker)
    answer = signed_in(staff(role)).get(url(request))
    assert answer.status_code == 403
    assert "alice@example.com" not in answer.content.decode()


def test_balances_that_trade_moves_do_not_spoil_the_approval(
    world: World, payout: Payment, maker: User, checker: User
) -> None:
    request = record(payout, maker)
    desk = signed_in(checker)
    token = seen(desk.post(url(request)))
    paid(buy(world.bob, 5000))
    sell(world.alice, Decimal("0.25"))
    done = approve(desk, request, seen=token)
    assert "Approved and done." in text(done)
    assert_books()


def _routes_of_payments() -> list[str]:
    """Those that take a payment and nothing else; what is said in one message of M-Pesa's is read only."""
    paths = [(pattern.name, str(pattern.pattern)) for pattern in payment_urls]
    names = [name for name, path in paths if "<uuid:payment_id>" in path and path.count("<") == 1]
    assert len(names) > 5
    return names


@pytest.mark.fault("O10")
@pytest.mark.parametrize("role", list(Role))
def test_no_way_of_the_desk_sends_an_unknown_payout_again(payout: Payment, role: Role) -> None:
    """Every address of the desk about a payment, by every role: it stays UNKNOWN, held, and nothing goes out."""
    Payment.objects.filter(pk=payout.pk).update(state=State.UNKNOWN, sent_at=timezone.now())
    jobs = ProcrastinateJob.objects.count()
    desk = signed_in(staff(role))
    said = {"paid": "0", "receipt": "UKL7A2B3C4", "reason": "The customer calls again and again."}
    for name in _routes_of_payments():
        desk.post(reverse(name, args=[payout.pk]), said)
    page = desk.get(reverse("desk_payment", args=[payout.pk])).content.decode()
    assert not re.search(r"<button[^>]*>[^<]*(again|retry|resend|send )", page, re.IGNORECASE)
    payout.refresh_from_db()
    assert payout.state == State.UNKNOWN
    assert not payout.exchanges.exists()
    assert ProcrastinateJob.objects.count() == jobs
    assert balance("payouts:clearing") == 8000


@pytest.mark.fault("O10")
def test_an_unknown_payout_is_resolved_by_two_with_evidence(
    payout: Payment, maker: User, checker: User
) -> None:
    Payment.objects.filter(pk=payout.pk).update(state=State.UNKNOWN, sent_at=timezone.now())
    desk = signed_in(maker)
    path = reverse("desk_payment_resolve", args=[payout.pk])
    said = {"paid": "1", "receipt": "UKL7A2B3C4", "reason": "It stands in the portal's statement."}
    statement = SimpleUploadedFile("statement.csv", b"Receipt No.,Paid In\nUKL7A2B3C4,8000\n")
    desk.post(path, {**said, "evidence": statement})
    request = Request.objects.get()
    assert request.attachment.name == "statement.csv"
    alone = desk.post(url(request, "_approve"), {"seen": ""})
    assert alone.status_code == 403
    payout.refresh_from_db()
    assert payout.state == State.UNKNOWN
    approve(signed_in(checker), request)
    payout.refresh_from_db()
    assert (payout.state, payout.receipt, payout.evidence_request) == (
        State.SUCCEEDED,
        "UKL7A2B3C4",
        request,
    )
    assert_books()
