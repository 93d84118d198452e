"""Pools, and the record of who changed what."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from goldwallet.errors import Refused
from pools import services
from pools.models import Bar, Pool, PoolStatus

pytestmark = pytest.mark.django_db


WHY = "Its bars are counted today."


def values(**changes):
    return {"name": "Nairobi", "note": "", **changes}


def test_a_pool_is_made_and_changed(keeper):
    pool = services.pool_create(name=" Nairobi  vault ", purity=Decimal("999.9"), by=keeper, note=" first ")
    assert (pool.name, pool.note, pool.is_open, pool.karat) == ("Nairobi vault", "first", True, 24)
    services.pool_update(pool_id=pool.pk, name="Westlands", note="moved", by=keeper)
    pool.refresh_from_db()
    assert (pool.name, pool.priority, pool.status, pool.note) == ("Westlands", 1, PoolStatus.OPEN, "moved")


@pytest.mark.parametrize(("purity", "karat"), [("999.9", 24), ("916.666", 22), ("750", 18), ("585", 14)])
def test_karat_as_a_jeweller_says_it(purity, karat):
    assert Pool(name="x", purity=Decimal(purity)).karat == karat


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "  "}, "1 to 60"),
        ({"name": "x" * 61}, "1 to 60"),
        ({"name": "\x00"}, "1 to 60"),
        ({"note": "x" * 2001}, "2,000"),
    ],
)
def test_wrong_values_change_nothing(keeper, changes, sentence):
    with pytest.raises(Refused, match=sentence):
        services.pool_create(purity=Decimal(999), by=keeper, **values(**changes))
    assert not Pool.objects.exists()
    pool = services.pool_create(purity=Decimal(999), by=keeper, **values())
    with pytest.raises(Refused, match=sentence):
        services.pool_update(pool_id=pool.pk, by=keeper, **values(**changes))
    assert Pool.objects.values("name", "note").get() == values()


@pytest.mark.parametrize("purity", ["0", "-1", "1000.001", "999.9999", "NaN"])
def test_wrong_purity(keeper, purity):
    with pytest.raises(Refused, match="parts per thousand"):
        services.pool_create(purity=Decimal(purity), by=keeper, **values())


def test_a_name_is_taken_whatever_its_capitals(keeper):
    services.pool_create(purity=Decimal(999), by=keeper, **values())
    with pytest.raises(Refused, match="has this name already"):
        services.pool_create(purity=Decimal(999), by=keeper, **values(name="NAIROBI"))
    other = services.pool_create(purity=Decimal(999), by=keeper, **values(name="Other"))
    with pytest.raises(Refused, match="has this name already"):
        services.pool_update(pool_id=other.pk, by=keeper, **values())
    with pytest.raises(Refused, match="does not exist"):
        services.pool_update(pool_id=uuid4(), by=keeper, **values())


def test_who_did_what_is_recorded(keeper, make_pool):
    pool = make_pool(grams="10")
    services.pool_close(pool_id=pool.pk, by=keeper, reason=WHY)
    events = Pool.pgh_event_model.objects.filter(pgh_obj_id=pool.pk).order_by("pgh_id")
    assert [event.status for event in events] == ["open", "closed"]
    assert {event.pgh_context.metadata["user"] for event in events} == {str(keeper.pk)}
    assert [event.pgh_context.metadata["action"] for event in events] == ["pool_create", "pool_close"]
    bar = Bar.pgh_event_model.objects.get()
    assert bar.pgh_context.metadata["user"] == str(keeper.pk)
    for sql in ("UPDATE pools_poolevent SET note = ''", "DELETE FROM pools_poolevent"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


@pytest.mark.parametrize("change", ["purity = 1000.1", "purity = 'NaN'", "status = 'ajar'", "name = ''"])
def test_the_database_keeps_a_pool_sound(keeper, make_pool, change):
    make_pool()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE pools_pool SET {change}")
