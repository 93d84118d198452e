"""Keys that seal: which ones data hangs on, sealing anew under the current one, and letting an old one go.

A ring (`goldwallet.sealing`) is a setting with several keys; the first one seals, all of them open. What was sealed
under an older key is sealed anew by `rotate`, and only when nothing is left under it may a key leave the settings:
nothing starts while a key is missing that data may hang on (faults.md K08). `LOOKUP_KEY` is no ring: hashes cannot be
opened.
"""

import hashlib
import hmac
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.db.models import Model, QuerySet

from controls.models import SealingKey
from goldwallet.clock import Now, after
from goldwallet.errors import Conflict
from goldwallet.sealing import DOCUMENTS, FIELDS, SEALED, SealBroken, Sealed, ring_keys, seal, unseal

RINGS = (FIELDS, DOCUMENTS)
#: A process that was not restarted seals with the key that was the first when it started.
_GRACE_SECONDS = 24 * 3600
_BATCH = 500


@dataclass(frozen=True)
class Column:
    """A sealed column of a table."""

    model: type[Model]
    sealed: Sealed

    @property
    def title(self) -> str:
        return f"{self.model._meta.db_table}.{self.sealed.column}"

    def rows(self, *, under: str = "", without: str = "") -> QuerySet[Any]:
        """Rows that are sealed, `under` a key, or under any but one."""
        name = self.sealed.column
        rows = self.model._base_manager.exclude(**{name: ""})
        if under:
            rows = rows.filter(**{f"{name}__startswith": f"{under}:"})
        return rows.exclude(**{f"{name}__startswith": f"{without}:"}) if without else rows


def columns(ring: str = "") -> list[Column]:
    """Every sealed column of every model, or those of one ring."""
    found = []
    for model in apps.get_models():
        if model._meta.proxy:
            continue
        declared = (vars(kind).values() for kind in model.__mro__)
        sealed = [
            SEALED[one]
            for values in declared
            for one in values
            if isinstance(one, property) and one in SEALED
        ]
        found += [Column(model, one) for one in sealed if not ring or one.ring == ring]
    return sorted(found, key=lambda column: column.title)


# --- which keys there are -------------------------------------------------------------------------


def _check_value(ring: str, kid: str, key: bytes) -> str:
    return hmac.new(key, f"gold wallet key|{ring}|{kid}".encode(), hashlib.sha256).hexdigest()


def keys_wrong() -> list[str]:
    """Why nothing may start with the keys of these settings, a sentence each. Empty: all is well."""
    wrong = []
    for row in SealingKey.objects.order_by("ring", "kid"):
        keys = ring_keys(row.ring)
        first = next(iter(keys))
        if row.kid not in keys:
            if row.retired_at is None:
                wrong.append(
                    f"{row.ring} lacks the key {row.kid}, and data may be sealed with it. Put it back behind "
                    f"the current key; when nothing hangs on it any more, `manage.py rotate_keys` lets it go."
                )
        elif row.check_value != _check_value(row.ring, row.kid, keys[row.kid]):
            wrong.append(f"{row.ring}: {row.kid} is another key than before. A new key needs a new id.")
        elif row.retired_at is not None and row.kid == first:
            wrong.append(f"{row.ring}: {row.kid} was let go, so it must not seal again. Use a new key.")
    return wrong


def keys_note() -> None:
    """Remember the keys of these settings, before the first of them seals anything."""
    rows = [
        SealingKey(ring=ring, kid=kid, check_value=_check_value(ring, kid, key))
        for ring in RINGS
        for kid, key in ring_keys(ring).items()
    ]
    SealingKey.objects.bulk_create(rows, ignore_conflicts=True)
    for ring in RINGS:
        first = next(iter(ring_keys(ring)))
        SealingKey.objects.filter(ring=ring, kid=first, sealing_since=None).update(sealing_since=Now())
        SealingKey.objects.filter(ring=ring).exclude(kid=first).update(sealing_since=None)


def refuse_keys() -> None:
    """At start, on a migrated database. Raises ImproperlyConfigured, saying what is wrong with the keys."""
    if wrong := keys_wrong():
        raise ImproperlyConfigured("Nothing is started with these keys:\n- " + "\n- ".join(wrong))
    keys_note()


def refuse_keys_or_away() -> None:
    """As `refuse_keys`, for the web: it may start before its database does, and /readyz tells the rest."""
    try:
        refuse_keys()
    except (OperationalError, ProgrammingError):
        return
    finally:
        connection.close()


# --- sealing anew ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch:
    """What a step of the rotation did: values that were due, and the rows whose value no key opens."""

    column: Column
    due: int
    broken: list[str]
    last: Any


def rotate(*, batch: int = _BATCH, pause: float = 0) -> Iterator[Batch]:
    """Seal anew whatever is not under the first key of its ring, in short transactions.

    It may be killed at any moment and begun again: what is done is no longer due, and both keys open. A value that
    somebody writes meanwhile is left as it is: who knows the new key has used it, any other is met by the next run. A
    value that does not open stays, and is told. `pause`: seconds between two batches.
    """
    for column in columns():
        last = None
        while (done := _rotate_some(column, batch, beyond=last)).due:
            yield done
            last = done.last
            time.sleep(pause)


def _rotate_some(column: Column, batch: int, *, beyond: Any) -> Batch:
    name, ring, table = column.sealed.column, column.sealed.ring, column.model._meta.db_table
    current = next(iter(ring_keys(ring)))
    rows = column.rows(without=current)
    if beyond is not None:
        rows = rows.filter(pk__gt=beyond)
    due = list(rows.order_by("pk").values_list("pk", name)[:batch])
    anew, broken = [], []
    for pk, old in due:
        place = {"table": table, "row": str(pk), "field": name, "ring": ring}
        try:
            anew.append((seal(unseal(old, **place), **place), pk, old))
        except SealBroken:
            broken.append(str(pk))
    key = column.model._meta.pk.column
    # Compared with what was read: a value that was written meanwhile stays.
    statement = f'UPDATE "{table}" SET "{name}" = %s WHERE "{key}" = %s AND "{name}" = %s'  # noqa: S608 - our own names
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(statement, anew)
    return Batch(column, len(due), broken, due[-1][0] if due else None)


def key_use(ring: str, kid: str) -> dict[str, int]:
    """How many values of which column are sealed with a key."""
    counts = {column.title: column.rows(under=kid).count() for column in columns(ring)}
    return {title: count for title, count in counts.items() if count}


# --- letting a key go -----------------------------------------------------------------------------


def key_retire(*, ring: str, kid: str, restarted: bool = False) -> None:
    """From now on the key may leave the settings. Raises Conflict while data may hang on it.

    The current key must have sealed for a day, since a process that was not restarted seals with the one before.
    `restarted`: every web and worker was restarted after that, and whoever says so knows.
    """
    current = next(iter(ring_keys(ring)))
    if kid == current:
        raise Conflict(f"{kid} is the key that seals now. Put a new one before it first.", code="key_current")
    row = SealingKey.objects.filter(ring=ring, kid=kid).first()
    if row is None:
        raise Conflict(f"{ring} never had a key {kid}.", code="key_unknown")
    settled = SealingKey.objects.filter(ring=ring, kid=current, sealing_since__lte=after(-_GRACE_SECONDS))
    if not settled.exists() and not restarted:
        raise Conflict(
            f"{current} seals for less than a day: a process that was not restarted may still seal with {kid}.",
            code="key_young",
        )
    if used := key_use(ring, kid):
        where = ", ".join(f"{count} in {title}" for title, count in used.items())
        raise Conflict(f"Data is still sealed with {kid}: {where}. Rotate first.", code="key_used")
    SealingKey.objects.filter(pk=row.pk, retired_at=None).update(retired_at=Now())


def rings() -> dict[str, list[str]]:
    """The ids of each ring's keys, as the settings have them."""
    return {ring: list(getattr(settings, ring)) for ring in RINGS}
