from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import pytest

from accounts.models import User
from pools import services
from pools.models import Pool


def person(name: str) -> User:
    return User.objects.create_user(username=name, email=f"{name}@example.com")


@pytest.fixture
def keeper(db) -> User:
    """A member of staff who keeps the vault."""
    return person("keeper")


@pytest.fixture
def customer(db) -> User:
    return person("customer")


type MakePool = Callable[..., Pool]


@pytest.fixture
def make_pool(keeper: User) -> MakePool:
    """A pool with one bar of so many fine grams (none: an empty pool)."""

    def make(name: str = "Nairobi", *, grams: str = "", closed: bool = False, **values) -> Pool:
        pool = services.pool_create(name=name, purity=Decimal("999.9"), by=keeper, **values)
        if grams:
            bar = services.NewBar(serial=uuid4().hex, gross_grams=Decimal(grams), fineness=Decimal(1000))
            services.bar_add(pool_id=pool.pk, bars=[bar], key=uuid4().hex, by=keeper)
        if closed:
            services.pool_close(pool_id=pool.pk, reason="A test closes it.", by=keeper)
        return pool

    return make
