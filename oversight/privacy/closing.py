"""A person closes their account: what they must do first, what goes at once, and what has to stay for a while.

Lock order: the person, then their case. What stays is let go of by the policy (`oversight.privacy.policy`).
"""

import json
import re
import uuid

import pghistory
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from accounts.devices import sessions_end
from accounts.models import KnownDevice, PayoutNumber, User
from accounts.resets import reset_waiting
from accounts.second_factor import second_factor_remove
from accounts.selectors import contacts, has_worked_here, is_staff_member, roles_of
from accounts.services import person_lock
from accounts.stepup import step_up_digest, step_up_proven, step_up_use
from controls.selectors import requests_waiting
from goldwallet.clock import Now
from goldwallet.errors import Conflict
from goldwallet.money import show_grams, show_kes
from goldwallet.states import move
from kyc.models import CASE_MOVES, Case, CaseState
from kyc.services import standing_set
from ledger import chart
from ledger.selectors import balances
from notifications.services import message_enqueue
from oversight.privacy.letting_go import case_abandon
from oversight.privacy.policy import POLICY
from oversight.privacy.retention import erasure_note
from payments.models import FINAL, Arrival, ArrivalState, Payment
from trading.models import Order, Quote, Status
from trading.selectors import late_orders

OPERATION = "close"
#: What the proof calls a closed account, beside the kinds of the policy.
CLOSURE = "closure"
_RULE = "at once, because the person closed the account"
_RULE_STAFF = "at once, because two of the staff closed the account"


# --- what stands in the way -----------------------------------------------------------------------


def obstacles(user: User) -> list[str]:
    """Why this account cannot be closed yet: a sentence for each reason, with what to do. Binding only under the
    person's lock.
    """
    if is_staff_member(user):
        return ["You work here. An administrator closes accounts of staff, after your roles were taken away."]
    if has_worked_here(user):
        return ["You have worked here, so two of us close your account. Write to us."]
    return [*_held(user), *_under_way(user), *_undecided(user)]


def obstacles_for_staff(user: User, *, kind: str) -> list[str]:
    """The same when two of the staff close it by a request of this kind: that request does not stand in its own way.
    Whoever works here loses their roles first.
    """
    if roles_of(user):
        return ["You have roles here. First two people take them away."]
    return [*_held(user), *_under_way(user), *_undecided(user, but=kind)]


def _held(user: User) -> list[str]:
    """Gold, money and debts."""
    found, codes = [], [chart.user_gold(user.pk), chart.user_cash(user.pk), chart.user_receivable(user.pk)]
    kept = balances(codes)
    grams, cash, receivable = (kept[str(code)] for code in codes)
    if grams > 0:
        found.append(
            f"You have {show_grams(grams)} of gold. Sell it first. Is it too little to be sold? Write to us."
        )
    late = late_orders(user.pk)
    if late:
        found.append(
            f"Money of yours came too late for order {late[0].reference}. On the order's page, choose what becomes of "
            "it, and wait until that is done."
        )
    elif cash > 0:
        found.append(f"{show_kes(cash)} of yours is with us. Write to us, and we send it to your M-Pesa.")
    if receivable < 0:
        found.append(f"You owe us {show_kes(-receivable)}. Write to us, and we settle it together.")
    return found


def _under_way(user: User) -> list[str]:
    """Orders and payments that have not come to an end."""
    found = []
    order = Order.objects.filter(user=user, status=Status.PENDING).first()
    if order is not None:
        found.append(f"Order {order.reference} is in progress. Wait until it has ended.")
    elif _payments_open(user).exists():
        found.append("We are not done with a payment of yours. Wait until it has ended.")
    if _arrivals_open(user).exists():
        found.append("M-Pesa brought us money that may be yours, and we look at it. You get a mail about it.")
    return found


def _payments_open(user: User) -> QuerySet[Payment]:
    return Payment.objects.filter(Q(attention=True) | ~Q(state__in=FINAL), user=user)


def _arrivals_open(user: User) -> QuerySet[Arrival]:
    states = [ArrivalState.NEW, ArrivalState.SUSPENSE, ArrivalState.RETURNING]
    return Arrival.objects.filter(Q(user=user) | Q(payment__user=user), state__in=states)


def _undecided(user: User, *, but: str = "") -> list[str]:
    """What somebody has to decide first. `but`: a kind of request that does not count."""
    found = []
    if user.frozen_reason:
        found.append("Your account is on hold. Write to us, and we look at it together.")
    if Case.objects.filter(user=user, state=CaseState.SUBMITTED).exists():
        found.append("We are looking at your ID. Wait for our answer.")
    if _request_about(user, but=but):
        found.append("Our team is about to decide something about your account. Wait a day, or write to us.")
    if reset_waiting(user.pk):
        found.append(
            "Your authenticator app is about to be removed. Wait until that is done, or call it off."
        )
    return found


_IDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _request_about(user: User, *, but: str) -> bool:
    """Whether an open request names the person, or an order, a payment or a case of theirs."""
    waiting = requests_waiting().exclude(kind=but)
    said = " ".join(f"{row.subject} {json.dumps(row.payload)}" for row in waiting)
    ids = {uuid.UUID(text) for text in _IDS.findall(said)}
    named = [
        model._default_manager.filter(user=user, pk__in=ids).values("pk") for model in (Order, Payment, Case)
    ]
    return user.pk in ids or (bool(ids) and named[0].union(*named[1:], all=True).exists())


# --- closing --------------------------------------------------------------------------------------


def _digest(user: User) -> str:
    return step_up_digest(OPERATION, user=user.pk, email=user.email)


def closing_proven(*, user: User, session_key: str) -> bool:
    """Whether the person has just entered a code for it, so that one press closes the account. For the page."""
    return step_up_proven(user_id=user.pk, operation=OPERATION, digest=_digest(user), session_key=session_key)


def account_close(*, user_id: uuid.UUID, session_key: str) -> None:
    """Close the person's own account, for good. Raises Refused with what must be done first, and StepUpNeeded.

    From the commit on nobody is signed in to it; signing in says that it is closed to whoever has the password.
    """
    with pghistory.context(user=str(user_id), action="account_close"), transaction.atomic():
        if not person_lock(user_id).is_active:
            raise Conflict("This account is closed already.", code="closed")
        user = User.objects.get(pk=user_id)
        if reasons := obstacles(user):
            raise Conflict(" ".join(reasons), code="not_yet")
        shown = [("Account", user.email), ("It is", "closed for good")]
        step_up_use(
            user_id=user_id,
            operation=OPERATION,
            digest=_digest(user),
            session_key=session_key,
            shown=shown,
        )
        _close(user, rule=_RULE, asked_by=user_id, why="as you asked")


def account_close_by_staff(*, user_id: uuid.UUID, kind: str, by: uuid.UUID | None) -> None:
    """Close somebody's account, for good, in the caller's transaction: two people have agreed by a request of `kind`.

    Raises Refused with what stands in the way, in the words that the person would read.
    """
    if not person_lock(user_id).is_active:
        raise Conflict("This account is closed already.", code="closed")
    user = User.objects.get(pk=user_id)
    if reasons := obstacles_for_staff(user, kind=kind):
        raise Conflict(f"It cannot be closed yet. The person would read: {' '.join(reasons)}", code="not_yet")
    _close(user, rule=_RULE_STAFF, asked_by=by, why="as our team decided")


def _close(user: User, *, rule: str, asked_by: uuid.UUID | None, why: str) -> None:
    rows = _let_go(user)
    User.objects.filter(pk=user.pk).update(is_active=False, closed_at=Now())
    erasure_note(what=CLOSURE, rule=rule, rows=rows, subject=str(user.pk), asked_by=asked_by)
    _farewell(user, why=why)


def _let_go(user: User) -> int:
    """What is of no more use goes now. A proven identity ends and is kept, so that the ID may open another account."""
    drafts = Case.objects.filter(user=user, state__in=[CaseState.DRAFT, CaseState.REJECTED])
    unfinished = sum(case_abandon(case.pk, user.pk) for case in list(drafts))
    for case in Case.objects.select_for_update().filter(user=user, state=CaseState.APPROVED):
        move(case, CaseState.EXPIRED, moves=CASE_MOVES)
    standing_set(user_id=user.pk)
    waiting = PayoutNumber.objects.filter(user=user, adopted_at=None, cancelled_at=None)
    waiting.update(cancelled_at=Now())
    quotes, _ = Quote.objects.filter(user=user, used_at=None).delete()
    devices, _ = KnownDevice.objects.filter(user=user).delete()
    factor = second_factor_remove(user=user)
    return sessions_end(user_id=user.pk) + quotes + devices + unfinished + int(factor)


def _farewell(user: User, *, why: str) -> None:
    """The last mail, also to the addresses that the person had until lately."""
    years = {rule.what: rule.days // 365 for rule in POLICY}
    text = (
        f"Hello {user.username},\n\n"
        f"We have closed your account, {why}. Nobody can sign in to it any more, you are signed out everywhere, "
        "and your authenticator app, your browsers and whatever you had not finished are deleted.\n\n"
        f"The law makes us keep who you are and what you traded for {years['identity']} years. Then the keys of your "
        "photos are destroyed and your details are blanked. What we keep, and why:\n"
        f"{settings.BASE_URL}{reverse('privacy')}\n\n"
        "If this was not you, write to us at once.\n\nGold Wallet\n"
    )
    for address in contacts(user):
        message_enqueue(
            user_id=user.pk,
            to=address,
            subject="Your account is closed",
            text=text,
            kind="account-closed",
            key=f"account-closed:{uuid.uuid4()}",
        )
