"""One machine's store: a folder that this program's user alone may enter."""

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kyc.storage.contract import NotStored, StoreDown, checked, is_name

_OURS_ALONE = 0o700
_FILE = 0o600


@dataclass(frozen=True, slots=True)
class FolderStore:
    folder: Path

    def put(self, name: str, data: bytes) -> None:
        """Written beside its place, forced to the disk, then named: a name never stands for half a file."""
        place = self._place(name)
        half = place.with_name(f"{place.name}.part")
        try:
            self._make(place.parent)
            try:
                _write(half, data)
                half.rename(place)
            except OSError:
                with suppress(OSError):
                    half.unlink()
                raise
            _remember(place.parent)
        except OSError as error:
            raise StoreDown(f"the folder did not take a file: {error.strerror}") from error

    def get(self, name: str) -> bytes:
        try:
            return self._place(name).read_bytes()
        except FileNotFoundError as error:
            raise NotStored("no such file") from error
        except OSError as error:
            raise StoreDown(f"the folder did not give a file: {error.strerror}") from error

    def delete(self, name: str) -> None:
        try:
            self._place(name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreDown(f"the folder did not delete a file: {error.strerror}") from error

    def names(self, *, older_than: dt.datetime) -> Iterator[str]:
        if not self.folder.exists():
            return
        try:
            for place in self.folder.glob("??/*"):
                with suppress(FileNotFoundError):
                    if is_name(place.name) and place.stat().st_mtime < older_than.timestamp():
                        yield place.name
        except OSError as error:
            raise StoreDown(f"the folder could not be read: {error.strerror}") from error

    def dangers(self) -> list[str]:
        try:
            self._make(self.folder)
            open_to_others = self.folder.stat().st_mode & 0o077
        except OSError as error:
            return [f"DOCUMENT_FOLDER cannot be used: {error.strerror}."]
        if open_to_others:
            return ["DOCUMENT_FOLDER is open to other users of this machine: chmod 700."]
        return []

    def _place(self, name: str) -> Path:
        # Two letters a folder: none of them grows beyond what tools and file systems like.
        return self.folder / checked(name)[:2] / name

    def _make(self, folder: Path) -> None:
        """Parents too, each for us alone; an existing folder stays as it is."""
        if folder.is_dir():
            return
        self._make(folder.parent)
        folder.mkdir(mode=_OURS_ALONE, exist_ok=True)
        _remember(folder.parent)


def _write(place: Path, data: bytes) -> None:
    number = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _FILE)
    with os.fdopen(number, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(number)


def _remember(folder: Path) -> None:
    """A new name in a folder survives a power cut only when the folder itself is forced to the disk."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
