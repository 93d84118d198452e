"""A rail moves money between a phone and us. This is all that `payments` knows of one.

A rail makes one attempt and says honestly what it knows. It never decides about an order, never repeats a
request that may have been carried out, and never raises for what a provider or a network does: those are
answers. It raises ValueError for a request that must not be sent (our bug; nothing was sent), and
RuntimeError when it is called inside a database transaction (design section 5: no HTTP there).
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Protocol, cast

from django.utils.module_loading import import_string


class Outcome(StrEnum):
    """What one request came to."""

    ACCEPTED = "accepted"  # the provider took it; its end arrives later
    NOT_EXECUTED = (
        "not_executed"  # surely not carried out (throttled, phone busy, no token); may be tried again later
    )
    REFUSED = "refused"  # surely not carried out, and trying again will not help
    UNKNOWN = "unknown"  # it may have been carried out: never sent again, settled by asking


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request. `text` and `body` are free of our credentials; `body` has at most 20 kB.

    `request_id` is the provider's id of the request and `merchant_request_id` its second one, where it gives
    them.
    """

    outcome: Outcome
    http_status: int | None
    code: str
    text: str
    request_id: str = ""
    merchant_request_id: str = ""
    body: str = ""


class Fate(StrEnum):
    """What became of a payment, as far as one source can tell."""

    PAID = "paid"
    FAILED = "failed"  # this request did not move money and will not
    PENDING = "pending"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Report:
    """The provider's answer, at once, to "what became of it?"."""

    fate: Fate
    http_status: int | None
    code: str
    text: str
    body: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What a callback says. Anybody may have sent it: nothing in it is trusted, each field may be empty.

    `success`: True "it was paid", False "it definitely was not", None "cannot tell" (also for each code that
    is not on the list of definite failures). `readable`: the shape was known and nothing in it contradicted
    itself.
    """

    success: bool | None
    code: str
    text: str
    request_id: str
    merchant_request_id: str
    originator_id: str
    amount: Decimal | None
    phone: str  # as written there, perhaps masked
    receipt: str
    transaction_status: str
    readable: bool


class Rail(Protocol):
    """Amounts are whole KES, phones 2547XXXXXXXX or 2541XXXXXXXX, URLs public addresses of ours."""

    def collect(
        self, *, amount: Decimal, phone: str, reference: str, description: str, callback_url: str
    ) -> Answer:
        """Ask the phone to pay us. It shows `reference` (1-12 characters); `description` has 1-13."""

    def collect_report(self, *, request_id: str) -> Report:
        """What became of a collection that was ACCEPTED with this `request_id`."""

    def pay_out(
        self,
        *,
        originator_id: str,
        amount: Decimal,
        phone: str,
        remarks: str,
        result_url: str,
        timeout_url: str,
    ) -> Answer:
        """Send money to the phone. `originator_id` is ours and unique for ever: it never pays twice."""

    def pay_out_ask(self, *, originator_id: str, result_url: str, timeout_url: str) -> Answer:
        """Ask what became of a payout; the answer comes as a callback, read with `read_status`.

        The outcome is that of the question, never that of the payout.
        """

    def read_collect(self, body: bytes) -> Claim: ...

    def read_pay_out(self, body: bytes) -> Claim:
        """A result; or the notice that a request waited too long in a queue, which is no failure."""

    def read_status(self, body: bytes) -> Claim:
        """The answer to `pay_out_ask`. `request_id` is the question's; `originator_id` is the payout's."""

    def fate_of_status(self, claim: Claim) -> Fate: ...

    def scrub(self, body: bytes) -> str:
        """A callback's body for storage: credentials removed at any depth, at most 20 kB."""

    def sentence(self, code: str, direction: str) -> str: ...


# The path of each rail's class, loaded when it is first asked for.
RAILS = {"daraja": "payments.rails.daraja.client.Daraja"}


@cache
def rail(method: str) -> Rail:
    """The rail of this name. Raises KeyError for a name that is none."""
    return cast("Rail", import_string(RAILS[method])())


def sentence(code: str, direction: str, method: str = "daraja") -> str:
    """What a customer reads when a payment ended with this failure code; `direction` is "in" or "out"."""
    return rail(method).sentence(code, direction)
