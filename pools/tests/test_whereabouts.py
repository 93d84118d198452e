"""Where each gram is: every line against plain sums over the ledger and the allocations, whatever has happened."""

import random
from decimal import Decimal

import pytest
from django.db import connection
from django.urls import reverse

from accounts.tests.people import customer, signed_in, staff
from goldwallet.test.books import assert_books
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.services import Transfer, post
from payments.models import Exchange, Kind, Payment, State
from payments.services import payment_settle
from pools import services
from pools.models import Pool
from pools.whereabouts import Whereabouts, share_of, whereabouts
from trading.models import Order

pytestmark = pytest.mark.django_db

ZERO = Decimal(0)


def failed(order: Order) -> Order:
    """Nobody paid; or, of a sale, M-Pesa did not pay."""
    Payment.objects.filter(pk=order.payment_id, state=State.CREATED).update(state=State.PENDING)
    exchange = Exchange.objects.create(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT)
    assert payment_settle(payment_id=order.payment_id, paid=False, exchange=exchange)
    order.refresh_from_db()
    return order


def total(sql: str, *values) -> Decimal:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(({sql}), 0)", values)
        return cursor.fetchone()[0]


def account_sum(like: str) -> Decimal:
    return total("SELECT sum(balance) FROM ledger_account WHERE code LIKE %s", like)


def reconciled() -> dict[str, Whereabouts]:
    """Every pool's lines, after they were held against sums that know nothing of how they are worked out."""
    found = {pool.name: whereabouts(pool.pk) for pool in Pool.objects.all()}
    for pool in Pool.objects.all():
        where = found[pool.name]
        mine = "FROM pools_allocation WHERE pool_id = %s AND state"
        assert where.free == total(
            "SELECT balance FROM ledger_account WHERE code = %s", chart.pool_available(pool.pk).code
        )
        assert where.booked == -total(
            "SELECT balance FROM ledger_account WHERE code = %s", chart.pool_vault(pool.pk).code
        )
        assert where.fine == total(
            "SELECT sum(fine_grams) FROM pools_bar WHERE pool_id = %s AND status = 'active'", pool.pk
        )
        assert where.reserved == total(f"SELECT sum(grams) {mine} = 'reserved'", pool.pk)
        assert where.owned + where.held == total(f"SELECT sum(grams - returned) {mine} = 'sold'", pool.pk)
        assert where.free + where.reserved + where.owned + where.held == where.accounted == where.fine
        assert where.difference == where.unbooked == 0
        assert sum((owner.grams for owner in where.largest), ZERO) + where.others == where.owned
        assert len(where.largest) == min(where.owners, 10) and where.others_number >= 0
        assert abs(sum(part.width for part in where.parts) - 1000) < 0.1 or not where.parts
    # What belongs to people is not kept by pool in the book: there only the sums can agree.
    assert sum((where.reserved for where in found.values()), ZERO) == account_sum("user:%:gold:incoming")
    assert sum((where.held for where in found.values()), ZERO) == account_sum("user:%:gold:locked")
    assert sum((where.owned for where in found.values()), ZERO) == account_sum("user:%:gold")
    return found


def test_an_empty_pool(keeper, make_pool):
    where = whereabouts(make_pool().pk)
    assert (where.fine, where.accounted, where.difference, where.parts, where.largest) == (0, 0, 0, [], ())


def test_each_step_moves_grams_from_line_to_line(world: World):
    assert reconciled()["First"].free == 1000
    order = buy(world.alice, 33_000)  # two grams
    where = reconciled()["First"]
    assert (where.free, where.reserved, where.orders) == (998, 2, 1)
    paid(order)
    where = reconciled()["First"]
    assert (where.reserved, where.owned, where.owners) == (0, 2, 1)
    assert [owner[:3] for owner in where.largest] == [(world.alice.pk, world.alice.email, 2)]
    sale = sell(world.alice, Decimal("0.5"))
    where = reconciled()["First"]
    assert (where.owned, where.held, where.sellers) == (Decimal("1.5"), Decimal("0.5"), 1)
    paid(sale)
    where = reconciled()["First"]
    assert (where.free, where.owned, where.held) == (Decimal("998.5"), Decimal("1.5"), 0)
    failed(buy(world.bob, 3_300))
    assert reconciled()["First"].free == Decimal("998.5")
    everything = sell(world.alice, None)
    where = reconciled()["First"]
    assert (where.owned, where.owners, where.held, where.largest) == (0, 0, Decimal("1.5"), ())
    failed(everything)
    assert reconciled()["First"].owned == Decimal("1.5")
    assert_books()


def test_sales_under_way_take_the_oldest_purchase_of_each_pool(world: World):
    """Alice bought first from one pool and then from two; what is held goes back where it came from."""
    world.gold(Decimal(5))
    paid(buy(world.alice, 16_500))
    first = world.pool.pk
    services.pool_close(pool_id=first, reason="The next gram is of the other.", by=world.vault)
    paid(buy(world.alice, 33_000))
    services.pool_reopen(pool_id=first, reason="And then of the first again.", by=world.vault)
    services.pool_move(pool_id=first, way="up", place=2, by=world.vault)
    paid(buy(world.alice, 16_500))
    sales = [sell(world.alice, Decimal("0.75")), sell(world.alice, Decimal("1.5"))]
    found = reconciled()
    assert (found["First"].held, found["Second"].held) == (Decimal(1), Decimal("1.25"))
    assert (found["First"].owned, found["Second"].owned) == (Decimal(1), Decimal("0.75"))
    for sale in sales:
        paid(sale)
    found = reconciled()
    assert (found["First"].owned, found["Second"].owned) == (Decimal(1), Decimal("0.75"))
    assert_books()


@pytest.mark.parametrize("seed", range(3))
def test_it_adds_up_after_any_story(world: World, seed: int):
    chance = random.Random(seed)
    world.gold(Decimal(3))
    world.gold(Decimal("0.7"), name="Third", priority=3)
    people = [customer(kyc_status="verified") for _ in range(3)]
    for _ in range(25):
        person = chance.choice(people)
        held = total("SELECT balance FROM ledger_account WHERE code = %s", chart.user_gold(person.pk).code)
        if chance.random() < 0.6 or held < Decimal("0.1"):
            order = buy(person, chance.randrange(100, 30_000))
        else:
            order = sell(person, (held * chance.choice([1, 3]) / 4).quantize(Decimal("0.000001")))
        end = chance.choice([paid, paid, failed, None])
        if end:
            end(order)
        if chance.random() < 0.2:
            # The order of sale changes while orders are open.
            row = list(Pool.objects.order_by("priority", "created_at"))
            services.pool_move(pool_id=row[0].pk, way="down", place=1, by=world.vault)
        reconciled()
    assert_books()


def test_a_gram_that_nobody_accounts_for_is_said(world: World):
    lost = Transfer(chart.pool_available(world.pool.pk), chart.user_gold(world.alice.pk), Decimal("0.000001"))
    post(key="lost", kind="test", transfers=[lost])
    where = whereabouts(world.pool.pk)
    assert (where.difference, where.unbooked) == (Decimal("0.000001"), 0)
    page = signed_in(staff("vault")).get(reverse("desk_pool", args=[world.pool.pk])).content.decode()
    assert "Does not agree" in page


def test_shares_say_a_little_and_nothing_apart():
    assert share_of(Decimal(0), Decimal(0)) == share_of(Decimal(0), Decimal(5)) == "0%"
    assert share_of(Decimal("0.000001"), Decimal(1000)) == "< 0.1%"
    assert share_of(Decimal("0.5"), Decimal(1000)) == "< 0.1%", "not 0.0%"
    assert share_of(Decimal(1), Decimal(1000)) == "0.1%"
    assert share_of(Decimal(1), Decimal(3)) == "33.3%"
    assert share_of(Decimal(1), Decimal(0)) == "–"


def test_the_page_names_the_ten_largest_and_links_to_who_may_be_seen(world: World):
    people = [customer(kyc_status="verified") for _ in range(12)]
    for number, person in enumerate(people):
        paid(buy(person, 1650 * (number + 1)))
    where = whereabouts(world.pool.pk)
    assert [owner.person_id for owner in where.largest] == [person.pk for person in people[:1:-1]]
    assert (where.others_number, where.others) == (2, Decimal("0.3"))
    url = reverse("desk_pool", args=[world.pool.pk])
    page = signed_in(staff("vault")).get(url).content.decode()
    assert people[11].email in page and people[0].email not in page and "2 others" in page
    assert f"/people/{people[11].pk}/" not in page
    assert "<rect" in page and "style=" not in page


def test_gold_of_a_closed_pool_is_not_said_to_be_for_sale(world: World):
    browser, url = signed_in(staff("vault")), reverse("desk_pool", args=[world.pool.pk])
    closed = "Free, not for sale while the pool is closed"
    page = browser.get(url).content.decode()
    assert "Free to sell" in page and closed not in page
    services.pool_close(pool_id=world.pool.pk, by=world.vault, reason="The bars are counted.")
    page = browser.get(url).content.decode()
    assert "Free to sell" not in page and closed in page
