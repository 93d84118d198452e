"""Judging answers (daraja.md 1, 2.3, 3, 4.2, 5.1).

Definite is only what is on a list here, by HTTP status and code and words together: one code has many
meanings (500.001.1001 has six). Everything else is UNKNOWN, which never sends again and never releases
anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from payments.rails import Answer, Fate, Outcome, Report
from payments.rails.daraja import codes, scrub
from payments.rails.daraja.documents import USUAL, Limits, Missing, Reader, parse
from payments.rails.daraja.http import Said, Trouble


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list: these statuses, this code, and one of these words (lowercase) in the message."""

    statuses: frozenset[int]
    code: str
    words: tuple[str, ...]
    outcome: Outcome


def _row(status: int | tuple[int, ...], code: str, words: str, outcome: Outcome) -> Row:
    statuses = frozenset((status,) if isinstance(status, int) else status)
    return Row(statuses, code, tuple(words.split("|")), outcome)


# The gateway's own refusals: they come before M-Pesa sees anything, whatever the call.
_GATEWAY = (
    _row(400, "400.002.02", "bad request - invalid", Outcome.REFUSED),
    _row(404, "404.001.01", "resource not found", Outcome.REFUSED),
    _row(404, "404.001.04", "invalid authentication header", Outcome.REFUSED),
    _row(405, "405.001", "method not allowed", Outcome.REFUSED),
    _row((429, 500), "500.003.02", "system is busy|spike arrest", Outcome.NOT_EXECUTED),
    _row((429, 500), "500.003.03", "quota violation", Outcome.NOT_EXECUTED),
)
COLLECT = (
    *_GATEWAY,
    _row(500, "500.001.1001", "wrong credentials", Outcome.REFUSED),
    _row(500, "500.001.1001", "merchant does not exist", Outcome.REFUSED),
    _row(500, "500.001.1001", "unable to lock subscriber", Outcome.NOT_EXECUTED),
)
# "Duplicate OriginatorConversationID" is missing on purpose: the earlier request did arrive, so only asking
# helps.
PAY_OUT = (
    *_GATEWAY,
    _row(404, "404.002.01", "not found", Outcome.REFUSED),
    _row(403, "403.002.1001", "not authorized to initiate", Outcome.REFUSED),
)
ASK = (
    *_GATEWAY,
    _row(400, "400.003.02", "bad request|invalid", Outcome.REFUSED),
    _row(400, "400.002.05", "bad request|invalid", Outcome.REFUSED),
    _row(404, "404.003.01", "not found", Outcome.REFUSED),
)
# Of balances, reversals and the opening of Pull only the gateway's refusals are documented (daraja.md 5).
PLAIN_ASK = _GATEWAY
REGISTER = (*_GATEWAY, _row(500, "500.003.1001", "already registered", Outcome.REFUSED))

# What a gateway that throttles writes when it gives no error code of its own.
_THROTTLED = (
    "spikearrest",
    "spike arrest",
    "quotaviolation",
    "quota violation",
    "rate limit",
    "too many requests",
)

_TOKEN_CODES = frozenset({"404.001.03", "400.003.01", "401.002.01", "401.003.01"})

# 200 with another ResponseCode than 0 is a refusal of a payout (daraja.md 4.2), but some codes there are
# alive or ambiguous, so only definite ones count; the rest are asked about.
_PAY_OUT_REFUSALS = frozenset(codes.PAY_OUT_FAILURES)


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer, read: `document` is MISSING when it is no JSON object. `text` and `body` are scrubbed."""

    said: Said
    document: object
    code: str
    text: str
    body: str
    sound: bool


def hear(said: Said, *, secrets: Iterable[str] = (), limits: Limits = USUAL) -> Heard:
    secrets = tuple(secrets)
    document = parse(said.body, limits)
    reader = Reader()
    fault = reader.field(document, "fault")
    code = reader.field(document, "errorCode")
    if isinstance(code, Missing):
        code = reader.field(document, "ResponseCode")
    text = reader.field(document, "errorMessage")
    for other in (
        reader.field(document, "ResponseDescription"),
        reader.field(fault, "faultstring"),
    ):
        text = other if isinstance(text, Missing) else text
    return Heard(
        said=said,
        document=document,
        code=reader.code(code) or reader.text(reader.field(reader.field(fault, "detail"), "errorcode"), 40),
        text=scrub.line(reader.text(text), secrets=secrets),
        body=scrub.stored(said.body, secrets=secrets) if said.body else "",
        sound=reader.sound,
    )


def token_refused(heard: Heard) -> bool:
    """The bearer was not accepted, so the request was not carried out (daraja.md 1)."""
    if heard.said.trouble:
        return False
    return heard.said.status == 401 or (heard.said.status in {400, 404} and heard.code in _TOKEN_CODES)


def _throttled(heard: Heard) -> bool:
    """A plain 429: no error code of the provider's that would need a row, and nothing or the usual words in
    it.
    """
    if heard.said.status != 429 or not isinstance(Reader().field(heard.document, "errorCode"), Missing):
        return False
    return not heard.said.body.strip() or any(word in heard.body.lower() for word in _THROTTLED)


def _listed(heard: Heard, rows: tuple[Row, ...]) -> Outcome:
    if heard.said.trouble == Trouble.UNSENT:
        return Outcome.NOT_EXECUTED
    if heard.said.trouble or not heard.sound:
        return Outcome.UNKNOWN
    if token_refused(heard) or _throttled(heard):
        return Outcome.NOT_EXECUTED
    # A row needs the provider's own envelope: a ResponseCode that looks like an error code is none.
    if isinstance(Reader().field(heard.document, "errorCode"), Missing):
        return Outcome.UNKNOWN
    message = " ".join(heard.text.lower().split())
    for row in rows:
        same = heard.said.status in row.statuses and heard.code == row.code
        if same and any(word in message for word in row.words):
            return row.outcome
    return Outcome.UNKNOWN


def _answer(heard: Heard, outcome: Outcome, *, first: str = "", second: str = "", text: str = "") -> Answer:
    return Answer(
        outcome=outcome,
        http_status=heard.said.status,
        code=heard.code or str(heard.said.trouble),
        text=text or heard.text,
        request_id=first,
        merchant_request_id=second,
        body=heard.body,
    )


def _accepted(heard: Heard) -> bool:
    """200 with ResponseCode "0" and no error beside it."""
    reader = Reader()
    return (
        not heard.said.trouble
        and heard.sound
        and heard.said.status == 200
        and isinstance(reader.field(heard.document, "errorCode"), Missing)
        and reader.code(reader.field(heard.document, "ResponseCode")) == "0"
        and reader.sound
    )


def collect(heard: Heard) -> Answer:
    """Accepted only with the CheckoutRequestID, without which nobody could ever ask."""
    reader = Reader()
    first = reader.identifier(reader.field(heard.document, "CheckoutRequestID"))
    second = reader.identifier(reader.field(heard.document, "MerchantRequestID"))
    if _accepted(heard):
        outcome = Outcome.ACCEPTED if first and reader.sound else Outcome.UNKNOWN
        return _answer(heard, outcome, first=first, second=second)
    return _answer(heard, _listed(heard, COLLECT))


def _conversation(heard: Heard) -> tuple[str, str, bool]:
    reader = Reader()
    first = reader.identifier(reader.field(heard.document, "ConversationID"))
    second = reader.identifier(
        reader.field(heard.document, "OriginatorConversationID", "OriginatorCoversationID")
    )
    return first, second, reader.sound


def pay_out(heard: Heard, *, originator_id: str) -> Answer:
    """Accepted only when it is about our request: v3 echoes our own id."""
    first, second, sound = _conversation(heard)
    if _accepted(heard):
        ours = bool(first) and sound and second in {"", originator_id}
        text = "" if ours else "The answer names no request, or another one."
        outcome = Outcome.ACCEPTED if ours else Outcome.UNKNOWN
        return _answer(heard, outcome, first=first, second=second, text=text)
    if heard.said.status == 200 and not heard.said.trouble and heard.sound:
        refused = heard.code in _PAY_OUT_REFUSALS and isinstance(
            Reader().field(heard.document, "errorCode"), Missing
        )
        return _answer(heard, Outcome.REFUSED if refused else Outcome.UNKNOWN)
    return _answer(heard, _listed(heard, PAY_OUT))


def ask(heard: Heard, rows: tuple[Row, ...] = ASK) -> Answer:
    """About the question. The echoed originator id is the payout's, so `request_id` is what tells answers
    apart.
    """
    first, second, sound = _conversation(heard)
    if _accepted(heard):
        outcome = Outcome.ACCEPTED if first and sound else Outcome.UNKNOWN
        return _answer(heard, outcome, first=first, second=second)
    return _answer(heard, _listed(heard, rows))


def register(heard: Heard) -> Answer:
    """The addresses for notices of collections. The answer has at times one id only, spelled wrongly."""
    first, second, sound = _conversation(heard)
    if _accepted(heard):
        outcome = Outcome.ACCEPTED if sound else Outcome.UNKNOWN
        return _answer(heard, outcome, first=first, second=second)
    return _answer(heard, _listed(heard, REGISTER))


def pull_register(heard: Heard) -> Answer:
    """Its own code, 1000 or 1001 (open already), stands in ResponseStatus, also spelled with a space."""
    reader = Reader()
    code = reader.code(reader.field(heard.document, "ResponseStatus"))
    first = reader.identifier(reader.field(heard.document, "ResponseRefID"))
    error = reader.field(heard.document, "errorCode")
    if heard.said.trouble or heard.said.status != 200 or not code or not isinstance(error, Missing):
        return _answer(heard, _listed(heard, PLAIN_ASK))
    known = {"1000": Outcome.ACCEPTED, "1001": Outcome.REFUSED}
    sure = heard.sound and reader.sound
    outcome = known.get(code, Outcome.UNKNOWN) if sure else Outcome.UNKNOWN
    return _answer(replace(heard, code=code), outcome, first=first)


def report(heard: Heard, *, request_id: str) -> Report:
    """STK Query. It gives a fate only for exactly the request that was asked about."""
    fate = Fate.UNKNOWN
    code, text = heard.code or str(heard.said.trouble), heard.text
    if _accepted(heard):
        reader = Reader()
        result = reader.code(reader.field(heard.document, "ResultCode"))
        text = scrub.line(reader.text(reader.field(heard.document, "ResultDesc")))
        named = reader.identifier(reader.field(heard.document, "CheckoutRequestID"))
        if reader.sound and named == request_id:
            fate = _fate(result)
        code = result
    elif (
        not heard.said.trouble
        and heard.sound
        and (heard.said.status, heard.code) == (500, "500.001.1001")
        and "being processed" in heard.text.lower()
    ):
        # The older way of saying 4999. The same code also says "does not exist", and at times nothing true at
        # all.
        fate = Fate.PENDING
    return Report(fate=fate, http_status=heard.said.status, code=code, text=text, body=heard.body)


def _fate(code: str) -> Fate:
    if code == codes.PAID:
        return Fate.PAID
    if code in codes.STILL_RUNNING:
        return Fate.PENDING
    return Fate.FAILED if code in codes.COLLECT_FAILURES else Fate.UNKNOWN
