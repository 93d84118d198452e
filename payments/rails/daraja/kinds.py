"""What a line of a statement is about, by the lists of daraja.md 8.

A customer's own words (name, account) stand in Details too, but never at its beginning, so only the beginning
is compared.
"""

import re
from typing import Literal

from payments.rails.daraja.documents import plain

type LineKind = Literal["collection", "payout", "charge", "reversal", "settlement", "other"]

_DETAILS: dict[LineKind, re.Pattern[str]] = {
    "charge": re.compile(r"(?:fee for b2c payment|pay bill charge|business charge)\b", re.IGNORECASE),
    "reversal": re.compile(r"(?:transaction )?reversal\b", re.IGNORECASE),
    "collection": re.compile(
        r"(?:pay bill from|pay bill online from|merchant payment|pay merchant)\b", re.IGNORECASE
    ),
    "payout": re.compile(r"business payment to\b", re.IGNORECASE),
    "settlement": re.compile(r"organi[sz]ation (?:settle to bank|settlement)\b", re.IGNORECASE),
}
_REASONS: dict[LineKind, tuple[str, ...]] = {
    "charge": ("Fee For B2C Payment", "Pay Bill Charge", "Business Charge"),
    "reversal": ("Reversal", "Transaction Reversal"),
    "collection": ("Pay Bill", "Pay Utility", "Pay Bill Online", "Customer Buy Goods Online", "Pay Merchant"),
    "payout": (
        "Business Payment to Customer via API",
        "Salary Payment via API",
        "Promotion Payment via API",
        "B2C Payment",
    ),
    "settlement": ("Withdraw Funds to Bank",),
}
_BY_REASON = {plain(reason): kind for kind, reasons in _REASONS.items() for reason in reasons}


def kind_of(*, details: str, reason: str, incoming: bool, outgoing: bool, linked: bool) -> LineKind:
    """By Details first, since a charge may repeat the reason of its payment. Money that goes the wrong way for
    its kind is a reversal when it is `linked` to another receipt, and else nothing known.
    """
    words = " ".join(details.split())
    kind = next((kind for kind, form in _DETAILS.items() if form.match(words)), _BY_REASON.get(plain(reason)))
    if kind == "reversal":
        return kind
    wrong_way = outgoing if kind == "collection" else incoming
    if kind is not None and not wrong_way:
        return kind
    return "reversal" if linked else "other"
