"""Three tables: accounts, transactions, entries. Only `ledger_post()` in the database writes them (migration
0002).

Slim on purpose (docs/performance.md): an entry's key is (account, seq) and there is no other id, text is
compared byte by byte (collation C), indexes are only those that are read.
"""

from decimal import Decimal

import pgtrigger
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Length, Round
from django.db.models.lookups import Exact

from goldwallet.clock import Now
from ledger import chart
from ledger.triggers import Guard, entries_move_balances, insert_only, no_truncate

# numeric(20,6) holds every asset; NaN compares greater than any number, so an upper bound keeps it out.
_LIMIT = Decimal(10) ** 14


def _amount(**kwargs: object) -> models.DecimalField:  # type: ignore[type-arg]
    return models.DecimalField(max_digits=20, decimal_places=6, **kwargs)  # type: ignore[arg-type]


class Account(models.Model):
    """One kind of holding of one owner. Opened by the first transfer that names it; never deleted."""

    code = models.CharField(max_length=120, db_collation="C")
    asset = models.CharField(max_length=8, db_collation="C")
    balance = _amount(default=0)
    seq = models.BigIntegerField(default=0)
    may_go_negative = models.BooleanField(default=False)
    shared = models.BooleanField(default=False)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["code"], name="ledger_account_code"),
            CheckConstraint(condition=Q(asset__in=list(chart.SCALES)), name="ledger_account_asset"),
            CheckConstraint(
                condition=Q(may_go_negative=True) | Q(balance__gte=0), name="ledger_account_not_negative"
            ),
            CheckConstraint(
                condition=Q(balance__gt=-_LIMIT) & Q(balance__lt=_LIMIT), name="ledger_account_in_range"
            ),
            CheckConstraint(
                condition=~Q(asset=chart.KES) | Q(balance=Round(F("balance"), 2)), name="ledger_account_scale"
            ),
            CheckConstraint(condition=Q(seq__gte=0), name="ledger_account_seq"),
        ]
        triggers = [
            Guard(
                name="opens_empty",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.balance <> 0 OR NEW.seq <> 0"),
                func="RAISE EXCEPTION 'an account opens empty' USING ERRCODE = 'LD100';",
            ),
            # Balances are moved by the trigger on the entries, one level deep; nothing else may touch the
            # row.
            Guard(
                name="moves_by_entries",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("pg_trigger_depth() = 0"),
                func="RAISE EXCEPTION 'a balance is moved by entries alone' USING ERRCODE = 'LD100';",
            ),
            Guard(
                name="no_delete",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                func="RAISE EXCEPTION 'an account is never deleted' USING ERRCODE = 'LD100';",
            ),
            no_truncate(table="ledger_account"),
        ]

    def __str__(self) -> str:
        return self.code


class Transaction(models.Model):
    """One event in the book. `key` makes it happen once; `input_hash` binds the key to what was asked."""

    key = models.CharField(max_length=200, db_collation="C")
    input_hash = models.BinaryField()
    kind = models.CharField(max_length=60, db_collation="C")
    actor = models.CharField(max_length=120, blank=True)
    memo = models.TextField(blank=True)
    reverses = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversals", db_index=False
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["key"], name="ledger_transaction_key"),
            UniqueConstraint(
                fields=["reverses"], condition=Q(reverses__isnull=False), name="ledger_transaction_reverses"
            ),
            CheckConstraint(condition=~Q(key="") & ~Q(kind=""), name="ledger_transaction_named"),
            CheckConstraint(condition=Q(Exact(Length("input_hash"), 32)), name="ledger_transaction_hash"),
        ]
        # Lists are read in the order of time and number (ledger.listing). Both grow at one end: an entry costs little.
        indexes = [
            models.Index(fields=["created_at", "id"], name="ledger_transaction_when"),
            models.Index(fields=["kind", "created_at", "id"], name="ledger_transaction_kind"),
        ]
        triggers = insert_only(table="ledger_transaction")

    def __str__(self) -> str:
        return f"{self.pk} {self.kind}"


class Entry(models.Model):
    """One side of a transfer in one account, with the balance that it left behind.

    `leg` numbers the transfer within its transaction, from 1: the entry below zero is its source, the other
    one its destination. So a page can say where value came from, and a reversal can mirror transfer by
    transfer.
    """

    pk = models.CompositePrimaryKey("account_id", "seq")
    # The primary key begins with the account, so the foreign key needs no index of its own.
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="entries", db_index=False)
    transaction = models.ForeignKey(Transaction, on_delete=models.PROTECT, related_name="entries")
    seq = models.BigIntegerField()
    leg = models.SmallIntegerField()
    amount = _amount()
    balance = _amount()

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            CheckConstraint(condition=Q(seq__gte=1), name="ledger_entry_seq"),
            CheckConstraint(
                condition=~Q(amount=0) & Q(amount__gt=-_LIMIT) & Q(amount__lt=_LIMIT),
                name="ledger_entry_amount",
            ),
            CheckConstraint(
                condition=Q(balance__gt=-_LIMIT) & Q(balance__lt=_LIMIT), name="ledger_entry_balance"
            ),
        ]
        triggers = [
            entries_move_balances(),
            *insert_only(table="ledger_entry"),
        ]
