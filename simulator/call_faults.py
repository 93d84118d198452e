"""What a fault does to a call: before it is served, instead of its answer, or to its answer.

The simulator's books stay true: a fault changes what is told, or when, or whether the call is served at all.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, request

from simulator import faults, results
from simulator.answers import GatewayError, answer, envelope
from simulator.context import current

type Serve = Callable[[], Response]

# What the firewall in front of the gateway has been seen to answer.
_FIREWALL = (
    '<html style="height:100%"><head><META NAME="ROBOTS" CONTENT="NOINDEX, NOFOLLOW"><title>Request unsuccessful'
    '</title></head><body style="margin:0px;height:100%"><iframe id="main-iframe"'
    ' src="/_Incapsula_Resource?CWUDNSAI=9">'
    "Request unsuccessful. Incapsula incident ID: 1042000480043218745-{incident}</iframe></body></html>"
)
_HTML = "<html>\n<head><title>M-Pesa</title></head>\n<body>\n<p>Your request is being pro"
_SPIKE = {
    "fault": {
        "faultstring": "Spike arrest violation. Allowed rate : MessageRate{messagesPerPeriod=5, periodInMicroseconds="
        "1000000, maxBurstMessageCount=1.0}",
        "detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"},
    }
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call that a fault befalls. `serve` executes it and makes its true answer."""

    hit: faults.Hit
    serve: Serve


def through(api: str, serve: Serve) -> Response:
    """Serve a call as the fault plan has it."""
    store = current().store
    with store.read() as db:
        if not faults.is_on(db):
            return serve()
    with store.write() as db:
        hit = faults.draw(db, api)
    if hit is None:
        return serve()
    return _FAULTS[hit.fault](Call(hit=hit, serve=serve))


def _html(text: str, status: int) -> Response:
    return Response(text, status=status, mimetype="text/html")


def _error(status: int, code: str, message: str) -> Response:
    return envelope(GatewayError(status, code, message))


# Not executed.


def _http_500(call: Call) -> Response:
    return _error(500, "500.003.1001", "Internal Server Error")


def _http_429(call: Call) -> Response:
    return answer(_SPIKE, HTTPStatus.TOO_MANY_REQUESTS)


def _spike_arrest(call: Call) -> Response:
    return _error(500, "500.003.02", "Error Occurred: Spike Arrest Violation")


def _firewall(call: Call) -> Response:
    incident = call.hit.chance.randrange(10**17, 10**18)
    return _html(_FIREWALL.format(incident=incident), HTTPStatus.SERVICE_UNAVAILABLE)


def _cut_before(call: Call) -> Response:
    return _cut(answer({}), sent=0)


def _token_invalid(call: Call) -> Response:
    """The token ends here; after that the API refuses it in its own way."""
    token = request.headers.get("Authorization", "").partition(" ")[2].strip()
    with current().store.write() as db:
        db.execute("DELETE FROM tokens WHERE token = ?", (token,))
    return call.serve()


# Executed.


def _http_500_after(call: Call) -> Response:
    call.serve()
    return _http_500(call)


def _html_after(call: Call) -> Response:
    call.serve()
    return _html(_HTML, HTTPStatus.OK)


def _hang(call: Call) -> Response:
    served = call.serve()
    time.sleep(call.hit.delay)
    return served


def _cut_after_accept(call: Call) -> Response:
    served = call.serve()
    return _cut(served, sent=call.hit.chance.choice((0, len(served.get_data()) // 2)))


def _duplicate_originator(call: Call) -> Response:
    served = call.serve()
    if served.status_code != HTTPStatus.OK:
        return served
    return _error(500, "500.002.1001", "Duplicate OriginatorConversationID.")


def _callback_before_ack(call: Call) -> Response:
    served = call.serve()
    subject = _body(served).get("CheckoutRequestID") or _body(served).get("ConversationID")
    if isinstance(subject, str):
        simulator = current()
        simulator.bring_forward(simulator.store, simulator.settings, subject)
    return served


def _cut(response: Response, *, sent: int) -> Response:
    """Promise the whole answer, send the first bytes of it, and close. The server takes the error for a client
    that has gone, and says nothing more."""
    request.get_data()  # an API that refused may have left it unread, and the server would wait for it
    whole = response.get_data()

    def parts() -> Iterator[bytes]:
        if sent:
            yield whole[:sent]
        raise ConnectionAbortedError("cut by the fault plan")

    cut = Response(parts(), status=response.status_code, mimetype=response.mimetype)
    cut.headers["Content-Length"] = str(len(whole))
    return cut


# What an answer says.


def _body(response: Response) -> dict[str, Any]:
    body = json.loads(response.get_data() or b"null")
    return body if isinstance(body, dict) else {}


def _saying(response: Response, changes: Mapping[str, Any]) -> Response:
    """The answer of a query with another result. An error stays as it is: it has none."""
    body = _body(response)
    return answer({**body, **changes}) if "ResultCode" in body else response


def _result(result: results.Result) -> dict[str, str]:
    return {"ResultCode": result.code, "ResultDesc": result.text_in_query}


def _pending(call: Call) -> Response:
    return _saying(call.serve(), {"ResultCode": results.PENDING_CODE, "ResultDesc": results.PENDING_TEXT})


def _spurious(call: Call) -> Response:
    call.serve()
    return _error(500, "500.001.1001", "The transaction is being processed")


def _lie_failed(call: Call) -> Response:
    return _saying(call.serve(), _result(results.NO_ANSWER))


def _lie_paid(call: Call) -> Response:
    return _saying(call.serve(), _result(results.SUCCESS))


def _unknown_code(call: Call) -> Response:
    told = faults.unknown_result(call.hit.chance)
    return _saying(call.serve(), {**told, "ResultCode": str(told["ResultCode"])})


def _wrong_type(call: Call) -> Response:
    """One field of the answer is missing, empty, or text for a number and the reverse."""
    served, chance = call.serve(), call.hit.chance
    body = _body(served)
    if served.status_code != HTTPStatus.OK or not body:
        return served
    field = chance.choice(sorted(body))
    way = chance.choice(("missing", "null", "type"))
    if way == "missing":
        del body[field]
    else:
        body[field] = None if way == "null" else _other_type(body[field], chance.randrange(10**9))
    return answer(body)


def _other_type(value: object, number: int) -> object:
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() else number
    return str(value)


_FAULTS: dict[str, Callable[[Call], Response]] = {
    "http_500": _http_500,
    "http_429": _http_429,
    "spike_arrest": _spike_arrest,
    "html": _firewall,
    "cut_before": _cut_before,
    "token_invalid": _token_invalid,
    "http_500_after": _http_500_after,
    "html_after": _html_after,
    "hang": _hang,
    "cut_after_accept": _cut_after_accept,
    "callback_before_ack": _callback_before_ack,
    "duplicate_originator": _duplicate_originator,
    "pending": _pending,
    "spurious": _spurious,
    "lie_failed": _lie_failed,
    "lie_paid": _lie_paid,
    "unknown_code": _unknown_code,
    "wrong_type": _wrong_type,
}
