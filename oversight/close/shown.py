"""A close as a page and a PDF show it: amounts as numbers, people by their addresses, names for codes; and what of it
asks for a look.
"""

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts.models import User
from controls.kinds import KINDS
from controls.models import Cause, Request, SwitchName
from goldwallet.clock import NAIROBI
from goldwallet.money import show_grams
from goldwallet.templatetags.amounts import MINUS, kes
from goldwallet.wording import state
from kyc.models import Outcome
from oversight.close.figures import CASH, Figures, digest_of, figures_of, people_in
from oversight.models import DailyClose
from oversight.naming import account_names, kind_words
from payments.floats import FloatState, Verdict
from payments.models import Float
from pools.models import Pool

_AMOUNT = re.compile(r"-?[0-9]+\.(?:[0-9]{2}|[0-9]{6})")
_PEOPLE = {"user:cash": "Cash that we owe people", "user:receivable": "Owed to us by people"}


@dataclass(frozen=True)
class Close:
    """A day as it is shown. `stored` is None for one that is not closed (yet), which is counted now."""

    day: dt.date
    figures: Any
    digest: str
    stored: DailyClose | None
    #: Counted again now, a stored one comes out the same. None: it was not counted again, and is as it was stored.
    same: bool | None
    today: bool
    warnings: list[str]


def close_of(day: dt.date, *, today: dt.date, recount: bool = False) -> Close:
    """A day that has begun. A stored one is counted again only for who asks: that reads every account."""
    stored = DailyClose.objects.select_related("made_by").filter(pk=day).first()
    raw: Figures = stored.figures if stored else figures_of(day)
    return Close(
        day=day,
        figures=_shown(raw),
        digest=stored.digest if stored else digest_of(raw),
        stored=stored,
        same=_same(stored, recount=recount) if stored else None,
        today=day == today,
        warnings=warnings(raw),
    )


def _same(stored: DailyClose, *, recount: bool) -> bool | None:
    """The stored figures themselves are held against their digest, too: that costs nothing."""
    if digest_of(stored.figures) != stored.digest:
        return False
    if not recount:
        return None
    # Our shortcodes may be others by now.
    counted = figures_of(stored.day, shortcodes=stored.figures.get("shortcodes"))
    return digest_of(counted) == stored.digest


def warnings(raw: Figures) -> list[str]:
    """What somebody has to look at, as sentences. Empty: everything adds up."""
    gold, cash = raw["gold"], raw["cash"]
    said = [
        (
            gold["difference"],
            f"{_g(gold['difference'])} of the gold in the vault are neither free nor anybody's.",
        ),
        (gold["bars_difference"], f"Bars and ledger differ by {_g(gold['bars_difference'])}."),
        (cash["difference"], f"The shillings of the book do not add up: {_k(cash['difference'])} are left."),
    ]
    found = [sentence for value, sentence in said if Decimal(value)]
    for one in cash["floats"]:
        if _verdict(raw, one) == Verdict.DIFFERS:
            name = Float(one["account"]).label.lower()
            found.append(
                f"M-Pesa's last word about {name} differs from the book of that moment by {_k(one['difference'])}."
            )
    opened = raw["breaks"]["open"]
    if opened:
        found.append(f"{opened} difference{'s' if opened != 1 else ''} of the reconciliation open.")
    return found + [f"{SwitchName(name).label} paused." for name in raw["switches"]["paused"]]


def _verdict(raw: Figures, one: Figures) -> Verdict:
    """As the overview and the page of transfers say it."""
    there, book = Decimal(one["there"]), Decimal(one["book"])
    unsure = Decimal(raw.get("moving", {}).get(one["account"], "0"))
    return FloatState(
        Float(one["account"]), "", book, there, read_at=None, parts=[], then=book, unsure=unsure
    ).verdict


def plain_grams(value: Decimal) -> str:
    """As the pages have them, in plain text."""
    return show_grams(value).replace("-", MINUS)


def _g(text: str) -> str:
    return plain_grams(Decimal(text))


def _k(text: str) -> str:
    return kes(Decimal(text))


def _shown(raw: Figures) -> Any:
    figures = _numbers(raw)
    people = {str(key): one.email for key, one in User.objects.in_bulk(list(people_in(raw))).items()}
    gold = figures["gold"]
    gold["pools"] = _pools(gold["pools"])
    gold["promised"] = gold["closing"] - gold["free"]
    accounts = figures["cash"]["accounts"] = _accounts(figures["cash"]["accounts"])
    names = account_names(one["code"] for one in accounts if one["code"] not in _PEOPLE) | _PEOPLE
    for account in accounts:
        account["name"] = names[account["code"]]
    for one, said in zip(figures["cash"]["floats"], raw["cash"]["floats"], strict=True):
        one["name"] = Float(one["account"]).label
        one["verdict"] = _verdict(raw, said)
    for one in figures["posted"]:
        one["label"] = kind_words(one["kind"])
    for one in figures["prices"]:
        one["who"] = people.get(one["by"], "")
    requests = figures["requests"]
    decided = requests["decided"]
    # Not more than the first of them are listed.
    requests["of"] = requests["executed"] + requests["refused"]
    results = dict(Request.objects.filter(pk__in=[one["id"] for one in decided]).values_list("pk", "result"))
    for one in decided:
        kind = KINDS.get(one["kind"])
        one["label"] = kind.label if kind else one["kind"]
        one["asked_by"], one["decided_by"] = people.get(one["maker"], ""), people.get(one["checker"], "")
        one["result"] = results.get(UUID(one["id"]), "")
        one["word"] = state(one["state"], "request")[0]
    for one in figures["switches"]["changes"]:
        one["label"] = SwitchName(one["name"]).label
        one["why"] = Cause(one["cause"]).label if one["cause"] else ""
        one["who"] = people.get(one["by"], "")
    figures["switches"]["paused"] = [SwitchName(name).label for name in figures["switches"]["paused"]]
    figures["identity"] = [(Outcome(name).label, count) for name, count in figures["identity"].items()]
    return figures


def _pools(lines: list[Figures]) -> list[Figures]:
    """By their names and in their order of now."""
    pools = Pool.objects.in_bulk([one["id"] for one in lines])
    named = [(pools[UUID(one["id"])], one) for one in lines]
    named.sort(key=lambda pair: (pair[0].priority, pair[0].created_at, pair[0].pk))
    return [one | {"name": pool.name, "purity": pool.purity_text} for pool, one in named]


def _accounts(lines: list[Figures]) -> list[Figures]:
    """In the order of the page; there the house's own stand also when they are empty."""
    nothing = dict.fromkeys(("opening", "came", "went", "closing"), Decimal("0.00"))
    found = {one["code"]: one for one in lines}
    first = [found.pop(code, {"code": code, **nothing}) for code in CASH]
    return first + list(found.values())


def _numbers(value: Any) -> Any:
    """Amounts and times of the JSON as such."""
    if isinstance(value, dict):
        return {
            key: _moment(inner) if key in {"at", "read_at", "from"} else _numbers(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_numbers(inner) for inner in value]
    if isinstance(value, str) and _AMOUNT.fullmatch(value):
        return Decimal(value)
    return value


def _moment(text: str) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text).astimezone(NAIROBI) if text else None
