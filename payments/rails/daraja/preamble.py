"""What the lines before a statement's headings say: whose account, and which days. Hints, for a person to check."""

import datetime as dt
import re

from goldwallet.clock import NAIROBI

_DATE = (
    r"((?:[0-9]{2}-[0-9]{2}-[0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2})(?![0-9])(?: [0-9]{2}:[0-9]{2}:[0-9]{2})?)"
)
_ANY = re.compile(rf"(?<![0-9\-]){_DATE}")
_FROM = re.compile(rf"\b(?:from|start)\b[^0-9]{{0,30}}{_DATE}", re.IGNORECASE)
_TO = re.compile(rf"\b(?:to|until|end)\b[^0-9]{{0,30}}{_DATE}", re.IGNORECASE)
_FORMS = ("%d-%m-%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%d-%m-%Y", "%Y-%m-%d")
_LAST = dt.timedelta(days=1) - dt.timedelta(seconds=1)

_CODE = r"[^0-9]{0,60}(?<![0-9])([0-9]{5,7})(?![0-9])"
_LABELS = [
    re.compile(label + _CODE, re.IGNORECASE)
    for label in (r"short ?code", r"(?:pay ?bill|till)", r"organi[sz]ation")
]


def shortcode_of(lines: list[str]) -> str:
    """The shortcode after its label, the surest label first; else empty."""
    for label in _LABELS:
        for line in lines:
            found = label.search(line)
            if found:
                return found.group(1)
    return ""


def period_of(lines: list[str]) -> tuple[dt.datetime | None, dt.datetime | None]:
    """The first and the last moment, Nairobi's. A day without a time is meant whole."""
    start = next((found.group(1) for line in lines if (found := _FROM.search(line))), "")
    end = next((found.group(1) for line in lines if (found := _TO.search(line))), "")
    if not start and not end:
        pairs = (_ANY.findall(line) for line in lines)
        start, end = next((pair for pair in pairs if len(pair) == 2), ("", ""))
    first, last = _moment(start), _moment(end)
    if last is not None and " " not in end:
        last += _LAST
    if first is not None and last is not None and first > last:
        return None, None
    return first, last


def _moment(written: str) -> dt.datetime | None:
    for form in _FORMS:
        try:
            return dt.datetime.strptime(written, form).replace(tzinfo=NAIROBI)
        except ValueError:
            continue
    return None
