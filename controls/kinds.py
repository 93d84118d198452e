"""The kinds of requests: who may ask, who may approve, and where the functions are that describe and do it.

`describe(payload) -> Description` says in words what it is about and raises Refused for a payload that makes no
sense. `execute(request) -> str` does it, in the transaction of the approval, with one ledger posting as its last write,
and answers a sentence; it raises Refused when it cannot be done. `request.pk` is its idempotency key. Both live in apps
above this one, so they are named by string and loaded when first used.

The effect on the ledger is computed by running `execute` itself in a transaction that is rolled back (faults.md DR16),
so `execute` must not talk to anybody outside the database.

Every kind says whom it is about (`Kind.about`), because nobody asks for or decides what is about themselves, whichever
of their accounts they use (faults.md Z02, Z07).
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.utils.module_loading import import_string

from controls.effects import AccountChange, Description

_TREASURY = frozenset({"treasury", "administrator"})
#: For `Kind.about`: the vault's gold, the house's own money, a price, a number.
NOBODY = ""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """`makers` and `checkers` are roles. A request that nobody decided within `hours` expires.

    `evidence`: a file must be attached. `about` says whom it is about: the key of the payload that holds the person's
    id, the dotted path of `function(payload) -> id | None`, or NOBODY.
    """

    label: str
    functions: str
    about: str
    makers: frozenset[str]
    checkers: frozenset[str]
    evidence: bool = False
    hours: int = 72

    @property
    def readers(self) -> frozenset[str]:
        """Who reads what is asked, beside who asked and those who see everything."""
        return self.makers | self.checkers


def _kind(
    label: str,
    functions: str,
    *,
    about: str,
    makers: frozenset[str],
    also: frozenset[str] = frozenset(),
    evidence: bool = False,
) -> Kind:
    """`functions` is the dotted path without the ending `_describe` or `_execute`."""
    return Kind(
        label=label,
        functions=functions,
        about=about,
        makers=makers,
        checkers=makers | also,
        evidence=evidence,
    )


_VAULT = frozenset({"vault"})
_PRICING = frozenset({"pricing"})
_ADMINISTRATOR = frozenset({"administrator"})
#: Whose payment it is.
_PAYMENT = "payments.requests.payment_person"

KINDS: dict[str, Kind] = {
    # Gold in and out of the vault, prices.
    "bars_add": _kind(
        "Top-up: bars into a pool", "pools.requests.bars_add", about=NOBODY, makers=_VAULT, also=_TREASURY
    ),
    "bars_withdraw": _kind(
        "Withdrawal: bars out of a pool",
        "pools.requests.bars_withdraw",
        about=NOBODY,
        makers=_VAULT,
        also=_TREASURY,
    ),
    "bar_restore": _kind(
        "Withdrawn bar back into its pool",
        "pools.requests.bar_restore",
        about=NOBODY,
        makers=_VAULT,
        also=_TREASURY,
    ),
    "price_set": _kind(
        "Price beyond the band", "pools.requests.price_set", about=NOBODY, makers=_PRICING, also=_TREASURY
    ),
    # Corrections.
    "adjust_gold": _kind(
        "Adjustment in grams", "trading.requests.adjust_gold", about="person", makers=_TREASURY
    ),
    "adjust_cash": _kind(
        "Adjustment in shillings", "trading.requests.adjust_cash", about="person", makers=_TREASURY
    ),
    "debt_settle": _kind(
        "Debt of a customer settled", "trading.requests.debt_settle", about="person", makers=_TREASURY
    ),
    "cash_payout": _kind(
        "Cash of a customer paid out", "trading.requests.cash_payout", about="person", makers=_TREASURY
    ),
    "ledger_reverse": _kind(
        "Reversal of a ledger transaction",
        "oversight.requests.ledger_reverse",
        about="oversight.requests.ledger_reverse_person",
        makers=_TREASURY,
    ),
    # Money.
    "payment_resolve": _kind(
        "Payment resolved as paid or not paid",
        "payments.requests.payment_resolve",
        about=_PAYMENT,
        makers=_TREASURY,
        evidence=True,
    ),
    "payment_reversed": _kind(
        "Payment taken back by M-Pesa", "payments.requests.payment_reversed", about=_PAYMENT, makers=_TREASURY
    ),
    "payout_record": _kind(
        "Payout made by hand", "payments.requests.payout_record", about=_PAYMENT, makers=_TREASURY
    ),
    "payout_release": _kind(
        "Payout above the threshold", "payments.requests.payout_release", about=_PAYMENT, makers=_TREASURY
    ),
    "suspense_assign": _kind(
        "Money in suspense given to a customer",
        "payments.requests_money.suspense_assign",
        about="user",
        makers=_TREASURY,
    ),
    "suspense_return": _kind(
        "Money in suspense sent back",
        "payments.requests_money.suspense_return",
        about="payments.requests_money.suspense_return_person",
        makers=_TREASURY,
    ),
    "float_move": _kind(
        "Float opened or moved", "payments.requests_money.float_move", about=NOBODY, makers=_TREASURY
    ),
    "break_resolve": _kind(
        "Difference in the reconciliation resolved",
        "oversight.requests.break_resolve",
        about="oversight.requests.break_resolve_person",
        makers=_TREASURY,
    ),
    # People.
    "tier_set": _kind(
        "How much a verified person may trade",
        "kyc.requests.tier_set",
        about="person",
        makers=frozenset({"reviewer", "treasury"}),
        also=_ADMINISTRATOR,
        evidence=True,
    ),
    # The house itself.
    "threshold_set": _kind(
        "Threshold changed", "controls.services.threshold_set", about=NOBODY, makers=_TREASURY, also=_PRICING
    ),
    "switch_resume": _kind(
        "Switched on again", "controls.services.switch_resume", about=NOBODY, makers=_TREASURY
    ),
    "roles_set": _kind(
        "Roles of a person",
        "accounts.requests.roles_set",
        about="person",
        makers=_ADMINISTRATOR,
        also=_TREASURY,
    ),
    "factor_reset": Kind(
        label="Lost second factor removed",
        functions="oversight.requests.factor_reset",
        about="person",
        makers=_TREASURY | {"reviewer"},
        checkers=_TREASURY,
    ),
    "person_unfreeze": _kind(
        "Hold on a person lifted", "accounts.requests.person_unfreeze", about="person", makers=_TREASURY
    ),
    "person_close": _kind(
        "Account of a person closed",
        "oversight.people.closing.person_close",
        about="person",
        makers=_TREASURY,
    ),
}

#: Both run an act and answer the accounts that it moves; the first undoes it, the second answers its result as well.
_REHEARSE, _RECORDED = "ledger.services.rehearse", "ledger.services.recorded"
_ACCOUNTS_OF = "kyc.alike.accounts_of"


@cache
def _load(path: str) -> Callable[..., Any]:
    function: Callable[..., Any] = import_string(path)
    return function


def describe(kind: str, payload: dict[str, Any]) -> Description:
    found: Description = _load(f"{KINDS[kind].functions}_describe")(payload)
    return found


def person_about(kind: str, payload: dict[str, Any]) -> uuid.UUID | None:
    """Whom such a request is about; None: nobody, or the payload makes no sense (`describe` says so)."""
    about = KINDS[kind].about
    if "." in about:
        found: uuid.UUID | None = _load(about)(payload)
        return found
    try:
        return uuid.UUID(str(payload[about])) if about else None
    except (KeyError, ValueError):
        return None


def accounts_of(person_id: uuid.UUID) -> frozenset[uuid.UUID]:
    """This person's accounts as far as one can see (`kyc.alike`), this one among them."""
    found: frozenset[uuid.UUID] = _load(_ACCOUNTS_OF)(person_id)
    return found


def execute(request: Any) -> tuple[str, tuple[AccountChange, ...]]:
    """Do it; answers its sentence and the accounts that moved."""
    act = _load(f"{KINDS[request.kind].functions}_execute")
    sentence, rows = _load(_RECORDED)(lambda: act(request))
    return sentence, _changes(rows)


def rehearse(request: Any) -> tuple[AccountChange, ...]:
    """The accounts that would move."""
    act = _load(f"{KINDS[request.kind].functions}_execute")
    return _changes(_load(_REHEARSE)(lambda: act(request)))


def _changes(rows: Any) -> tuple[AccountChange, ...]:
    return tuple(AccountChange(*row) for row in rows)
