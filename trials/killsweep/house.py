"""The house in one process, as a scenario plays it: a person's clicks, the worker's jobs, the provider's callbacks."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx
from django.conf import settings
from django.test import Client

from accounts.models import User
from goldwallet.test.clock import shift_clock
from goldwallet.test.kill import B2C, STATUS, STK_PUSH
from goldwallet.test.provider import Simulator
from payments.rails.daraja import http
from trading import services
from trading.models import Order, Side
from trials.killsweep import queue
from trials.killsweep.boundaries import Boundaries
from trials.killsweep.place import Place

KES, OWNED, SOLD = Decimal(1000), Decimal("0.060606"), Decimal("0.030303")
#: The provider's clock stands still, so a prompt runs out when a scenario says so.
PROMPT_SECONDS = 60
#: What each call is about, in our own words.
_NAMES = {
    STK_PUSH: "AccountReference",
    B2C: "OriginatorConversationID",
    STATUS: "OriginalConversationID",
}


class House:
    """One process's hands on one run. What it may forget by dying lies in `place`."""

    def __init__(
        self, *, place: Place, user: User, side: str, simulator: Simulator, boundaries: Boundaries, url: str
    ) -> None:
        self.place, self.user, self.side = place, user, side
        self.simulator, self.boundaries = simulator, boundaries
        settings.BASE_URL = url
        certificate = simulator.folder / "certificate.pem"
        settings.DARAJA = {**settings.DARAJA, "base_url": simulator.url, "certificate": str(certificate)}
        simulator.http = httpx.Client(base_url=simulator.url, timeout=30, trust_env=False, verify=False)
        # Made before the fork, and no connection was opened there: making one costs more than the rest of a call.
        http._clients[os.getpid()] = http._clients[os.getppid()]
        self._write_down_calls()

    def _write_down_calls(self) -> None:
        sending = http.send

        def send(method: str, path: str, **rest: Any) -> http.Said:
            self.place.called(path, str((rest.get("fields") or {}).get(_NAMES.get(path, ""), "-")))
            return sending(method, path, **rest)

        http.send = send

    # --- the person -------------------------------------------------------------------------------

    def quote(self) -> None:
        """Ask for a price; its id is on the person's screen when the answer has come."""

        def ask() -> uuid.UUID:
            if self.side == Side.BUY:
                return services.quote_buy(user=self.user, phone=self.user.phone, kes=KES).pk
            return services.quote_sell(user=self.user, phone=self.user.phone, grams=SOLD).pk

        self.place.remember(quote=str(self._click("quote", ask)))

    def confirm(self) -> None:
        """Press the button under the price that is on the screen."""
        self._click("confirm", self.confirm_once)

    def confirm_once(self) -> Order:
        confirm = services.buy_confirm if self.side == Side.BUY else services.sell_confirm
        return confirm(user_id=self.user.pk, quote_id=self.quote_id("quote"))

    def refund(self) -> None:
        """Late money: the customer wants it back."""
        self._click("refund", self.refund_once)

    def refund_once(self) -> Order:
        return services.refund_ask(user_id=self.user.pk, order_id=self.late_order_id)

    def rebuy_quote(self) -> None:
        """Late money: the customer asks what it buys now."""
        quote = self._click(
            "rebuy_quote", lambda: services.quote_rebuy(user=self.user, order_id=self.late_order_id)
        )
        self.place.remember(rebuy=str(quote.pk))

    def rebuy(self) -> None:
        self._click("rebuy", self.rebuy_once)

    def rebuy_once(self) -> Order:
        return services.rebuy_confirm(user_id=self.user.pk, quote_id=self.quote_id("rebuy"))

    def quote_id(self, name: str) -> uuid.UUID:
        return uuid.UUID(self.place.memory[name])

    @property
    def late_order_id(self) -> uuid.UUID:
        """The order whose page the person has open."""
        return Order.objects.values_list("pk", flat=True).get(quote_id=self.quote_id("quote"))

    def _click[T](self, name: str, act: Callable[[], T]) -> T:
        self.place.remember(clicked=name)
        with self.boundaries.counting(name):
            return act()

    # --- the worker -------------------------------------------------------------------------------

    def work(self, step: str) -> None:
        """The worker looks at the payment."""
        with self.boundaries.counting(step):
            if not queue.work_once([queue.LOOK]):
                raise RuntimeError(f"no job for the step {step!r}")

    def tidy(self) -> None:
        with self.boundaries.counting("expire"):
            services.orders_expire()

    # --- the provider -----------------------------------------------------------------------------

    def answer(self, action: str) -> bool:
        """The phone's owner answers the open prompts; says whether there were any. (`hear` has what follows.)"""
        found = self.simulator.prompts(self.user.phone)
        for prompt in found:
            url = f"/control/prompts/{prompt['CheckoutRequestID']}"
            self.simulator.http.post(url, json={"action": action}).raise_for_status()
        return bool(found)

    def advance(self, seconds: float = 0) -> None:
        """Everything that is due at the provider happens, and its callbacks lie in the postbox."""
        self.simulator.http.post("/control/advance", json={"seconds": seconds}).raise_for_status()

    def hear(self, step: str = "") -> bool:
        """The next callback comes in at our address; says whether there was one."""
        self.advance()
        post = self.place.take()
        if post is None:
            return False
        kind = post.path.split("/")[3]
        client = Client()
        with self.boundaries.counting(step or "callback"):
            answer = self.boundaries.around(
                "callback", kind, lambda: client.post(post.path, post.body, content_type="application/json")
            )
        assert answer.status_code == 200, (post.path, answer.status_code)
        return True

    # --- time -------------------------------------------------------------------------------------

    @contextmanager
    def later(self, *, seconds: float) -> Iterator[None]:
        """The house's clock so far ahead of the machine's. A kill in the block leaves it there."""
        self.place.remember(clock=seconds)
        with shift_clock(seconds=seconds):
            yield
