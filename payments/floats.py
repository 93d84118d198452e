"""What M-Pesa says stands on our two accounts, against what the book says of them (`ledger.chart`)."""

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import transaction

from controls.models import Cause, SwitchName
from controls.selectors import threshold
from controls.services import switch_pause
from goldwallet.clock import NAIROBI, Now
from goldwallet.money import show_kes
from ledger import chart
from ledger.chart import Code
from ledger.selectors import balances
from payments.models import BalanceReading, Callback, Exchange, Float, Kind, new_token
from payments.rails import Balances, Outcome, rail
from payments.services import hook_url

log = structlog.get_logger(__name__)

#: Where a Paybill's money stands, and the account below zero from which charges are taken (daraja.md 5.2, 7).
UTILITY, CHARGES = "utility", "charges paid"


def shortcode_of(account: Float) -> str:
    code: str = settings.DARAJA["shortcode" if account == Float.COLLECTIONS else "b2c_shortcode"]
    return code


def code_of(account: Float) -> Code:
    return chart.mpesa_collections() if account == Float.COLLECTIONS else chart.mpesa_payouts()


# --- asking ---------------------------------------------------------------------------------------


def balances_ask(*, method: str = "daraja") -> None:
    """Ask about both accounts; the answers come as callbacks. No transaction."""
    for account in Float:
        exchange = Exchange.objects.create(kind=Kind.BALANCE, token=new_token())
        token = str(exchange.token)
        answer = rail(method).balance_ask(
            shortcode=shortcode_of(account),
            result_url=hook_url(f"balance-{account}", token),
            timeout_url=hook_url("balance-timeout", token),
        )
        exchange.outcome, exchange.http_status = answer.outcome, answer.http_status
        exchange.code, exchange.text = answer.code[:40], answer.text[:300]
        exchange.request_id, exchange.body = answer.request_id[:64], answer.body
        exchange.answered_at = Now()
        exchange.save()
        if answer.outcome != Outcome.ACCEPTED:
            log.warning("our balance cannot be asked for", account=str(account), code=exchange.code)


def balance_take(exchange_id: uuid.UUID) -> int:
    """Keep what the answers to one question say, once; answers how many figures there are now."""
    exchange = Exchange.objects.get(pk=exchange_id)
    for callback in Callback.objects.filter(exchange=exchange).order_by("received_at"):
        account = callback.kind.removeprefix("balance-")
        if account in Float.values:
            _keep(exchange, Float(account), callback)
    Callback.objects.filter(exchange=exchange, handled_at=None).update(handled_at=Now())
    return BalanceReading.objects.filter(exchange=exchange).count()


def _keep(exchange: Exchange, account: Float, callback: Callback) -> None:
    said = rail("daraja").read_balance(callback.body.encode())
    strange = said.request_id and exchange.request_id and said.request_id != exchange.request_id
    if not said.readable or said.code != "0" or strange:
        log.warning("an answer about our balance says nothing", account=str(account), code=said.code)
        return
    at = _time_of(said, callback)
    readings = [
        BalanceReading(
            exchange=exchange,
            shortcode=shortcode_of(account),
            name=part.name[:60],
            current=part.current,
            available=part.available,
            read_at=at,
        )
        for part in said.accounts
        if part.currency == "KES"
    ]
    with transaction.atomic():
        BalanceReading.objects.bulk_create(readings, ignore_conflicts=True)
        newer = BalanceReading.objects.filter(shortcode=shortcode_of(account), read_at__gt=at)
        if account == Float.PAYOUTS and not newer.exists():
            _pause_when_empty(readings)


def _time_of(said: Balances, callback: Callback) -> dt.datetime:
    """When it stood so: by M-Pesa's clock when that is readable, and never later than its answer came.

    Not when the worker reads it: what moved in between would look like a difference.
    """
    if not said.completed_at:
        return callback.received_at
    at = dt.datetime.strptime(said.completed_at, "%Y%m%d%H%M%S").replace(tzinfo=NAIROBI)
    return min(at, callback.received_at)


def _pause_when_empty(readings: list[BalanceReading]) -> None:
    there = [one.available for one in readings if one.name.lower().startswith(UTILITY)]
    least = threshold("float_least_kes")
    if there and there[0] < least:
        note = (
            f"M-Pesa holds {show_kes(there[0])} for payouts, less than {show_kes(least)}. Move money there."
        )
        switch_pause(name=SwitchName.PAYOUTS, cause=Cause.FLOAT_EMPTY, note=note)


# --- reading --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FloatState:
    """One account. KES: `book` by the ledger, `there` by the newest reading (Utility and Charges Paid)."""

    account: Float
    shortcode: str
    book: Decimal
    there: Decimal | None
    read_at: dt.datetime | None
    parts: list[BalanceReading]

    @property
    def label(self) -> str:
        return self.account.label

    @property
    def difference(self) -> Decimal | None:
        """What M-Pesa has more than the book. Payments that end this minute may stand on one side only."""
        return None if self.there is None else self.there - self.book


def floats() -> list[FloatState]:
    """Both accounts, with what M-Pesa said last."""
    found = balances([code_of(account) for account in Float])
    return [_state(account, -found[str(code_of(account))]) for account in Float]


def _state(account: Float, book: Decimal) -> FloatState:
    shortcode = shortcode_of(account)
    newest = BalanceReading.objects.filter(shortcode=shortcode).order_by("-read_at", "-pk").first()
    if newest is None:
        return FloatState(account, shortcode, book, None, None, [])
    parts = list(
        BalanceReading.objects.filter(exchange=newest.exchange_id, shortcode=shortcode).order_by("pk")
    )
    counted = [part.current for part in parts if part.name.lower().startswith((UTILITY, CHARGES))]
    return FloatState(account, shortcode, book, sum(counted, Decimal(0)), newest.read_at, parts)
