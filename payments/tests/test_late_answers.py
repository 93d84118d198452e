"""Answers that come late: what they say counts for the time they speak of, and for money that went elsewhere since."""

import datetime as dt
import json
from decimal import Decimal

import pytest

from accounts.tests.people import staff
from controls.selectors import switch
from controls.services import threshold_set
from goldwallet import clock
from goldwallet.clock import NAIROBI
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed
from goldwallet.test.world import World
from payments.arrivals import arrival_take
from payments.arrivals.matching import Arrived
from payments.arrivals.returning import return_step
from payments.floats import balance_take, floats
from payments.models import Arrival, ArrivalState, BalanceReading, Callback, Exchange, Float, Kind
from payments.tests.scripted import ScriptedRail

pytestmark = pytest.mark.django_db


def result(*, transaction: str = "UKLREV0001", **parameters: str) -> str:
    pairs = [{"Key": key, "Value": value} for key, value in parameters.items()]
    said = {
        "ResultType": 0,
        "ResultCode": 0,
        "ResultDesc": "ok",
        "OriginatorConversationID": "o",
        "ConversationID": "c",
        "TransactionID": transaction,
        "ResultParameters": {"ResultParameter": pairs},
    }
    return json.dumps({"Result": said})


def posted(exchange: Exchange, kind: str, body: str) -> Callback:
    callback = Callback(exchange=exchange, kind=kind)
    callback.body = body
    callback.save(force_insert=True)
    callback.refresh_from_db()
    return callback


# --- sent back after all --------------------------------------------------------------------------


@pytest.mark.fault("P18")
def test_money_that_was_given_away_is_said_to_have_been_sent_back(
    world: World, provider: ScriptedRail
) -> None:
    """M-Pesa refused to send it back, two people gave it to bob, and then M-Pesa says that it was sent back."""
    tina, tom = staff("treasury", username="tina"), staff("treasury", username="tom")
    row = Arrived(receipt="UKLHAND001", amount=Decimal(700), reference="", payer="", arrived_at=clock.now())
    arrival = arrival_take(row)
    agreed("suspense_return", {"arrival": str(arrival.pk)}, maker=tina, checker=tom)
    asked = Exchange.objects.create(kind=Kind.REVERSE, arrival=arrival, token="t" * 32)
    Arrival.objects.filter(pk=arrival.pk).update(state=ArrivalState.SUSPENSE, due_at=None)
    payload = {"arrival": str(arrival.pk), "user": str(world.bob.pk)}
    with shift_clock(minutes=5):
        agreed("suspense_assign", payload, maker=tina, checker=tom)
        return_step(arrival.pk)
        arrival.refresh_from_db()
        assert "sent back" not in arrival.note
        posted(asked, "reversal", result())
        return_step(arrival.pk)
    arrival.refresh_from_db()
    assert arrival.state == ArrivalState.ASSIGNED
    assert "says now that it was sent back" in arrival.note


# --- balances -------------------------------------------------------------------------------------


def told(kes: int, *, at: str = "", account: Float = Float.COLLECTIONS) -> Exchange:
    """An answer about our balance that has come, and that nobody has read yet."""
    asked = Exchange.objects.create(kind=Kind.BALANCE)
    time = {"BOCompletedTime": at} if at else {}
    body = result(AccountBalance=f"Utility Account|KES|{kes}.00|{kes}.00|0.00|0.00", **time)
    posted(asked, f"balance-{account}", body)
    return asked


def minutes_ago(minutes: int) -> dt.datetime:
    return (clock.now() - dt.timedelta(minutes=minutes)).replace(microsecond=0)


def written(moment: dt.datetime) -> str:
    return f"{moment.astimezone(NAIROBI):%Y%m%d%H%M%S}"


def there(account: Float = Float.COLLECTIONS) -> Decimal | None:
    return next(one.there for one in floats() if one.account == account)


def test_a_balance_stands_for_the_time_that_mpesa_writes(provider: ScriptedRail) -> None:
    moment = minutes_ago(90)
    asked = told(500, at=written(moment))
    with shift_clock(hours=1):
        balance_take(asked.pk)
    assert BalanceReading.objects.get().read_at == moment


@pytest.mark.parametrize("at", ["", "ahead"])
def test_without_a_time_that_can_be_it_stands_for_when_its_answer_came(
    provider: ScriptedRail, at: str
) -> None:
    asked = told(500, at=written(clock.now() + dt.timedelta(hours=3)) if at else "")
    with shift_clock(hours=1):
        balance_take(asked.pk)
    assert BalanceReading.objects.get().read_at == Callback.objects.get().received_at


def test_an_old_answer_that_is_read_last_is_not_the_newest(world: World, provider: ScriptedRail) -> None:
    """Nor does it pause payouts for what was filled up since."""
    threshold_set(name="float_least_kes", value=Decimal(1000), by=world.vault)
    old = told(10, at=written(minutes_ago(60)), account=Float.PAYOUTS)
    new = told(5000, at=written(minutes_ago(5)), account=Float.PAYOUTS)
    balance_take(new.pk)
    balance_take(old.pk)
    assert there(Float.PAYOUTS) == 5000
    assert not switch("payouts").paused
    balance_take(told(20, account=Float.PAYOUTS).pk)
    assert there(Float.PAYOUTS) == 20
    assert switch("payouts").paused
