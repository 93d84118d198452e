"""Good files of pictures with something broken in them (faults.md K01, K03).

Nothing here knows Django: the processes that try these files start quickly.
"""

import random

from kyc.tests.hostile import Case
from kyc.tests.pictures import drawn, exif, saved


def mutations(count: int, seed: int = 2026) -> list[Case]:
    """Good files with something broken in them."""
    dice = random.Random(seed)
    good = [
        saved(drawn(), "JPEG"),
        saved(drawn(), "JPEG", progressive=True),
        saved(drawn(), "JPEG", exif=exif(t274=6)),
        saved(drawn(), "PNG"),
        saved(drawn(mode="P"), "PNG"),
        saved(drawn(mode="RGBA"), "PNG"),
    ]
    changes = (_flip, _flip_head, _cut_out, _double, _insert, _extreme, _exchange)
    return [
        Case(f"mutation/{number}", changes[number % len(changes)](dice, good[number % len(good)]), "either")
        for number in range(count)
    ]


def _flip(dice: random.Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for _ in range(dice.choice((1, 3, 10, 60))):
        changed[dice.randrange(3, len(raw))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _flip_head(dice: random.Random, raw: bytes) -> bytes:
    return _flip(dice, raw[:700]) + raw[700:]


def _cut_out(dice: random.Random, raw: bytes) -> bytes:
    at = dice.randrange(3, len(raw))
    return raw[:at] + raw[at + dice.randrange(1, 400) :]


def _double(dice: random.Random, raw: bytes) -> bytes:
    at = dice.randrange(3, len(raw))
    return raw[:at] + raw[max(3, at - dice.randrange(1, 2000)) :]


def _insert(dice: random.Random, raw: bytes) -> bytes:
    at = dice.randrange(3, len(raw))
    return raw[:at] + dice.randbytes(dice.randrange(1, 300)) + raw[at:]


def _extreme(dice: random.Random, raw: bytes) -> bytes:
    at = dice.randrange(8, 400)
    word = dice.choice(
        (b"\0\0", b"\xff\xff", b"\x7f\xff", b"\x80\0", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff")
    )
    return raw[:at] + word + raw[at + len(word) :]


def _exchange(dice: random.Random, raw: bytes) -> bytes:
    one, other = sorted(dice.sample(range(8, len(raw) - 100), 2))
    size = dice.randrange(1, 100)
    changed = bytearray(raw)
    changed[one : one + size], changed[other : other + size] = (
        raw[other : other + size],
        raw[one : one + size],
    )
    return bytes(changed)
