"""What the provider said, as a page may show it: keys and ids as they came, people's numbers and names hidden.

What is stored is scrubbed of our own secrets already (`payments.rails`). Here goes what tells of people, and once more
whatever could open a door. What cannot be read as JSON is not shown at all: nobody knows what stands in it. The words
as they came are opened one by one, with a reason (`payments.services.said_open`).
"""

import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from goldwallet import phones
from goldwallet.errors import Refused
from payments.models import Callback, Exchange
from payments.rails.daraja.documents import LISTS, Missing, Number, Pairs, parse, plain

HIDDEN = "[hidden]"

#: A Kenyan number as it is written, alone or within a text, but not within a longer number.
_PHONE = re.compile(r"(?<![0-9A-Za-z])\+?(?:254|0)[ \-]?[17](?:[ \-]?[0-9]){8}(?![0-9A-Za-z])")
#: A till, a Paybill or a code: tells of no person.
_SHORT = re.compile(r"[0-9]{1,7}")
#: As M-Pesa itself masks a number: `2547 ***** 678`.
_STARRED = re.compile(r"[0-9]{3,6} ?\*+ ?[0-9]{2,4}")

#: What somebody is called within a sentence: words in capitals, and what begins with capitals behind whom it names.
_CAPITALS = re.compile(r"(?<![\w&])[A-Z](?:\.|[A-Z'’]+)(?:[ \-]+[A-Z](?:\.|[A-Z'’]*))+(?!\w)")
_NAMED = re.compile(
    r"((?:\b(?:[Tt]o|[Ff]rom|[Bb]y|[Ff]or|[Cc]ustomer|[Nn]ame)|\*{4}[0-9]{4}(?: -)?):? )"
    r"[A-Z](?:\.|[\w'’]+)(?:[ \-]+[A-Z](?:\.|[\w'’]*))*"
)
#: Words of the provider's or of whoever paid, in which a person may be named.
_SENTENCES = frozenset(
    {
        "resultdesc",
        "resultdescription",
        "responsedescription",
        "responsedesc",
        "customermessage",
        "errormessage",
        "remarks",
        "occasion",
        "details",
        "message",
    }
)
#: What whoever paid typed as the account. One of our references stays.
_TYPED = frozenset({"billrefnumber", "billreferencenumber", "accountreference", "accountnumber"})
_REFERENCE = re.compile(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{1,12}")

_NUMBERS = frozenset({"phonenumber", "phone", "msisdn", "partya", "partyb", "customer", "receiver", "sender"})
_NAMES = frozenset(
    {
        "firstname",
        "middlename",
        "lastname",
        "fullname",
        "customername",
        "accountname",
        "receiverpartypublicname",
        "debitpartyname",
        "creditpartyname",
        "otherparty",
        "otherpartyinfo",
        "payer",
        "partyidentity",
        "idnumber",
        "email",
    }
)
_SECRETS = frozenset(
    {
        "securitycredential",
        "initiator",
        "initiatorname",
        "initiatorpassword",
        "password",
        "passkey",
        "accesstoken",
        "token",
        "consumerkey",
        "consumersecret",
        "authorization",
    }
)


def text_masked(text: str) -> str:
    """A sentence of the provider's with the numbers and names of people masked.

    What a name is, is guessed by its capitals: rather too much is hidden than too little.
    """
    text = _CAPITALS.sub(HIDDEN, _PHONE.sub(_phone_masked, text))
    return _NAMED.sub(rf"\1{HIDDEN}", text)


def _phone_masked(found: re.Match[str]) -> str:
    try:
        return phones.mask(phones.normalise(found[0]))
    except Refused:
        return HIDDEN


def body_masked(body: str) -> str:
    """A stored body on several lines, with people hidden; empty for what is no JSON."""
    document = parse(body.encode(), LISTS)
    return "" if isinstance(document, Missing) else _write(_masked(document), 0)


def _masked(node: object, key: str = "") -> object:
    """`key` names the value, by its own key or as the Value of an item with that Key or Name."""
    if isinstance(node, Pairs):
        item = _item_of(node)
        return Pairs(
            (_numbers_masked(name), _masked(value, _key_of(plain(name), item))) for name, value in node
        )
    if isinstance(node, list):
        return [_masked(value, key) for value in node]
    if node is None or isinstance(node, bool):
        return node
    return _value_masked(node, str(node), key)


def _numbers_masked(text: str) -> str:
    return _PHONE.sub(_phone_masked, text)


def _key_of(name: str, item: str) -> str:
    """What a value is called. The Name of an item says what its Value is; any other Name is somebody's."""
    if item and name == "value":
        return item
    return "" if item and name in {"name", "key"} else name


def _item_of(pairs: Pairs) -> str:
    """`{"Name": "PhoneNumber", "Value": 254...}` is the value of a phone number."""
    if not any(plain(name) == "value" for name, _ in pairs):
        return ""
    for name, value in pairs:
        if plain(name) in {"name", "key"} and isinstance(value, str) and not isinstance(value, Number):
            return plain(value)
    return ""


def _value_masked(node: object, text: str, key: str) -> object:
    if key in _SECRETS or key.endswith(("token", "password", "credential")):
        return HIDDEN
    if key.startswith("initiator") and not key.endswith("balance"):
        return HIDDEN
    if key in _NAMES or key.endswith("name"):
        # "254712345678 - JANE DOE": the number tells which one it is, the name nothing that the page does not say.
        found = _PHONE.search(text)
        return f"{_phone_masked(found)} {HIDDEN}" if found else HIDDEN
    if key in _NUMBERS:
        return _number_masked(node, text)
    if isinstance(node, str) and not isinstance(node, Number) and text.lstrip()[:1] in {"{", "["}:
        return body_masked(text) or HIDDEN
    if key in _TYPED and not isinstance(node, Number) and not _REFERENCE.fullmatch(text) and text:
        return _phone_masked(found) if (found := _PHONE.fullmatch(text)) else HIDDEN
    if key in _SENTENCES and isinstance(node, str):
        return text_masked(text)
    return _numbers_masked(text) if _PHONE.search(text) else node


def _number_masked(node: object, text: str) -> object:
    if _SHORT.fullmatch(text) or _STARRED.fullmatch(text) or text == "":
        return node
    # A hash of a number is as good as the number: there are not many.
    return _phone_masked(found) if (found := _PHONE.fullmatch(text)) else HIDDEN


def _write(node: object, depth: int) -> str:
    inner, end = "  " * (depth + 1), "  " * depth
    if isinstance(node, Pairs) and node:
        lines = (
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {_write(value, depth + 1)}" for key, value in node
        )
        return "{\n" + ",\n".join(lines) + f"\n{end}}}"
    if isinstance(node, list) and node:
        return "[\n" + ",\n".join(inner + _write(value, depth + 1) for value in node) + f"\n{end}]"
    if isinstance(node, Pairs):
        return "{}"
    return str(node) if isinstance(node, Number) else json.dumps(node, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Said:
    """One call or one callback for a page. `masked`: its body with people hidden, empty when it cannot be read.

    `opened`: its body as it came, for who has just asked for it.
    """

    row: Exchange | Callback
    text: str
    has_body: bool
    masked: str
    opened: str = ""


def shown[Row: (Exchange, Callback)](rows: Iterable[Row], *, opened: uuid.UUID | None = None) -> list[Said]:
    """These calls or callbacks for a page. `opened`: the one that its reader has just asked for as it came."""
    return [
        Said(
            row=row,
            text=text_masked(row.text) if isinstance(row, Exchange) else "",
            has_body=bool(body),
            masked=body_masked(body),
            opened=body if row.pk == opened else "",
        )
        for row in rows
        for body in [row.body]
    ]
