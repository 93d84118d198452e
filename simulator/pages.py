"""The pages: a phone in the browser, the list of phones, and the books."""

import re
from datetime import UTC, datetime

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from markupsafe import Markup, escape
from werkzeug.wrappers import Response as BaseResponse

from simulator import authenticator, books, ids, initiator, payments, phones, prompts, results
from simulator.context import current
from simulator.store import Db, Row

blueprint = Blueprint("pages", __name__)

_LINK = re.compile(r"https?://[^\s<>\"']+")
_AMOUNT = re.compile(r"[0-9]{1,3}(,?[0-9]{3}){0,3}")
_AFTER_LINK = ".,;:!?)]}"
_MESSAGES_SHOWN = 40
_NOTES = {
    "closed": "This request is no longer open.",
    "phone": "Type a Kenyan mobile number, for example 0712 345 678.",
}
_OUTCOMES = {
    results.SUCCESS.code: "Paid",
    results.INSUFFICIENT.code: "Not enough money",
    results.DAILY_LIMIT.code: "Over the day's limit",
    results.RULE_LIMITED.code: "Same payment again too soon",
    results.CANCELLED.code: "Cancelled",
    results.NO_ANSWER.code: "No answer",
    results.WRONG_CREDENTIAL.code: "Wrong PIN",
    results.NOT_PERMITTED.code: "Not permitted",
    results.LOCKED.code: "PIN locked",
}


@blueprint.app_template_filter("links")
def links(text: str) -> Markup:
    """The text, escaped, with its web addresses as links."""
    parts: list[str] = []
    end = 0
    for match in _LINK.finditer(text):
        address = match[0].rstrip(_AFTER_LINK)
        parts += [escape(text[end : match.start()]), _LINK_HTML.format(address, address)]
        end = match.start() + len(address)
    return Markup("").join([*parts, escape(text[end:])])


_LINK_HTML = Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>')


@blueprint.app_template_filter("kes")
def kes(amount: int) -> str:
    return f"-{phones.kes(-amount)}" if amount < 0 else phones.kes(amount)


@blueprint.app_template_filter("spoken")
def spoken(number: str) -> str:
    return phones.spoken(number)


@blueprint.app_template_filter("clock")
def clock(at: float) -> str:
    return f"{ids.nairobi(at):%H:%M}"


@blueprint.app_template_filter("day_and_clock")
def day_and_clock(at: float) -> str:
    return f"{ids.nairobi(at):%d %b %H:%M}"


@blueprint.app_template_filter("moment")
def moment(at: float) -> str:
    """Machine-readable, for `<time datetime>`."""
    return datetime.fromtimestamp(at, UTC).isoformat()


@blueprint.app_template_filter("outcome")
def outcome(prompt: Row) -> str:
    if prompt["state"] == "ignored":
        return "Ignored, waiting for the network"
    return _OUTCOMES[prompt["result_code"]]


@blueprint.get("/")
def index() -> str | BaseResponse:
    typed = request.args.get("phone", "").strip()
    number = phones.number_from(typed) if typed else None
    if number:
        return redirect(url_for("pages.phone", number=number), 303)
    with current().store.read() as db:
        seen = db.execute(_PHONES_SEEN).fetchall()
    return render_template("index.html", seen=seen, typed=typed, note=_NOTES["phone"] if typed else "")


_PHONES_SEEN = """
    SELECT phones.number, phones.seen_at, coalesce(accounts.balance, 0) AS balance,
        (SELECT count(*) FROM prompts WHERE prompts.phone = phones.number AND state = 'open') AS waiting
    FROM phones LEFT JOIN accounts ON accounts.name = 'phone:' || phones.number
    ORDER BY waiting DESC, phones.seen_at DESC LIMIT 60
"""


@blueprint.get("/phone/<number>/")
def phone(number: str) -> str | BaseResponse:
    wanted = phones.number_from(number)
    if wanted is None:
        abort(404)
    if wanted != number:
        return redirect(url_for("pages.phone", number=wanted), 301)
    simulator = current()
    at = ids.now()
    with simulator.store.write() as db:  # a number seen for the first time gets its phone now
        row = phones.open_phone(db, simulator.settings, number, at=at)
        return render_template(
            "phone.html",
            number=number,
            registered=bool(row["registered"]),
            locked=phones.pin_is_locked(row),
            balance=books.balance(db, books.phone_account(number)),
            prompts=prompts.open_prompts(db, at=at, phone=number),
            recent=prompts.recent(db, number, count=4),
            messages=_inbox(db, number, "sms"),
            mails=_inbox(db, number, "mail"),
            codes=authenticator.codes(db, number, at=at),
            organisation=simulator.settings.organisation,
            note=_NOTES.get(request.args.get("note", ""), ""),
            at=at,
        )


def _inbox(db: Db, number: str, kind: str) -> list[Row]:
    query = "SELECT * FROM messages WHERE phone = ? AND kind = ? ORDER BY id DESC LIMIT ?"
    return db.execute(query, (number, kind, _MESSAGES_SHOWN)).fetchall()


@blueprint.post("/phone/<number>/prompts/<checkout_id>")
def phone_answer(number: str, checkout_id: str) -> BaseResponse:
    simulator = current()
    action = request.form.get("action")
    if action not in {"accept", "decline", "ignore"}:
        abort(400, "Choose Send, Cancel or Ignore.")
    note = None
    try:
        with simulator.store.write() as db:
            if prompts.get(db, checkout_id)["phone"] != number:
                abort(404)
            if action == "accept":
                pin = request.form.get("pin", "")
                prompts.answer_with_pin(db, simulator.settings, checkout_id, pin, at=ids.now())
            else:
                prompts.decide(db, simulator.settings, checkout_id, action, at=ids.now())
    except prompts.NoSuchPrompt:
        abort(404)
    except prompts.PromptClosed:
        note = "closed"
    return redirect(url_for("pages.phone", number=number, note=note), 303)


@blueprint.post("/phone/<number>/pin")
def phone_unlock(number: str) -> BaseResponse:
    with current().store.write() as db:
        phones.pin_reset(db, number)
    return redirect(url_for("pages.phone", number=number), 303)


@blueprint.route("/phone/<number>/paybill", methods=["GET", "POST"])
def paybill(number: str) -> Response | BaseResponse:
    """Pay a Paybill from the phone's own menu. What is refused is said on the form, and nothing typed is lost."""
    if not phones.is_msisdn(number):
        abort(404)
    simulator = current()
    typed = {"shortcode": simulator.settings.shortcode, "reference": "", "amount": ""}
    refusal = ""
    if request.method == "POST":
        typed = {field: request.form.get(field, "").strip() for field in typed}
        try:
            _pay_paybill(number, typed, pin=request.form.get("pin", ""))
        except payments.NotPayable as error:
            refusal = str(error)
        else:
            return redirect(url_for("pages.phone", number=number), 303)
    with simulator.store.write() as db:  # a number seen for the first time gets its phone now
        phones.open_phone(db, simulator.settings, number, at=ids.now())
        held = books.balance(db, books.phone_account(number))
    page = render_template("paybill.html", number=number, balance=held, typed=typed, refusal=refusal)
    return Response(page, status=422 if refusal else 200, mimetype="text/html")


def _pay_paybill(number: str, typed: dict[str, str], *, pin: str) -> None:
    """Raises NotPayable; a wrong PIN is counted."""
    if not _AMOUNT.fullmatch(typed["amount"]):
        raise payments.NotPayable("The amount must be whole shillings.")
    if len(typed["reference"]) > payments.LONGEST_REFERENCE:
        raise payments.NotPayable("An account number has at most 20 characters.")
    simulator = current()
    with simulator.store.write() as db:
        phone = phones.open_phone(db, simulator.settings, number, at=ids.now())
        locked = phones.pin_is_locked(phone)
        wrong = not locked and pin != phones.PIN
        if wrong:
            locked = phones.pin_wrong(db, number)
        elif not locked:
            phones.pin_reset(db, number)
    if locked:
        raise payments.NotPayable("The PIN is locked. Unlock it on the phone.")
    if wrong:
        raise payments.NotPayable("Wrong PIN. Nothing was paid.")
    payments.pay_by_hand(
        simulator.store,
        simulator.settings,
        shortcode=typed["shortcode"],
        phone=number,
        amount=int(typed["amount"].replace(",", "")),
        reference=typed["reference"],
    )


@blueprint.get("/books")
def books_page() -> str:
    simulator = current()
    with simulator.store.read() as db:
        return render_template(
            "books.html",
            accounts=books.accounts(db),
            transactions=books.transactions(db, newest=100),
            payouts=db.execute(
                "SELECT * FROM payouts ORDER BY created_at DESC, rowid DESC LIMIT 30"
            ).fetchall(),
            callbacks=db.execute("SELECT * FROM callbacks ORDER BY id DESC LIMIT 30").fetchall(),
            operator=simulator.settings.initiator,
            operator_locked=initiator.is_locked(db, simulator.settings),
        )


@blueprint.post("/books/operator")
def operator_unlock() -> BaseResponse:
    simulator = current()
    with simulator.store.write() as db:
        initiator.unlock(db, simulator.settings)
    return redirect(url_for("pages.books_page"), 303)


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    return Response(status=204)
