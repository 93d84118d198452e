"""What the export tells of a person, part by part. Each reads by the person's id alone, and names its columns: nothing
comes in because somebody adds a column.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from allauth.account.models import EmailAddress
from django.apps import apps
from django.db.models import Model, Q

from accounts.devices import signed_in
from accounts.models import Authenticator, FactorReset, KnownDevice, PayoutNumber, StepUp, User
from accounts.selectors import has_worked_here, second_factor_state
from accounts.stepup import shown_of
from controls.models import Erasure
from kyc.models import Case, Document, Opening, Review
from ledger.models import Account
from ledger.selectors import statement
from notifications.models import Message
from payments.models import Arrival, ArrivalState, Callback, Exchange, Payment
from pools.models import Allocation
from trading.models import USED, Order, Quote
from trading.selectors import ADJUSTMENTS, DEBT_SETTLED

type Told = dict[str, Any]


def _columns(row: Model, names: str) -> Told:
    return {name: getattr(row, name) for name in names.split()}


def _list(rows: Iterable[Model], names: str) -> list[Told]:
    return [_columns(row, names) for row in rows]


def _event(row: Any, names: str) -> Told:
    """When, what kind of change, and the values from then on."""
    return {"at": row.pgh_created_at, "change": row.pgh_label, **_columns(row, names)}


def _events(label: str, names: str, **whose: Any) -> list[Told]:
    """History that the database wrote, oldest first."""
    rows = apps.get_model(label)._default_manager.filter(**whose).order_by("pgh_created_at", "pgh_id")
    return [_event(row, names) for row in rows]


type Gathered = dict[Any, list[Told]]


def _gathered(rows: Any, by: str, tell: Callable[[Any], Told]) -> Gathered:
    """In one query, by the row that they belong to."""
    found: Gathered = defaultdict(list)
    for row in rows:
        found[getattr(row, by)].append(tell(row))
    return found


def _histories(label: str, names: str, user: User) -> Gathered:
    """Of all rows of the person at once."""
    rows = apps.get_model(label)._default_manager.filter(pgh_obj__user=user).order_by("pgh_id")
    return _gathered(rows, "pgh_obj_id", lambda row: _event(row, names))


# --- who they are ---------------------------------------------------------------------------------


def profile(user: User) -> Told:
    columns = (
        "id username email first_name last_name phone kyc_status tier payouts_from created_at last_login"
    )
    return {
        **_columns(user, columns),
        "on_hold": bool(user.frozen_reason),
        "roles": sorted(user.groups.values_list("name", flat=True)),
    }


def email_addresses(user: User) -> list[Told]:
    return _list(EmailAddress.objects.filter(user=user).order_by("pk"), "email verified primary")


def payout_numbers(user: User) -> list[Told]:
    rows = PayoutNumber.objects.filter(user=user).order_by("created_at")
    return _list(rows, "phone created_at usable_from adopted_at cancelled_at")


def identity(user: User) -> list[Told]:
    return [_case(case) for case in Case.objects.filter(user=user).order_by("created_at")]


def _case(case: Case) -> Told:
    facts = "id state legal_name birth_date id_type id_number"
    times = "created_at updated_at submitted_at decided_at valid_until"
    photos = Document.objects.filter(case=case).order_by("stored_at")
    # Who of our staff looked, and what they wrote down about it, stays with us; when they did is the person's to know.
    opened = Opening.objects.filter(document__case=case).order_by("opened_at")
    reviews = Review.objects.filter(case=case).order_by("decided_at")
    return {
        **_columns(case, f"{facts} {times}"),
        "photos": _list(
            photos,
            "id part original_name size width height stored_at replaced_at refusal destroyed_at removed_at",
        ),
        "reviews": _list(reviews, "outcome reasons submitted_at decided_at"),
        "photos_opened_by_our_staff": [
            {"photo": one.document_id, "part": one.document.part, "at": one.opened_at}
            for one in opened.select_related("document")
        ],
        "history": _events("kyc.CaseEvent", "state", pgh_obj=case),
    }


# --- what they traded -----------------------------------------------------------------------------

_TERMS = "side grams total_kes price_per_gram"


def orders(user: User) -> list[Told]:
    rows = Order.objects.filter(user=user).select_related("payment").order_by("created_at", "pk")
    columns = f"id reference {_TERMS} status created_at expires_at honour_until finished_at"
    pools = _gathered(
        Allocation.objects.filter(user=user).select_related("pool").order_by("pk"), "order_id", _share
    )
    changes = _histories("trading.OrderEvent", "status", user)
    return [
        {
            **_columns(order, columns),
            "what_became_of_it": USED.get(order.failure_code, order.failure_sentence),
            "payment": order.payment_id,
            "refund": order.refund_id,
            "gold_from": pools[order.pk],
            "history": changes[order.pk],
        }
        for order in rows
    ]


def _share(row: Allocation) -> Told:
    return {"pool": row.pool.name, **_columns(row, "grams returned state")}


def quotes(user: User) -> list[Told]:
    rows = Quote.objects.filter(user=user).order_by("created_at", "pk")
    return _list(rows, f"id {_TERMS} phone created_at expires_at used_at")


def payments(user: User) -> list[Told]:
    rows = Payment.objects.filter(user=user).order_by("created_at", "pk")
    columns = "id direction purpose method amount phone reference state receipt reversal_receipt charge"
    said = _gathered(Exchange.objects.filter(payment__user=user).order_by("created_at"), "payment_id", _said)
    heard = _gathered(
        Callback.objects.filter(payment__user=user).order_by("received_at"), "payment_id", _heard
    )
    changes = _histories("payments.PaymentEvent", "state receipt", user)
    return [
        {
            **_columns(payment, f"{columns} created_at sent_at ended_at"),
            # What staff write about a payment is for staff, but for the words to somebody whose payout they refused.
            "our_words": payment.decision if payment.failure_code == "refused" else "",
            "asked_of_mpesa": said[payment.pk],
            "heard_from_mpesa": heard[payment.pk],
            "history": changes[payment.pk],
        }
        for payment in rows
    ]


def _said(row: Exchange) -> Told:
    return _columns(row, "kind outcome code created_at answered_at")


def _heard(row: Callback) -> Told:
    return _columns(row, "kind received_at")


def arrivals(user: User) -> list[Told]:
    """Money that is the person's: given to them, or that is a payment of theirs. Who paid it may be somebody else."""
    mine = Q(user=user) | Q(payment__user=user, state=ArrivalState.MATCHED, user=None)
    rows = Arrival.objects.filter(mine).order_by("arrived_at", "pk")
    return _list(rows, "receipt amount reference state arrived_at seen_at")


def ledger(user: User) -> list[Told]:
    accounts = Account.objects.filter(code__startswith=f"user:{user.pk}:").order_by("code")
    return [
        {**_columns(account, "code asset balance"), "entries": list(_entries(account.code))}
        for account in accounts
    ]


#: The wallet shows the words of these, so they are the person's to have.
_WORDS_SHOWN = frozenset({*ADJUSTMENTS, DEBT_SETTLED})
_PAGE = 1000


def _entries(code: str) -> Iterable[Told]:
    last: int | None = None
    while lines := statement(code, after=last, limit=_PAGE):
        for line in lines:
            words = line.memo if line.kind in _WORDS_SHOWN else ""
            yield {
                "number": line.seq,
                "at": line.at,
                "kind": line.kind,
                "amount": line.amount,
                "balance": line.balance,
                "words": words,
            }
        last = lines[-1].seq


# --- what we wrote, and where they were -----------------------------------------------------------


def mails(user: User) -> list[Told]:
    """The text of a mail to one of our staff may be about anybody, so theirs are only counted out."""
    rows = Message.objects.filter(user=user).order_by("created_at", "pk")
    if has_worked_here(user):
        return _list(rows, "kind state created_at sent_at")
    return [
        {
            **_columns(row, "kind to subject state created_at sent_at"),
            # A code or a link that opens something, and that has not gone out yet.
            "text": "" if row.carries_secret else row.text,
        }
        for row in rows
    ]


def sessions(user: User) -> list[Told]:
    return [
        {"device": one.device, "network": one.place, "signed_in_at": one.since, "seen_at": one.seen}
        for one in signed_in(user=user, session_key="")
    ]


def browsers(user: User) -> list[Told]:
    return _list(KnownDevice.objects.filter(user=user).order_by("created_at"), "created_at seen_at")


def confirmations(user: User) -> list[Told]:
    rows = StepUp.objects.filter(user=user).order_by("created_at")
    return [
        {**_columns(row, "operation method created_at proven_at used_at"), "shown": shown_of(row)}
        for row in rows
    ]


def second_factor(user: User) -> Told:
    return {
        "authenticator": _list(
            Authenticator.objects.filter(user=user).order_by("created_at"),
            "confirmed created_at last_used_at",
        ),
        "recovery_codes_left": second_factor_state(user).codes_left,
        "removals": _list(
            FactorReset.objects.filter(user=user).order_by("created_at"), "state created_at due_at ended_at"
        ),
        "history": _events("accounts.AuthenticatorEvent", "confirmed", user=user),
    }


def history(user: User) -> Told:
    """Changes of the account. The words of a hold, and who of our staff did what, stay with us."""
    columns = "username email kyc_status enhanced is_active payouts_from closed_at"
    return {
        "account": _events("accounts.UserEvent", columns, pgh_obj=user),
        "roles": [
            {"at": row.pgh_created_at, "change": row.pgh_label, "role": row.group.name}
            for row in apps.get_model("accounts.RoleGrantEvent")
            ._default_manager.filter(user=user)
            .order_by("pgh_id")
        ],
    }


def erased(user: User) -> list[Told]:
    rows = Erasure.objects.filter(subject=str(user.pk)).order_by("done_at")
    return _list(rows, "what rule rows done_at")
