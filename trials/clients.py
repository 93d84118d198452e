"""Customers who go on whatever happens to the database, and remember what they were told.

Each buys, pays, sells, and is paid out or gets the gold back, one act after the other, through the services. An act
whose call returned is *acknowledged*. One that broke is asked about as soon as the database answers again, and then
done again or taken as done, as a person would who opens the page anew.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle

from django.db import InterfaceError, OperationalError, close_old_connections
from procrastinate.exceptions import ConnectorException

from accounts.models import User
from payments.models import Exchange, Kind, Payment, State
from payments.services import payment_settle
from trading.models import Order, Quote
from trading.services import buy_confirm, quote_buy, quote_sell, sell_confirm
from trials.contests.rows import GRAMS, KES
from trials.processes import Together

#: What a broken connection, a server that starts and one that stops look like.
BROKEN = (OperationalError, InterfaceError, ConnectorException)
#: Between two attempts while the database is away.
_PAUSE_SECONDS = 0.05


@dataclass
class Notes:
    """What one customer was told in one stretch."""

    #: Key of the ledger's transaction -> the order it is about.
    acknowledged: dict[str, uuid.UUID] = field(default_factory=dict)
    #: Acts that broke, and of these the ones that turned out to be done all the same.
    broken: int = 0
    done_all_the_same: int = 0
    #: Longest time, in seconds, from a break to the next answer.
    away: float = 0.0


class Over(Exception):
    """The stretch is over, and this act is not done."""


class Customer:
    def __init__(self, user: User, together: Together) -> None:
        self.user = user
        self._together = together
        self.notes = Notes()

    def live(self) -> Notes:
        try:
            for paid_out in cycle((True, False)):
                self._go_on()
                self._round(paid_out=paid_out)
        except Over:
            pass
        return self.notes

    def _go_on(self) -> None:
        if self._together.over:
            raise Over

    def _was_told(self, key: str, order: Order) -> None:
        self.notes.acknowledged[key] = order.pk
        self._together.count()

    def _round(self, *, paid_out: bool) -> None:
        bought = self._confirm(
            lambda: quote_buy(user=self.user, phone=self.user.phone, kes=KES), buy_confirm, "reserved"
        )
        self._end(bought, Kind.COLLECT_REPORT, paid=True)
        sold = self._confirm(
            lambda: quote_sell(user=self.user, phone=self.user.phone, grams=GRAMS), sell_confirm, "agreed"
        )
        self._end(sold, Kind.PAY_OUT_ASK, paid=paid_out)

    def _confirm(self, ask: Callable[[], Quote], confirm: Callable[..., Order], word: str) -> Order:
        quote = self._until_answered(ask)

        def act() -> Order:
            return confirm(user_id=self.user.pk, quote_id=quote.pk)

        order = self._act(act, lambda: Order.objects.filter(quote_id=quote.pk).first())
        self._was_told(f"order:{order.pk}:{word}", order)
        return order

    def _end(self, order: Order, kind: Kind, *, paid: bool) -> None:
        """Settle the order's payment as if the provider had told its end."""
        end = State.SUCCEEDED if paid else State.FAILED
        payments = Payment.objects.filter(pk=order.payment_id)

        def act() -> bool | None:
            # The worker looks at it too, finds no provider, and puts it back: then it is done once more.
            payments.filter(state=State.CREATED).update(state=State.PENDING)
            exchange = Exchange.objects.create(payment_id=order.payment_id, kind=kind)
            code = "" if paid else "2001"
            settled = payment_settle(payment_id=order.payment_id, paid=paid, code=code, exchange=exchange)
            return settled or None

        self._act(act, lambda: payments.filter(state=end).exists() or None)
        word = "paid" if paid else "failed"
        self._was_told(f"payment:{order.payment_id}:{word}", order)

    def _act[T](self, act: Callable[[], T | None], already: Callable[[], T | None]) -> T:
        """Do `act` until it is done. After a break `already` says whether it was done after all."""
        broke = False
        while True:
            try:
                close_old_connections()  # as at the beginning of a request
                done = already() if broke else None
                if done is not None:
                    self.notes.done_all_the_same += 1
                    return done
                broke = False
                done = act()
                if done is not None:
                    return done
                self._go_on()
            except BROKEN:
                broke = True
                self.notes.broken += 1
                self._until_answered(Payment.objects.exists)

    def _until_answered[T](self, ask: Callable[[], T]) -> T:
        began = time.monotonic()
        while True:
            try:
                close_old_connections()
                answer = ask()
            except BROKEN:
                self._go_on()
                time.sleep(_PAUSE_SECONDS)
            else:
                self.notes.away = max(self.notes.away, time.monotonic() - began)
                return answer


def customers_live(together: Together, people: list[User]) -> Notes:
    """In a child: be one of the people until the parent says that it is enough."""
    return Customer(people[together.number], together).live()
