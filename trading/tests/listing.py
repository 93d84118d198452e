"""Orders and payments by the dozen, written straight into the tables: for tests of lists, where no money moves."""

import datetime as dt
import random
from collections.abc import Iterable
from decimal import Decimal

from accounts.models import User
from goldwallet.clock import NAIROBI
from payments.models import Direction, Exchange, Kind, Payment, State
from trading.models import Order, Quote, Side, Status

DAYS = [dt.date(2026, 3, day) for day in range(1, 8)]
PHONES = ["254712345678", "254722000002", "254110000003"]


def orders_create(people: Iterable[User], count: int, *, seed: int = 7) -> list[Order]:
    """Mixed in side, state, amount, day, phone and person; among them the first and the last moment of days."""
    dice, people = random.Random(seed), list(people)
    evidence = Exchange.objects.create(kind=Kind.BALANCE)
    payments, quotes, orders = [], [], []
    for number in range(count):
        side = dice.choice(Side.values)
        user, day = dice.choice(people), dice.choice(DAYS)
        at = dt.datetime.combine(
            day,
            dice.choice([dt.time(0, 0), dt.time(23, 59, 59, 999_999), dt.time(12, number % 60)]),
            NAIROBI,
        )
        kes = Decimal(dice.choice([100, 1000, 1001, 25_000]))
        payment = Payment(
            user=user,
            direction=Direction.IN if side == Side.BUY else Direction.OUT,
            purpose=side,
            amount=kes,
            phone=dice.choice(PHONES),
            reference=f"GT{seed}{number:06d}",
            receipt=f"UKT{seed}{number:05d}" if number % 2 else None,
            state=dice.choice([State.SUCCEEDED, State.FAILED, State.CANCELLED, State.PENDING]),
            evidence_exchange=evidence,
            created_at=at,
        )
        terms = {"side": side, "grams": kes / 10_000, "total_kes": kes, "price_per_gram": Decimal(10_000)}
        quote = Quote(user=user, expires_at=at, used_at=at, created_at=at, **terms)
        quote.phone = payment.phone
        payments.append(payment)
        quotes.append(quote)
        orders.append(
            Order(
                user=user,
                quote=quote,
                payment=payment,
                reference=payment.reference,
                status=dice.choice([Status.COMPLETED, Status.FAILED, Status.EXPIRED, Status.PAID_LATE]),
                created_at=at,
                expires_at=at,
                honour_until=at,
                **terms,
            )
        )
    Payment.objects.bulk_create(payments)
    Quote.objects.bulk_create(quotes)
    return Order.objects.bulk_create(orders)
