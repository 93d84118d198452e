"""The house watches itself: each check finds what is planted for it, and a busy, clean house gives none."""

from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from accounts.tests.people import signed_in, staff
from controls import services
from controls.models import Cause, Request
from controls.selectors import switch
from controls.services import switch_pause
from controls.tasks import tidy
from goldwallet.errors import Refused
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.services import Transfer, post
from notifications.models import Message
from oversight import watch
from oversight.tasks import audit, look
from oversight.tests.test_approvals import asked
from payments.models import Arrival, ArrivalState, Payment, State
from trading.models import Order
from trading.tests.pages import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def busy(world: World) -> World:
    """Every kind of thing that may be under way at a moment, in two pools."""
    world.gold(Decimal(5), name="Second")
    paid(buy(world.alice, 99_000))
    buy(world.alice, 1650)
    buy(world.bob, 5000)
    paid(sell(world.alice, Decimal("0.25")))
    sell(world.alice, Decimal("0.5"))
    services.threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    sell(world.alice, Decimal("0.125"))
    unknown = sell(world.alice, Decimal("0.0625"))
    Payment.objects.filter(pk=unknown.payment_id).update(state=State.UNKNOWN)
    late = buy(world.bob, 1000)
    Payment.objects.filter(pk=late.payment_id).update(state=State.PENDING)
    with shift_clock(minutes=20):
        paid(late)
    for number, state in enumerate([ArrivalState.SUSPENSE, ArrivalState.RETURNING, ArrivalState.RETURNED]):
        Arrival.objects.create(
            receipt=f"UKL000000{number}",
            amount=Decimal(100),
            source="pull",
            state=state,
            arrived_at=timezone.now(),
        )
    stray = Transfer(chart.mpesa_collections(), chart.suspense_mpesa(), Decimal(200))
    post(key="test:stray", kind="arrival_suspense", transfers=[stray])
    asked(staff("treasury"))
    return world


def names() -> set[str]:
    return {violation.name for violation in watch.violations()}


def test_a_busy_house_in_order_gives_none(busy: World) -> None:
    assert watch.violations() == []
    assert watch.house_watch() == []
    assert watch.house_audit() == []
    assert not any(switch(name).paused for name in ("buy", "sell", "payouts"))
    assert not Message.objects.filter(kind="alert").exists()
    assert_books()


def test_an_empty_house_gives_none(db: None) -> None:
    assert watch.violations() == []


TABLES = (
    "ledger_account",
    "ledger_entry",
    "ledger_transaction",
    "pools_bar",
    "pools_allocation",
    "trading_order",
    "payments_payment",
    "payments_arrival",
    "controls_request",
)


def plant(statement: str) -> None:
    """What an owner of the database could do, or a bug behind all guards."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_not_negative")
        cursor.execute("ALTER TABLE controls_request DROP CONSTRAINT request_two_people")
        cursor.execute(statement)
        assert cursor.rowcount > 0, "nothing was planted"


_GOLD = "(SELECT id FROM ledger_account WHERE code LIKE 'user:%:gold' AND balance > 0)"
_MOVE = """
UPDATE ledger_account SET balance = balance + CASE code WHEN '{}' THEN {} ELSE -({}) END WHERE code IN ('{}', '{}')
"""


def moved(source: str, target: str, amount: str) -> str:
    """Both balances are changed, and no entry says so."""
    return _MOVE.format(target, amount, amount, source, target)


PLANTED = [
    ("UPDATE ledger_account SET balance = balance + 1 WHERE code = 'house:sales'", {"sum", "entries"}),
    (f"UPDATE ledger_account SET seq = seq + 1 WHERE id = {_GOLD}", {"entries"}),
    (f"UPDATE ledger_entry SET amount = amount + 1 WHERE account_id = {_GOLD} AND seq = 1", {"transactions"}),
    (
        "UPDATE pools_bar SET status = 'withdrawn' WHERE serial = 'BAR-SECOND'",
        {"pools"},
    ),
    ("UPDATE pools_allocation SET grams = grams + 0.000001 WHERE state = 'sold'", {"pools"}),
    ("UPDATE trading_order SET status = 'failed' WHERE side = 'buy' AND status = 'pending'", {"holds"}),
    (
        "UPDATE trading_order SET grams = grams + 0.000001 WHERE side = 'sell' AND status = 'pending'",
        {"holds"},
    ),
    (
        "UPDATE trading_order SET status = 'pending' WHERE side = 'sell' AND status = 'completed'",
        {"holds"},
    ),
    (
        "UPDATE payments_payment SET state = 'cancelled' WHERE state = 'awaiting_approval' AND direction = 'out'",
        {"payouts"},
    ),
    (
        "UPDATE payments_payment SET state = 'pending' WHERE state = 'succeeded' AND direction = 'out'",
        {"payouts"},
    ),
    ("UPDATE payments_arrival SET state = 'suspense' WHERE state = 'returned'", {"suspense"}),
    (
        "UPDATE controls_request SET state = 'executed', checker_id = maker_id, decided_at = now()",
        {"two people"},
    ),
    ("DELETE FROM ledger_entry WHERE transaction_id = (SELECT max(id) FROM ledger_transaction)", {"entries"}),
    (moved("suspense:mpesa", "house:sales", "10"), {"entries", "suspense"}),
]


@pytest.mark.parametrize(("statement", "due"), PLANTED)
def test_what_is_planted_is_found(busy: World, statement: str, due: set[str]) -> None:
    plant(statement)
    assert names() == due


@pytest.mark.fault("L04")
def test_books_that_balance_with_a_customer_below_zero(busy: World) -> None:
    """The sum is zero, and the account's own flag says that it may."""
    cash = chart.user_cash(busy.alice.pk).code
    plant(moved(cash, "house:sales", "500"))
    assert "negative" in names()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_account SET may_go_negative = true WHERE code = %s", [cash])
    found = {violation.name: violation for violation in watch.violations()}
    assert "sum" not in found
    assert found["negative"].sentences == [f"account {cash} stands at -500"]


def test_every_check_has_found_something() -> None:
    found = {name for _, due in PLANTED for name in due} | {"negative"}
    assert found == {check.name for check in watch.CHECKS}


@pytest.mark.fault("L04", "O16")
def test_a_violation_pauses_everything_and_tells_once(busy: World) -> None:
    treasury, admin = staff("treasury", email="t@example.com"), staff("administrator", email="a@example.com")
    others = Message.objects.filter(kind="alert").exclude(user__in=[treasury, admin])
    known = {person.email for person in (treasury, admin)} | {"staff"}
    plant(moved("suspense:mpesa", "house:sales", "10"))
    look(0)
    for name in ("payouts", "buy", "sell"):
        row = switch(name)
        assert (row.paused, row.cause, row.changed_by) == (True, Cause.INVARIANT, None)
        assert "KES 190 in suspense" in row.note
    with pytest.raises(Refused, match="paused"):
        buy(busy.bob, 1000)
    mails = [message for message in Message.objects.filter(kind="alert") if message.to in known]
    assert len(mails) == 4  # two violations, two people
    assert all("paused" in message.text for message in mails)
    assert any("KES 190" in message.text for message in mails)
    assert others.exclude(user__groups__name__in=["treasury", "administrator"]).count() == 0
    count = Message.objects.filter(kind="alert").count()
    look(0)
    look(0)
    assert Message.objects.filter(kind="alert").count() == count
    desk = signed_in(treasury)
    page = text(desk.get("/desk/"))
    assert "The books do not add up" in page
    assert "The house itself found" in page


def test_it_pauses_again_while_the_violation_stands(busy: World) -> None:
    plant(moved("suspense:mpesa", "house:sales", "10"))
    look(0)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE controls_switch SET paused = false, cause = '', note = ''")
    look(0)
    assert all(switch(name).paused for name in ("payouts", "buy", "sell"))


def test_the_night_finds_what_the_minute_does_not_look_at(busy: World, monkeypatch) -> None:
    """An entry in the middle of an account's history, changed with its neighbour of the same transaction."""
    plant(
        "UPDATE ledger_entry SET balance = balance + 1 WHERE account_id ="
        " (SELECT id FROM ledger_account WHERE code = 'mpesa:collections') AND seq = 1"
    )
    assert names() == set()
    audit(0)
    assert all(switch(name).paused for name in ("payouts", "buy", "sell"))
    assert "account mpesa:collections, entry 1" in switch("payouts").note


def test_a_pause_of_the_house_is_told_once_and_one_of_staff_is_not(world: World) -> None:
    treasury = staff("treasury", email="t@example.com")
    staff("pricing")
    switch_pause(name="payouts", cause=Cause.VOLUME, note="Payouts of KES 9,000,000 in an hour.")
    switch_pause(name="buy", cause=Cause.STAFF, note="Counting the bars.", by=treasury)
    watch.house_watch()
    watch.house_watch()
    (message,) = Message.objects.filter(kind="alert")
    assert (message.user, message.to) == (treasury, "t@example.com")
    assert message.subject == "Gold Wallet has paused payouts"
    assert "Payouts of KES 9,000,000 in an hour." in message.text
    assert "/desk/steering/" in message.text


def test_health_says_whether_somebody_looks(world: World) -> None:
    cache.clear()
    desk = signed_in(staff("treasury"))
    assert "Nobody has looked" in text(desk.get("/desk/"))
    watch.house_watch()
    assert "Every rule of the house holds." in text(desk.get("/desk/"))
    with shift_clock(minutes=10):
        assert "Nobody has looked for 10 minutes." in text(signed_in(staff("treasury")).get("/desk/"))


def test_requests_that_ran_out_are_closed(world: World) -> None:
    request = asked(staff("treasury"))
    tidy(0)
    assert Request.objects.get().state == "waiting"
    with shift_clock(hours=73):
        tidy(0)
    request.refresh_from_db()
    assert request.state == "expired"
    assert request.decided_at is not None


def test_it_is_quick(busy: World, django_assert_num_queries) -> None:
    with django_assert_num_queries(len(watch.CHECKS)):
        watch.violations()
    assert Order.objects.count() > 5
