"""From a stranger's file to a photo of ours: opened in a process of its own, and encoded anew from its pixels.

Nothing of the file itself is kept: no metadata, no second content, no name (faults.md K01, K03, K05).
"""

import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import structlog

from goldwallet.errors import Refused

log = structlog.get_logger(__name__)

MOST_BYTES = 10_000_000
#: A clock on the wall, for a child that neither computes nor ends.
MOST_SECONDS = 20.0
#: Each takes up to 256 MB and a processor. Who comes while so many are at work waits, and not for ever.
AT_ONCE, WAIT_SECONDS = 2, 10.0

_CHILD = Path(__file__).with_name("child.py")
_HEADER_BYTES, _MARK = 21, b"PHOTO"
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
# Of files in the form that iPhones and some Samsungs keep (ISO 23008-12): "ftyp" and one of these from the fourth byte.
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif")

SENTENCES = {
    "empty": "This file is empty. Please choose the photo again.",
    "too_big": "This photo is larger than 10 MB. Please send a smaller one.",
    "unreadable": "This is not a photo that we can read. Please send a JPEG or PNG.",
    "heic": "This photo is in the HEIC format, which we cannot read. On an iPhone choose Settings, Camera, Formats, "
    "Most Compatible, and take the photo again; or send a screenshot of it.",
    "too_small": "This photo is too small to read. It needs at least 300 pixels on each side: please take it again "
    "with the camera.",
    "too_many_pixels": "This photo has more than 24 million pixels. Please choose a smaller size in your camera's "
    "settings, or send a screenshot of it.",
    "moving": "This picture moves. Please send a photo.",
    "damaged": "We could not open this photo; it may be damaged or not complete. Please take it again, or send it as "
    "a JPEG.",
}
BUSY = "Many photos are being sent just now. Please try again in a minute."


@dataclass(frozen=True, slots=True)
class CleanImage:
    """JPEG files without metadata; width and height of the larger one, in pixels."""

    jpeg: bytes
    thumbnail: bytes
    width: int
    height: int


_places = threading.BoundedSemaphore(AT_ONCE)


def image_clean(raw: bytes) -> CleanImage:
    """Decode and encode anew. Raises Refused with a sentence for the person; about 0.2 s for a phone's photo."""
    check_outside(raw)
    if not _places.acquire(timeout=WAIT_SECONDS):
        raise Refused(BUSY, code="busy", status=503)
    try:
        answer = _asked(raw)
    finally:
        _places.release()
    return _read(answer)


def check_outside(raw: bytes) -> None:
    """What needs no decoder: how large a file is and what it begins with."""
    if not raw:
        raise _no("empty")
    if len(raw) > MOST_BYTES:
        raise _no("too_big", status=413)
    if raw[4:8] == b"ftyp" and raw[8:12] in _HEIC_BRANDS:
        raise _no("heic")
    if not raw.startswith(_BEGINNINGS):
        raise _no("unreadable")


def _asked(raw: bytes) -> bytes:
    """What the child answers to these bytes; nothing when it came to an end without an answer."""
    with _memory_file() as question, _memory_file() as answer:
        question.write(raw)
        question.seek(0)
        child = subprocess.Popen(  # noqa: S603 - our own program, and no word of a stranger's among the arguments
            [sys.executable, "-I", "-S", _CHILD, _packages()],
            stdin=question,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},  # ours holds the secrets of the house
        )
        # A wait with a time-out of its own looks only twenty times a second.
        alarm = threading.Timer(MOST_SECONDS, child.kill)
        alarm.start()
        try:
            status = child.wait()
        finally:
            alarm.cancel()
            child.kill()
        if status:
            log.info("a photo could not be opened", status=status, bytes=len(raw))
            return b""
        answer.seek(0)
        return answer.read()


def _memory_file() -> IO[bytes]:
    """A file that is never on a disk, where the system has such: an identity card is passed through it."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("photo"), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def _packages() -> str:
    """The folder in which the child finds Pillow: it starts without a search path of its own."""
    spec = find_spec("PIL")
    assert spec is not None and spec.origin is not None
    return str(Path(spec.origin).parents[1])


def _read(answer: bytes) -> CleanImage:
    """The child is not trusted: it has held a stranger's bytes."""
    if answer.startswith(b"NO "):
        raise _no(answer[3:].decode("ascii", "replace"))
    numbers = [int.from_bytes(answer[at : at + 4]) for at in range(len(_MARK), _HEADER_BYTES, 4)]
    width, height, size, thumbnail_size = numbers
    jpeg = answer[_HEADER_BYTES : _HEADER_BYTES + size]
    thumbnail = answer[_HEADER_BYTES + size :]
    whole = answer.startswith(_MARK) and len(thumbnail) == thumbnail_size
    if not whole or not all(file.startswith(_BEGINNINGS[0]) for file in (jpeg, thumbnail)):
        raise _no("damaged")
    return CleanImage(jpeg=jpeg, thumbnail=thumbnail, width=width, height=height)


def _no(word: str, *, status: int = 400) -> Refused:
    word = word if word in SENTENCES else "damaged"
    return Refused(SENTENCES[word], code=word, status=status)
