"""What a fault does to a callback: whether, when and how often it goes out, and what it says.

The true body is made before this and stays true in the books; a fault works on a copy.
"""

import base64
import copy
import dataclasses
import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from simulator import bodies, faults, ids
from simulator.bodies import Body
from simulator.store import Db

# The names under which a plan knows callbacks, where they differ from the kind.
_EVENTS = {"stk": "callback:collect", "b2c": "callback:payout"}

_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
_CANCELLED = {"ResultCode": 1032, "ResultDesc": "Request cancelled by user"}
_INSUFFICIENT = {"ResultCode": 1, "ResultDesc": "The balance is insufficient for the transaction."}


@dataclass(frozen=True, kw_only=True)
class Message:
    """A callback as it goes to the senders. `state`: pending, held or dropped."""

    kind: str
    subject: str
    url: str
    shortcode: str
    body: str
    due_at: float
    state: str = "pending"
    outcome: str = ""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Where a QueueTimeOut notice would go, and the request that it may echo."""

    url: str
    request: Body


@dataclass(frozen=True, kw_only=True)
class Event:
    """The true callback. `paid` makes the body that tells of success with a given receipt."""

    message: Message
    body: Body
    paid: Callable[[str], Body] | None
    notice: Notice | None


def messages(db: Db, event: Event) -> list[Message]:
    """What goes out in place of the true callback, as the fault plan has it."""
    kind = event.message.kind
    hit = faults.draw(db, _EVENTS.get(kind, f"callback:{kind}"), can=lambda fault: _can(db, fault, event))
    if hit is None:
        return [event.message]
    if hit.fault in _DELIVERY:
        return _DELIVERY[hit.fault](event, hit)
    if hit.fault == "wrong_id":
        return [_of_another(event, str(_other(db, event.message)))]
    body = _WORDS[hit.fault](event, copy.deepcopy(event.body), hit)
    return [dataclasses.replace(event.message, body=json.dumps(body))]


def _can(db: Db, fault: str, event: Event) -> bool:
    """Whether the callback has what this fault works on."""
    body = event.body
    match fault:
        case "reorder":  # one at a time: two would wait for each other
            return db.execute("SELECT 1 FROM callbacks WHERE state = 'held'").fetchone() is None
        case "contradict" | "forge":
            return bodies.tells_success(body) or event.paid is not None
        case "wrong_id":
            return _other(db, event.message) is not None
        case "wrong_amount":
            return any(bodies.named(body, bodies.AMOUNTS))
        case "wrong_receipt":
            return bodies.tells_success(body) and any(bodies.receipts(body))
        case "wrong_phone" | "masked_phone":
            return any(bodies.phones(body))
        case "queue_timeout_first" | "queue_timeout_only_then_late":
            return event.notice is not None
        case "pending" | "lie_failed" | "lie_paid":
            return any(bodies.named(body, {bodies.STATUS}))
        case _:
            return True


def _other(db: Db, message: Message) -> str | None:
    """What the callback before this one of the same kind told of."""
    row = db.execute(
        "SELECT subject FROM callbacks WHERE kind = ? AND subject <> ? ORDER BY id DESC LIMIT 1",
        (message.kind, message.subject),
    ).fetchone()
    return None if row is None else str(row["subject"])


# Whether, when and how often.


def _drop(event: Event, hit: faults.Hit) -> list[Message]:
    return [dataclasses.replace(event.message, state="dropped", outcome="dropped by the fault plan")]


def _duplicate(event: Event, hit: faults.Hit) -> list[Message]:
    return [event.message] * hit.chance.randint(2, 5)


def _later(event: Event, hit: faults.Hit) -> Message:
    return dataclasses.replace(event.message, due_at=event.message.due_at + hit.delay)


def _delay(event: Event, hit: faults.Hit) -> list[Message]:
    return [_later(event, hit)]


def _reorder(event: Event, hit: faults.Hit) -> list[Message]:
    return [dataclasses.replace(event.message, state="held")]


def _malformed(event: Event, hit: faults.Hit) -> list[Message]:
    whole = event.message.body
    cut = whole[: hit.chance.randrange(1, len(whole))]
    return [dataclasses.replace(event.message, body=hit.chance.choice((cut, _PAGE)))]


def _forge(event: Event, hit: faults.Hit) -> list[Message]:
    """The forgery goes first: whoever made it did not wait."""
    receipt = ids.receipt(at=event.message.due_at, chance=hit.chance)
    if bodies.tells_success(event.body):
        forged = copy.deepcopy(event.body)
        if any(bodies.named(forged, {bodies.STATUS})):
            forged = _lie_paid(event, forged, hit)
        forged = _with_receipt(forged, receipt)
    else:
        assert event.paid is not None
        forged = event.paid(receipt)
    return [dataclasses.replace(event.message, body=json.dumps(forged)), event.message]


def _queue_timeout(event: Event, hit: faults.Hit) -> list[Message]:
    assert event.notice is not None
    result = bodies.result(event.body) or {}
    names = {name: result[name] for name in ("OriginatorConversationID", "ConversationID")}
    # The form is nowhere documented: a payment service receives its own request back, packages expect a result.
    echo = event.notice.request | {"SecurityCredential": _credential(hit.chance)}
    thin = {
        "Result": {"ResultType": 1, "ResultCode": 1, "ResultDesc": "The service request timed out.", **names}
    }
    notice = dataclasses.replace(
        event.message,
        kind=f"{event.message.kind}-timeout",
        url=event.notice.url,
        body=json.dumps(hit.chance.choice((echo, thin))),
    )
    return [notice, _later(event, hit)]


def _credential(chance: random.Random) -> str:
    """What was sent is not kept. Each encryption differs, so nobody can tell."""
    return base64.b64encode(chance.randbytes(256)).decode()


# What it says.


def _with_receipt(body: Body, receipt: str) -> Body:
    for slot in list(bodies.receipts(body)):
        slot.value = receipt
    return body


def _contradict(event: Event, body: Body, hit: faults.Hit) -> Body:
    result = bodies.result(body)
    if result is None or not bodies.tells_success(body):
        assert event.paid is not None
        return event.paid(ids.receipt(at=event.message.due_at, chance=hit.chance))
    result.pop("CallbackMetadata", None)
    result.pop("ResultParameters", None)
    result.update(_CANCELLED if "stkCallback" in body.get("Body", {}) else _INSUFFICIENT)
    return body


def _unknown_code(event: Event, body: Body, hit: faults.Hit) -> Body:
    told = bodies.result(body)
    assert told is not None
    told.pop("CallbackMetadata", None)
    told.pop("ResultParameters", None)
    told.update(faults.unknown_result(hit.chance))
    return body


def _of_another(event: Event, other: str) -> Message:
    body = event.message.body.replace(json.dumps(event.message.subject), json.dumps(other))
    return dataclasses.replace(event.message, body=body)


def _wrong_amount(event: Event, body: Body, hit: faults.Hit) -> Body:
    times, plus = hit.chance.choice(((1, 1), (1, -1), (10, 0)))
    for slot in bodies.named(body, bodies.AMOUNTS):
        wrong = int(float(slot.value)) * times + plus  # whole KES, however they are written
        slot.value = f"{wrong}.00" if isinstance(slot.value, str) else type(slot.value)(wrong)
    return body


def _wrong_receipt(event: Event, body: Body, hit: faults.Hit) -> Body:
    return _with_receipt(body, ids.receipt(at=event.message.due_at, chance=hit.chance))


def _rephone(body: Body, new: Callable[[str], str]) -> Body:
    for slot in list(bodies.phones(body)):
        text = bodies.NUMBER.sub(lambda match: new(match[0]), str(slot.value))
        slot.value = int(text) if isinstance(slot.value, int) and text.isdigit() else text
    return body


def _wrong_phone(event: Event, body: Body, hit: faults.Hit) -> Body:
    last = hit.chance.randrange(1, 10)
    return _rephone(body, lambda number: f"{number[:-1]}{(int(number[-1]) + last) % 10}")


def _masked_phone(event: Event, body: Body, hit: faults.Hit) -> Body:
    return _rephone(body, lambda number: f"{number[:4]}****{number[-3:]}")


def _wrong_type(event: Event, body: Body, hit: faults.Hit) -> Body:
    ways: list[Callable[[Body, random.Random], None]] = [_swap_types]
    if bodies.result(body) is not None:
        ways.append(_code_as_text)
    if bodies.items(body) is not None:
        ways += [_single_item, _item_without_value]
    hit.chance.choice(ways)(body, hit.chance)
    return body


def _swap_types(body: Body, chance: random.Random) -> None:
    for slot in list(bodies.slots(body)):
        if isinstance(slot.value, str) and slot.value.isascii() and slot.value.isdigit():
            slot.value = int(slot.value)
        elif isinstance(slot.value, int | float):
            slot.value = str(slot.value)


def _code_as_text(body: Body, chance: random.Random) -> None:
    result = bodies.result(body)
    assert result is not None
    result["ResultCode"] = str(result["ResultCode"])


def _single_item(body: Body, chance: random.Random) -> None:
    found = bodies.items(body)
    assert found is not None
    holder, name = found
    holder[name] = chance.choice(holder[name])


def _item_without_value(body: Body, chance: random.Random) -> None:
    found = bodies.items(body)
    assert found is not None
    holder, name = found
    chance.choice(holder[name]).pop("Value", None)


def _set_status(body: Body, status: str) -> Body:
    for slot in bodies.named(body, {bodies.STATUS}):
        slot.value = status
    return body


def _pending(event: Event, body: Body, hit: faults.Hit) -> Body:
    found = bodies.items(body)
    if found is not None:
        holder, name = found
        holder[name] = [item for item in holder[name] if item["Key"] not in {"FinalisedTime", "ReceiptNo"}]
    return _set_status(body, "Authorized")


def _lie_failed(event: Event, body: Body, hit: faults.Hit) -> Body:
    return _set_status(body, hit.chance.choice(("Failed", "Declined", "Cancelled", "Expired")))


def _lie_paid(event: Event, body: Body, hit: faults.Hit) -> Body:
    found = bodies.items(body)
    assert found is not None
    holder, name = found
    if not any(item["Key"] == "ReceiptNo" for item in holder[name]):
        at = event.message.due_at
        holder[name].append({"Key": "FinalisedTime", "Value": ids.compact_time(at)})
        holder[name].append({"Key": "ReceiptNo", "Value": ids.receipt(at=at, chance=hit.chance)})
    return _set_status(body, "Completed")


_DELIVERY: dict[str, Callable[[Event, faults.Hit], list[Message]]] = {
    "drop": _drop,
    "duplicate": _duplicate,
    "delay": _delay,
    "reorder": _reorder,
    "malformed": _malformed,
    "forge": _forge,
    "queue_timeout_first": _queue_timeout,
    "queue_timeout_only_then_late": _queue_timeout,
}
_WORDS: dict[str, Callable[[Event, Body, faults.Hit], Body]] = {
    "contradict": _contradict,
    "unknown_code": _unknown_code,
    "wrong_amount": _wrong_amount,
    "wrong_receipt": _wrong_receipt,
    "wrong_phone": _wrong_phone,
    "masked_phone": _masked_phone,
    "wrong_type": _wrong_type,
    "pending": _pending,
    "lie_failed": _lie_failed,
    "lie_paid": _lie_paid,
}
