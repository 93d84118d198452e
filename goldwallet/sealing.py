"""Personal data at rest: AES-256-GCM with a key id in the value, and a keyed hash for look-up.

A sealed value is `kid:base64(nonce + ciphertext + tag)`. The associated data names table, row, field and key, so a
value that is copied to another row or column does not open (design section 7). The first key of a ring seals, all of
them open, which is what lets keys rotate. The keyed hash answers "whose number is this?" and nothing else.
"""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE_BYTES = 12


class SealBroken(Exception):
    """The value was not sealed here, was changed, or its key is gone. Never shown to a person; it is an incident."""


def _associated(*, table: str, row: str, field: str, kid: str) -> bytes:
    return f"{table}|{row}|{field}|{kid}".encode()


#: Names of the settings that hold keys: of fields of the database, and of what KYC images are sealed with.
FIELDS, DOCUMENTS = "FIELD_KEYS", "DOCUMENT_KEYS"


def ring_keys(ring: str) -> dict[str, bytes]:
    """The keys of a ring by their ids, the one that seals first."""
    keys: dict[str, bytes] = getattr(settings, ring)
    return keys


def seal(text: str, *, table: str, row: str, field: str, ring: str = FIELDS) -> str:
    """Encrypt `text` for exactly this place. Empty stays empty: that a value is missing is not a secret."""
    if text == "":
        return ""
    kid, key = next(iter(ring_keys(ring).items()))
    nonce = os.urandom(_NONCE_BYTES)
    secret = AESGCM(key).encrypt(
        nonce, text.encode(), _associated(table=table, row=row, field=field, kid=kid)
    )
    return f"{kid}:{base64.b64encode(nonce + secret).decode()}"


def unseal(value: str, *, table: str, row: str, field: str, ring: str = FIELDS) -> str:
    """Decrypt what `seal` wrote for this place. Raises SealBroken."""
    if value == "":
        return ""
    kid, _, encoded = value.partition(":")
    key = ring_keys(ring).get(kid)
    if key is None:
        raise SealBroken(f"no key {kid!r} for {table}.{field}")
    try:
        raw = base64.b64decode(encoded, validate=True)
        opened = AESGCM(key).decrypt(
            raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _associated(table=table, row=row, field=field, kid=kid)
        )
    except (InvalidTag, ValueError) as error:
        raise SealBroken(f"{table}.{field} of {row} does not open") from error
    return opened.decode()


def fingerprint(text: str, *, kind: str) -> str:
    """A keyed hash of `text` for look-up; `kind` (say "phone") keeps hashes of different things apart."""
    return hmac.new(settings.LOOKUP_KEY, f"{kind}|{text}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Sealed:
    """A column that is sealed: what a rotation of keys walks over (`SEALED`)."""

    column: str
    ring: str


#: Every sealed property that was declared, by the property itself.
SEALED: dict[property, Sealed] = {}


def sealed_property(column: str, *, lookup: str = "", kind: str = "", ring: str = FIELDS) -> Any:
    """A model property that reads and writes the sealed `column`, and keeps the column `lookup` in step with it.

    The row's primary key is part of the associated data, so it must be set before the property is
    (a UUID default does that). It is a real `property`, so that Django takes it as a keyword of the model too.
    """

    def read(row: Any) -> str:
        return unseal(
            getattr(row, column), table=row._meta.db_table, row=str(row.pk), field=column, ring=ring
        )

    def write(row: Any, text: str) -> None:
        setattr(row, column, seal(text, table=row._meta.db_table, row=str(row.pk), field=column, ring=ring))
        if lookup:
            setattr(row, lookup, fingerprint(text, kind=kind) if text else "")

    made = property(read, write)
    SEALED[made] = Sealed(column, ring)
    return made
