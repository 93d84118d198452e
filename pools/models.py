"""Gold: pools of bars in the vault, what of them is promised to whom, and the two prices.

How many grams a pool has free stands in the ledger (`pool:P:available`), never here. That the ledger cannot
issue more grams than the pool's bars hold is a rule of the database: migration 0002.
"""

import uuid
from decimal import Decimal

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from goldwallet.clock import Now
from goldwallet.sealing import sealed_property
from goldwallet.states import Moves
from goldwallet.triggers import APPEND_ONLY, HISTORY, NEVER_REMOVED, ReadOnly

# A London "good delivery" bar weighs up to 430 troy ounces, 13.4 kg. A heavier bar is a typing mistake.
HEAVIEST_BAR_GRAMS = Decimal(15_000)
# Bounds that no real amount reaches. They also keep NaN out, which PostgreSQL takes for greater than any
# number.
HIGHEST_PRICE = Decimal(1_000_000_000)
MOST_GRAMS = Decimal(1_000_000_000)


class TruncateTo(models.Func):
    """PostgreSQL's `trunc(value, places)`: cut, never rounded up."""

    function = "TRUNC"
    output_field = models.DecimalField(max_digits=18, decimal_places=6)


class PoolStatus(models.TextChoices):
    OPEN = "open", "Open"
    CLOSED = "closed", "Closed"


@pghistory.track(meta=HISTORY)
class Pool(models.Model):
    """A named pool of bars. Buys take from the open pools in order of `priority`, 1 before 2."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60)
    # Parts per thousand: 999.9 is "24 karat". No bar of the pool is less pure.
    purity = models.DecimalField(max_digits=7, decimal_places=3)
    priority = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=8, choices=PoolStatus, default=PoolStatus.OPEN)
    note = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(models.functions.Lower("name"), name="pool_name_once"),
            models.CheckConstraint(condition=Q(purity__gt=0, purity__lte=1000), name="pool_purity"),
            models.CheckConstraint(condition=Q(status__in=PoolStatus.values), name="pool_status"),
            models.CheckConstraint(condition=~Q(name=""), name="pool_has_a_name"),
        ]
        triggers = NEVER_REMOVED

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.status == PoolStatus.OPEN

    @property
    def purity_text(self) -> str:
        """`999.9`, without the zeros that the column keeps."""
        return f"{self.purity.normalize():f}"

    @property
    def karat(self) -> int:
        """Karat as a jeweller says it: 999.9 is 24, 916.6 is 22."""
        return int((self.purity * 24 / 1000).quantize(Decimal(1)))


class BarStatus(models.TextChoices):
    ACTIVE = "active", "In the vault"
    WITHDRAWN = "withdrawn", "Withdrawn"


@pghistory.track(meta=HISTORY)
class Bar(models.Model):
    """One bar. `serial` is upper case without spaces, so that another spelling cannot count it twice."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="bars")
    serial = models.CharField(max_length=40, unique=True)
    refiner = models.CharField(max_length=80, blank=True, default="")
    gross_grams = models.DecimalField(max_digits=18, decimal_places=6)
    fineness = models.DecimalField("fineness (parts per thousand)", max_digits=7, decimal_places=3)
    fine_grams = models.DecimalField(max_digits=18, decimal_places=6)
    status = models.CharField(max_length=10, choices=BarStatus, default=BarStatus.ACTIVE)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(serial__regex=r"^[A-Z0-9][A-Z0-9./-]*$"), name="bar_serial_is_normalised"
            ),
            models.CheckConstraint(
                condition=Q(gross_grams__gt=0, gross_grams__lte=HEAVIEST_BAR_GRAMS), name="bar_weight"
            ),
            models.CheckConstraint(condition=Q(fineness__gt=0, fineness__lte=1000), name="bar_fineness"),
            # Times 0.001, not divided by 1000: a product is exact in PostgreSQL, a quotient is rounded.
            models.CheckConstraint(
                condition=Q(fine_grams__gt=0)
                & Q(fine_grams=TruncateTo(F("gross_grams") * F("fineness") * Decimal("0.001"), 6)),
                name="bar_fine_grams",
            ),
            models.CheckConstraint(condition=Q(status__in=BarStatus.values), name="bar_status"),
        ]
        indexes = [models.Index(fields=["pool", "status"], name="bar_by_pool")]
        triggers = NEVER_REMOVED

    def __str__(self) -> str:
        return self.serial

    @property
    def fineness_text(self) -> str:
        """`999.9`, without the zeros that the column keeps."""
        return f"{self.fineness.normalize():f}"


class Assay(models.Model):
    """The refiner's certificate of a bar, sealed as it came: PDF or picture. A newer one stands beside the older."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    bar = models.ForeignKey(Bar, on_delete=models.PROTECT, related_name="assays")
    name = models.CharField(max_length=120)
    type = models.CharField(max_length=40)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    #: Base64 of the file.
    content_sealed = models.TextField()
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField(db_default=Now(), editable=False)

    content = sealed_property("content_sealed")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(size__gt=0, size__lte=2 * 1024 * 1024), name="assay_size"),
            models.UniqueConstraint(fields=["bar", "sha256"], name="assay_once_a_bar"),
        ]
        triggers = [
            *NEVER_REMOVED,
            # The content is sealed anew when keys rotate.
            ReadOnly(
                name="content_stays",
                fields=["bar", "name", "type", "sha256", "size", "added_by", "added_at"],
            ),
        ]

    def __str__(self) -> str:
        return f"assay of {self.bar_id}"


class MovementKind(models.TextChoices):
    ARRIVAL = "arrival", "Into the vault"
    WITHDRAWAL = "withdrawal", "Out of the vault"


class Movement(models.Model):
    """A bar came into the vault or left it. Bars that move together share a ledger transaction and a key."""

    bar = models.ForeignKey(Bar, on_delete=models.PROTECT, related_name="movements")
    kind = models.CharField(max_length=10, choices=MovementKind)
    grams = models.DecimalField("fine grams", max_digits=18, decimal_places=6)
    # The ledger's transaction. A number and no foreign key: the ledger may move to a database of its own.
    transaction_id = models.BigIntegerField()
    key = models.CharField(max_length=80)
    note = models.CharField(max_length=200, blank=True, default="")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "bar"], name="movement_once"),
            models.CheckConstraint(condition=Q(grams__gt=0, grams__lt=MOST_GRAMS), name="movement_grams"),
            models.CheckConstraint(condition=Q(kind__in=MovementKind.values), name="movement_kind"),
        ]
        triggers = APPEND_ONLY


class AllocationState(models.TextChoices):
    RESERVED = "reserved", "Reserved"
    SOLD = "sold", "Sold"
    RELEASED = "released", "Released"


ALLOCATION_MOVES: Moves = {
    AllocationState.RESERVED: frozenset({AllocationState.SOLD, AllocationState.RELEASED}),
    AllocationState.SOLD: frozenset(),
    AllocationState.RELEASED: frozenset(),
}


class Allocation(models.Model):
    """From which pool the grams of a buy come. A sale gives them back, oldest first.

    `returned` grows to `grams`. `order_id` is no foreign key: orders live in an app above this one. An order
    may span pools.
    """

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="allocations")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    order_id = models.UUIDField()
    grams = models.DecimalField(max_digits=18, decimal_places=6)
    returned = models.DecimalField(max_digits=18, decimal_places=6, default=Decimal(0))
    state = models.CharField(max_length=8, choices=AllocationState, default=AllocationState.RESERVED)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(grams__gt=0, grams__lt=MOST_GRAMS, returned__gte=0, returned__lte=F("grams")),
                name="allocation_grams",
            ),
            models.CheckConstraint(
                condition=Q(state=AllocationState.SOLD) | Q(returned=0), name="allocation_only_sold_returns"
            ),
            models.CheckConstraint(condition=Q(state__in=AllocationState.values), name="allocation_state"),
        ]
        indexes = [
            models.Index(fields=["order_id"], name="allocation_by_order"),
            # The oldest grams that a person still holds, first; also finds a person's rows on erasure.
            models.Index(
                fields=["user", "id"],
                condition=Q(state=AllocationState.SOLD, returned__lt=F("grams")),
                name="allocation_held",
            ),
        ]


@pghistory.track(pghistory.InsertEvent(), meta=HISTORY)
class Price(models.Model):
    """The two prices in KES per gram: people buy at `buy` and sell at `sell`, from `effective_from` on.

    Append-only: a price that was wrong is followed by a right one. Of two for the same moment the one
    written later counts; one that takes back means that nothing changes at this moment after all.
    """

    buy = models.DecimalField(max_digits=18, decimal_places=2)
    sell = models.DecimalField(max_digits=18, decimal_places=2)
    effective_from = models.DateTimeField()
    #: The pair that was written for this moment before is taken back. `buy` and `sell` repeat the pair that stays.
    takes_back = models.BooleanField(db_default=False, default=False)
    reason = models.CharField(max_length=200, blank=True, default="")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sell__gt=0, sell__lte=F("buy"), buy__lt=HIGHEST_PRICE),
                name="price_sell_below_buy",
            ),
        ]
        indexes = [models.Index(F("effective_from").desc(), F("id").desc(), name="price_in_force")]
        triggers = APPEND_ONLY

    def __str__(self) -> str:
        return f"{self.buy} / {self.sell}"

    @property
    def spread(self) -> Decimal:
        """KES per gram between the two prices."""
        return self.buy - self.sell

    @property
    def spread_percent(self) -> Decimal:
        """The spread as a share of the buy price, in percent with two places."""
        return (self.spread * 100 / self.buy).quantize(Decimal("0.01"))
