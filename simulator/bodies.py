"""The bodies of callbacks, read and changed by the names of their values, whichever shape they have."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

type Body = dict[str, Any]

AMOUNTS = frozenset({"Amount", "TransactionAmount", "TransAmount"})
_RECEIPTS = frozenset({"MpesaReceiptNumber", "TransactionReceipt", "ReceiptNo", "TransID", "TransactionID"})
_PHONES = frozenset(
    {
        "PhoneNumber",
        "ReceiverPartyPublicName",
        "CreditPartyName",
        "DebitPartyName",
        "CreditPartyPublicName",
    }
)
STATUS = "TransactionStatus"
NUMBER = re.compile(r"254[17][0-9]{8}")
_NO_RECEIPT = "0000000"


@dataclass
class Slot:
    """One value of a body and the name it goes by, be it an item of a list or a field."""

    holder: dict[str, Any]
    key: str
    name: str

    @property
    def value(self) -> Any:
        return self.holder[self.key]

    @value.setter
    def value(self, new: object) -> None:
        self.holder[self.key] = new


def slots(node: object) -> Iterator[Slot]:
    """Every value. An item without one has none."""
    if isinstance(node, list):
        for item in node:
            yield from slots(item)
    if not isinstance(node, dict):
        return
    label = node.get("Name") or node.get("Key")
    if isinstance(label, str):
        if "Value" in node:
            yield Slot(node, "Value", label)
        return
    for key, value in node.items():
        if isinstance(value, dict | list):
            yield from slots(value)
        else:
            yield Slot(node, key, key)


def named(body: Body, names: set[str] | frozenset[str]) -> Iterator[Slot]:
    return (slot for slot in slots(body) if slot.name in names)


def receipts(body: Body) -> Iterator[Slot]:
    """The body's own receipt, wherever it stands; what stands in its place when no money moved is none."""
    return (slot for slot in named(body, _RECEIPTS) if not str(slot.value).endswith(_NO_RECEIPT))


def phones(body: Body) -> Iterator[Slot]:
    """Values with a whole phone number."""
    return (slot for slot in named(body, _PHONES) if NUMBER.search(str(slot.value)))


def result(body: Body) -> Body | None:
    """The part with the ResultCode. A confirmation of a collection has none: it tells of success only."""
    found = body.get("Result") or body.get("Body", {}).get("stkCallback")
    return found if isinstance(found, dict) else None


def tells_success(body: Body) -> bool:
    told = result(body)
    return told is None or str(told["ResultCode"]) == "0"


def items(body: Body) -> tuple[Body, str] | None:
    """The holder and the name of the list of details."""
    told = result(body) or {}
    for outer, inner in (("CallbackMetadata", "Item"), ("ResultParameters", "ResultParameter")):
        if outer in told:
            return told[outer], inner
    return None
