"""The control API: for tests, demo data and people who steer the simulator. JSON in and out, errors in words.

Open to this machine only, unless SIMULATOR_CONTROL=1.
"""

import ipaddress
import json
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from simulator import authenticator, books, callbacks, faults, ids, manual, payouts, phones, prompts
from simulator.clock import SEEDED_START, machine_time
from simulator.config import Settings
from simulator.context import current
from simulator.store import RESET, Db

blueprint = Blueprint("control", __name__, url_prefix="/control")

_LARGEST_BALANCE = 1_000_000_000
_LONGEST_TEXT = 20_000
_KINDS = ("mail", "sms")
# A year: far beyond any use.
_LONGEST_MOVE = 366 * 86_400
_YEARS = range(2007, 2032)  # receipts have a letter for each year up to 2031
_NOT_MANUAL = "The clock runs by itself here. SIMULATOR_MANUAL=1 lets you move it."


class Refused(Exception):
    """The call cannot be served. The sentence goes back to the caller, who knows what it means."""

    def __init__(self, sentence: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(sentence)
        self.sentence, self.status = sentence, status


def reply(body: object, status: int = HTTPStatus.OK) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")


@blueprint.errorhandler(Refused)
def _refused(error: Refused) -> Response:
    return reply({"error": error.sentence}, error.status)


def control_error(error: HTTPException) -> Response:
    """A path or a verb that the control API does not have."""
    return reply({"error": error.description or error.name}, error.code or HTTPStatus.BAD_REQUEST)


@blueprint.before_request
def _only_this_machine() -> None:
    if request.endpoint == "control.health" or current().settings.control_open:
        return
    if not _is_loopback(request.remote_addr or ""):
        raise Refused(
            "The control API answers this machine only. SIMULATOR_CONTROL=1 opens it.", HTTPStatus.FORBIDDEN
        )


def _is_loopback(remote: str) -> bool:
    try:
        address = ipaddress.ip_address(remote)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def json_body() -> dict[str, Any]:
    try:
        body = json.loads(request.get_data() or b"null")
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refused("The body must be a JSON object.")
    return body


def number_of(typed: str) -> str:
    number = phones.number_from(typed)
    if number is None:
        raise Refused(f"{typed[:40]!r} is not a Kenyan mobile number. Write it like 254712345678.")
    return number


@blueprint.get("/health")
def health() -> Response:
    with current().store.read() as db:
        books.balance(db, books.OUTSIDE)
    return reply({"ok": True})


@blueprint.get("/prompts")
def prompts_list() -> Response:
    typed = request.args.get("phone")
    number = number_of(typed) if typed is not None else None
    with current().store.read() as db:
        rows = prompts.open_prompts(db, at=ids.now(), phone=number)
    return reply([prompts.view(row) for row in rows])


@blueprint.post("/prompts/<checkout_id>")
def prompts_decide(checkout_id: str) -> Response:
    action = json_body().get("action")
    if action not in prompts.ACTIONS:
        raise Refused(f"The action must be one of {', '.join(prompts.ACTIONS)}.")
    simulator = current()
    try:
        with simulator.store.write() as db:
            prompt = prompts.decide(db, simulator.settings, checkout_id, action, at=ids.now())
    except prompts.NoSuchPrompt:
        raise Refused("No prompt has this CheckoutRequestID.", HTTPStatus.NOT_FOUND) from None
    except prompts.PromptClosed:
        raise Refused("This prompt can no longer be answered.", HTTPStatus.CONFLICT) from None
    return reply(prompts.view(prompt))


def _phone_view(db: Db, number: str) -> dict[str, Any]:
    at = ids.now()
    phone = phones.open_phone(db, current().settings, number, at=at)
    return {
        "phone": number,
        "balance": books.balance(db, books.phone_account(number)),
        "registered": bool(phone["registered"]),
        "pin_locked": phones.pin_is_locked(phone),
        "messages": phones.messages(db, number),
        "authenticator": authenticator.codes(db, number, at=at),
    }


@blueprint.get("/phones/<typed>")
def phones_show(typed: str) -> Response:
    number = number_of(typed)
    with current().store.write() as db:  # a number seen for the first time gets its phone now
        return reply(_phone_view(db, number))


@blueprint.post("/phones/<typed>")
def phones_change(typed: str) -> Response:
    number = number_of(typed)
    body = json_body()
    unknown = sorted(set(body) - set(_CHANGES))
    if unknown or not body:
        raise Refused(
            f"Give any of {', '.join(_CHANGES)}." + (f" {unknown[0]!r} is not known." if unknown else "")
        )
    simulator = current()
    with simulator.store.write() as db:
        phones.open_phone(db, simulator.settings, number, at=ids.now())
        for name, value in body.items():
            _CHANGES[name](db, number, value)
        return reply(_phone_view(db, number))


def _set_balance(db: Db, number: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST_BALANCE:
        raise Refused(f"The balance must be whole KES from 0 to {_LARGEST_BALANCE:,}.")
    phones.set_balance(db, number, value, kind="correction", memo="Balance set by control", at=ids.now())


def _set_registered(db: Db, number: str, value: object) -> None:
    if not isinstance(value, bool):
        raise Refused("Registered must be true or false.")
    db.execute("UPDATE phones SET registered = ? WHERE number = ?", (value, number))


def _set_pin_locked(db: Db, number: str, value: object) -> None:
    if value is not False:
        raise Refused("A PIN can only be unlocked here: false.")
    phones.pin_reset(db, number)


def _add_message(db: Db, number: str, value: object) -> None:
    if not isinstance(value, dict) or value.get("kind") not in _KINDS:
        raise Refused('A message needs a kind, "mail" or "sms".')
    if not text_of(value, "text", required=True).strip():
        raise Refused("A message needs some text.")
    phones.message_add(
        db,
        number,
        kind=value["kind"],
        text=text_of(value, "text", required=True),
        sender=text_of(value, "from") or current().settings.organisation,
        subject=text_of(value, "subject"),
        recipient=text_of(value, "to"),
        at=ids.now(),
    )


def _add_authenticator(db: Db, number: str, value: object) -> None:
    if not isinstance(value, dict):
        raise Refused("An authenticator needs an account and a secret.")
    account, secret = text_of(value, "account", required=True), text_of(value, "secret", required=True)
    digits, period = value.get("digits", 6), value.get("period", 30)
    if digits not in {6, 7, 8} or period not in range(10, 121):
        raise Refused("An authenticator shows 6 to 8 digits for 10 to 120 seconds.")
    try:
        authenticator.secret_bytes(secret)
    except ValueError:
        raise Refused("The authenticator's secret must be base32.") from None
    authenticator.account_add(
        db, number, account=account, secret=secret, digits=int(digits), period=int(period)
    )


def text_of(value: dict[str, Any], name: str, *, required: bool = False) -> str:
    text = value.get(name, "")
    if not isinstance(text, str) or len(text) > _LONGEST_TEXT or (required and not text):
        raise Refused(f"{name!r} must be text of at most {_LONGEST_TEXT:,} characters.")
    return text


_CHANGES: dict[str, Callable[[Db, str, object], None]] = {
    "balance": _set_balance,
    "registered": _set_registered,
    "pin_locked": _set_pin_locked,
    "message": _add_message,
    "authenticator": _add_authenticator,
}


@blueprint.get("/payouts")
def payouts_list() -> Response:
    with current().store.read() as db:
        return reply([payouts.view(row) for row in payouts.all_payouts(db)])


@blueprint.get("/books")
def books_show() -> Response:
    with current().store.read() as db:
        return reply({"accounts": books.accounts(db), "transactions": books.transactions(db)})


@blueprint.get("/faults")
def faults_show() -> Response:
    with current().store.read() as db:
        return reply(faults.plan_view(db))


@blueprint.post("/faults")
def faults_set() -> Response:
    """Replace the fault plan. Without rules everything goes right again, and what was held back goes out."""
    try:
        seed, rules = faults.plan_from(json_body())
    except faults.BadPlan as error:
        raise Refused(str(error)) from None
    with current().store.write() as db:
        faults.plan_set(db, seed, rules)
        if not rules:
            callbacks.release_held(db)
        return reply(faults.plan_view(db))


@blueprint.post("/reset")
def reset() -> Response:
    simulator = current()
    settings = simulator.settings
    seed, start = _start_of_run(settings)
    with simulator.store.write() as db:
        for statement in RESET:
            db.execute(statement)
        if settings.manual:
            manual.restart(db, at=start, seed=seed)
        books.open_float(db, shortcode=settings.b2c_shortcode, amount=settings.float_opening, at=ids.now())
    return reply({"ok": True})


def _start_of_run(settings: Settings) -> tuple[int | None, float]:
    """Seed and clock for what follows a reset: `{"seed": n, "now": "2026-11-21T10:00:00+03:00"}`, both optional."""
    body = json_body() if request.get_data() else {}
    seed, now = body.get("seed"), body.get("now")
    if (seed is not None or now is not None) and not settings.manual:
        raise Refused(_NOT_MANUAL, HTTPStatus.CONFLICT)
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise Refused("The seed must be a whole number.")
    if now is not None:
        return seed, moment(now)
    return seed, machine_time() if seed is None else SEEDED_START


@blueprint.post("/advance")
def advance() -> Response:
    """Move the clock of manual mode."""
    simulator = current()
    if not simulator.settings.manual:
        raise Refused(_NOT_MANUAL, HTTPStatus.CONFLICT)
    seconds = json_body().get("seconds")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= _LONGEST_MOVE:
        raise Refused(f"Give seconds, a number from 0 to {_LONGEST_MOVE:,}.")
    try:
        delivered = manual.advance(simulator.store, simulator.settings, seconds=seconds)
    except manual.AlreadyMoving:
        raise Refused("The clock is already being moved.", HTTPStatus.CONFLICT) from None
    return reply({"now": ids.nairobi(ids.now()).isoformat(), "callbacks": delivered})


def moment(typed: object) -> float:
    """An ISO date (its midnight) or date and time. Without an offset it is Nairobi's."""
    try:
        at = datetime.fromisoformat(typed if isinstance(typed, str) else "")
    except ValueError:
        raise Refused(f"{str(typed)[:40]!r} is not a moment. Write it like 2026-11-21T10:00:00.") from None
    if at.year not in _YEARS:
        raise Refused("That moment is too far away.")
    return (at if at.tzinfo else at.replace(tzinfo=ids.NAIROBI)).timestamp()
