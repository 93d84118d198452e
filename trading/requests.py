"""What two people decide about a person's gold, cash and debts (`controls.kinds`): corrections, the end of a debt, cash
paid out. `trading.services.adjusting` and `trading.services.cashing` do it.
"""

import uuid
from decimal import Decimal
from typing import Any

from accounts.models import User
from controls.effects import Change, Description
from controls.models import Request
from controls.selectors import threshold
from goldwallet import phones
from goldwallet.errors import Refused
from goldwallet.money import parse_grams, parse_shillings, show_kes
from pools.models import Pool
from pools.selectors import current_price
from trading.services.adjusting import Adjustment, adjustment_make
from trading.services.cashing import LEAST, MOST, How, cash_pay_out, cash_phone, debt_of, debt_settle

_LEAST_WORDS, _MOST_WORDS = 10, 200


def adjustment_subject(*, user_id: uuid.UUID, gold: bool) -> str:
    """One open correction of a person's gold at a time, and one of their cash."""
    return f"adjustment:{user_id}:{'gold' if gold else 'cash'}"


def debt_subject(user_id: uuid.UUID) -> str:
    """One open request about a person's debt at a time."""
    return f"adjustment:{user_id}:debt"


def payout_subject(user_id: uuid.UUID) -> str:
    """One open request to pay out a person's cash at a time."""
    return f"adjustment:{user_id}:payout"


def _person(payload: dict[str, Any]) -> User:
    try:
        return User.objects.get(pk=uuid.UUID(str(payload.get("person", ""))))
    except (ValueError, User.DoesNotExist):
        raise Refused("There is no such person.", code="person") from None


def _pool(payload: dict[str, Any]) -> Pool:
    try:
        return Pool.objects.get(pk=uuid.UUID(str(payload.get("pool", ""))))
    except (ValueError, Pool.DoesNotExist):
        raise Refused("Choose the pool that the grams come from or go to.", code="no_pool") from None


def _credit(payload: dict[str, Any]) -> bool:
    if payload.get("way") not in {"credit", "debit"}:
        raise Refused("Choose whether the person gets it or gives it back.", code="way")
    return bool(payload["way"] == "credit")


def _words(payload: dict[str, Any]) -> str:
    """What the customer reads."""
    words = " ".join(str(payload.get("words", "")).replace("\x00", " ").split())
    if not _LEAST_WORDS <= len(words) <= _MOST_WORDS:
        raise Refused(
            f"Write what the customer reads, with {_LEAST_WORDS} to {_MOST_WORDS} letters.", code="words"
        )
    return words


def _above_zero(amount: Decimal, *, worth: Decimal) -> Decimal:
    """Refused for nothing, and for more than any order may be: so a digit too many is no correction."""
    if amount <= 0:
        raise Refused("The amount must be above zero.", code="number")
    most = threshold("order_max_kes")
    if worth > most:
        raise Refused(f"Correct at most {show_kes(most)} at a time.", code="too_much")
    return amount


def _gold(payload: dict[str, Any]) -> Adjustment:
    price = current_price()
    grams = parse_grams(str(payload.get("grams", "")))
    grams = _above_zero(grams, worth=grams * price.buy if price else Decimal(0))
    return Adjustment(_person(payload).pk, _credit(payload), grams, _pool(payload).pk)


def _cash(payload: dict[str, Any]) -> Adjustment:
    kes = parse_shillings(str(payload.get("kes", "")))
    return Adjustment(_person(payload).pk, _credit(payload), _above_zero(kes, worth=kes))


def _not_own(request: Request, user_id: uuid.UUID) -> None:
    if user_id in {request.maker_id, request.checker_id}:
        raise Refused("This is about yourself. Two other people must do it.", code="own", status=403)


def _make(request: Request, adjustment: Adjustment) -> str:
    _not_own(request, adjustment.user_id)
    adjustment_make(
        adjustment=adjustment,
        words=_words(request.payload),
        request_id=request.pk,
        by=request.checker_id or request.maker_id,
    )
    return f"{adjustment.show()} {'credited to' if adjustment.credit else 'taken from'} the person, who has a mail."


def _description(payload: dict[str, Any], adjustment: Adjustment, *, what: str) -> Description:
    who = _person(payload).email
    way = f"{who} gets {what}" if adjustment.credit else f"{who} gives back {what}"
    leaving = adjustment.amount if adjustment.credit and not adjustment.pool_id else Decimal(0)
    told = Change("The customer reads", "nothing", _words(payload))
    return Description(f"{way}.", (told,), leaving_kes=leaving)


def adjust_gold_describe(payload: dict[str, Any]) -> Description:
    """payload: `person` (id), `pool` (id), `grams` (text), `way` (credit or debit), `words` (for the customer)."""
    adjustment = _gold(payload)
    what = f"{adjustment.show()} of the pool {_pool(payload).name}"
    return _description(payload, adjustment, what=what)


def adjust_gold_execute(request: Request) -> str:
    return _make(request, _gold(request.payload))


def adjust_cash_describe(payload: dict[str, Any]) -> Description:
    """payload: `person` (id), `kes` (whole shillings as text), `way` (credit or debit), `words` (for the customer)."""
    adjustment = _cash(payload)
    return _description(payload, adjustment, what=f"{adjustment.show()} of cash with us")


def adjust_cash_execute(request: Request) -> str:
    return _make(request, _cash(request.payload))


# --- debts ----------------------------------------------------------------------------------------


def _how(payload: dict[str, Any]) -> How:
    how = payload.get("how")
    if how not in {"cash", "write_off"}:
        raise Refused("Choose whether the person's cash covers it or we give it up.", code="how")
    return "cash" if how == "cash" else "write_off"


def _kes(payload: dict[str, Any]) -> Decimal:
    kes = parse_shillings(str(payload.get("kes", "")))
    if kes <= 0:
        raise Refused("The amount must be above zero.", code="number")
    return kes


def debt_settle_describe(payload: dict[str, Any]) -> Description:
    """payload: `person` (id), `kes` (whole shillings as text), `how` (cash or write_off)."""
    person, kes, how = _person(payload), _kes(payload), _how(payload)
    owed = debt_of(person.pk)
    change = Change(f"{person.email} owes us", show_kes(owed), show_kes(max(Decimal(0), owed - kes)))
    if how == "cash":
        done = f"{show_kes(kes)} of the cash of {person.email} covers what they owe us."
    else:
        done = f"We give up {show_kes(kes)} that {person.email} owes us."
    return Description(done, (change,))


def debt_settle_execute(request: Request) -> str:
    person, kes = _person(request.payload), _kes(request.payload)
    _not_own(request, person.pk)
    debt_settle(
        user_id=person.pk,
        amount=kes,
        how=_how(request.payload),
        request_id=request.pk,
        by=request.checker_id or request.maker_id,
    )
    return f"{show_kes(kes)} of the debt is settled. The person has a mail."


# --- cash -----------------------------------------------------------------------------------------


def _payable(payload: dict[str, Any]) -> Decimal:
    kes = _kes(payload)
    if not LEAST <= kes <= MOST:
        raise Refused(f"M-Pesa pays {show_kes(LEAST)} to {show_kes(MOST)} at once.", code="bounds")
    return kes


def cash_payout_describe(payload: dict[str, Any]) -> Description:
    """payload: `person` (id), `kes` (whole shillings as text)."""
    person, kes = _person(payload), _payable(payload)
    number = phones.mask(cash_phone(person.pk))
    return Description(f"{show_kes(kes)} of the cash of {person.email} go to {number}.", leaving_kes=kes)


def cash_payout_execute(request: Request) -> str:
    person, kes = _person(request.payload), _payable(request.payload)
    _not_own(request, person.pk)
    payout = cash_pay_out(user_id=person.pk, amount=kes, by=request.checker_id or request.maker_id)
    return f"Payout {payout.reference} is made. The person has a mail when it is paid."
