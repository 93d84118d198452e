"""What the rows of long lists share.

A page has fifty rows with hundreds of names and amounts. Node by node the template engine takes several times as long
for them as the database does for the whole page (row 15 of docs/performance.md), so the tags of such lists put their
rows together without it, and escape by the standard library: the framework's `escape` does the same behind three more
calls.
"""

from functools import cache
from html import escape

from django.urls import reverse
from django.utils.safestring import SafeString

_ID = "00000000-0000-4000-8000-000000000000"


class Escaped(dict[str, str]):
    """Texts repeat on a page: each is escaped once."""

    def __missing__(self, text: str) -> str:
        self[text] = told = escape(text)
        return told


@cache
def addresses(name: str, example: str = _ID) -> str:
    """What stands before the last part of a route's addresses: an id, or else what the example is one of."""
    return reverse(name, args=[example]).removesuffix(f"{example}/")


def escaped(printed: str) -> str:
    """Grams come with their own marks, shillings as plain text."""
    return printed if isinstance(printed, SafeString) else escape(printed)
