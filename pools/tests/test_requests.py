"""Bars and prices that two people decide: what is shown is what happens, once, and nothing before."""

import datetime as dt
from decimal import Decimal
from uuid import uuid4

import pytest

from accounts.tests.people import customer, staff
from controls.models import Request, RequestState
from controls.services import request_approve, request_effect, request_seal
from goldwallet.clock import now
from goldwallet.errors import Conflict, Refused
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.tamper import guard_off
from goldwallet.test.two import YES, approve, asked
from goldwallet.test.world import buy, paid, sell
from ledger import chart
from ledger.selectors import balance
from ledger.services import Transfer, post
from pools import services
from pools.models import Bar, Price
from pools.requests import PRICE_SUBJECT, bars_subject
from pools.selectors import current_price

pytestmark = pytest.mark.django_db

A1 = {"serial": "a 1", "gross_grams": "100", "fineness": "999.9", "refiner": "Rand"}


@pytest.fixture
def maker():
    return staff("vault")


@pytest.fixture
def checker():
    return staff("vault")


def add(pool, by, *bars, **changes) -> Request:
    payload = {"pool": str(pool.pk), "bars": list(bars or (A1,))}
    return asked("bars_add", payload, by=by, subject=bars_subject(pool.pk), **changes)


def withdraw(pool, by, *bars) -> Request:
    payload = {"pool": str(pool.pk), "bars": [str(bar.pk) for bar in bars]}
    return asked("bars_withdraw", payload, by=by, subject=bars_subject(pool.pk))


def shown(request: Request) -> dict[str, tuple[str, str]]:
    return {change.code: (change.before, change.after) for change in request_effect(request).accounts}


def assert_done_as_shown(request: Request, by) -> None:
    """Approve; every account stands where the page said it would."""
    accounts = request_effect(request).accounts
    assert accounts
    assert {balance(account.code) == Decimal(account.before) for account in accounts} == {True}
    approve(request, by)
    assert {balance(account.code) == Decimal(account.after) for account in accounts} == {True}
    assert_books()


# --- bars -----------------------------------------------------------------------------------------


def test_bars_come_leave_and_come_back(make_pool, maker, checker):
    pool = make_pool()
    request = add(pool, maker)
    effect = request_effect(request)
    assert "1 bar with 99.990000 g of fine gold into the pool Nairobi" in effect.summary
    assert effect.changes[0].label == "Bar A1"
    assert effect.changes[0].after == "In the vault: 100.000000 g of 999.9, Rand, 99.990000 g fine"
    assert not Bar.objects.exists()
    assert balance(chart.pool_available(pool.pk)) == 0
    assert_done_as_shown(request, checker)
    bar = Bar.objects.get()
    assert balance(chart.pool_available(pool.pk)) == Decimal("99.99") == bar.fine_grams

    assert_done_as_shown(withdraw(pool, maker, bar), checker)
    bar.refresh_from_db()
    assert (bar.status, balance(chart.pool_available(pool.pk))) == ("withdrawn", 0)

    payload = {"pool": str(pool.pk), "bar": str(bar.pk)}
    back = asked("bar_restore", payload, by=maker, subject=bars_subject(pool.pk))
    assert_done_as_shown(back, checker)
    bar.refresh_from_db()
    assert (bar.status, balance(chart.pool_available(pool.pk))) == ("active", bar.fine_grams)


def test_nobody_adds_gold_alone(make_pool, maker):
    pool = make_pool()
    request = add(pool, maker)
    with pytest.raises(Refused, match="yourself"):
        approve(request, maker)
    for role in ("pricing", "reviewer", "auditor"):
        with pytest.raises(Refused, match="role"):
            approve(request, staff(role))
        with pytest.raises(Refused, match="role"):
            add(make_pool(name=role), staff(role), A1 | {"serial": role})
    assert not Bar.objects.exists()


def test_gold_is_added_once(make_pool, maker, checker):
    request = add(make_pool(), maker)
    seen = request_seal(request, request_effect(request))
    request_approve(request_id=request.pk, by=checker, seen=seen, words=YES, typed=("99.99",))
    with pytest.raises(Conflict, match="any more"):
        request_approve(request_id=request.pk, by=checker, seen=seen, words=YES, typed=("99.99",))
    assert Bar.objects.count() == 1


def test_a_heavier_bar_than_was_shown_is_not_added(make_pool, maker, checker):
    request = add(make_pool(), maker)
    heavy = request.payload | {"bars": [A1 | {"gross_grams": "10000"}]}
    with guard_off(Request, "content_stays"):
        Request.objects.filter(pk=request.pk).update(payload=heavy)
    request.refresh_from_db()
    with pytest.raises(Conflict, match="changed after"):
        approve(request, checker)
    assert not Bar.objects.exists()


def test_after_three_days_nobody_adds_it(make_pool, maker, checker):
    request = add(make_pool(), maker)
    with shift_clock(hours=73), pytest.raises(Conflict, match="any more"):
        approve(request, checker)
    assert not Bar.objects.exists()


def test_a_bar_is_asked_for_once_whatever_the_pool(make_pool, maker, checker):
    one, two = make_pool(name="One"), make_pool(name="Two")
    first = add(one, maker)
    with pytest.raises(Conflict, match="already"):
        add(one, checker, A1 | {"serial": "B2"})
    with pytest.raises(Conflict, match="Bar A1 stands in another request"):
        add(two, checker, A1 | {"serial": "A1"})
    approve(first, checker)
    with pytest.raises(Refused, match="Bar A1 is in the pool One already"):
        add(two, maker)
    assert Request.objects.count() == 1


@pytest.mark.fault("L11")
def test_gold_that_was_sold_meanwhile_does_not_leave(make_pool, maker, checker):
    """It was free when it was asked for. At the approval a microgram of it is somebody's."""
    pool = make_pool(grams="10")
    bar = Bar.objects.get()
    request = withdraw(pool, maker, bar)
    buyer = customer()
    services.allocations_create(
        user_id=buyer.pk, order_id=uuid4(), shares=[services.Share(pool.pk, Decimal("0.000001"))]
    )
    sold = Transfer(chart.pool_available(pool.pk), chart.user_gold_incoming(buyer.pk), Decimal("0.000001"))
    post(key="sold", kind="test", transfers=[sold])
    with pytest.raises(Refused, match="People own or have reserved gold of this pool"):
        approve(request, checker)
    bar.refresh_from_db()
    request.refresh_from_db()
    assert (bar.status, request.state) == ("active", RequestState.WAITING)
    assert balance(chart.pool_available(pool.pk)) == Decimal("9.999999")


@pytest.mark.fault("L11")
@pytest.mark.parametrize(
    ("bar", "sentence"),
    [
        ({"gross_grams": "15000.000001"}, "up to 15,000"),
        ({"gross_grams": "1e9"}, "digits only"),
        ({"gross_grams": "NaN"}, "digits only"),
        ({"gross_grams": "-100"}, "digits only"),
        ({"gross_grams": "0"}, "above 0"),
        ({"gross_grams": 10**30}, "too large"),
        ({"fineness": "1000.1"}, "parts per thousand"),
        ({"fineness": "916.6"}, "below this pool's purity"),
        ({"serial": "\x00"}, "letters A to Z"),
        ({"serial": ""}, "letters A to Z"),
        ({"refiner": "R" * 81}, "under 80 letters"),
    ],
)
def test_a_bar_that_cannot_be_is_not_even_asked_for(make_pool, maker, bar, sentence):
    with pytest.raises(Refused, match=sentence):
        add(make_pool(), maker, A1 | bar)
    assert not Request.objects.exists() and not Bar.objects.exists()


@pytest.mark.parametrize("bars", [[], "A1", None, [1], [A1] * 51, [A1, A1]])
def test_what_is_no_list_of_bars(make_pool, maker, bars):
    pool = make_pool()
    payload = {"pool": str(pool.pk), "bars": bars}
    with pytest.raises(Refused):
        asked("bars_add", payload, by=maker)
    for kind in ("bars_withdraw", "bar_restore"):
        with pytest.raises(Refused):
            asked(kind, payload, by=maker)
    assert not Bar.objects.exists()


@pytest.mark.fault("L13")
def test_bars_of_another_pool_do_not_move(make_pool, maker):
    """The pool's accounts are ours to choose: a bar leaves the pool that it is in, or not at all."""
    pool, other = make_pool(name="One"), make_pool(name="Other", grams="10")
    bar = Bar.objects.get()
    for kind, more in (("bars_withdraw", {"bars": [str(bar.pk)]}), ("bar_restore", {"bar": str(bar.pk)})):
        with pytest.raises(Refused, match="of this pool"):
            asked(kind, {"pool": str(pool.pk), **more}, by=maker)
        for wrong in ("", "x", str(uuid4())):
            with pytest.raises(Refused):
                asked(kind, {"pool": wrong, **more}, by=maker)
    assert balance(chart.pool_available(other.pk)) == 10


# --- prices ---------------------------------------------------------------------------------------


@pytest.fixture
def pricing():
    return staff("pricing")


def price(by, *, buy="130000", sell="128000", effective_from="") -> Request:
    payload = {"buy": buy, "sell": sell, "effective_from": effective_from}
    return asked("price_set", payload, by=by, subject=PRICE_SUBJECT)


@pytest.fixture
def before(keeper) -> Price:
    return services.price_set(buy=Decimal(13000), sell=Decimal(12800), by=keeper)


@pytest.mark.fault("Q05", "Q11")
def test_a_price_beyond_the_band_takes_two(before, pricing, checker):
    request = price(pricing)
    changes = [(change.before, change.after) for change in request_effect(request).changes]
    assert changes[:2] == [("KES 13,000", "KES 130,000"), ("KES 12,800", "KES 128,000")]
    with pytest.raises(Refused, match="yourself"):
        approve(request, pricing)
    with pytest.raises(Refused, match="role"):
        approve(request, checker)  # of the vault
    assert current_price() == before
    second = staff("treasury")
    approve(request, second)
    found = current_price()
    assert (found.buy, found.sell, found.created_by) == (130000, 128000, second)
    with pytest.raises(Conflict):
        approve(request, second)
    assert Price.objects.count() == 2


def test_who_approves_a_price_reads_what_it_does(world):
    paid(buy(world.alice, 33_000))  # 2 g
    request = price(world.pricing, buy="33000", sell="31000.50")
    effect = request_effect(request)
    assert [(change.label, change.before, change.after) for change in effect.changes] == [
        ("People buy one gram for", "KES 16,500", "KES 33,000"),
        ("People sell one gram for", "KES 16,000", "KES 31,000.50"),
        ("Difference", "KES 500, 3.03%", "KES 1,999.50, 6.06%"),
        ("Worth of what customers own, when sold", "about KES 32,000", "about KES 62,000"),
    ]
    assert [line for line in effect.warnings if "buy price would go up by 100.0%" in line]
    # A small trade while it waits changes nothing of what was looked at.
    seen = request_seal(request, effect)
    paid(sell(world.alice, Decimal("0.001")))
    assert request_seal(request, request_effect(request)) == seen
    assert_books()


def test_who_approves_a_price_reads_which_scheduled_one_jumps(before, pricing, keeper):
    at = now() + dt.timedelta(hours=5)
    services.price_set(buy=Decimal(15000), sell=Decimal(14000), by=keeper, effective_from=at)
    effect = request_effect(price(pricing, buy="12000", sell="11500"))
    (line,) = effect.warnings
    assert "the buy price would then go up by 25.0%, from KES 12,000 to KES 15,000" in line


def test_a_price_for_a_taken_minute_is_compared_with_the_one_before_both(before, pricing, keeper):
    at = now() + dt.timedelta(hours=5)
    services.price_set(buy=Decimal(15000), sell=Decimal(14000), by=keeper, effective_from=at)
    request = price(pricing, effective_from=at.isoformat())
    assert request_effect(request).changes[0].before == "KES 13,000"


def test_what_was_shown_is_what_it_was_compared_with(before, pricing, keeper):
    """Somebody sets another price meanwhile: the second person looks again."""
    request = price(pricing)
    seen = request_seal(request, request_effect(request))
    services.price_set(buy=Decimal(13100), sell=Decimal(12900), by=keeper)
    with pytest.raises(Conflict, match="Look again"):
        request_approve(request_id=request.pk, by=staff("treasury"), seen=seen, words=YES)
    assert current_price().buy == 13100


def test_a_scheduled_price_keeps_its_time(before, pricing):
    at = now() + dt.timedelta(hours=5)
    approve(price(pricing, effective_from=at.isoformat()), staff("pricing"))
    assert current_price() == before
    assert Price.objects.latest("id").effective_from == at


@pytest.mark.fault("Q11")
def test_a_time_that_passed_while_it_waited(before, pricing):
    request = price(pricing, effective_from=(now() + dt.timedelta(hours=1)).isoformat())
    with shift_clock(hours=2), pytest.raises(Refused, match="This time has passed"):
        approve(request, staff("pricing"))
    assert Price.objects.get() == before


@pytest.mark.fault("Q05")
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"sell": "130000.01"}, "must not be above"),
        ({"buy": "0"}, "more than nothing"),
        ({"buy": "-1"}, "digits only"),
        ({"buy": "13e4"}, "digits only"),
        ({"buy": "NaN"}, "digits only"),
        ({"buy": ""}, "digits only"),
        ({"sell": "1.005"}, "2 digits"),
        ({"buy": "999999999999"}, "less than a billion"),
        ({"effective_from": "soon"}, "Write the day"),
        ({"effective_from": "2026-11-21T14:30:00"}, "Write the day"),
        ({"effective_from": "2020-01-01T00:00:00+03:00"}, "has passed"),
        ({"effective_from": "2999-01-01T00:00:00+03:00"}, "31 days"),
    ],
)
def test_no_two_people_set_a_wrong_price(before, pricing, values, sentence):
    with pytest.raises(Refused, match=sentence):
        price(pricing, **values)
    assert Price.objects.get() == before
