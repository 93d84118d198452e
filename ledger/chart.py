"""The chart of accounts: the only place that spells an account's code.

Sign rule: an account's balance is what it received less what it sent, so every asset sums to zero. Value
enters by coming *out of* an outside account and leaves by going *into* it; the negative balance of an outside
account is what the outside holds for us. Grams are asset GOLD (six places), shillings asset KES (two places).

The rest of the house asks these functions for a `Code` and never builds the text itself; `owner_of` reads it
back.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

type Asset = Literal["GOLD", "KES"]

GOLD: Asset = "GOLD"
KES: Asset = "KES"

# Digits after the point. The database says the same in `ledger_scale()`; a test holds the two together.
SCALES: dict[str, int] = {GOLD: 6, KES: 2}


@dataclass(frozen=True, slots=True)
class Code:
    """An account as the chart defines it; the account is opened by the first transfer that names it.

    `shared` accounts are touched by many people at once, so they are locked last. `may_go_negative` marks
    what the outside holds for us; every other account is refused below zero by the database.
    """

    code: str
    asset: Asset
    may_go_negative: bool = False
    shared: bool = False

    def __str__(self) -> str:
        return self.code


def _id(value: UUID | str | int) -> str:
    text = str(value)
    if not text or ":" in text or text != text.strip():
        raise ValueError(f"{text!r} cannot be part of an account's code")
    return text


# --- pools (grams) --------------------------------------------------------------------------------
def pool_vault(pool_id: UUID | str) -> Code:
    """What lies in the vault for this pool, as a negative: the outside that holds the bars."""
    return Code(f"pool:{_id(pool_id)}:vault", GOLD, may_go_negative=True, shared=True)


def pool_available(pool_id: UUID | str) -> Code:
    """Grams of the pool that nobody has bought or reserved."""
    return Code(f"pool:{_id(pool_id)}:available", GOLD, shared=True)


# --- people ---------------------------------------------------------------------------------------
def user_gold(user_id: UUID | str) -> Code:
    """Grams that the person owns and may sell."""
    return Code(f"user:{_id(user_id)}:gold", GOLD)


def user_gold_incoming(user_id: UUID | str) -> Code:
    """Grams reserved for a buy that is not paid yet: not owned."""
    return Code(f"user:{_id(user_id)}:gold:incoming", GOLD)


def user_gold_locked(user_id: UUID | str) -> Code:
    """Grams of a sale whose money is not out yet: still owned."""
    return Code(f"user:{_id(user_id)}:gold:locked", GOLD)


def user_cash(user_id: UUID | str) -> Code:
    """Shillings that we owe the person."""
    return Code(f"user:{_id(user_id)}:cash", KES)


def user_receivable(user_id: UUID | str) -> Code:
    """Shillings that the person owes us, as a negative."""
    return Code(f"user:{_id(user_id)}:receivable", KES, may_go_negative=True)


# --- money on its way -----------------------------------------------------------------------------
def payouts_clearing() -> Code:
    """Agreed payouts that the provider has not confirmed."""
    return Code("payouts:clearing", KES, shared=True)


def suspense_mpesa() -> Code:
    """Money that arrived and belongs to nobody we know yet."""
    return Code("suspense:mpesa", KES, shared=True)


def _outside(code: str) -> Code:
    return Code(code, KES, may_go_negative=True, shared=True)


def mpesa_collections() -> Code:
    """Our float on the collecting shortcode, as a negative."""
    return _outside("mpesa:collections")


def mpesa_payouts() -> Code:
    """Our float on the paying shortcode, as a negative."""
    return _outside("mpesa:payouts")


# --- the house ------------------------------------------------------------------------------------
def house_sales() -> Code:
    """What people paid for gold."""
    return _outside("house:sales")


def house_purchases() -> Code:
    """What the house paid for gold that people sold, as a negative."""
    return _outside("house:purchases")


def house_charges() -> Code:
    """The provider's charges, as a negative."""
    return _outside("house:charges")


def house_capital() -> Code:
    """What the owner put in."""
    return _outside("house:capital")


def house_adjustments() -> Code:
    """Corrections in shillings that two people agreed."""
    return _outside("house:adjustments")


# --- reading a code back --------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Owner:
    """Whose account a code names: `kind` is user, pool or house; `id` is empty for the house."""

    kind: Literal["user", "pool", "house"]
    id: str
    part: str


def owner_of(code: str) -> Owner:
    """`user:U:gold:locked` -> Owner("user", "U", "gold:locked"); `house:sales` -> Owner("house", "", ...)."""
    head, _, rest = code.partition(":")
    if head in {"user", "pool"}:
        owner_id, _, part = rest.partition(":")
        if not owner_id or not part:
            raise ValueError(f"{code!r} is no account's code")
        return Owner("user" if head == "user" else "pool", owner_id, part)
    return Owner("house", "", code)


def asset_of(code: str) -> Asset:
    """The asset that a code is kept in, told from its text alone. The account stores it too."""
    owner = owner_of(code)
    return GOLD if owner.kind == "pool" or (owner.kind == "user" and owner.part.startswith("gold")) else KES
