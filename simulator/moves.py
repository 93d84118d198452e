"""The part of the control API that moves money without a client: a customer, a thief, the provider itself."""

import re
from http import HTTPStatus
from typing import Any

from flask import Response, request

from simulator import books, ids, payments, payouts, statement
from simulator.context import current
from simulator.control import Refused, blueprint, json_body, moment, number_of, reply, text_of

_RECEIPT = re.compile(r"[A-Z0-9]{10}")


@blueprint.post("/paybill")
def paybill() -> Response:
    """A customer pays the Paybill from the phone's own menu."""
    simulator = current()
    body = _known(json_body(), "phone", "amount", "account_reference", "shortcode")
    shortcode = body.get("shortcode", simulator.settings.shortcode)
    if not isinstance(shortcode, str):
        raise Refused("The shortcode must be text.")
    reference = text_of(body, "account_reference")
    if len(reference) > payments.LONGEST_REFERENCE:
        raise Refused(f"An account reference has at most {payments.LONGEST_REFERENCE} characters.")
    phone, amount = number_of(text_of(body, "phone", required=True)), _amount(body)
    try:
        receipt = payments.pay_by_hand(
            simulator.store,
            simulator.settings,
            shortcode=shortcode,
            phone=phone,
            amount=amount,
            reference=reference,
        )
    except payments.NotPayable as error:
        raise Refused(str(error), HTTPStatus.CONFLICT) from None
    return reply(
        {
            "receipt": receipt,
            "phone": phone,
            "amount": amount,
            "account_reference": reference,
            "shortcode": shortcode,
        }
    )


@blueprint.post("/foreign-payout")
def foreign_payout() -> Response:
    """Money leaves the paying shortcode, and no client asked for it. `at`: a moment before now; without it, now."""
    simulator = current()
    body = _known(json_body(), "phone", "amount", "receipt", "remarks", "at")
    at = ids.now() if body.get("at") is None else moment(body["at"])
    if at > ids.now():
        raise Refused("That moment has not come yet.")
    receipt = body.get("receipt")
    if receipt is not None and not (isinstance(receipt, str) and _RECEIPT.fullmatch(receipt)):
        raise Refused("A receipt has ten capital letters and digits.")
    phone, amount = number_of(text_of(body, "phone", required=True)), _amount(body)
    remarks = text_of(body, "remarks") or "Paid at the portal"
    try:
        with simulator.store.write() as db:
            payout = payouts.pay_foreign(
                db,
                simulator.settings,
                phone=phone,
                amount=amount,
                remarks=remarks,
                receipt=receipt,
                at=at,
            )
    except payouts.DuplicateReceipt:
        raise Refused("Another transaction has this receipt.", HTTPStatus.CONFLICT) from None
    except payouts.NotExecuted as error:
        raise Refused(str(error), HTTPStatus.CONFLICT) from None
    return reply(payouts.view(payout))


@blueprint.post("/reverse")
def reverse() -> Response:
    """M-Pesa itself gives a payment back to the customer, who complained. The organisation is not told."""
    simulator, at = current(), ids.now()
    original = text_of(_known(json_body(), "receipt"), "receipt", required=True)
    try:
        with simulator.store.write() as db:
            receipt = payments.reverse(
                db, simulator.settings, original, by=payments.BY_PROVIDER, initiated_at=at, at=at
            )
    except payments.NoSuchPayment:
        raise Refused("No payment in has this receipt.", HTTPStatus.NOT_FOUND) from None
    except payments.AlreadyReversed:
        raise Refused("This payment was reversed before.", HTTPStatus.CONFLICT) from None
    except books.NotEnough:
        raise Refused("The shortcode no longer holds that much.", HTTPStatus.CONFLICT) from None
    return reply({"receipt": receipt, "original": original})


@blueprint.get("/statement")
def statement_show() -> Response:
    """The statement of one account, as the portal exports it."""
    simulator = current()
    account = request.args.get("account", "collections")
    if account not in statement.ACCOUNTS:
        raise Refused(f"The account must be one of {', '.join(statement.ACCOUNTS)}.")
    start = _bound("from", default=0)
    end = _bound("to", default=ids.now(), whole_day=True)
    if end < start:
        raise Refused("The statement ends before it begins.")
    with simulator.store.read() as db:
        text = statement.export(db, simulator.settings, account, start=start, end=end)
    headers = {"Content-Disposition": f'attachment; filename="statement-{account}.csv"'}
    return Response(text, mimetype="text/csv", headers=headers)


def _bound(name: str, *, default: float, whole_day: bool = False) -> float:
    typed = request.args.get(name)
    if not typed:
        return default
    # The "+" of an offset arrives as a blank when it was not escaped.
    at = moment(typed.replace(" ", "+") if "T" in typed else typed)
    return at + statement.DAY - 1 if whole_day and len(typed) == len("2026-11-21") else at


def _known(body: dict[str, Any], *names: str) -> dict[str, Any]:
    unknown = sorted(set(body) - set(names))
    if unknown:
        raise Refused(f"{unknown[0]!r} is not known. Give {', '.join(names)}.")
    return body


def _amount(body: dict[str, Any]) -> int:
    amount = body.get("amount")
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 1:
        raise Refused("The amount must be whole KES, at least 1.")
    return amount
