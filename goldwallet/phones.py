"""Kenyan mobile numbers: one stored form, 2547XXXXXXXX or 2541XXXXXXXX (daraja.md 2.1)."""

import re

from goldwallet.errors import Refused

_FORM = re.compile(r"(?:\+?254|0)([17][0-9]{8})")


def normalise(text: str) -> str:
    """The number as M-Pesa wants it, from 07.., 01.., 2547.., 2541.. or +254.., with spaces or dashes between.

    Raises Refused with the sentence that stands beside the field.
    """
    found = _FORM.fullmatch(re.sub(r"[ \-]", "", text.strip(" ")))
    if found is None:
        raise Refused("Write a Kenyan mobile number, for example 0712 345 678.", code="phone")
    return f"254{found.group(1)}"


def mask(phone: str) -> str:
    """For pages and logs: 2547****5678."""
    return f"{phone[:4]}****{phone[-4:]}" if len(phone) == 12 else ""


def local(phone: str) -> str:
    """As people say it: 0712 345 678."""
    return f"0{phone[3:6]} {phone[6:9]} {phone[9:]}" if len(phone) == 12 else phone
