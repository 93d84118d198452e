"""One field finds anybody and anything: it works out from what was typed what it may be.

An e-mail address or its beginning, a user name, a phone in any Kenyan form, words of a legal name, the number of an ID,
the reference of an order or a payment, an M-Pesa code or the SMS that holds it, the id of anything. What is sealed is
looked for by its keyed hash. Who was erased is found by nothing.

People choose their usernames and e-mail addresses, also ones that look like somebody else's code or number. So whatever
a text may mean is looked for, and who only calls themselves so stands in the way of nothing (`Found.namesakes`).
"""

import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.urls import reverse

from accounts.models import PayoutNumber, User
from accounts.permissions import may_see
from accounts.roles import Role
from controls.kinds import KINDS
from controls.models import Request
from goldwallet import phones
from goldwallet.errors import Refused
from goldwallet.money import show_grams, show_kes
from goldwallet.sealing import fingerprint
from kyc.facts import id_number_parse
from kyc.models import Case, IdType
from kyc.names import people_named
from ledger.models import Transaction
from oversight.inbox import Reader
from oversight.models import Break
from oversight.privacy.letting_go import ERASED
from payments.models import Arrival, Payment
from pools.models import Bar, Pool
from trading.models import Order

#: More hits than that help nobody: the page asks for more words.
MOST = 50
#: So much of an e-mail address or a user name must be known.
LEAST_LETTERS = 3
_MIXED = "(?=[A-Z0-9]*[0-9])(?=[A-Z0-9]*[A-Z])[A-Z0-9]"
#: M-Pesa's codes: ten letters and digits. One in some has no digit, and is known by what the SMS says of it.
_CODE = re.compile(
    rf"(?<![A-Z0-9])(?:{_MIXED}{{10}}(?![A-Z0-9])|[A-Z]{{10}}(?=[^A-Z0-9]+(?:CONFIRMED|IMETHIBITISHWA)\b))"
)
#: Alone in the field perhaps a code: also a little less or more, with whatever signs were copied with it.
_LONE_CODE = re.compile(rf"[^A-Z0-9]*({_MIXED}{{8,12}}|[A-Z]{{10}})[^A-Z0-9]*")
_ADDRESS = re.compile(r"\S*@\S*")
_WHOLE_ADDRESS = re.compile(r"@.+\.")
_MOST_CODES = 3
_REFERENCE = re.compile(r"[A-Z0-9]{4,12}")
_TRANSACTION = re.compile(r"#\s?([0-9]{1,15})")
#: A phone, the number of an ID or of a transaction, an id; signs between are left out.
_NUMBER = re.compile(r"#?[0-9]+|[A-Z]{1,2}[0-9]{6,8}|[0-9A-F]{32}")


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found. `url` is empty for who may not open it."""

    what: str
    name: str
    note: str
    url: str


@dataclass(slots=True)
class Found:
    """`by` says as what the text was understood, for the audit trail. `codes` are M-Pesa codes to be told of, and
    `perhaps` what may be one or a name. `ways`: as what the text was understood to mean each person.
    """

    by: list[str] = field(default_factory=list)
    people: dict[uuid.UUID, User] = field(default_factory=dict)
    ways: dict[uuid.UUID, list[str]] = field(default_factory=dict)
    #: The text means something else, and these people only call themselves so: none of them is opened unasked.
    namesakes: set[uuid.UUID] = field(default_factory=set)
    hits: list[Hit] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    perhaps: list[str] = field(default_factory=list)

    def add(self, by: str, people: Iterable[User] = (), hits: Iterable[Hit] = ()) -> None:
        rows, others = list(people), list(hits)
        if rows or others:
            self.by.append(by)
        for person in rows:
            self.people[person.pk] = person
            self.ways.setdefault(person.pk, []).append(by)
        self.hits += [hit for hit in others if hit not in self.hits]


def not_erased() -> QuerySet[User]:
    return User.objects.exclude(email__endswith=ERASED)


def is_erased(person: User) -> bool:
    return person.email.endswith(ERASED)


def clean(text: str) -> str:
    return " ".join(text.replace("\x00", " ").split())[:1000]


# --- people ---------------------------------------------------------------------------------------


def people_found(text: str) -> Found:
    """Everybody whom `text` may mean: by address, user name, phone, number of an ID, legal name."""
    found = Found()
    for by, look in _WAYS:
        found.add(by, look(text))
    if _means_no_name(text):
        chosen = {key for key, ways in found.ways.items() if {*ways} <= CHOSEN}
        found.namesakes = {key for key in chosen if found.people[key].email != text.lower()}
    return found


def _means_no_name(text: str) -> bool:
    """Whether this is a number, a code, or a whole address, which is nobody's who has only a longer one."""
    bare = re.sub(r"[ \-./+]", "", text.upper())
    return bool(_WHOLE_ADDRESS.search(text) or codes_in(text) or _NUMBER.fullmatch(bare))


def _by_id(text: str) -> Iterable[User]:
    key = _uuid(text)
    return not_erased().filter(pk=key) if key else ()


def _by_email(text: str) -> Iterable[User]:
    """An address, or how it begins."""
    if len(text) < LEAST_LETTERS or " " in text:
        return ()
    return not_erased().filter(email__startswith=text.lower()).order_by("email")[:MOST]


def _by_username(text: str) -> Iterable[User]:
    # By its lower case: that is what the index holds.
    return not_erased().alias(low=Lower("username")).filter(low=text.lower())


def _by_phone(text: str) -> Iterable[User]:
    """Who has this number, or has asked for it as a payout number, or used it in a payment."""
    try:
        wanted = fingerprint(phones.normalise(text), kind="phone")
    except Refused:
        return ()
    asked = PayoutNumber.objects.filter(phone_lookup=wanted).values("user")
    paid = Payment.objects.filter(phone_lookup=wanted).values("user")
    # Three ways, each by its index.
    people = set(not_erased().filter(phone_lookup=wanted).values_list("pk", flat=True)[:MOST])
    people |= set(asked.values_list("user", flat=True)[:MOST])
    people |= set(paid.values_list("user", flat=True).distinct()[:MOST])
    return not_erased().filter(pk__in=people).order_by("email")[:MOST]


def _by_id_number(text: str) -> Iterable[User]:
    """Of an ID of any type: the number that somebody has proven, or wrote."""
    numbers = set()
    for kind in IdType:
        try:
            numbers.add(id_number_parse(kind, text))
        except Refused:
            continue
    lookups = [fingerprint(number, kind="id_number") for number in numbers]
    if not lookups:
        return ()
    cases = Case.objects.filter(id_number_lookup__in=lookups).values("user")
    return not_erased().filter(pk__in=cases).order_by("email")[:MOST]


def _by_name(text: str) -> Iterable[User]:
    people = people_named(text, most=MOST)
    return not_erased().filter(pk__in=people).order_by("email") if people else ()


#: Ways by what people choose themselves.
CHOSEN = {"email", "username"}
_WAYS: tuple[tuple[str, Callable[[str], Iterable[User]]], ...] = (
    ("id", _by_id),
    ("email", _by_email),
    ("username", _by_username),
    ("phone", _by_phone),
    ("id_number", _by_id_number),
    ("name", _by_name),
)


# --- anything -------------------------------------------------------------------------------------


def find(text: str, *, reader: User) -> Found:
    """Whatever `text` may mean. An SMS is read for its codes alone: it holds names and numbers of others."""
    codes = codes_in(text)
    if codes and len(text.split()) > 1:
        return Found(by=["receipt"], codes=codes)
    perhaps: list[str] = []
    if lone := _LONE_CODE.fullmatch(text.upper()):
        text = lone[1]
        perhaps = [] if codes else [text]
    found = people_found(text)
    upper = text.upper()
    if _REFERENCE.fullmatch(upper):
        found.add("reference", hits=_by_reference(upper, reader))
    if (key := _uuid(text)) and key not in found.people:
        found.add("id", hits=_things(key, reader))
    if number := _TRANSACTION.fullmatch(text):
        found.add("transaction", hits=_transaction(int(number[1]), reader))
    if codes or perhaps:
        found.by.append("receipt")
        found.codes, found.perhaps = codes, perhaps
    return found


def codes_in(text: str) -> list[str]:
    """What looks like M-Pesa's codes in a text, in its order and in capitals. In e-mail addresses there are none."""
    return list(dict.fromkeys(_CODE.findall(_ADDRESS.sub(" ", text.upper()))))[:_MOST_CODES]


def _uuid(text: str) -> uuid.UUID | None:
    if len(text) not in {32, 36}:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _by_reference(reference: str, reader: User) -> Iterable[Hit]:
    orders = Order.objects.filter(reference=reference).select_related("user")
    hits = [order_hit(order, reader) for order in orders]
    if hits:
        # Its payment has the same reference.
        return hits
    payments = Payment.objects.filter(reference=reference).select_related("user")
    return [payment_hit(payment, reader) for payment in payments]


def _page(reader: User, name: str, *roles: Role, key: object) -> str:
    return reverse(name, args=[key]) if may_see(reader, *roles) else ""


def person_url(person_id: uuid.UUID) -> str:
    return reverse("desk_person", args=[person_id])


def order_hit(order: Order, reader: User) -> Hit:
    """To the order; who works with people alone goes to whose it is."""
    url = _page(reader, "desk_order", Role.TREASURY, Role.PRICING, Role.VAULT, key=order.pk)
    note = f"{order.side} of {show_grams(order.grams)} for {show_kes(order.total_kes)}, {order.user.email}"
    return Hit("Order", order.reference, note, url or person_url(order.user_id))


def payment_hit(payment: Payment, reader: User) -> Hit:
    url = _page(reader, "desk_payment", Role.TREASURY, key=payment.pk)
    note = f"{show_kes(payment.amount)} {payment.direction}, {payment.user.email}"
    return Hit("Payment", payment.reference, note, url or person_url(payment.user_id))


def _transaction(number: int, reader: User) -> Iterable[Hit]:
    url = _page(reader, "desk_transaction", Role.TREASURY, key=number)
    if not url or not Transaction.objects.filter(pk=number).exists():
        return []
    return [Hit("Ledger transaction", f"#{number}", "", url)]


def _things(key: uuid.UUID, reader: User) -> list[Hit]:
    """What has this id, if it is no person. Ids are random: no two things share one."""
    for order in Order.objects.filter(Q(pk=key) | Q(quote_id=key)).select_related("user"):
        return [order_hit(order, reader)]
    for payment in Payment.objects.filter(pk=key).select_related("user"):
        return [payment_hit(payment, reader)]
    for case in Case.objects.filter(pk=key).select_related("user"):
        url = _page(reader, "desk_kyc_case", Role.REVIEWER, key=key)
        return [Hit("Identity check", case.user.email, "", url or person_url(case.user_id))]
    for asked in Request.objects.filter(pk=key):
        url = reverse("desk_approval", args=[key]) if Reader(reader).sees(asked) else ""
        return [Hit("Request", KINDS[asked.kind].label, "", url)]
    for label, rows, page, role in _NAMED:
        for row in rows().filter(pk=key):
            return [Hit(label, str(row), "", _page(reader, page, role, key=key))]
    for bar in Bar.objects.filter(pk=key).select_related("pool"):
        return [
            Hit("Bar", bar.serial, bar.pool.name, _page(reader, "desk_pool", Role.VAULT, key=bar.pool_id))
        ]
    return []


_NAMED: tuple[tuple[str, Callable[[], QuerySet], str, Role], ...] = (  # type: ignore[type-arg]
    ("Pool", Pool.objects.all, "desk_pool", Role.VAULT),
    ("Money in", Arrival.objects.all, "desk_arrival", Role.TREASURY),
    ("Difference", Break.objects.all, "desk_break", Role.TREASURY),
)
