"""A rail moves money between a phone and us. This is all that `payments` knows of one.

A rail makes one attempt and says honestly what it knows. It never decides about an order, never repeats a
request that may have been carried out, and never raises for what a provider or a network does: those are
answers. It raises ValueError for a request that must not be sent (our bug; nothing was sent), and
RuntimeError when it is called inside a database transaction (design section 5: no HTTP there).
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Literal, Protocol, cast

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
    # Only from the answer to a status question:
    charge: Decimal | None = None  # what the provider took for it, in KES; None: it does not say
    credit_party: str = ""  # the number that got the money (phone or shortcode), without its owner's name
    reason: str = ""  # the provider's kind of transaction, as written: "Pay Bill Online"


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """One account of a shortcode, in `currency`. Each figure may be negative: charges owed are."""

    name: str
    currency: str
    current: Decimal
    available: Decimal
    reserved: Decimal
    uncleared: Decimal


@dataclass(frozen=True, slots=True)
class Balances:
    """The answer to `balance_ask`. `accounts` is filled only when it is readable and `code` is "0".

    `completed_at` is the provider's time as written, YYYYMMDDHHmmss in Nairobi; it may be empty.
    """

    readable: bool
    code: str
    text: str
    request_id: str
    accounts: tuple[AccountBalance, ...]
    completed_at: str


@dataclass(frozen=True, slots=True)
class ReversalResult:
    """What the callback of a reversal says. `success` as in Claim: True it was reversed, False it surely was
    not, None cannot tell. `already`: it had been reversed before, by whomever; `success` is then None.

    `receipt` is the reversal's own; `original_receipt` that of the payment.
    """

    readable: bool
    success: bool | None
    already: bool
    code: str
    text: str
    request_id: str
    originator_id: str
    receipt: str
    original_receipt: str
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class Notice:
    """Money that arrived, as a confirmation (or, before it arrives, a validation) says. The two cannot be told
    apart by their bodies, and anybody may have sent it: nothing in it is trusted.

    `readable`: receipt, amount, shortcode and time are all there and in their forms.
    """

    readable: bool
    receipt: str
    amount: Decimal | None
    shortcode: str
    reference: str
    phone: str  # as written there, without spaces: masked, or hashed
    name: str
    at: str  # YYYYMMDDHHmmss in Nairobi, as written


class PullOutcome(StrEnum):
    """What one pull came to."""

    OK = "ok"  # `rows` is a whole page
    NONE = "none"  # surely nothing (more) in this window from this offset
    UNKNOWN = "unknown"  # no answer, or one that cannot be read whole: it says nothing about any payment


@dataclass(frozen=True, slots=True)
class PulledRow:
    """One payment to us, as the provider lists it."""

    receipt: str
    at: dt.datetime  # aware
    amount: Decimal
    reference: str
    phone: str  # as written, perhaps masked
    kind: str  # "c2b-pay-bill-debit"
    name: str


@dataclass(frozen=True, slots=True)
class Pulled:
    """A page of payments to us. One row that cannot be read makes all of it UNKNOWN; `text` says which row.

    `body` is scrubbed and has at most 20 kB.
    """

    outcome: PullOutcome
    rows: tuple[PulledRow, ...]
    code: str
    text: str
    http_status: int | None
    body: str


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

    def status_ask_receipt(
        self, *, receipt: str, shortcode: str, result_url: str, timeout_url: str
    ) -> Answer:
        """Ask about any transaction of `shortcode` by its receipt; the answer is read with `read_status`."""

    def balance_ask(self, *, shortcode: str, result_url: str, timeout_url: str) -> Answer:
        """Ask for the balances of this shortcode's accounts; read the answer with `read_balance`."""

    def reverse(
        self, *, receipt: str, amount: Decimal, remarks: str, result_url: str, timeout_url: str
    ) -> Answer:
        """Send a collection back to who paid it; `remarks` has 2-100 characters. Read with `read_reversal`.

        A payout cannot be reversed. A second reversal of the same receipt is answered as `already`.
        """

    def register_collections(
        self, *, confirmation_url: str, validation_url: str, complete_by_default: bool
    ) -> Answer:
        """Say where notices of money go; `complete_by_default`: money is taken when validation is silent.

        Done once in a shortcode's life: a second time is REFUSED.
        """

    def pull_register(self, *, nominated_phone: str, callback_url: str) -> Answer:
        """Open `pull` for our shortcode; the phone is the one on its papers. A second time is REFUSED."""

    def pull(self, *, start: dt.datetime, end: dt.datetime, offset: int) -> Pulled:
        """Payments to us from `start` to `end` (aware; start at most 48 hours ago), after `offset` rows.

        The size of a page is not known: go on from offset + len(rows) until NONE.
        """

    def charge(self, *, direction: Literal["in", "out"], amount: Decimal, on: dt.date) -> Decimal:
        """What the provider takes from us, in KES, for moving `amount` on this day, by its tariff.

        Raises ValueError for an amount or a day that the tariff does not know.
        """

    def read_collect(self, body: bytes) -> Claim: ...

    def read_pay_out(self, body: bytes) -> Claim:
        """A result; or the notice that a request waited too long in a queue, which is no failure."""

    def read_status(self, body: bytes) -> Claim:
        """The answer to `pay_out_ask` or `status_ask_receipt`. `request_id` is the question's;
        `originator_id` is the payout's.
        """

    def read_balance(self, body: bytes) -> Balances: ...

    def read_reversal(self, body: bytes) -> ReversalResult: ...

    def read_collection(self, body: bytes) -> Notice: ...

    def fate_of_status(self, claim: Claim) -> Fate: ...

    def float_empty(self, code: str, direction: str) -> bool:
        """Whether a payment failed with this code because our own account that pays is empty."""

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
