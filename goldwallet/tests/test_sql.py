"""What the lean inserts write is what the ORM reads."""

import datetime as dt
from decimal import Decimal

import pytest

from goldwallet import clock
from goldwallet.clock import after
from goldwallet.sql import insert, insert_many
from goldwallet.test.world import World
from payments.models import Direction, Payment, State
from pools.models import Pool

pytestmark = pytest.mark.django_db


def test_every_column_comes_back(world: World) -> None:
    payment = Payment(
        direction=Direction.OUT, purpose="sell", user=world.bob, amount=Decimal(1500), reference="GTEST"
    )
    payment.phone = "254722000002"
    moment = clock.now()
    insert(payment, expires_at=after(60), due_at=None)
    assert not payment._state.adding
    found = Payment.objects.get(pk=payment.pk)
    for field in Payment._meta.concrete_fields:
        if field.name not in {"expires_at", "due_at", "created_at"}:
            assert getattr(found, field.attname) == getattr(payment, field.attname), field.name
    assert found.phone == "254722000002"
    assert found.state == State.CREATED
    assert found.due_at is None
    assert dt.timedelta(0) <= found.created_at - moment < dt.timedelta(seconds=20)
    assert dt.timedelta(seconds=60) <= found.expires_at - moment < dt.timedelta(seconds=80)


def test_defaults_of_the_database_and_other_types(db: None) -> None:
    rows = [
        Pool(name=name, purity=Decimal("999.9"), priority=priority) for name, priority in (("A", 1), ("B", 2))
    ]
    insert_many(rows)
    found = Pool.objects.order_by("priority")
    assert [(pool.pk, pool.name, pool.priority, pool.purity) for pool in found] == [
        (row.pk, row.name, row.priority, Decimal("999.900")) for row in rows
    ]
    assert all(pool.created_at is not None for pool in found)
