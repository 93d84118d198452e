"""What happened to an M-Pesa code, told in sentences: which payment, whose, which order, which ledger transaction, and
whether M-Pesa's own lists show it. What only a callback says is a claim, and is called one.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q
from django.urls import reverse

from accounts.models import User
from accounts.permissions import may_see
from accounts.roles import Role
from goldwallet import wording
from goldwallet.money import show_kes
from goldwallet.wording import exact_time
from ledger.models import Transaction
from ledger.selectors import transactions_of
from oversight.naming import kind_words
from oversight.people.search import is_erased, person_url
from payments.models import Arrival, Callback, Direction, Payment, State, StatementLine
from payments.rails import rail
from trading.models import Order

#: Callbacks are sealed, so the newest of payments without a receipt are opened and read, and no more than that.
_MOST_CLAIMS = 200
_SOMEBODY = "somebody whose account is erased"

#: What somebody posted to an address of ours, and the payment that it names.
type Claim = tuple[Callback, Payment]


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing that is known, with where it stands. `url` is empty for who may not open it, or when there is none."""

    text: str
    url: str = ""
    link: str = ""


@dataclass(slots=True)
class Story:
    """Everything about one code. `seen`: some book of ours or of M-Pesa's holds it."""

    code: str
    seen: bool = False
    person_id: uuid.UUID | None = None
    sentences: list[Sentence] = field(default_factory=list)

    def say(self, text: str, url: str = "", link: str = "") -> None:
        self.seen = True
        self.sentences.append(Sentence(text, url, link if url else ""))


@dataclass(frozen=True, slots=True)
class _Books:
    """All rows about the codes that were asked for, each by one question to the database."""

    payments: list[Payment]
    arrivals: list[Arrival]
    lines: list[StatementLine]
    orders: dict[uuid.UUID, Order]
    posted: dict[str, list[Transaction]]


def stories(codes: list[str], *, reader: User) -> list[Story]:
    """One story for each code, in their order."""
    books = _read(codes)
    told = [_told(code, books, reader) for code in codes]
    unseen = {story.code for story in told if not story.seen}
    claims = _claims(unseen) if unseen else {}
    for story in told:
        _claimed(story, claims.get(story.code, []), treasury=may_see(reader, Role.TREASURY))
    return told


def _read(codes: list[str]) -> _Books:
    by_code = Q(receipt__in=codes) | Q(reversal_receipt__in=codes)
    arrivals = list(Arrival.objects.filter(receipt__in=codes).select_related("payment", "user"))
    theirs = [arrival.payment_id for arrival in arrivals if arrival.payment_id]
    payments = list(Payment.objects.filter(by_code | Q(pk__in=theirs)).select_related("user"))
    lines = StatementLine.objects.filter(Q(receipt__in=codes) | Q(linked_receipt__in=codes))
    keys = [payment.pk for payment in payments]
    orders: dict[uuid.UUID, Order] = {}
    for order in Order.objects.filter(Q(payment__in=keys) | Q(refund__in=keys)).order_by("-created_at"):
        orders[order.payment_id] = order
        if order.refund_id:
            orders[order.refund_id] = order
    posted: dict[str, list[Transaction]] = defaultdict(list)
    names = [f"payment:{key}" for key in keys] + [f"arrival:{arrival.pk}" for arrival in arrivals]
    names += [f"order:{order.pk}" for order in orders.values()]
    for transaction in transactions_of(f"{name}:" for name in names) if names else []:
        posted[":".join(transaction.key.split(":")[:2])].append(transaction)
    return _Books(
        payments=payments,
        arrivals=arrivals,
        lines=list(lines.select_related("file").order_by("completed_at")[:_MOST_CLAIMS]),
        orders=orders,
        posted=posted,
    )


def _claims(codes: set[str]) -> dict[str, list[Claim]]:
    """Callbacks that name one of the codes for a payment that is not settled, or that somebody has to look at."""
    # As the index has them: what the worker still asks about, and what waits for staff.
    asked = Payment.objects.filter(receipt=None, due_at__isnull=False).order_by("due_at")
    looked = Payment.objects.filter(Q(state__in=[State.AWAITING_APPROVAL, State.UNKNOWN]) | Q(attention=True))
    open_ = {*asked.values_list("pk", flat=True)[:_MOST_CLAIMS]}
    open_ |= {*looked.order_by("-created_at").values_list("pk", flat=True)[:_MOST_CLAIMS]}
    rows = Callback.objects.filter(payment__in=open_, kind__in=["collect", "payout"]).exclude(body_sealed="")
    found: dict[str, list[Claim]] = defaultdict(list)
    for callback in rows.select_related("payment__user").order_by("-received_at")[:_MOST_CLAIMS]:
        payment = callback.payment
        if payment is None:
            continue
        read = rail(payment.method)
        body = callback.body.encode()
        claim = read.read_collect(body) if callback.kind == "collect" else read.read_pay_out(body)
        if claim.receipt in codes:
            found[claim.receipt].append((callback, payment))
    return found


def _told(code: str, books: _Books, reader: User) -> Story:
    story, treasury = Story(code), may_see(reader, Role.TREASURY)
    trades = may_see(reader, Role.TREASURY, Role.PRICING, Role.VAULT)
    for payment in books.payments:
        if code in {payment.receipt, payment.reversal_receipt}:
            _payment(story, payment, books, treasury=treasury, trades=trades)
    for arrival in books.arrivals:
        if arrival.receipt == code:
            _arrival(story, arrival, books, treasury=treasury)
    lines = [line for line in books.lines if code in {line.receipt, line.linked_receipt}]
    _statement(story, lines, treasury=treasury)
    return story


def _name(person: User) -> tuple[str, str]:
    """As a sentence says it, and the person's page; neither tells of who was erased."""
    return (_SOMEBODY, "") if is_erased(person) else (person.email, person_url(person.pk))


def _payment(story: Story, payment: Payment, books: _Books, *, treasury: bool, trades: bool) -> None:
    name, url = _name(payment.user)
    story.person_id = payment.user_id if url else None
    amount, state = show_kes(payment.amount), wording.state(payment.state, "payment")[0].lower()
    if payment.reversal_receipt == story.code:
        story.say(
            f"Under this code M-Pesa took payment {payment.reference} of {name} back.", url, "See the person"
        )
    elif payment.direction == Direction.IN:
        story.say(
            f"{name if url else name.capitalize()} paid us {amount}{_on(payment.ended_at)}.",
            url,
            "See the person",
        )
    else:
        story.say(f"We paid {amount} to {name}{_on(payment.ended_at)}.", url, "See the person")
    page = reverse("desk_payment", args=[payment.pk]) if treasury else ""
    story.say(f"The payment is {payment.reference}. Its state: {state}.", page, "See the payment")
    order = books.orders.get(payment.pk)
    if order is not None:
        page = reverse("desk_order", args=[order.pk]) if trades else ""
        word = wording.state(order.status, "order")[0].lower()
        what = "It gives back late money of" if order.refund_id == payment.pk else "It belongs to"
        story.say(
            f"{what} order {order.reference}, a {order.side}. Its state: {word}.", page, "See the order"
        )
    else:
        story.say("It belongs to no order.")
    keys = [f"payment:{payment.pk}"] + ([f"order:{order.pk}"] if order is not None else [])
    _posted(story, [row for key in keys for row in books.posted.get(key, [])], treasury=treasury)
    if payment.receipt == story.code:
        seen = payment.receipt_seen_at
        story.say(
            f"M-Pesa's own list showed this code on {exact_time(seen)}."
            if seen
            else "M-Pesa's own list has not shown this code yet: we know it by the answer about the payment."
        )


def _arrival(story: Story, arrival: Arrival, books: _Books, *, treasury: bool) -> None:
    state = wording.state(arrival.state, "arrival")[0].lower()
    page = reverse("desk_arrival", args=[arrival.pk]) if treasury else ""
    amount = show_kes(arrival.amount)
    story.say(
        f"{amount} came to our Paybill{_on(arrival.arrived_at)} under this code. Its state: {state}.",
        page,
        "See the money",
    )
    if arrival.note:
        story.say(arrival.note)
    if arrival.user is not None and story.person_id is None:
        name, url = _name(arrival.user)
        story.person_id = arrival.user_id if url else None
        story.say(f"It was given to {name}.", url, "See the person")
    if arrival.payment is not None and arrival.payment.receipt != story.code:
        page = reverse("desk_payment", args=[arrival.payment_id]) if treasury else ""
        story.say(f"Its reference names payment {arrival.payment.reference}.", page, "See the payment")
    _posted(story, books.posted.get(f"arrival:{arrival.pk}", []), treasury=treasury)


def _posted(story: Story, rows: Iterable[Transaction], *, treasury: bool) -> None:
    found = list(rows)
    for row in found:
        page = reverse("desk_transaction", args=[row.pk]) if treasury else ""
        story.say(
            f"In the ledger it is transaction #{row.pk}, {kind_words(row.kind).lower()}.",
            page,
            f"See #{row.pk}",
        )
    if not found:
        story.say("Nothing is posted in the ledger for it.")


def _statement(story: Story, lines: list[StatementLine], *, treasury: bool) -> None:
    page = reverse("desk_reconciliation") if treasury else ""
    for line in lines:
        moved = f"{show_kes(line.paid_in)} in" if line.paid_in else f"{show_kes(line.withdrawn)} out"
        story.say(
            f"M-Pesa's statement of {line.get_account_display().lower()} shows it: {moved}"
            f"{_on(line.completed_at)}, {line.status.lower()}.",
            page,
            "See the reconciliation",
        )
    if lines and len(story.sentences) == len(lines):
        story.say(
            "We have no payment and no money in under this code. The next reconciliation names the difference."
        )
    elif story.seen and not lines:
        story.say("No statement that we uploaded shows it so far.")


def _claimed(story: Story, callbacks: list[Claim], *, treasury: bool) -> None:
    """What somebody posted to an address of ours, and M-Pesa has not confirmed."""
    for callback, payment in callbacks:
        name, url = _name(payment.user)
        story.person_id = payment.user_id if url else None
        page = reverse("desk_payment", args=[payment.pk]) if treasury else ""
        story.say(
            f"A message names this code for payment {payment.reference} of {name}{_on(callback.received_at)}. M-Pesa "
            "has not confirmed it, so it proves nothing yet.",
            page,
            "See the payment",
        )


def _on(moment: dt.datetime | None) -> str:
    return f" on {exact_time(moment)}" if moment else ""
