"""What a request would do, computed by the code that would do it, as data that can be stored, hashed and shown."""

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from goldwallet.money import show_grams, show_kes


@dataclass(frozen=True, slots=True)
class Change:
    """One thing in words, before and after."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class AccountChange:
    """One account of the ledger, in its asset's unit."""

    code: str
    asset: str
    before: str
    after: str

    @property
    def moved(self) -> Decimal:
        return Decimal(self.after) - Decimal(self.before)


@dataclass(frozen=True, slots=True)
class Retype:
    """An amount that is typed again whatever the thresholds say, and how a page asks for it."""

    amount: str
    question: str
    grams: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """What a kind says about a payload: one sentence, and what changes besides the ledger.

    `warnings`: sentences about what is unusual, for whoever decides to look twice. They forbid nothing. `retype`: what
    the second person types again though no account moves by it, like the two prices of a pair.
    """

    summary: str
    changes: tuple[Change, ...] = ()
    #: KES that leave the house for good when this is approved.
    leaving_kes: Decimal = Decimal(0)
    warnings: tuple[str, ...] = ()
    retype: tuple[Retype, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """A description with the accounts that would move."""

    summary: str
    changes: tuple[Change, ...] = ()
    accounts: tuple[AccountChange, ...] = field(default=())
    leaving_kes: str = "0"
    warnings: tuple[str, ...] = ()
    retype: tuple[Retype, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """All but what is typed again: that is said at the moment of the approval, like the thresholds for it."""
        return {name: value for name, value in asdict(self).items() if name != "retype"}

    def most_moved(self, *, grams: bool) -> Decimal:
        """The most that any one account moves, in grams or in shillings."""
        moved = (abs(change.moved) for change in self.accounts if (change.asset != "KES") == grams)
        return max(moved, default=Decimal(0))

    def essence(self) -> dict[str, Any]:
        """What an approval is bound to: what moves, not the balances before it, which trading changes all the time."""
        moved = [(change.code, change.asset, f"{change.moved.normalize():f}") for change in self.accounts]
        return self.as_json() | {"accounts": moved}


@dataclass(frozen=True, slots=True)
class Amount:
    """Shillings or grams, not below zero. `question` is how a page asks for it."""

    value: Decimal
    grams: bool = False
    question: str = field(default="", compare=False)

    def show(self) -> str:
        return show_grams(self.value) if self.grams else show_kes(self.value)


def effect_of(stored: dict[str, Any]) -> Effect:
    """Read back what `as_json` wrote."""
    return Effect(
        summary=stored["summary"],
        changes=tuple(Change(**change) for change in stored["changes"]),
        accounts=tuple(AccountChange(**change) for change in stored["accounts"]),
        leaving_kes=stored["leaving_kes"],
        # Those that were made before there were these have none.
        warnings=tuple(stored.get("warnings", ())),
    )


def effect_shown(request: Any) -> Effect:
    """What a request (`controls.models.Request`) did; else what it would do, as worked out when it was asked for.

    Requests that were approved before it was kept show the latter, too: `done` is None.
    """
    return effect_of(request.effect if request.done is None else request.done)
