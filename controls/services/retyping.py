"""What the second person types again: an amount that is read over is not the one that was meant (faults.md Z06)."""

from decimal import Decimal

from controls.effects import Amount, Effect
from controls.selectors import threshold
from goldwallet.errors import Refused
from goldwallet.money import parse_grams, parse_price


def retype_needed(effect: Effect) -> tuple[Amount, ...]:
    """The amounts that the second person types again, in this order; none: too small for that (faults.md Z06).

    What its kind names counts first, then the larger of what leaves the house and the most that any one account moves
    in shillings, then grams.
    """
    if effect.retype:
        named = effect.retype
        return tuple(Amount(Decimal(one.amount), grams=one.grams, question=one.question) for one in named)
    leaving, most = Decimal(effect.leaving_kes), effect.most_moved(grams=False)
    kes = max(leaving, most)
    if kes >= threshold("approval_retype_kes"):
        return (Amount(kes, question=_HOW_MUCH_LEAVES if leaving >= most else _HOW_MUCH_MOVES),)
    grams = effect.most_moved(grams=True)
    if grams >= threshold("approval_retype_grams"):
        return (Amount(grams, grams=True, question=_HOW_MANY_GRAMS),)
    return ()


_HOW_MUCH_LEAVES = "How many shillings leave the house?"
_HOW_MUCH_MOVES = "How many shillings does this move? It is the largest amount under Moves."
_HOW_MANY_GRAMS = "How many grams does this move? It is the largest amount under Moves."


def typed_check(effect: Effect, typed: tuple[str, ...]) -> None:
    """Hold what was typed against it. Raises Refused with the code `typed_<place>`, from 1 on."""
    does = "sets" if effect.retype else "moves"
    for place, needed in enumerate(retype_needed(effect)):
        text = typed[place] if place < len(typed) else ""
        _check_amount(needed, text, does=does, code=f"typed_{place + 1}")


def _check_amount(needed: Amount, typed: str, *, does: str, code: str) -> None:
    parse = parse_grams if needed.grams else parse_price
    if not typed.strip():
        raise Refused(f"Type the amount that this request {does}.", code=code)
    try:
        amount = Amount(parse(typed), grams=needed.grams)
    except Refused as refused:
        raise Refused(refused.sentence, code=code) from None
    if amount != needed:
        raise Refused(
            f"You typed {amount.show()}, this request {does} {needed.show()}. Look at it again.", code=code
        )
