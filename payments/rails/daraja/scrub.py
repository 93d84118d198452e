"""Keeping the provider's secrets out of what is stored and logged.

Three nets, since a body may be JSON, JSON inside JSON, a form, XML, HTML or half of any: by value (what we
know to be secret), by name (fields that carry one, at any depth) and by shape (a long run of base64 can only
be a credential).
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from urllib.parse import quote

from django.conf import settings

from payments.rails.daraja.documents import MOST_BYTES, Missing, Number, Pairs, parse, plain, write

MOST_STORED = 20_000
GONE = "[removed]"

_NAMES = frozenset(
    {
        "securitycredential",
        "initiatorname",
        "initiator",
        "initiatorpassword",
        "password",
        "passkey",
        "consumerkey",
        "consumersecret",
        "accesstoken",
        "authorization",
    }
)
# Shorter ones would also be found where they mean nothing.
_SHORTEST = 6

_BASE64 = r"(?:[A-Za-z0-9+/_\-]|\\/|%2[BbFf])"
_PADDING = r"(?:=|%3[Dd]){0,2}"
_LONG = re.compile(_BASE64 + r"{120,}" + _PADDING)
_BEARER = re.compile(r"(Invalid Access Token\s*-\s*|Bearer\s+|Basic\s+)[^\s\"'<>&,;]+", re.IGNORECASE)
_NAMED = re.compile(
    r"(?P<name>security[ _-]?credential|initiator[ _-]?name|initiator[ _-]?password|initiator|password|"
    r"pass[ _-]?key|consumer[ _-]?(?:key|secret)|access[ _-]?token|authorization)"
    r"(?P<gap>(?:\\*[\"']|&quot;|&#34;|%22|\s|%20){0,8}(?:[:=>]|%3[AaDd]|&gt;)"
    r"(?:\\*[\"']|&quot;|&#34;|%22|\s|%20|\[){0,8})"
    r"(?P<value>[^\"'<>&,;{}\s\\]*(?:\\/[^\"'<>&,;{}\s\\]*)*)",
    re.IGNORECASE,
)
# {"Key": "SecurityCredential", "Value": "..."} in text that is not, or no longer, JSON.
_KEYED = re.compile(
    r"(?P<name>(?:key|name)[\\\"'\s:=]{1,12}"
    r"(?:security[ _-]?credential|initiator[ _-]?name|initiator|password)"
    r"[\\\"'\s,]{1,12}value[\\\"'\s:=]{1,12})(?P<value>[^\"'<>&,;{}\s\\]+)",
    re.IGNORECASE,
)


def _forms(secret: str) -> Iterator[str]:
    """A secret as it may be written: bare, in JSON, in a URL, in HTML."""
    escaped = json.dumps(secret)[1:-1]
    yield secret
    yield escaped
    yield escaped.replace("/", "\\/")
    yield quote(secret, safe="")
    yield html.escape(secret)


@cache
def _standing(key: str, secret: str, passkey: str, password: str) -> tuple[str, ...]:
    """What the settings hold, and what is made of it and does not change from call to call."""
    basic = base64.b64encode(f"{key}:{secret}".encode()).decode()
    known = (item for item in (key, secret, passkey, password, basic) if len(item) >= _SHORTEST)
    return tuple(sorted({form for item in known for form in _forms(item)}, key=len, reverse=True))


@cache
def _made(shortcode: str, passkey: str) -> re.Pattern[str]:
    """Any STK Password: all begin with the same whole groups of base64, however their timestamps end."""
    stem = (shortcode + passkey).encode()
    same = base64.b64encode(stem[: len(stem) // 3 * 3]).decode()
    forms = sorted(set(_forms(same)), key=len, reverse=True)
    return re.compile("(?:" + "|".join(re.escape(form) for form in forms) + ")" + _BASE64 + "*" + _PADDING)


def values(text: str, *, secrets: Iterable[str] = ()) -> str:
    """`text` without the settings' secrets and without `secrets` (a token, a credential) of this call."""
    daraja = settings.DARAJA
    standing = _standing(
        daraja["consumer_key"], daraja["consumer_secret"], daraja["passkey"], daraja["initiator_password"]
    )
    text = _made(daraja["shortcode"], daraja["passkey"]).sub(GONE, text)
    called = {form for item in secrets if len(item) >= _SHORTEST for form in _forms(item)}
    for secret in (*sorted(called, key=len, reverse=True), *standing):
        text = text.replace(secret, GONE)
    return text


def line(text: str, *, secrets: Iterable[str] = ()) -> str:
    """Text that is no document: an error message, a page, half a body."""
    text = values(text, secrets=secrets)
    text = _BEARER.sub(rf"\g<1>{GONE}", text)
    text = _KEYED.sub(rf"\g<name>{GONE}", text)
    text = _NAMED.sub(rf"\g<name>\g<gap>{GONE}", text)
    return _LONG.sub(GONE, text)


def _node(node: object, secrets: tuple[str, ...]) -> object:
    if isinstance(node, Pairs):
        keyed = any(
            plain(key) in {"key", "name"} and isinstance(value, str) and plain(value) in _NAMES
            for key, value in node
        )
        return Pairs(
            (line(key, secrets=secrets), GONE if _is_secret(key, keyed) else _node(value, secrets))
            for key, value in node
        )
    if isinstance(node, list):
        return [_node(value, secrets) for value in node]
    if isinstance(node, str) and not isinstance(node, Number):
        return line(node, secrets=secrets)
    return node


def _is_secret(key: str, keyed: bool) -> bool:
    """By its own name, or as the Value of an item whose Key names a secret."""
    return plain(key) in _NAMES or (keyed and plain(key) == "value")


def stored(body: bytes, *, secrets: Iterable[str] = ()) -> str:
    """A body as it may be kept: at most 20 kB that PostgreSQL takes. Order and duplicate keys survive."""
    secrets = tuple(secrets)
    document = parse(body)
    if isinstance(document, Missing):
        text = body[:MOST_BYTES].decode("utf-8", errors="replace").replace("\x00", "")
        text = line(text, secrets=secrets)
    else:
        text = values(write(_node(document, secrets)), secrets=secrets)
    # The limit is of bytes; a character cut in half goes.
    return text.encode()[:MOST_STORED].decode(errors="ignore")
