"""A browser in a few words: what it calls itself, and the part of its address that a whole neighbourhood shares.

Enough for a person to say "that is not mine", and no record of where people were.
"""

import ipaddress

from django.http import HttpRequest

from goldwallet.knocks import address_of

# What browsers call themselves; the first that is found counts, since most of them name their ancestors, too.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_MACHINES = (
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "an Android phone"),
    ("Windows", "Windows"),
    ("Macintosh", "a Mac"),
    ("CrOS", "a Chromebook"),
    ("Linux", "Linux"),
)


def device_of(request: HttpRequest) -> str:
    """`Firefox on an Android phone`: the browser as it calls itself, in a few words of ours alone."""
    agent = request.headers.get("User-Agent", "")
    browser = next((words for mark, words in _BROWSERS if mark in agent), "A browser")
    machine = next((words for mark, words in _MACHINES if mark in agent), "")
    return f"{browser} on {machine}" if machine else browser


def place_of(request: HttpRequest) -> str:
    """The part of the address that a whole neighbourhood shares: `41.90.x.x`."""
    try:
        address = ipaddress.ip_address(address_of(request).partition("%")[0])
    except ValueError:
        return "unknown"
    mapped = getattr(address, "ipv4_mapped", None) or address
    if mapped.version == 4:
        return ".".join(str(mapped).split(".")[:2]) + ".x.x"
    return ":".join(mapped.exploded.split(":")[:2]) + ":…"
