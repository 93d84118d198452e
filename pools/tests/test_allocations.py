"""From which pools grams come and back to which they go."""

import threading
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from ledger import chart
from ledger.models import Account
from ledger.services import Transfer, post
from pools import services
from pools.models import Allocation, AllocationState, Pool, PoolStatus
from pools.selectors import grams_available, pools_open_with_available
from pools.services import NotEnough, NothingToReturn, Share
from pools.tests.conftest import person

pytestmark = pytest.mark.django_db


def grams(*shares: Share) -> list[str]:
    return [f"{share.grams:f}" for share in shares]


def sold(customer, pool: Pool, amount: str) -> UUID:
    order_id = uuid4()
    services.allocations_create(
        user_id=customer.pk, order_id=order_id, shares=[Share(pool.pk, Decimal(amount))]
    )
    services.allocations_settle(order_id=order_id)
    return order_id


class TestChoosing:
    def test_pools_are_taken_in_the_admins_order_and_an_order_may_span_them(self, make_pool):
        last = make_pool("Last", grams="100", priority=3)
        first = make_pool("First", grams="1", priority=1)
        middle = make_pool("Middle", grams="2.5", priority=2)
        assert services.allocate(grams=Decimal("0.5")) == [Share(first.pk, Decimal("0.5"))]
        shares = services.allocate(grams=Decimal("4"))
        assert shares == [
            Share(first.pk, Decimal(1)),
            Share(middle.pk, Decimal("2.5")),
            Share(last.pk, Decimal("0.5")),
        ]

    def test_of_two_with_one_number_the_older_is_first(self, make_pool):
        pools = [make_pool(name, grams="1") for name in ("B", "A", "C")]
        assert [row.pool_id for row in pools_open_with_available()] == [pool.pk for pool in pools]

    def test_closed_and_empty_pools_give_nothing(self, make_pool):
        make_pool("Closed", grams="50", closed=True)
        make_pool("Empty")
        pool = make_pool("Open", grams="2")
        assert grams_available() == 2
        assert services.allocate(grams=Decimal(2)) == [Share(pool.pk, Decimal(2))]

    def test_too_much_says_how_much_there_is(self, make_pool):
        with pytest.raises(NotEnough) as none:
            services.allocate(grams=Decimal("0.000001"))
        assert none.value.available == 0
        make_pool("One", grams="1")
        make_pool("Two", grams="2")
        with pytest.raises(NotEnough) as some:
            services.allocate(grams=Decimal("3.000001"))
        assert some.value.available == 3
        assert not Allocation.objects.exists()

    def test_the_statement_agrees_with_the_orm_and_the_chart(self, make_pool, customer):
        make_pool("Empty")
        make_pool("Closed", grams="4", closed=True)
        busy = make_pool("Busy", grams="10", priority=2)
        reserve = Transfer(
            chart.pool_available(busy.pk), chart.user_gold_incoming(customer.pk), Decimal("0.5")
        )
        post(key="r", kind="test", transfers=[reserve])
        accounts = dict(Account.objects.values_list("code", "balance"))
        pools = Pool.objects.filter(status=PoolStatus.OPEN).order_by("priority", "created_at", "id")
        expected = [(pool.pk, accounts.get(chart.pool_available(pool.pk).code, Decimal(0))) for pool in pools]
        with CaptureQueriesContext(connection) as queries:
            rows = pools_open_with_available()
        assert len(queries) == 1
        assert [(row.pool_id, row.available) for row in rows] == expected
        assert expected[-1] == (busy.pk, Decimal("9.5"))


class TestAnOrdersAllocations:
    def test_they_are_reserved_then_sold_each_in_one_statement(self, make_pool, customer):
        one, two = make_pool("One"), make_pool("Two")
        order_id, other = uuid4(), uuid4()
        shares = [Share(one.pk, Decimal("1.5")), Share(two.pk, Decimal("0.000001"))]
        with CaptureQueriesContext(connection) as queries:
            services.allocations_create(user_id=customer.pk, order_id=order_id, shares=shares)
        assert len(queries) == 1
        services.allocations_create(user_id=customer.pk, order_id=other, shares=shares)
        assert [a.state for a in services.allocations_of(order_id=order_id)] == ["reserved", "reserved"]
        with CaptureQueriesContext(connection) as queries:
            moved = services.allocations_settle(order_id=order_id)
        assert len(queries) == 1
        assert sorted(moved, key=lambda share: -share.grams) == shares
        rows = services.allocations_of(order_id=order_id)
        assert [(a.pool, a.user, a.grams, a.returned, a.state) for a in rows] == [
            (one, customer, Decimal("1.5"), 0, AllocationState.SOLD),
            (two, customer, Decimal("0.000001"), 0, AllocationState.SOLD),
        ]
        assert {a.state for a in services.allocations_of(order_id=other)} == {"reserved"}

    def test_what_has_ended_moves_no_more(self, make_pool, customer):
        pool = make_pool()
        done = sold(customer, pool, "1")
        assert services.allocations_release(order_id=done) == []
        assert services.allocations_settle(order_id=done) == []
        released = uuid4()
        services.allocations_create(
            user_id=customer.pk, order_id=released, shares=[Share(pool.pk, Decimal(2))]
        )
        assert services.allocations_release(order_id=released) == [Share(pool.pk, Decimal(2))]
        assert services.allocations_settle(order_id=released) == []
        assert [a.state for a in services.allocations_of(order_id=done)] == ["sold"]
        assert [a.state for a in services.allocations_of(order_id=released)] == ["released"]

    def test_late_money_reserves_anew_under_the_same_order(self, make_pool, customer):
        pool, order_id = make_pool(), uuid4()
        for _ in range(2):
            services.allocations_create(
                user_id=customer.pk, order_id=order_id, shares=[Share(pool.pk, Decimal(1))]
            )
            if not Allocation.objects.filter(state="released").exists():
                services.allocations_release(order_id=order_id)
        services.allocations_settle(order_id=order_id)
        assert [a.state for a in services.allocations_of(order_id=order_id)] == ["released", "sold"]


class TestGivingBack:
    def test_the_oldest_grams_go_back_first_each_to_its_pool(self, make_pool, customer):
        one, two = make_pool("One"), make_pool("Two")
        orders = [sold(customer, one, "1"), sold(customer, two, "2"), sold(customer, one, "4")]
        assert services.allocations_return(user_id=customer.pk, grams=Decimal("0.4")) == [
            Share(one.pk, Decimal("0.4"))
        ]
        back = services.allocations_return(user_id=customer.pk, grams=Decimal("3.6"))
        assert back == [Share(one.pk, Decimal("1.6")), Share(two.pk, Decimal(2))]
        returned = [services.allocations_of(order_id=order)[0].returned for order in orders]
        assert returned == [Decimal(1), Decimal(2), Decimal(1)]
        assert services.allocations_return(user_id=customer.pk, grams=Decimal(3)) == [
            Share(one.pk, Decimal(3))
        ]
        with pytest.raises(NothingToReturn):
            services.allocations_return(user_id=customer.pk, grams=Decimal("0.000001"))

    def test_only_the_persons_own_sold_grams_go_back(self, make_pool, customer):
        pool = make_pool()
        sold(person("other"), pool, "5")
        services.allocations_create(
            user_id=customer.pk, order_id=uuid4(), shares=[Share(pool.pk, Decimal(5))]
        )
        sold(customer, pool, "1")
        with pytest.raises(NothingToReturn), transaction.atomic():
            services.allocations_return(user_id=customer.pk, grams=Decimal("1.000001"))
        assert not Allocation.objects.exclude(returned=0).exists()
        services.allocations_return(user_id=customer.pk, grams=Decimal(1))

    def test_many_small_purchases_go_back_together(self, make_pool, customer):
        one, two = make_pool("One"), make_pool("Two")
        for number in range(120):
            sold(customer, one if number % 2 else two, "0.01")
        back = services.allocations_return(user_id=customer.pk, grams=Decimal("1.195"))
        assert {share.pool_id: share.grams for share in back} == {
            one.pk: Decimal("0.595"),
            two.pk: Decimal("0.6"),
        }
        assert Allocation.objects.filter(returned=0).count() == 0
        assert Allocation.objects.get(returned=Decimal("0.005")).pool == one

    @pytest.mark.parametrize(
        "change", ["returned = grams + 0.000001", "returned = -0.000001", "grams = 0", "grams = 'NaN'"]
    )
    def test_the_database_keeps_an_allocation_within_itself(self, make_pool, customer, change):
        sold(customer, make_pool(), "1")
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE pools_allocation SET {change}")


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_sales_at_once_give_each_gram_back_once(transactional_db):
    keeper, customer = person("keeper"), person("customer")
    pool = services.pool_create(name="Nairobi", purity=Decimal("999.9"), by=keeper)
    for _ in range(10):
        sold(customer, pool, "0.8")
    outcomes: list[Decimal] = []
    start = threading.Barrier(12)

    def sell() -> None:
        try:
            start.wait(10)
            with transaction.atomic():
                shares = services.allocations_return(user_id=customer.pk, grams=Decimal(1))
            outcomes.extend(share.grams for share in shares)
        except NothingToReturn:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=sell) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert outcomes == [Decimal(1)] * 8
    assert sum(Allocation.objects.values_list("returned", flat=True)) == 8
