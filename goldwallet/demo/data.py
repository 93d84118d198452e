"""The demo's people, gold and prices (design section 9), on an empty database; a fresh price at every start."""

import datetime as dt
import hashlib
import logging
from base64 import b32encode
from decimal import Decimal

import httpx
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction

from accounts.models import KycStatus, User
from accounts.roles import Role
from accounts.services import person_create, staff_create
from goldwallet import clock
from goldwallet.demo.identity import identities_make
from goldwallet.demo.phone import PhoneAway, hand_authenticator
from goldwallet.money import CENT
from ledger import chart
from ledger.models import Transaction
from ledger.services import Transfer, post
from pools import selectors as pools_read
from pools import services as pools
from pools.services import NewBar, PastPrice

PASSWORD = "demo-gold-2026"  # noqa: S105 - the demo's, printed at every start
ALICE, BOB = "alice@example.com", "bob@example.com"
#: What the desk has to look into is about her, so that alice and bob start with nothing open.
CAROL = "carol@example.com"
#: She has sent her ID, and waits.
DINA = "dina@example.com"
TREASURY, VAULT = "treasury@example.com", "vault@example.com"
REVIEWER = "reviewer@example.com"
#: E-mail, phone and role of the demo's staff.
STAFF = (
    ("admin@example.com", "254711000001", Role.ADMINISTRATOR),
    ("pricing@example.com", "254711000002", Role.PRICING),
    (VAULT, "254711000003", Role.VAULT),
    (REVIEWER, "254711000004", Role.REVIEWER),
    (TREASURY, "254711000005", Role.TREASURY),
    ("treasury2@example.com", "254711000006", Role.TREASURY),
    ("auditor@example.com", "254711000007", Role.AUDITOR),
)
_HISTORY_DAYS = 42
_FLOAT_KEY = "demo:float"
_PRICE = Decimal("16480.00")
_SPREAD = Decimal("0.03")
log = logging.getLogger(__name__)


def totp_secret(email: str) -> str:
    """The authenticator's secret of a demo staff member: public, and the same on every machine."""
    return b32encode(hashlib.sha256(f"demo {email}".encode()).digest()[:20]).decode()


def demo_load() -> None:
    """Fill an empty database; on one that has people, only make sure that there is a price of today."""
    if not User.objects.exists():
        with transaction.atomic():
            _people()
            _gold()
            _prices()
        identities_make(proven=ALICE, waiting=DINA, reviewer=REVIEWER)
    price_renew()


def _people() -> None:
    person_create(email=ALICE, password=PASSWORD, phone="254712345678", kyc_status=KycStatus.VERIFIED)
    person_create(email=BOB, password=PASSWORD, phone="254722000002")
    person_create(email=CAROL, password=PASSWORD, phone="254700000003", kyc_status=KycStatus.VERIFIED)
    person_create(email=DINA, password=PASSWORD, phone="254733000003")
    for email, phone, role in STAFF:
        staff_create(
            email=email, password=PASSWORD, phone=phone, roles=[role], totp_secret=totp_secret(email)
        )


def _staff(role: Role) -> User:
    return User.objects.filter(groups=Group.objects.get(name=role)).order_by("email")[0]


def _gold() -> None:
    by = _staff(Role.VAULT)
    nairobi = pools.pool_create(
        name="Nairobi Vault A", purity=Decimal("999.9"), priority=1, note="Kilobar of 24 karat.", by=by
    )
    kilobar = NewBar(
        serial="NB-2026-0417", gross_grams=Decimal(1000), fineness=Decimal(1000), refiner="Rift Refinery"
    )
    pools.bar_add(pool_id=nairobi.pk, bars=[kilobar], key="demo:nairobi", by=by, note="Delivered by courier.")
    mombasa = pools.pool_create(
        name="Mombasa Vault B", purity=Decimal("916.6"), priority=2, note="Small bars of 22 karat.", by=by
    )
    bars = [
        NewBar(
            serial=f"MB-2026-11{n}",
            gross_grams=Decimal(100),
            fineness=Decimal("916.6"),
            refiner="Coast Assay",
        )
        for n in range(3)
    ]
    pools.bar_add(pool_id=mombasa.pk, bars=bars, key="demo:mombasa", by=by, note="Delivered by courier.")


def _pair(middle: Decimal) -> tuple[Decimal, Decimal]:
    half = _SPREAD / 2
    return (middle * (1 + half)).quantize(CENT), (middle * (1 - half)).quantize(CENT)


def _prices() -> None:
    """Six weeks of prices, made up but always the same: a slow rise with days that fall."""
    now = clock.now()
    past = []
    for days in range(_HISTORY_DAYS, 0, -1):
        moment = now - dt.timedelta(days=days)
        buy, sell = _pair(_middle(_HISTORY_DAYS - days))
        past.append(PastPrice(buy=buy, sell=sell, effective_from=moment))
    pools.price_history_load(prices=past, by=_staff(Role.PRICING), reason="Daily price")


def _middle(day: int) -> Decimal:
    noise = int.from_bytes(hashlib.sha256(f"day {day}".encode()).digest()[:2]) % 241 - 120
    return _PRICE - (_HISTORY_DAYS - day) * Decimal("14.50") + noise


def price_renew() -> None:
    """A price older than a day closes trading; in the demo every start brings one."""
    price = pools_read.current_price()
    if price is not None and clock.now() - price.effective_from < dt.timedelta(hours=1):
        return
    buy, sell = _pair(_middle(_HISTORY_DAYS)) if price is None else (price.buy, price.sell)
    pools.price_set(buy=buy, sell=sell, by=_staff(Role.PRICING), reason="Price of the day", confirmed=True)


def float_open() -> None:
    """The owner has put money on the payout account: as much as the simulator's own books say. Once."""
    if Transaction.objects.filter(key=_FLOAT_KEY).exists():
        return
    amount = provider_float()
    if amount > 0:
        transfer = Transfer(chart.mpesa_payouts(), chart.house_capital(), amount)
        memo = "Opening float of the payout account"
        post(key=_FLOAT_KEY, kind="float_in", transfers=[transfer], memo=memo)


def provider_float() -> Decimal:
    """KES on the payout account, read from the simulator; 0 when it does not answer."""
    name = f"b2c:{settings.DARAJA['b2c_shortcode']}:utility"
    transport = httpx.HTTPTransport(retries=5)
    try:
        with httpx.Client(transport=transport, timeout=5, trust_env=False) as client:
            books = client.get(f"{settings.SIMULATOR_URL}/control/books").raise_for_status().json()
    except httpx.HTTPError as error:
        log.warning("the simulator's books could not be read: %s", error)
        return Decimal(0)
    return Decimal(str(books["accounts"].get(name, 0)))


def authenticators_hand() -> None:
    """Let the simulator's phones show the codes of the demo staff (it may have been reset since)."""
    for email, phone, _ in STAFF:
        try:
            hand_authenticator(phone, account=email, secret=totp_secret(email))
        except PhoneAway as error:
            log.warning("%s: %s", email, error)
