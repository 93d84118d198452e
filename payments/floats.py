"""What M-Pesa says stands on our two accounts, against what the book says of them (`ledger.chart`)."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import structlog
from django.conf import settings
from django.db import connection, transaction

from controls.models import Cause, SwitchName
from controls.selectors import threshold
from controls.services import switch_pause
from goldwallet.clock import NAIROBI, Now
from goldwallet.money import show_kes
from ledger import chart
from ledger.chart import Code
from ledger.selectors import balances
from payments.models import BalanceReading, Callback, Direction, Exchange, Float, Kind, new_token
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


#: What a float's account has moved since a reading, and what of it M-Pesa may have counted before we did: all that
#: belongs to no payment, and payments that were there by then. What is still open may stand on either side too, with
#: its charge (none is above KES 200). M-Pesa writes whole seconds, so a reading stands for the end of its second.
#: Walks back from the newest entry, so a young reading costs little. One statement for all accounts that were read.
_SINCE = """
SELECT asked.code, moved.since, moved.unsure
FROM unnest(%(codes)s::text[], %(directions)s::text[], %(reads)s::timestamptz[]) AS asked (code, direction, read)
CROSS JOIN LATERAL (
    WITH last AS (
        SELECT e.seq FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
        JOIN ledger_transaction t ON t.id = e.transaction_id
        WHERE a.code = asked.code AND t.created_at <= asked.read - interval '1 minute'
        ORDER BY e.seq DESC LIMIT 1
    ), later AS (
        SELECT e.amount, t.created_at AS at, p.id IS NULL OR t.kind LIKE '%%reversed'
               OR p.created_at <= asked.read + interval '1 minute' AS unsure
        FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
        JOIN ledger_transaction t ON t.id = e.transaction_id
        LEFT JOIN payments_payment p ON t.key LIKE 'payment:%%' AND p.id::text = split_part(t.key, ':', 2)
        WHERE a.code = asked.code AND e.seq > coalesce((SELECT seq FROM last), 0)
    )
    SELECT coalesce((SELECT sum(amount) FROM later WHERE at >= asked.read + interval '1 second'), 0) AS since,
           coalesce((SELECT sum(abs(amount)) FROM later WHERE unsure), 0)
           + coalesce((SELECT sum(amount + 200) FROM payments_payment
                       WHERE direction = asked.direction AND state IN ('sending', 'pending', 'unknown')
                         AND created_at <= asked.read + interval '1 minute'), 0) AS unsure
) moved
"""


class Verdict(StrEnum):
    """How M-Pesa's newest word compares with the book of that moment."""

    UNASKED = "unasked"
    AGREES = "agrees"
    #: It differs by no more than what was on its way.
    MOVING = "moving"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class FloatState:
    """One account, in KES: `book` by the ledger now; `there` by the newest reading (Utility and Charges Paid).

    `then` is what the book had at the time of the reading, of all accounts under this shortcode, and up to `unsure`
    was on its way.
    """

    account: Float
    shortcode: str
    book: Decimal
    there: Decimal | None
    read_at: dt.datetime | None
    parts: list[BalanceReading]
    then: Decimal = Decimal(0)
    unsure: Decimal = Decimal(0)

    @property
    def label(self) -> str:
        return self.account.label

    @property
    def difference(self) -> Decimal | None:
        """What M-Pesa had more than the book of that moment."""
        return None if self.there is None else self.there - self.then

    @property
    def gap(self) -> Decimal:
        """How large the difference is, whichever way."""
        return abs(self.difference or Decimal(0))

    @property
    def verdict(self) -> Verdict:
        if self.difference is None:
            return Verdict.UNASKED
        if self.difference == 0:
            return Verdict.AGREES
        return Verdict.MOVING if self.gap <= self.unsure else Verdict.DIFFERS


def floats(found: Mapping[str, Decimal] | None = None) -> list[FloatState]:
    """Both accounts, with what M-Pesa said last. Two statements, and one for the balances unless they are `found`."""
    found = balances([code_of(account) for account in Float]) if found is None else found
    books = {account: -found[str(code_of(account))] for account in Float}
    readings = _newest_readings()
    moved = _since(
        {account: _read_at(parts) for account in Float if (parts := readings[shortcode_of(account)])}
    )
    return [_state(account, books, moved, readings[shortcode_of(account)]) for account in Float]


# Of each shortcode the answer that was read last, with all its parts.
_NEWEST = """
SELECT r.* FROM unnest(%s::text[]) AS asked(shortcode)
CROSS JOIN LATERAL (
    SELECT exchange_id FROM payments_balancereading
    WHERE shortcode = asked.shortcode ORDER BY read_at DESC, id DESC LIMIT 1
) newest
JOIN payments_balancereading r ON r.exchange_id = newest.exchange_id AND r.shortcode = asked.shortcode
ORDER BY r.id
"""


def _newest_readings() -> dict[str, list[BalanceReading]]:
    parts: dict[str, list[BalanceReading]] = {shortcode_of(account): [] for account in Float}
    for reading in BalanceReading.objects.raw(_NEWEST, [list(parts)]):
        parts[reading.shortcode].append(reading)
    return parts


def _read_at(parts: list[BalanceReading]) -> dt.datetime:
    return max(part.read_at for part in parts)


def _state(
    account: Float,
    books: dict[Float, Decimal],
    moved: dict[Float, tuple[Decimal, Decimal]],
    parts: list[BalanceReading],
) -> FloatState:
    shortcode, book = shortcode_of(account), books[account]
    if not parts:
        return FloatState(account, shortcode, book, None, None, [])
    counted = [part.current for part in parts if part.name.lower().startswith((UTILITY, CHARGES))]
    there = sum(counted, Decimal(0))
    then = unsure = Decimal(0)
    for one in Float:
        if shortcode_of(one) == shortcode:
            since, moving = moved[one]
            # Value that enters an account at M-Pesa comes out of its code (ledger.chart).
            then, unsure = then + books[one] + since, unsure + moving
    return FloatState(account, shortcode, book, there, _read_at(parts), parts, then, unsure)


def _since(read: dict[Float, dt.datetime]) -> dict[Float, tuple[Decimal, Decimal]]:
    """What each account's code has moved since it was read, and how much may stand on either side of that moment."""
    parameters: dict[str, list[str] | list[dt.datetime]] = {
        "codes": [str(code_of(account)) for account in read],
        "directions": [
            str(Direction.IN if account == Float.COLLECTIONS else Direction.OUT) for account in read
        ],
        "reads": list(read.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_SINCE, parameters)
        found = {code: (moved, unsure) for code, moved, unsure in cursor.fetchall()}
    return {account: found[str(code_of(account))] for account in read}
