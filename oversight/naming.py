"""What the ledger's accounts and the subjects of requests are called, and where their pages are."""

import uuid
from collections.abc import Iterable

from django.urls import NoReverseMatch, reverse

from accounts.models import User
from accounts.permissions import may_see
from accounts.roles import Role
from ledger import chart
from pools.models import Pool

_HOUSE = {
    chart.payouts_clearing().code: "Payouts under way",
    chart.suspense_mpesa().code: "Suspense",
    chart.mpesa_collections().code: "At M-Pesa, collections",
    chart.mpesa_payouts().code: "At M-Pesa, payouts",
    chart.house_sales().code: "Sales of gold",
    chart.house_purchases().code: "Purchases of gold",
    chart.house_charges().code: "M-Pesa's charges",
    chart.house_capital().code: "Put in by the owner",
    chart.house_adjustments().code: "Adjustments",
}
_USER = {
    "gold": "gold",
    "gold:incoming": "gold reserved for a buy",
    "gold:locked": "gold held for a sale",
    "cash": "cash that we owe",
    "receivable": "owed to us",
}
_POOL = {"vault": "in the vault", "available": "free gold"}


def account_names(
    codes: Iterable[str],
    *,
    actors: Iterable[str] = (),
    people: Iterable[User] = (),
    pools: Iterable[Pool] = (),
) -> dict[str, str]:
    """Each account in words: `user:U:cash` -> `alice@example.com: cash that we owe`.

    With `actors`, who posted something, as well: the e-mail address behind an id, and any other text as it is.
    `people` and `pools` are those that the caller has read already: nobody asks for them twice.
    """
    owners, actors = {code: chart.owner_of(code) for code in set(codes)}, set(actors)
    known = {str(person.pk): person.email for person in people}
    asked = [owner.id for owner in owners.values() if owner.kind == "user"]
    emails = _names(User, "email", known, [*asked, *actors])
    known = {str(pool.pk): pool.name for pool in pools}
    vaults = _names(Pool, "name", known, [owner.id for owner in owners.values() if owner.kind == "pool"])
    names = {actor: emails.get(actor, actor) for actor in actors}
    for code, owner in owners.items():
        if owner.kind == "house":
            names[code] = _HOUSE.get(code, code)
        elif owner.kind == "user":
            names[code] = f"{emails.get(owner.id, owner.id)}: {_USER.get(owner.part, owner.part)}"
        else:
            names[code] = f"{vaults.get(owner.id, owner.id)}: {_POOL.get(owner.part, owner.part)}"
    return names


def kind_words(kind: str) -> str:
    """A kind of transaction as pages say it: `buy_paid` -> `Buy paid`."""
    return kind.replace("_", " ").capitalize()


def actor_name(actor: str) -> str:
    """Who posted something, as `account_names` has it."""
    return account_names((), actors=[actor])[actor]


def _names(
    model: type[User | Pool], column: str, known: dict[str, str], ids: Iterable[str]
) -> dict[str, str]:
    """id -> name of all that are known already and of those that the ids ask for; nothing for what is no id."""
    asked = [uuid.UUID(text) for text in set(ids) - set(known) if _is_uuid(text)]
    if not asked:
        return known
    found = model._default_manager.filter(pk__in=asked).values_list("pk", column)
    return known | {str(key): name for key, name in found}


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


_EVERYBODY = tuple(Role)
# First word of what a request or a line of the audit trail is about -> name of the page, who works there, whether the
# page is about one thing.
_SUBJECTS = {
    "payment": ("desk_payment", (Role.TREASURY,), True),
    "arrival": ("desk_arrival", (Role.TREASURY,), True),
    "break": ("desk_break", (Role.TREASURY,), True),
    "transaction": ("desk_transaction", (Role.TREASURY,), True),
    "adjustment": ("desk_adjustments", (Role.TREASURY,), False),
    "order": ("desk_order", (Role.TREASURY, Role.PRICING, Role.VAULT), True),
    "pool": ("desk_pool", (Role.VAULT,), True),
    "price": ("desk_prices", (Role.PRICING,), False),
    "threshold": ("desk_steering", (Role.TREASURY, Role.PRICING), False),
    "switch": ("desk_steering", (Role.TREASURY, Role.PRICING), False),
    "roles": ("desk_roles", (Role.TREASURY,), False),
    "person": ("desk_person", (Role.REVIEWER, Role.TREASURY), True),
    "close": ("desk_close_day", (Role.TREASURY,), True),
    "closing": ("desk_person", (Role.REVIEWER, Role.TREASURY), True),
    "tier": ("desk_kyc_person", (Role.REVIEWER, Role.TREASURY), True),
    "case": ("desk_kyc_case", (Role.REVIEWER,), True),
    "request": ("desk_approval", _EVERYBODY, True),
    "run": ("desk_run", (Role.TREASURY,), True),
    "statement": ("desk_reconciliation", (Role.TREASURY,), False),
    "factor": ("desk_factor", (Role.REVIEWER, Role.TREASURY), False),
    "account": ("desk_account", (Role.TREASURY,), True),
    "bar": ("desk_bar", (Role.VAULT,), True),
    "export": ("desk_exports", _EVERYBODY, False),
    # Lists, of which the whole word is the name.
    "identities": ("desk_kyc", (Role.REVIEWER,), False),
    "arrivals": ("desk_money", (Role.TREASURY,), False),
    "floats": ("desk_floats", (Role.TREASURY,), False),
    "adjustments": ("desk_adjustments", (Role.TREASURY,), False),
    "factor_resets": ("desk_factor", (Role.REVIEWER, Role.TREASURY), False),
    "flags": ("desk_flags", _EVERYBODY, False),
    "breaks": ("desk_reconciliation", (Role.TREASURY,), False),
    "erasures": ("desk_erasures", (), False),
    "audit": ("desk_audit", (Role.TREASURY,), False),
}
#: What a bare id may be one of.
SUBJECT_WORDS = (
    *(word for word, (_, _, about_one) in _SUBJECTS.items() if about_one),
    *("price", "roles", "factor", "statement", "export"),
)


#: What pages call a thing or a list of which the trail has another word.
_CALLED = {
    "arrivals": "money in",
    "break": "difference",
    "breaks": "differences",
    "case": "identity case",
    "factor": "lost codes",
    "factor_resets": "lost codes",
    "identities": "identity",
    "requests": "approvals",
}


def subject_words(subject: str) -> str:
    """`order:3f0c21aa-…` -> `Order 3f0c21aa`, and the name of a list as the navigation has it."""
    word, _, rest = subject.partition(":")
    word = _CALLED.get(word, word)
    if _is_uuid(rest):
        rest = rest[:8]
    return f"{word.replace('_', ' ').capitalize()} {rest}".strip()


def subject_url(subject: str, reader: User) -> str:
    """The page of what a request is about, for somebody to whom it opens; empty when there is none."""
    word, _, rest = subject.partition(":")
    name, roles, about_one = _SUBJECTS.get(word, ("", (), False))
    if not name or not may_see(reader, *roles):
        return ""
    try:
        # The code of an account has such marks itself.
        key = rest if word == "account" else rest.partition(":")[0]
        return reverse(name, args=[key] if about_one else [])
    except NoReverseMatch:
        return ""
