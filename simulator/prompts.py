"""Prompts on phones: from the push that raises one to the money or the refusal that ends it.

open -> completed | failed          answered on the phone
open -> ignored -> failed (1037)    put away unanswered, or a phone that cannot be reached
A phone has at most one prompt that has not ended.
"""

from dataclasses import dataclass
from typing import Any, TypedDict

from simulator import books, callbacks, ids, notices, phones, results
from simulator.config import Settings
from simulator.store import Db, Row

ACTIONS = ("accept", "wrong_pin", "decline", "ignore")


class SubscriberBusy(Exception):
    """The phone has a prompt that has not ended."""


class NoSuchPrompt(Exception):
    """No prompt has this CheckoutRequestID."""


class PromptClosed(Exception):
    """The prompt can no longer be answered."""


@dataclass(frozen=True, kw_only=True)
class Push:
    """A checked STK request. `permitted`: the receiving party fits the transaction type."""

    shortcode: str
    phone: str
    amount: int
    reference: str
    description: str
    callback_url: str
    permitted: bool


class PromptView(TypedDict):
    CheckoutRequestID: str
    phone: str
    amount: int
    account_reference: str
    created_at: str
    state: str
    result_code: str | None
    result_desc: str | None
    receipt: str | None


def view(row: Row) -> PromptView:
    code = row["result_code"]
    return PromptView(
        CheckoutRequestID=row["checkout_id"],
        phone=row["phone"],
        amount=row["amount"],
        account_reference=row["reference"],
        created_at=ids.nairobi(row["created_at"]).isoformat(),
        state=row["state"],
        result_code=code,
        result_desc=results.ALL[code].text if code else None,
        receipt=row["receipt"],
    )


def create(db: Db, settings: Settings, push: Push, *, at: float) -> Row:
    """Send a prompt to the phone, or decide at once that none is sent. Raises SubscriberBusy."""
    phone = phones.open_phone(db, settings, push.phone, at=at)
    busy = db.execute("SELECT 1 FROM prompts WHERE phone = ? AND state IN ('open', 'ignored')", (push.phone,))
    if busy.fetchone():
        raise SubscriberBusy(push.phone)
    # A phone that is not on M-Pesa shows nothing, and the push ends like one that nobody answers (assumed).
    reachable = bool(phone["registered"])
    checkout_id = _new_checkout_id(db, push.phone, at=at)
    db.execute(
        "INSERT INTO prompts (checkout_id, merchant_id, shortcode, phone, amount, reference, description,"
        " callback_url, created_at, due_at, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            checkout_id,
            ids.request_id(),
            push.shortcode,
            push.phone,
            push.amount,
            push.reference,
            push.description,
            push.callback_url,
            at,
            at + (settings.prompt_seconds if reachable else settings.ignore_seconds),
            "open" if reachable else "ignored",
        ),
    )
    db.execute("UPDATE phones SET seen_at = ? WHERE number = ?", (at, push.phone))
    prompt = get(db, checkout_id)
    if not push.permitted:
        _finish(db, settings, prompt, results.NOT_PERMITTED, at=at)
    elif _repeats_a_payment(db, settings, push, at=at):
        _finish(db, settings, prompt, results.RULE_LIMITED, at=at)
    return get(db, checkout_id)


def _new_checkout_id(db: Db, phone: str, *, at: float) -> str:
    while True:
        checkout_id = ids.checkout_request_id(phone=phone, at=at)
        if not db.execute("SELECT 1 FROM prompts WHERE checkout_id = ?", (checkout_id,)).fetchone():
            return checkout_id


def _repeats_a_payment(db: Db, settings: Settings, push: Push, *, at: float) -> bool:
    # Documented: the same customer and amount again within two minutes is refused. Counted from a *completed*
    # payment: a prompt that was declined or ran out is no transaction, so trying again at once is allowed.
    row = db.execute(
        "SELECT 1 FROM prompts WHERE phone = ? AND amount = ? AND shortcode = ? AND state = 'completed'"
        " AND decided_at > ?",
        (push.phone, push.amount, push.shortcode, at - settings.rule_limit_seconds),
    ).fetchone()
    return row is not None


def get(db: Db, checkout_id: str) -> Row:
    row: Row | None = db.execute("SELECT * FROM prompts WHERE checkout_id = ?", (checkout_id,)).fetchone()
    if row is None:
        raise NoSuchPrompt(checkout_id)
    return row


def open_prompts(db: Db, *, at: float, phone: str | None = None) -> list[Row]:
    """Prompts that can be answered now, oldest first."""
    query = "SELECT * FROM prompts WHERE state = 'open' AND due_at > :at"
    if phone is not None:
        query += " AND phone = :phone"
    return db.execute(query + " ORDER BY created_at, rowid", {"at": at, "phone": phone}).fetchall()


def recent(db: Db, phone: str, *, count: int) -> list[Row]:
    """Prompts that have left the screen, newest first."""
    query = "SELECT * FROM prompts WHERE phone = ? AND state <> 'open' ORDER BY created_at DESC, rowid DESC"
    return db.execute(query + " LIMIT ?", (phone, count)).fetchall()


def answer_with_pin(db: Db, settings: Settings, checkout_id: str, pin: str, *, at: float) -> Row:
    """What Send on the phone does. Raises NoSuchPrompt, PromptClosed."""
    prompt = _open(db, checkout_id, at=at)
    phone = phones.open_phone(db, settings, prompt["phone"], at=at)
    if phones.pin_is_locked(phone):
        return _finish(db, settings, prompt, results.LOCKED, at=at)
    return decide(db, settings, checkout_id, "accept" if pin == phones.PIN else "wrong_pin", at=at)


def decide(db: Db, settings: Settings, checkout_id: str, action: str, *, at: float) -> Row:
    """Answer an open prompt with one of ACTIONS. Raises NoSuchPrompt, PromptClosed.

    `accept` stands for a right PIN, also on a phone whose PIN was locked; three `wrong_pin` in a row lock it.
    """
    prompt = _open(db, checkout_id, at=at)
    match action:
        case "accept":
            phones.pin_reset(db, prompt["phone"])
            return _pay(db, settings, prompt, at=at)
        case "wrong_pin":
            locked = phones.pin_wrong(db, prompt["phone"])
            return _finish(
                db, settings, prompt, results.LOCKED if locked else results.WRONG_CREDENTIAL, at=at
            )
        case "decline":
            return _finish(db, settings, prompt, results.CANCELLED, at=at)
        case "ignore":
            # The network gives up this long after the push, or at once when it should have by now.
            due_at = min(prompt["due_at"], max(at, prompt["created_at"] + settings.ignore_seconds))
            db.execute(
                "UPDATE prompts SET state = 'ignored', due_at = ? WHERE checkout_id = ?",
                (due_at, checkout_id),
            )
            return get(db, checkout_id)
        case _:
            raise ValueError(f"no such action: {action}")


def _open(db: Db, checkout_id: str, *, at: float) -> Row:
    prompt = get(db, checkout_id)
    if prompt["state"] != "open" or prompt["due_at"] <= at:
        raise PromptClosed(checkout_id)
    return prompt


def expire_due(db: Db, settings: Settings, *, at: float) -> None:
    """End every prompt that nobody answered in time."""
    due = db.execute(
        "SELECT * FROM prompts WHERE state IN ('open', 'ignored') AND due_at <= ?", (at,)
    ).fetchall()
    for prompt in due:
        _finish(db, settings, prompt, results.NO_ANSWER, at=at)


def _pay(db: Db, settings: Settings, prompt: Row, *, at: float) -> Row:
    number, amount = prompt["phone"], prompt["amount"]
    account = books.phone_account(number)
    held = books.balance(db, account)
    if held < amount:
        text = (
            f"Not paid. {phones.kes(amount)} to {settings.organisation} is more than your M-Pesa balance of"
            f" {phones.kes(held)}."
        )
        phones.message_add(db, number, kind="sms", text=text, at=at)
        return _finish(db, settings, prompt, results.INSUFFICIENT, at=at)
    if books.paid_today(db, account, at=at) + amount > settings.daily_limit:
        return _finish(db, settings, prompt, results.DAILY_LIMIT, at=at)
    receipt = books.new_receipt(db, at=at)
    books.post(
        db,
        kind="pay bill online",
        memo=f"{number} to {prompt['shortcode']} for {prompt['reference']}",
        at=at,
        receipt=receipt,
        transfers=[books.Transfer(account, books.paybill_account(prompt["shortcode"]), amount)],
    )
    text = (
        f"{receipt} confirmed. You paid {phones.kes(amount)} to {settings.organisation}, account"
        f" {prompt['reference']}, on {ids.nairobi(at):%d %b %Y at %H:%M}. New M-Pesa balance:"
        f" {phones.kes(held - amount)}."
    )
    phones.message_add(db, number, kind="sms", text=text, at=at)
    ended = _finish(db, settings, prompt, results.SUCCESS, at=at, receipt=receipt)
    paid = notices.Payment(
        receipt=receipt,
        shortcode=prompt["shortcode"],
        phone=number,
        amount=amount,
        reference=prompt["reference"],
    )
    notices.confirm(db, settings, paid, at=at)
    return ended


def _finish(
    db: Db, settings: Settings, prompt: Row, result: results.Result, *, at: float, receipt: str | None = None
) -> Row:
    db.execute(
        "UPDATE prompts SET state = ?, result_code = ?, receipt = ?, decided_at = ? WHERE checkout_id = ?",
        ("completed" if receipt else "failed", result.code, receipt, at, prompt["checkout_id"]),
    )
    ended = get(db, prompt["checkout_id"])
    callbacks.schedule(
        db,
        kind="stk",
        subject=ended["checkout_id"],
        url=ended["callback_url"],
        shortcode=ended["shortcode"],
        body=_callback_body(ended, result),
        due_at=at + settings.callback_seconds,
        paid=lambda invented: _callback_body({**ended, "receipt": invented}, results.SUCCESS),
    )
    return ended


def _callback_body(prompt: Row | dict[str, Any], result: results.Result) -> dict[str, Any]:
    callback: dict[str, Any] = {
        "MerchantRequestID": prompt["merchant_id"],
        "CheckoutRequestID": prompt["checkout_id"],
        "ResultCode": result.wire_code,
        "ResultDesc": result.text,
    }
    if prompt["receipt"]:
        # Amount is written with a decimal point on the wire; whole KES are exact in it.
        callback["CallbackMetadata"] = {
            "Item": [
                {"Name": "Amount", "Value": float(prompt["amount"])},
                {"Name": "MpesaReceiptNumber", "Value": prompt["receipt"]},
                {"Name": "TransactionDate", "Value": ids.compact_time(prompt["decided_at"])},
                {"Name": "PhoneNumber", "Value": int(prompt["phone"])},
            ]
        }
    return {"Body": {"stkCallback": callback}}
