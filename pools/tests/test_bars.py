"""Bars come, go and come back; the book follows, and nothing changes when something is wrong."""

from decimal import Decimal
from uuid import uuid4

import pytest

from goldwallet.errors import Refused
from ledger import chart
from ledger.models import Entry
from ledger.selectors import balance
from ledger.services import Transfer, post
from pools import services
from pools.models import Bar, BarStatus, Movement, MovementKind
from pools.selectors import pools_with_figures
from pools.services.bars import fine_grams

pytestmark = pytest.mark.django_db


def bar(serial: str = "AB-1", gross: str = "1000", fineness: str = "999.9") -> services.NewBar:
    return services.NewBar(serial=serial, gross_grams=Decimal(gross), fineness=Decimal(fineness))


def book(pool) -> tuple[Decimal, Decimal]:
    return balance(chart.pool_vault(pool.pk)), balance(chart.pool_available(pool.pk))


def add(pool, keeper, *bars, key: str = "") -> list[Bar]:
    return services.bar_add(pool_id=pool.pk, bars=bars or [bar()], key=key or uuid4().hex, by=keeper)


def test_bars_bring_their_fine_grams_into_the_pool(make_pool, keeper):
    pool = make_pool()
    rows = add(pool, keeper, bar("ab 1"), bar("AB/2", "100.5", "1000"))
    assert [row.serial for row in rows] == ["AB1", "AB/2"]
    assert [row.fine_grams for row in rows] == [Decimal("999.9"), Decimal("100.5")]
    assert book(pool) == (Decimal("-1100.4"), Decimal("1100.4"))
    movements = list(Movement.objects.order_by("id"))
    assert [m.grams for m in movements] == [Decimal("999.9"), Decimal("100.5")]
    assert len({m.transaction_id for m in movements}) == 1
    assert {m.created_by for m in movements} == {keeper}


def test_fine_grams_are_cut_and_never_rounded_up():
    assert fine_grams(Decimal("0.000001"), Decimal("999.999")) == 0
    assert fine_grams(Decimal("12345.678901"), Decimal("999.999")) == Decimal("12345.666555")


def test_the_same_form_sent_twice_adds_once(make_pool, keeper):
    pool = make_pool()
    first = add(pool, keeper, key="form-1")
    second = add(pool, keeper, key="form-1")
    assert [row.pk for row in first] == [row.pk for row in second]
    assert book(pool) == (Decimal("-999.9"), Decimal("999.9"))
    with pytest.raises(Refused, match="sent before"):
        add(pool, keeper, bar("OTHER"), key="form-1")
    with pytest.raises(Refused, match="sent before"):
        add(make_pool("Mombasa"), keeper, bar("OTHER", "1", "1000"), key="form-1")
    assert Bar.objects.count() == 1


@pytest.mark.parametrize(
    ("bars", "sentence"),
    [
        ([], "1 to 50 bars"),
        ([bar("")], "serial number"),
        ([bar("ÄÖ")], "serial number"),
        ([bar("١٢٣")], "serial number"),
        ([bar("A" * 41)], "serial number"),
        ([bar("AB1"), bar("a b 1")], "twice"),
        ([bar(gross="0")], "weight"),
        ([bar(gross="-1")], "weight"),
        ([bar(gross="NaN")], "weight"),
        ([bar(gross="1.0000001")], "weight"),
        ([bar(gross="15000.000001")], "up to 15,000"),
        ([bar(gross="1000000000")], "up to 15,000"),
        ([bar(fineness="1000.1")], "parts per thousand"),
        ([bar(fineness="0.9999")], "parts per thousand"),
        ([bar(fineness="Infinity")], "parts per thousand"),
        ([bar(fineness="999.9999")], "parts per thousand"),
        ([bar(fineness="995")], "below this pool's purity of 999.9"),
        ([bar(gross="0.000001")], "less fine gold"),
    ],
)
def test_a_wrong_bar_changes_nothing(make_pool, keeper, bars, sentence):
    pool = make_pool()
    with pytest.raises(Refused, match=sentence):
        services.bar_add(pool_id=pool.pk, bars=bars, key="k", by=keeper)
    assert not Bar.objects.exists() and not Movement.objects.exists() and not Entry.objects.exists()


def test_one_wrong_bar_refuses_all_of_them(make_pool, keeper):
    pool = make_pool()
    with pytest.raises(Refused):
        add(pool, keeper, bar("AB-1"), bar("AB-2", fineness="500"))
    assert not Bar.objects.exists()
    assert book(pool) == (0, 0)


def test_a_serial_counts_once_in_the_whole_house(make_pool, keeper):
    add(make_pool("Nairobi"), keeper, bar("ab-1"))
    other = make_pool("Mombasa")
    with pytest.raises(Refused, match="in the pool Nairobi already"):
        add(other, keeper, bar(" AB-1 "))
    assert book(other) == (0, 0)


def test_an_unknown_pool_is_refused(keeper):
    with pytest.raises(Refused, match="does not exist"):
        services.bar_add(pool_id=uuid4(), bars=[bar()], key="k", by=keeper)


def test_withdrawing_is_the_mirror(make_pool, keeper):
    pool = make_pool()
    one, two = add(pool, keeper, bar("A1"), bar("A2", "10", "1000"))
    services.bar_withdraw(pool_id=pool.pk, bar_ids=[two.pk], key="out", by=keeper, note="sold back")
    assert book(pool) == (Decimal("-999.9"), Decimal("999.9"))
    assert list(Bar.objects.filter(status=BarStatus.WITHDRAWN)) == [two]
    # Once more with the same key: nothing happens. With another key: it is gone already.
    services.bar_withdraw(pool_id=pool.pk, bar_ids=[two.pk], key="out", by=keeper)
    with pytest.raises(Refused, match="A2 left the vault already"):
        services.bar_withdraw(pool_id=pool.pk, bar_ids=[two.pk], key="out-2", by=keeper)
    with pytest.raises(Refused, match="sent before"):
        services.bar_withdraw(pool_id=pool.pk, bar_ids=[one.pk], key="out", by=keeper)
    assert book(pool) == (Decimal("-999.9"), Decimal("999.9"))
    assert Movement.objects.filter(kind=MovementKind.WITHDRAWAL).count() == 1


def test_grams_that_people_hold_cannot_leave(make_pool, keeper, customer):
    pool = make_pool()
    (row,) = add(pool, keeper, bar(fineness="1000"))
    held = Transfer(chart.pool_available(pool.pk), chart.user_gold(customer.pk), Decimal("0.000001"))
    post(key="buy", kind="test", transfers=[held])
    with pytest.raises(Refused, match="People own or have reserved"):
        services.bar_withdraw(pool_id=pool.pk, bar_ids=[row.pk], key="out", by=keeper)
    assert book(pool) == (Decimal(-1000), Decimal("999.999999"))
    row.refresh_from_db()
    assert row.status == BarStatus.ACTIVE
    assert Movement.objects.count() == 1


def test_bars_of_another_pool_or_none_are_refused(make_pool, keeper):
    pool, other = make_pool("Nairobi"), make_pool("Mombasa")
    (row,) = add(pool, keeper)
    for ids in ([], [row.pk], [uuid4()]):
        with pytest.raises(Refused, match="Choose one or more bars"):
            services.bar_withdraw(pool_id=other.pk, bar_ids=ids, key="out", by=keeper)
    assert book(pool) == (Decimal("-999.9"), Decimal("999.9"))


def test_a_withdrawn_bar_is_brought_back_and_not_added_anew(make_pool, keeper):
    pool = make_pool()
    (row,) = add(pool, keeper)
    services.bar_withdraw(pool_id=pool.pk, bar_ids=[row.pk], key="out", by=keeper)
    with pytest.raises(Refused, match="Bring it back there"):
        add(pool, keeper)
    services.bar_restore(pool_id=pool.pk, bar_id=row.pk, key="back", by=keeper)
    assert book(pool) == (Decimal("-999.9"), Decimal("999.9"))
    assert [m.kind for m in Movement.objects.order_by("id")] == ["arrival", "withdrawal", "arrival"]
    with pytest.raises(Refused, match="in the vault already"):
        services.bar_restore(pool_id=pool.pk, bar_id=row.pk, key="back-2", by=keeper)


def test_the_figures_of_a_pool_agree(make_pool, keeper, customer):
    pool = make_pool("Nairobi", grams="100")
    make_pool("Empty")
    order, sold = uuid4(), uuid4()
    for order_id, grams in ((order, "10"), (sold, "5")):
        services.allocations_create(
            user_id=customer.pk, order_id=order_id, shares=[services.Share(pool.pk, Decimal(grams))]
        )
        taken = Transfer(chart.pool_available(pool.pk), chart.user_gold(customer.pk), Decimal(grams))
        post(key=str(order_id), kind="test", transfers=[taken])
    services.allocations_settle(order_id=sold)
    first, last = pools_with_figures()
    assert (first.pool, last.pool.name) == (pool, "Empty")
    assert (first.bars, first.fine, first.issued) == (1, Decimal(100), Decimal(100))
    assert (first.available, first.reserved, first.sold) == (Decimal(85), Decimal(10), Decimal(5))
    assert first.difference == 0
    assert (last.bars, last.fine, last.available, last.difference) == (0, 0, 0, 0)
