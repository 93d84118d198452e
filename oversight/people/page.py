"""What one person's page shows, read with a small number of questions to the database whatever there is."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from accounts.asking import may_ask
from accounts.devices import SignedIn, signed_in
from accounts.models import FactorReset, KnownDevice, PayoutNumber, User
from accounts.numbers import number_waiting
from accounts.permissions import may_act, may_see
from accounts.resets import reset_waiting
from accounts.roles import Role
from accounts.selectors import authenticator_of, roles_of
from controls.models import Request
from controls.selectors import requests_waiting
from goldwallet.money import cents_down
from kyc.limits import Limits, limits
from kyc.models import Case, CaseState
from ledger import chart
from ledger.selectors import balances
from notifications.models import Message
from notifications.selectors import messages_of
from oversight.people.own import OWN, is_own
from payments.models import Payment
from pools.models import Price
from pools.selectors import current_price
from trading.models import Order, Side
from trading.selectors import orders_of, used

NEWEST = 10
_DEVICES = 20
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
    browsers: list[KnownDevice]
    enrolled: bool
    reset: FactorReset | None
    number: PayoutNumber | None


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
    messages: list[Message]
    open_requests: Mapping[str, Request]
    may: May
    sees_phone: bool
    sees_orders: bool
    sees_payments: bool
    sees_cases: bool
    sees_roles: bool


def person_page(person: User, *, reader: User) -> PersonPage:
    price, use = current_price(), used(user_id=person.pk)
    open_requests = {row.kind: row for row in requests_waiting().filter(person=person)}
    enrolled = authenticator_of(person) is not None
    payments = Payment.objects.filter(user=person).order_by("-created_at", "-pk")
    cases = list(Case.objects.filter(user=person).order_by("-created_at")[:NEWEST])
    # What was proven once has its end, also when that is over.
    proven = [case.legal_name for case in cases if case.valid_until and case.state in _PROVEN]
    return PersonPage(
        person=person,
        name=proven[0] if proven else "",
        erased=person.email.endswith("@erased.invalid"),
        roles=sorted(roles_of(person)),
        holdings=holdings(person, price),
        price=price,
        limits=[limits(tier=person.tier, side=side, use=use.of(side)) for side in Side.values],
        orders=list(orders_of(person.pk).order_by("-created_at", "-pk")[:NEWEST]),
        payments=list(payments[:NEWEST]),
        cases=cases,
        sign_ins=SignIns(
            sessions=signed_in(user=person, session_key=""),
            browsers=list(KnownDevice.objects.filter(user=person).order_by("-seen_at")[:_DEVICES]),
            enrolled=enrolled,
            reset=reset_waiting(person.pk),
            number=number_waiting(person),
        ),
        messages=list(messages_of(person.pk)[:NEWEST]),
        open_requests=open_requests,
        may=_may(person, reader, open_requests, enrolled=enrolled),
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
        write=may_act(reader, *WRITERS),
    )
