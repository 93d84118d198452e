"""What every store does."""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Protocol

# Random hex and our own endings: no name can leave its folder or carry a word of a stranger's (faults.md K06).
_NAME = re.compile(r"[0-9a-f]{64}(\.t)?(\.part)?")


class StoreDown(Exception):
    """The store did not do what it was asked, or nobody knows whether it did."""


class NotStored(StoreDown):
    """The store answers, and does not have it."""


class Store(Protocol):
    """Names and bytes. Every method raises StoreDown; a name that is not ours raises ValueError."""

    def put(self, name: str, data: bytes) -> None:
        """All of it is stored for good, or StoreDown."""

    def get(self, name: str) -> bytes:
        """Raises NotStored too."""

    def delete(self, name: str) -> None:
        """Fine also when it is gone already."""

    def names(self, *, older_than: dt.datetime) -> Iterator[str]:
        """Everything that was stored before that moment, leftovers of broken writes among it."""

    def dangers(self) -> list[str]:
        """Why strangers could read what is stored, a sentence each. Empty: they cannot."""


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def checked(name: str) -> str:
    if not is_name(name):
        raise ValueError("not the name of an object of ours")
    return name
