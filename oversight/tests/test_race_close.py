"""An account is closed while its owner buys in another window: one of the two is refused. Shown unguarded, too."""

from decimal import Decimal

import pytest

from accounts.models import User
from accounts.tests.proofs import prove
from goldwallet.errors import Refused
from goldwallet.test.books import assert_books
from goldwallet.test.race import Meeting, errors, queue_empty, rows_unlocked, together
from goldwallet.test.world import World, world_create
from oversight.privacy import closing
from trading import services
from trading.models import Order
from trading.services import agreeing

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world(transactional_db):
    queue_empty()
    yield world_create()
    queue_empty()


def both(world: World, patch: pytest.MonkeyPatch) -> list[object]:
    """Both have looked, and neither has written yet, if nothing keeps the second one away."""
    bob, meeting = world.bob, Meeting(2)
    digest = closing._digest(bob)
    prove(bob, operation=closing.OPERATION, digest=digest, session_key="window")
    quote = services.quote_buy(user=bob, phone=bob.phone, kes=Decimal(1000))
    look, lock = closing.obstacles, agreeing.customer_lock

    def looked(user: User) -> list[str]:
        found = look(user)
        meeting.wait()
        return found

    def locked(user_id):
        person = lock(user_id)
        meeting.wait()
        return person

    patch.setattr(closing, "obstacles", looked)
    patch.setattr(agreeing, "customer_lock", locked)
    acts = (
        lambda: closing.account_close(user_id=bob.pk, session_key="window"),
        lambda: services.buy_confirm(user_id=bob.pk, quote_id=quote.pk),
    )
    return together(2, lambda number: acts[number]())


def closed_and_buying(world: World) -> tuple[bool, bool]:
    closed = not User.objects.get(pk=world.bob.pk).is_active
    return closed, Order.objects.filter(user=world.bob).exists()


def test_one_of_the_two_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    results = both(world, monkeypatch)
    (refused,) = errors(results)
    assert isinstance(refused, Refused), refused
    assert closed_and_buying(world) in {(True, False), (False, True)}
    assert_books()


def test_without_the_person_s_lock_a_closed_account_buys(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows_unlocked(monkeypatch)
    # The price that the order uses would be deleted, which the database refuses all by itself.
    monkeypatch.setattr(closing, "_let_go", lambda user: 0)
    assert errors(both(world, monkeypatch)) == []
    assert closed_and_buying(world) == (True, True)
