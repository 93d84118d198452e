"""Reading JSON that anybody may have sent: bounded, exact, and honest about contradictions."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

MOST_BYTES = 65_536

_UNSAFE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
_PLAIN_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,6})?")
_FINEST = Decimal("0.01")
_WHOLE = re.compile(r"(-?[0-9]{1,30})(?:\.0{1,6})?")


class Number(str):
    """A JSON number as it was written: no float, no limit of digits, no overflowing exponent."""

    __slots__ = ()


class Pairs(list[tuple[str, object]]):
    """A JSON object that keeps its order and its duplicate keys, on which parsers disagree."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document may have at most. Each level of nesting has an opening bracket, so `openings` bounds the
    depth too.
    """

    size: int
    openings: int
    commas: int


# A real callback has about 25 brackets.
USUAL = Limits(size=MOST_BYTES, openings=100, commas=400)
# Lists that the provider gives on our own question; the size of their pages is not documented.
LISTS = Limits(size=4_000_000, openings=20_000, commas=200_000)


class Missing:
    """There is no such field, which differs from null."""


MISSING = Missing()


def parse(body: bytes, limits: Limits = USUAL) -> object:
    """Objects as Pairs, numbers as Number; MISSING for what is too big, too deep or not JSON."""
    openings = body.count(b"{") + body.count(b"[")
    if len(body) > limits.size or openings > limits.openings or body.count(b",") > limits.commas:
        return MISSING
    try:
        found: object = json.loads(
            body.decode("utf-8-sig"),
            strict=False,
            object_pairs_hook=Pairs,
            parse_int=Number,
            parse_float=Number,
            parse_constant=Number,
        )
    except (ValueError, RecursionError):  # not UTF-8, not JSON, or nested too deep
        return MISSING
    return found


def write(node: object) -> str:
    """Back to text, with order, duplicates and numbers as they came. Pure ASCII: any column can hold it."""
    if isinstance(node, Pairs):
        return "{" + ", ".join(f"{json.dumps(key)}: {write(value)}" for key, value in node) + "}"
    if isinstance(node, list):
        return "[" + ", ".join(write(value) for value in node) + "]"
    return str(node) if isinstance(node, Number) else json.dumps(node)


def plain(name: str) -> str:
    """Names compare without case, spaces and signs: "Receipt No" and "ReceiptNo" are both in use."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def tidy(text: str, most: int) -> str:
    """On one line, without what PostgreSQL or a terminal cannot hold."""
    return _UNSAFE.sub(" ", text[: most * 4]).strip()[:most]


class Reader:
    """Takes fields out of a document. `sound` turns False when a field that was asked for contradicts itself
    or is not what it should be; the field then counts as missing."""

    def __init__(self) -> None:
        self.sound = True

    def _agreed(self, values: Iterator[object]) -> object:
        found: object = MISSING
        for value in values:
            if isinstance(found, Missing):
                found = value
            elif value != found:
                self.sound = False
                return MISSING
        return found

    def field(self, node: object, *names: str) -> object:
        """The field of an object, by any of its spellings; MISSING unless all that is there agrees."""
        if not isinstance(node, Pairs):
            return MISSING
        wanted = {plain(name) for name in names}
        return self._agreed(value for key, value in node if plain(key) in wanted)

    def item(self, node: object, *names: str) -> object:
        """The Value of the items whose Key (or Name) is one of `names`. `node` is a list of items or a single
        one.
        """
        wanted = {plain(name) for name in names}
        entries = [node] if isinstance(node, Pairs) else node if isinstance(node, list) else []

        def values() -> Iterator[object]:
            for entry in entries:
                key = self.field(entry, "Key", "Name")
                if isinstance(key, str) and plain(key) in wanted:
                    value = self.field(entry, "Value")
                    if not isinstance(value, Missing) and value is not None:
                        yield value

        return self._agreed(values())

    def text(self, value: object, most: int = 300) -> str:
        return tidy(value, most) if isinstance(value, str) else ""

    def code(self, value: object) -> str:
        """A result code, number or text: `0`, `"0"` and `0.0` are one code; `true` and null are none."""
        if not isinstance(value, str):
            return ""
        written = value.strip()
        whole = _WHOLE.fullmatch(written)
        if whole is not None:
            return str(int(whole.group(1)))
        if re.fullmatch(r"[A-Za-z0-9_.\-]{1,40}", written):
            return written
        self.sound = self.sound and not written
        return ""

    def identifier(self, value: object, most: int = 64) -> str:
        """An id of the provider's: opaque, printable, without spaces."""
        if isinstance(value, Missing) or value is None or value == "":
            return ""
        if isinstance(value, str) and len(value) <= most and re.fullmatch(r"[!-~]+", value):
            return str(value)
        self.sound = False
        return ""

    def amount(self, value: object) -> Decimal | None:
        """KES, from a number or its text."""
        if isinstance(value, Missing) or value is None or value == "":
            return None
        if isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value.strip()):
            return Decimal(value.strip())
        self.sound = False
        return None

    def money(self, value: object) -> Decimal | None:
        """KES that moved: more than nothing, and no finer than a cent."""
        amount = self.amount(value)
        if amount is not None and (amount <= 0 or amount % _FINEST):
            self.sound = False
            return None
        return amount
