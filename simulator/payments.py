"""Payments in, whichever way they came (a prompt, or the Paybill by hand), and their reversals."""

import dataclasses

from simulator import books, ids, notices, phones
from simulator.config import Settings
from simulator.store import Db, Row, Store
from simulator.tariff import MAXIMUM_AMOUNT

#: Who asked for a reversal.
BY_ORGANISATION, BY_PROVIDER = "organisation", "provider"
LONGEST_REFERENCE = 20


class NotPayable(Exception):
    """The phone cannot pay this. The sentence says why; the customer would read it."""


class NoSuchPayment(Exception):
    """No payment in has this receipt."""


class AlreadyReversed(Exception):
    """The payment was reversed before."""


def find(db: Db, receipt: str, *, shortcode: str | None = None) -> Row | None:
    """The payment with this receipt; with `shortcode`, only if that was paid."""
    query = "SELECT * FROM payments WHERE receipt = :receipt"
    if shortcode is not None:
        query += " AND shortcode = :shortcode"
    row: Row | None = db.execute(query, {"receipt": receipt, "shortcode": shortcode}).fetchone()
    return row


def is_reversed(db: Db, receipt: str) -> bool:
    return db.execute("SELECT 1 FROM reversals WHERE original = ?", (receipt,)).fetchone() is not None


def reversal_by(db: Db, receipt: str, *, shortcode: str) -> Row | None:
    """The reversal with this receipt of its own, and with it phone and amount of the payment."""
    row: Row | None = db.execute(
        "SELECT reversals.*, payments.shortcode, payments.phone, payments.amount FROM reversals"
        " JOIN payments ON payments.receipt = reversals.original"
        " WHERE reversals.receipt = ? AND payments.shortcode = ?",
        (receipt, shortcode),
    ).fetchone()
    return row


def pay_by_hand(
    store: Store, settings: Settings, *, shortcode: str, phone: str, amount: int, reference: str
) -> str:
    """Pay a Paybill from the phone's own menu; the receiver may be asked first. Returns the receipt.

    Raises NotPayable.
    """
    at = ids.now()
    with store.write() as db:
        phones.open_phone(db, settings, phone, at=at)
        _check(db, settings, shortcode=shortcode, phone=phone, amount=amount, at=at)
        payment = notices.Payment(
            receipt=books.new_receipt(db, at=at),
            shortcode=shortcode,
            phone=phone,
            amount=amount,
            reference=reference,
        )
    verdict = notices.validate(store, settings, payment, at=at)
    if verdict.refusal:
        raise NotPayable(f"{settings.organisation} did not accept it: {verdict.refusal}.")
    at = ids.now()
    with store.write() as db:
        _check(db, settings, shortcode=shortcode, phone=phone, amount=amount, at=at)
        _pay(db, settings, dataclasses.replace(payment, third_party_id=verdict.third_party_id), at=at)
    return payment.receipt


def _check(db: Db, settings: Settings, *, shortcode: str, phone: str, amount: int, at: float) -> None:
    """Raise NotPayable when the phone could not pay this now."""
    if not books.is_ours(settings, shortcode):
        raise NotPayable("No business has this number.")
    account = books.phone_account(phone)
    if not 1 <= amount <= MAXIMUM_AMOUNT:
        raise NotPayable(f"A payment is from KES 1 to {phones.kes(MAXIMUM_AMOUNT)}.")
    if not phones.open_phone(db, settings, phone, at=at)["registered"]:
        raise NotPayable("This number is not registered for M-Pesa.")
    if books.balance(db, account) < amount:
        raise NotPayable(f"The M-Pesa balance is only {phones.kes(books.balance(db, account))}.")
    if books.paid_today(db, account, at=at) + amount > settings.daily_limit:
        raise NotPayable(f"A phone pays at most {phones.kes(settings.daily_limit)} a day.")


def _pay(db: Db, settings: Settings, payment: notices.Payment, *, at: float) -> None:
    account = books.phone_account(payment.phone)
    books.post(
        db,
        kind="pay bill",
        memo=f"{payment.phone} to {payment.shortcode} for {payment.reference or 'no account'}",
        at=at,
        receipt=payment.receipt,
        transfers=[books.Transfer(account, books.utility(settings, payment.shortcode), payment.amount)],
    )
    db.execute(
        "INSERT INTO paybills (receipt, shortcode, phone, amount, reference, at) VALUES (?, ?, ?, ?, ?, ?)",
        (payment.receipt, payment.shortcode, payment.phone, payment.amount, payment.reference, at),
    )
    text = (
        f"{payment.receipt} confirmed. You paid {phones.kes(payment.amount)} to {settings.organisation},"
        f" account {payment.reference or '(none)'}, on {ids.nairobi(at):%d %b %Y at %H:%M}. New M-Pesa"
        f" balance: {phones.kes(books.balance(db, account))}."
    )
    phones.message_add(db, payment.phone, kind="sms", text=text, at=at)
    notices.confirm(db, settings, payment, at=at)


def reverse(db: Db, settings: Settings, receipt: str, *, by: str, initiated_at: float, at: float) -> str:
    """Give a payment back to its phone. Returns the reversal's own receipt.

    `by` is BY_ORGANISATION (its own request) or BY_PROVIDER (a customer's complaint). Raises NoSuchPayment,
    AlreadyReversed, and books.NotEnough when the shortcode no longer has the money.
    """
    payment = find(db, receipt)
    if payment is None:
        raise NoSuchPayment(receipt)
    if is_reversed(db, receipt):
        raise AlreadyReversed(receipt)
    utility = books.utility(settings, payment["shortcode"])
    if books.balance(db, utility) < payment["amount"]:
        raise books.NotEnough(utility)
    own = books.new_receipt(db, at=at)
    account = books.phone_account(payment["phone"])
    books.post(
        db,
        kind="reversal",
        memo=f"{payment['shortcode']} to {payment['phone']}: reversal of {receipt}",
        at=at,
        receipt=own,
        transfers=[books.Transfer(utility, account, payment["amount"])],
    )
    db.execute(
        "INSERT INTO reversals (receipt, original, requested_by, initiated_at, at) VALUES (?, ?, ?, ?, ?)",
        (own, receipt, by, initiated_at, at),
    )
    text = (
        f"{own} confirmed. Your payment {receipt} to {settings.organisation} was reversed on"
        f" {ids.nairobi(at):%d %b %Y at %H:%M}: {phones.kes(payment['amount'])} is back. New M-Pesa balance:"
        f" {phones.kes(books.balance(db, account))}."
    )
    phones.message_add(db, payment["phone"], kind="sms", text=text, at=at)
    return own
