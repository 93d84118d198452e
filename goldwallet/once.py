"""Forms that do something once, however often they are sent: by a second click, by a browser that tries again, by the
button Back. Each carries a key of its own, made with the page, and what it did is kept with the key.
"""

import uuid

from goldwallet.errors import Refused


def form_key() -> str:
    """For the hidden field `key` of a form that is shown."""
    return str(uuid.uuid4())


def form_key_read(text: str) -> uuid.UUID:
    """The key that came back. Raises Refused for none, and for what no form of ours has."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Refused("This form came without its key. Look at it below, then send it.", code="key") from None
