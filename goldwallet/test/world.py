"""A small house for tests: three people, a kilogram of gold, a price, and the float of the payout account."""

import base64
from dataclasses import dataclass
from decimal import Decimal

from accounts.models import KycStatus, User
from accounts.roles import Role
from accounts.services import person_create, staff_create
from ledger import chart
from ledger.services import Transfer, post
from pools import services as pools
from pools.models import Pool
from pools.services import NewBar
from trading import services
from trading.models import Order

PASSWORD = "demo-gold-2026"
BUY, SELL = Decimal("16500.00"), Decimal("16000.00")
TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
TOTP_KEY = base64.b32decode(TOTP)
FLOAT = Decimal(5_000_000)


@dataclass
class World:
    alice: User  # verified
    bob: User  # not verified
    charlie: User  # not verified, a stranger to both
    vault: User
    pricing: User
    pool: Pool

    def staff(self, role: Role, *, email: str = "") -> User:
        return staff_create(
            email=email or f"{role}@example.com", password=PASSWORD, roles=[role], totp_secret=TOTP
        )

    def gold(self, grams: Decimal, *, name: str = "Second", priority: int = 2) -> Pool:
        """Another pool with one bar of so many fine grams."""
        pool = pools.pool_create(
            name=name, purity=Decimal("999.9"), priority=priority, note="", by=self.vault
        )
        bar = NewBar(serial=f"BAR-{name.upper()}", gross_grams=grams, fineness=Decimal(1000))
        pools.bar_add(pool_id=pool.pk, bars=[bar], key=f"test:{name}", by=self.vault)
        return pool


def world_create(*, grams: Decimal = Decimal(1000)) -> World:
    vault = staff_create(email="keeper@example.com", password=PASSWORD, roles=[Role.VAULT])
    pricing = staff_create(email="pricer@example.com", password=PASSWORD, roles=[Role.PRICING])
    pool = pools.pool_create(name="First", purity=Decimal("999.9"), priority=1, note="", by=vault)
    bar = NewBar(serial="BAR-FIRST", gross_grams=grams, fineness=Decimal(1000))
    pools.bar_add(pool_id=pool.pk, bars=[bar], key="test:first", by=vault)
    pools.price_set(buy=BUY, sell=SELL, by=pricing, reason="test", confirmed=True)
    post(
        key="test:float",
        kind="float_in",
        transfers=[Transfer(chart.mpesa_payouts(), chart.house_capital(), FLOAT)],
    )
    alice = person_create(
        email="alice@example.com", password=PASSWORD, phone="254712345678", kyc_status=KycStatus.VERIFIED
    )
    bob = person_create(email="bob@example.com", password=PASSWORD, phone="254722000002")
    charlie = person_create(email="charlie@example.com", password=PASSWORD, phone="254110000003")
    return World(alice=alice, bob=bob, charlie=charlie, vault=vault, pricing=pricing, pool=pool)


def buy(user: User, kes: int) -> Order:
    """Quote and confirm; the prompt is not sent yet."""
    quote = services.quote_buy(user=user, phone=user.phone, kes=Decimal(kes))
    return services.buy_confirm(user_id=user.pk, quote_id=quote.pk)


def sell(user: User, grams: Decimal | None) -> Order:
    """Quote and confirm a sale; None sells everything."""
    quote = services.quote_sell(user=user, phone=user.phone, grams=grams)
    return services.sell_confirm(user_id=user.pk, quote_id=quote.pk)


def paid(order: Order, *, receipt: str = "") -> Order:
    """Settle the order's payment as if the provider had confirmed it. For tests that are not about the provider."""
    from payments.models import Exchange, Kind, Payment, State
    from payments.services import payment_settle

    Payment.objects.filter(pk=order.payment_id, state=State.CREATED).update(state=State.PENDING)
    exchange = Exchange.objects.create(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT)
    assert payment_settle(payment_id=order.payment_id, paid=True, receipt=receipt, exchange=exchange)
    order.refresh_from_db()
    return order
