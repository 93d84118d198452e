"""A few orders, made through the services against the running simulator: the books are real and agree."""

import time
from collections.abc import Iterator
from decimal import Decimal

import httpx
from django.conf import settings

from accounts.models import User
from goldwallet.demo.data import ALICE, BOB
from trading import services
from trading.models import Order, Status

#: Who, side, KES of a buy or grams of a sale, and what the phone does with the prompt. Amounts that nobody would try
#: first by hand: M-Pesa refuses the same amount twice within two minutes.
_SCRIPT = (
    (ALICE, "buy", Decimal(24650), "accept"),
    (BOB, "buy", Decimal(1350), "accept"),
    (ALICE, "sell", Decimal("0.250000"), ""),
    (BOB, "buy", Decimal(740), "decline"),
)
_PATIENCE_SECONDS = 40


def demo_orders_make() -> None:
    """Make the demo's orders unless there are orders already. Waits until each has ended."""
    if Order.objects.exists():
        return
    for email, side, amount, action in _SCRIPT:
        order = _make(User.objects.get(email=email), side, amount)
        if side == "buy":
            _answer(order, action)
        _wait(order)


def _make(user: User, side: str, amount: Decimal) -> Order:
    if side == "buy":
        quote = services.quote_buy(user=user, phone=user.phone, kes=amount)
        return services.buy_confirm(user_id=user.pk, quote_id=quote.pk)
    quote = services.quote_sell(user=user, phone=user.phone, grams=amount)
    return services.sell_confirm(user_id=user.pk, quote_id=quote.pk)


def _answer(order: Order, action: str) -> None:
    with httpx.Client(base_url=settings.SIMULATOR_URL, timeout=5, trust_env=False) as phone:
        for _ in _until_patience_ends(f"no prompt for {order.reference}"):
            prompts = phone.get("/control/prompts", params={"phone": order.payment.phone}).json()
            for prompt in prompts:
                if prompt["account_reference"] == order.reference:
                    url = f"/control/prompts/{prompt['CheckoutRequestID']}"
                    phone.post(url, json={"action": action}).raise_for_status()
                    return


def _wait(order: Order) -> None:
    for _ in _until_patience_ends(f"{order.reference} does not end"):
        order.refresh_from_db(fields=["status"])
        if order.status != Status.PENDING:
            return


def _until_patience_ends(complaint: str) -> Iterator[None]:
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        yield
        time.sleep(0.2)
    raise TimeoutError(complaint)
