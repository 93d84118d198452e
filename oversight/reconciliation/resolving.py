"""What two people may do about a difference, and how it is done.

Amounts come from the line and the payment as they are stored, never from a form. No customer's account is touched:
what a customer owns or owes is changed by the requests that are made for it (an adjustment, a payment taken back).
"""

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from controls.effects import Change, Description
from controls.models import Request
from goldwallet.clock import Now
from goldwallet.errors import Conflict, Refused
from goldwallet.money import show_kes
from goldwallet.states import move
from ledger import chart
from ledger import services as ledger
from ledger.chart import Code
from ledger.services import Transfer
from oversight.models import BREAK_MOVES, Break, BreakKind, BreakState, How
from oversight.reconciliation.closed import RESOLVED
from oversight.reconciliation.stale import still_there
from oversight.reconciliation.suspense import Done, effect_of, line_of, refund_act, suspense_act
from payments.arrivals.returning import whole
from payments.models import ARRIVAL_MOVES, ArrivalState, Float, Payment, State
from payments.services import payment_lock, receipt_claim
from payments.statements import shortcode_of

_WORDS = {
    How.MATCH: "Our records are brought in line. No money moves.",
    How.SUSPENSE: "It is kept as nobody's money yet. Give it to a customer or send it back from there.",
    How.REFUND: "M-Pesa is asked to send the whole payment back to who paid it. It is in suspense until M-Pesa has.",
    How.WRITE_OFF: "The house bears it, or keeps it.",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to resolve a difference: the word, its name on the button, and what it does."""

    how: How
    label: str
    means: str


def choices(found: Break) -> list[Choice]:
    """What two people may do about this difference now. Empty: see `advice`."""
    ways = {
        BreakKind.LINE_IN_UNKNOWN: _in_unknown,
        BreakKind.LINE_OUT_UNKNOWN: _out_unknown,
        BreakKind.REVERSED: _reversed,
        BreakKind.PAYMENT_MISSING: _missing,
        BreakKind.REVERSAL_DIFFERS: lambda found: [_still_there(found) or _off("Write the difference off")],
        BreakKind.AMOUNT_DIFFERS: lambda found: [_more_came(found) or _off("Write the difference off")],
        BreakKind.RECEIPT_DIFFERS: lambda _: [
            Choice(How.MATCH, "Take over M-Pesa's receipt", "The payment gets the receipt of the line.")
        ],
        BreakKind.CHARGE_DIFFERS: lambda _: [
            Choice(How.WRITE_OFF, "Book what M-Pesa charged", "The difference goes to M-Pesa's charges.")
        ],
        BreakKind.LINE_TWICE: lambda found: [
            Choice(
                How.MATCH, "The same line, said twice", "The line stays where it is and counts for nothing."
            ),
            _more_came(found) or _off("The money moved twice: write it off"),
        ],
        BreakKind.FLOAT_DIFFERS: _float_differs,
    }
    return ways[BreakKind(found.kind)](found) if found.kind in ways else []


def _off(label: str) -> Choice:
    return Choice(How.WRITE_OFF, label, _WORDS[How.WRITE_OFF])


def _moved_by_us(found: Break) -> Choice:
    return Choice(
        How.MATCH,
        "Our book has it already",
        "For money that staff moved between our own accounts and booked as a move of the float.",
    )


def _more_came(found: Break) -> Choice | None:
    """For money that a customer paid beyond what we booked: it is never the house's."""
    line = found.line
    if (
        line is None
        or line.account != Float.COLLECTIONS
        or line.kind != "collection"
        or effect_of(found) <= 0
    ):
        return None
    return Choice(How.SUSPENSE, "More came: post it to suspense", _WORDS[How.SUSPENSE])


def _in_unknown(found: Break) -> list[Choice]:
    line = line_of(found)
    keep = Choice(How.SUSPENSE, "Post to suspense", _WORDS[How.SUSPENSE])
    if line.account == Float.COLLECTIONS and line.kind == "collection":
        # A customer's money is never the house's.
        back = Choice(How.REFUND, "Send it back to who paid it", _WORDS[How.REFUND])
        return [keep, back] if whole(line.paid_in) else [keep]
    ways = [_moved_by_us(found), _off("Keep it as the house's")]
    return [keep, *ways] if line.account == Float.COLLECTIONS else ways


def _out_unknown(found: Break) -> list[Choice]:
    line = line_of(found)
    lost = _off("Write the loss off")
    return [lost] if line.kind == "payout" else [_moved_by_us(found), lost]


def _reversed(found: Break) -> list[Choice]:
    if found.arrival is None:
        return []
    if found.arrival.state == ArrivalState.SUSPENSE:
        return [
            Choice(How.SUSPENSE, "Take it out of suspense", "The money has gone back to whoever paid it.")
        ]
    return [
        Choice(
            How.WRITE_OFF,
            "Write it off",
            "The house bears it. Ask for an adjustment to take it from the customer who got it.",
        )
    ]


def _missing(found: Break) -> list[Choice]:
    """Money that never came is nobody's loss while it waits in suspense: then nobody has got it."""
    if found.arrival is None or found.arrival.state == ArrivalState.ASSIGNED:
        return [_off("Write it off")]
    means = "It never came. Our book does not have it any more, and nobody can be given it."
    return [Choice(How.SUSPENSE, "Take it out of suspense", means)]


def _still_there(found: Break) -> Choice | None:
    """For money that we took back, or took out of suspense, and M-Pesa did not: it is not the house's."""
    if (found.arrival is None and found.payment is None) or effect_of(found) <= 0:
        return None
    return Choice(How.SUSPENSE, "M-Pesa still has it: post it to suspense", _WORDS[How.SUSPENSE])


def _float_differs(found: Break) -> list[Choice]:
    return [_off("Write the difference off")] if _float_code(found) is not None else []


_ADVICE = {
    BreakKind.STATE_DIFFERS: "Resolve the payment on its own page, as paid, with this line's receipt. "
    "The difference goes away with the next comparison.",
    BreakKind.REVERSED: "Take the payment back on its own page, with this line's receipt. "
    "The difference goes away with the next comparison.",
    BreakKind.REVERSAL_DIFFERS: "Ask M-Pesa about these receipts first. Only write it off when the house bears it.",
    BreakKind.POSTING_DIFFERS: "Find out who changed what. Reverse the wrong transaction from its page in the ledger, "
    "or ask for an adjustment.",
    BreakKind.POOL_DIFFERS: "Count the bars of this pool. Then correct bars from the pool's page, by two people.",
    BreakKind.HOLDING_DIFFERS: "Look at the account's history. Then ask for an adjustment in grams.",
    BreakKind.HOLD_DIFFERS: "Look at the account's history and at the open orders, payouts and arrivals.",
    BreakKind.BOOK_BROKEN: "Nothing on this page repairs the ledger. Keep payouts paused, and restore or correct it "
    "with the people who run the database.",
    BreakKind.FLOAT_DIFFERS: "Upload the statement of these days first: it usually explains the difference.",
    BreakKind.PAYMENT_MISSING: "If a customer's payment never came, ask to take the payment back on its own page. Only "
    "write it off when the house bears it.",
    BreakKind.LINE_OUT_UNKNOWN: "If you do not know this payout, somebody else may be paying from our account. Call "
    "M-Pesa and change the credential before anything else.",
}


_ARRIVAL_MISSING = (
    "Ask M-Pesa about the receipt. Give the money to nobody and send it to nobody meanwhile. If it was given to a "
    "customer already, ask for an adjustment, or the house bears it."
)


def advice(found: Break) -> str:
    """What to do first, as a sentence; empty when the choices say it all."""
    if found.kind == BreakKind.REVERSED and found.arrival_id is not None:
        return ""
    if found.kind == BreakKind.PAYMENT_MISSING and found.arrival is not None:
        return _ARRIVAL_MISSING
    return _ADVICE.get(BreakKind(found.kind), "")


# --- the request ----------------------------------------------------------------------------------


def _found(payload: dict[str, Any], *, lock: bool = False) -> tuple[Break, How]:
    """The open difference of a payload and the way that fits it. Raises Refused."""
    try:
        key = uuid.UUID(str(payload.get("break", "")))
    except ValueError:
        raise Refused("There is no such difference.", code="no_break", status=404) from None
    rows = Break.objects.select_related("payment", "arrival", "line")
    found = (rows.select_for_update(of=("self",)) if lock else rows).filter(pk=key).first()
    if found is None:
        raise Refused("There is no such difference.", code="no_break", status=404)
    if found.state != BreakState.OPEN:
        raise Conflict("This difference is not open any more.", code="not_open")
    how = next((choice.how for choice in choices(found) if choice.how == payload.get("how")), None)
    if how is None:
        raise Refused("This difference cannot be resolved in this way.", code="how")
    return found, how


def resolve_person(payload: dict[str, Any]) -> uuid.UUID | None:
    """Whose payment or whose money differs, where it is somebody's."""
    try:
        found, _ = _found(payload)
    except Refused:
        return None
    return whose(found)


def whose(found: Break) -> uuid.UUID | None:
    if found.payment is not None:
        return found.payment.user_id
    return found.arrival.user_id if found.arrival is not None else None


def resolve_describe(payload: dict[str, Any]) -> Description:
    """payload: `break`, `how`."""
    found, how = _found(payload)
    label = next(choice.label for choice in choices(found) if choice.how == how)
    changes = [Change("Difference", "Open", "Resolved")]
    if how == How.MATCH and found.kind == BreakKind.RECEIPT_DIFFERS and found.payment is not None:
        changes.append(Change("M-Pesa receipt", found.payment.receipt or "none", line_of(found).receipt))
    leaving = max(-effect_of(found), Decimal(0)) if how == How.WRITE_OFF else Decimal(0)
    if how == How.REFUND:
        leaving = line_of(found).paid_in
    return Description(f"{label}: {found.sentence}"[:300], tuple(changes), leaving_kes=leaving)


def resolve_execute(request: Request) -> str:
    """Lock order: the request, the difference, then payment or arrival, then the ledger.

    Raises Conflict when the difference is not what the last comparison found.
    """
    found, how = _found(request.payload, lock=True)
    still_there(found, account=_float_code(found))
    resolved = move(
        found, BreakState.RESOLVED, moves=BREAK_MOVES, how=how, request_id=request.pk, closed_at=Now()
    )
    if not resolved:
        raise Conflict("This difference is not open any more.", code="not_open")
    with ledger.overdraft_refused("The money has moved on meanwhile. Run the comparison again."):
        transfers, sentence = _ACTS[how](found)
        if transfers:
            ledger.post(
                key=f"request:{request.pk}",
                kind=RESOLVED,
                transfers=transfers,
                actor=str(request.checker_id or request.maker_id),
                memo=found.sentence[:200],
            )
    return sentence


def _match(found: Break) -> Done:
    if found.kind != BreakKind.RECEIPT_DIFFERS or found.payment is None:
        return [], "It is noted that our book has it already."
    receipt = line_of(found).receipt
    payment = payment_lock(found.payment.pk)
    if payment.state not in {State.SUCCEEDED, State.REVERSED} or payment.receipt != found.payment.receipt:
        raise Conflict("The payment has changed meanwhile. Run the comparison again.", code="moved")
    freed = receipt_claim(payment, receipt, decided=True)
    Payment.objects.filter(pk=payment.pk).update(receipt=receipt, receipt_seen_at=Now())
    return freed, f"Payment {found.payment.reference} has the receipt {receipt} now."


def _write_off(found: Break) -> Done:
    """Bring the float to what M-Pesa has, against the house."""
    effect, float_code = effect_of(found), _float_code(found)
    if float_code is None or not effect:
        raise Refused("There is nothing to write off here.", code="nothing")
    house = chart.house_adjustments()
    if found.kind == BreakKind.CHARGE_DIFFERS:
        house = chart.house_charges()
        _charge_set(found)
    taken = found.arrival if found.kind == BreakKind.REVERSED else None
    if taken is not None and not move(taken, ArrivalState.REVERSED, moves=ARRIVAL_MOVES, decided_at=Now()):
        raise Conflict("This money has gone back already. Run the comparison again.", code="moved")
    # More at M-Pesa than in the book: value comes out of the outside account, into the house. Less: the way back.
    transfer = Transfer(float_code, house, effect) if effect > 0 else Transfer(house, float_code, -effect)
    return [transfer], f"{show_kes(abs(effect))} is written off."


def _charge_set(found: Break) -> None:
    """The payment carries what M-Pesa really took."""
    if found.payment is None or found.theirs is None or found.ours is None:
        return
    changed = Payment.objects.filter(pk=found.payment.pk, charge=-found.ours or None)
    if not found.ours:
        changed = Payment.objects.filter(pk=found.payment.pk, charge=None) | Payment.objects.filter(
            pk=found.payment.pk, charge=0
        )
    if not changed.update(charge=-found.theirs):
        raise Conflict("The payment's charge has changed meanwhile. Run the comparison again.", code="moved")


def _float_code(found: Break) -> Code | None:
    """The float that the difference is part of; None when it is of two at once, or of none."""
    codes = {Float.COLLECTIONS: chart.mpesa_collections(), Float.PAYOUTS: chart.mpesa_payouts()}
    if found.line is not None:
        return codes[Float(found.line.account)]
    if found.kind == BreakKind.FLOAT_DIFFERS:
        named = [account for account in Float if shortcode_of(account) == found.about]
        return codes[named[0]] if len(named) == 1 else None
    if found.arrival is not None:
        return codes[Float.COLLECTIONS]
    if found.payment is not None:
        return codes[Float.COLLECTIONS if found.payment.direction == "in" else Float.PAYOUTS]
    return None


_ACTS = {How.MATCH: _match, How.SUSPENSE: suspense_act, How.REFUND: refund_act, How.WRITE_OFF: _write_off}
