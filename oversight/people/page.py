"""What one person's page shows, read with a small number of questions to the database whatever there is."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, Max, OuterRef, Subquery
from django.db.models.functions import JSONObject
from django.shortcuts import get_object_or_404

from accounts.asking import may_ask
from accounts.devices import SignedIn, signed_in
from accounts.models import Authenticator, FactorReset, KnownDevice, PayoutNumber, ResetState, RoleGrant, User
from accounts.own import OWN, is_own
from accounts.permissions import may_act, may_see
from accounts.roles import Role
from accounts.selectors import roles_of
from controls.models import Request
from controls.selectors import requests_waiting
from goldwallet.clock import Now
from goldwallet.money import cents_down
from kyc.limits import Limits, limits
from kyc.models import Case, CaseState
from ledger import chart
from ledger.selectors import balances
from notifications.models import Message
from oversight.people.search import is_erased
from payments.models import Payment
from pools.models import Price
from pools.selectors import current_price
from trading.models import Order, Side
from trading.selectors import orders_of, used

NEWEST = 10
_PROVEN = (CaseState.APPROVED, CaseState.EXPIRED)
HOLDERS = (Role.TREASURY, Role.ADMINISTRATOR)
WRITERS = (Role.REVIEWER, Role.TREASURY, Role.ADMINISTRATOR)
#: What takes two people, by the kinds of their requests.
LIFT, FACTOR, CLOSE = "person_unfreeze", "factor_reset", "person_close"


@dataclass(frozen=True, slots=True)
class Holdings:
    """Grams and KES from the ledger. `value`: of what is owned, at our buying price now; None without a price."""

    free: Decimal
    held: Decimal
    incoming: Decimal
    cash: Decimal
    owed: Decimal
    value: Decimal | None

    @property
    def grams(self) -> Decimal:
        return self.free + self.held


def holdings(person: User, price: Price | None) -> Holdings:
    codes = [
        chart.user_gold(person.pk),
        chart.user_gold_locked(person.pk),
        chart.user_gold_incoming(person.pk),
        chart.user_cash(person.pk),
        chart.user_receivable(person.pk),
    ]
    found = balances(codes)
    free, held, incoming, cash, receivable = (found[code.code] for code in codes)
    value = cents_down((free + held) * price.sell) if price else None
    return Holdings(free, held, incoming, cash, max(Decimal(0), -receivable), value)


@dataclass(frozen=True, slots=True)
class SignIns:
    """Where the person is signed in, how many browsers we know, and how codes stand."""

    sessions: list[SignedIn]
    browsers: int
    browser_seen: dt.datetime | None
    enrolled: bool
    #: Two people agreed to take the second factor away, and when that happens.
    reset_request: uuid.UUID | None
    reset_due: dt.datetime | None
    #: The payout number that the person asked for, until it is theirs.
    new_phone: str
    new_phone_from: dt.datetime | None


@dataclass(frozen=True, slots=True)
class May:
    """Which forms the reader gets. `why_not` is the sentence in their place when none is for the reader at all."""

    hold: bool = False
    lift: bool = False
    factor: bool = False
    close: bool = False
    write: bool = False
    why_not: str = ""

    @property
    def anything(self) -> bool:
        return self.hold or self.lift or self.factor or self.close or self.write


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPage:
    person: User
    #: As the ID has it, once it was proven; empty before.
    name: str
    erased: bool
    roles: list[str]
    holdings: Holdings
    price: Price | None
    limits: list[Limits]
    orders: list[Order]
    payments: list[Payment]
    cases: list[Case]
    sign_ins: SignIns
    #: `at`, `subject`, `kind`, `state` of the newest. Address and text stay sealed.
    messages: list[dict[str, Any]]
    open_requests: Mapping[str, Request]
    may: May
    sees_phone: bool
    sees_orders: bool
    sees_payments: bool
    sees_cases: bool
    sees_roles: bool


def person_read(person_id: uuid.UUID) -> User:
    """The person with whatever the page needs beside them, by one question. Raises Http404."""
    resets = FactorReset.objects.filter(user=OuterRef("pk"), state=ResetState.WAITING)
    numbers = PayoutNumber.objects.filter(user=OuterRef("pk"), adopted_at=None, cancelled_at=None)
    browsers = KnownDevice.objects.filter(user=OuterRef("pk")).order_by().values("user")
    letters = Message.objects.filter(user=OuterRef("pk")).order_by("-created_at", "-pk")
    roles = RoleGrant.objects.filter(user=OuterRef("pk"), group__name__in=list(Role))
    people = User.objects.annotate(
        at=Now(),
        enrolled=Exists(Authenticator.objects.filter(user=OuterRef("pk"), confirmed=True)),
        role_names=ArraySubquery(roles.values("group__name")),
        reset=Subquery(resets.values(said=JSONObject(request="request_id", due="due_at"))[:1]),
        number=Subquery(
            numbers.values(said=JSONObject(id="pk", phone="phone_sealed", usable="usable_from"))[:1]
        ),
        browsers=Subquery(browsers.values(said=JSONObject(known=Count("pk"), seen=Max("seen_at")))[:1]),
        letters=ArraySubquery(
            letters.values(
                said=JSONObject(at="created_at", subject="subject", kind="kind", state="state"),
            )[:NEWEST]
        ),
    )
    person = get_object_or_404(people, pk=person_id)
    # As `accounts.selectors.roles_of` keeps them.
    person._roles = frozenset(Role(name) for name in person.role_names)  # type: ignore[attr-defined]
    return person


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


def _sign_ins(person: Any) -> SignIns:
    number, reset, browsers = person.number, person.reset, person.browsers or {"known": 0, "seen": None}
    waiting = PayoutNumber(pk=uuid.UUID(number["id"]), phone_sealed=number["phone"]) if number else None
    return SignIns(
        sessions=signed_in(user=person, session_key="", moment=person.at),
        browsers=browsers["known"],
        browser_seen=_moment(browsers["seen"]),
        enrolled=person.enrolled,
        reset_request=uuid.UUID(reset["request"]) if reset else None,
        reset_due=_moment(reset["due"]) if reset else None,
        new_phone=waiting.phone if waiting else "",
        new_phone_from=_moment(number["usable"]) if number else None,
    )


def person_page(person: User, *, reader: User) -> PersonPage:
    """`person` comes from `person_read`."""
    read: Any = person
    price, use = current_price(), used(user_id=person.pk)
    open_requests = {row.kind: row for row in requests_waiting().filter(person=person)}
    payments = Payment.objects.filter(user=person).order_by("-created_at", "-pk")
    cases = list(Case.objects.filter(user=person).order_by("-created_at")[:NEWEST])
    # What was proven once has its end, also when that is over.
    proven = [case.legal_name for case in cases if case.valid_until and case.state in _PROVEN]
    return PersonPage(
        person=person,
        name=proven[0] if proven else "",
        erased=is_erased(person),
        roles=sorted(roles_of(person)),
        holdings=holdings(person, price),
        price=price,
        limits=[limits(tier=person.tier, side=side, use=use.of(side)) for side in Side.values],
        orders=list(orders_of(person.pk).order_by("-created_at", "-pk")[:NEWEST]),
        payments=list(payments[:NEWEST]),
        cases=cases,
        sign_ins=_sign_ins(read),
        messages=[letter | {"at": _moment(letter["at"])} for letter in read.letters],
        open_requests=open_requests,
        may=_may(person, reader, open_requests, enrolled=read.enrolled),
        # An auditor reads what happened, and needs nobody's number for it.
        sees_phone=may_act(reader, Role.REVIEWER, Role.TREASURY),
        sees_orders=may_see(reader, Role.TREASURY, Role.PRICING, Role.VAULT),
        sees_payments=may_see(reader, Role.TREASURY),
        sees_cases=may_see(reader, Role.REVIEWER),
        sees_roles=may_see(reader, Role.TREASURY),
    )


def _may(person: User, reader: User, asked: Mapping[str, Request], *, enrolled: bool) -> May:
    """The forms for what would not be refused at once. The services judge each again."""
    if not may_act(reader, *WRITERS):
        return May()
    if is_own(reader, person.pk):
        return May(why_not=OWN)
    if not person.is_active:
        return May(why_not="This account is closed, so there is nothing to do here.")
    on_hold = person.frozen_reason != ""
    return May(
        hold=may_act(reader, *HOLDERS) and not on_hold,
        lift=on_hold and may_ask(reader, LIFT) and LIFT not in asked,
        factor=enrolled and may_ask(reader, FACTOR) and FACTOR not in asked,
        close=may_ask(reader, CLOSE) and CLOSE not in asked,
        write=True,
    )
