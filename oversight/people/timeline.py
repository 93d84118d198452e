"""Everything that happened around one person as one list, newest first: account, identity, orders, payments, holds,
roles, notes, messages, and what staff did.

One statement reads a page: each source gives its newest rows before the place where the page begins, and the newest of
all are kept. So a page costs the same however much there is, and many sources are one question to the database.
"""

import base64
import binascii
import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.urls import reverse

from accounts.models import User
from accounts.own import is_own
from accounts.permissions import may_see
from accounts.roles import Role
from controls.audit import ACTIONS
from controls.kinds import KINDS
from controls.models import Flag
from goldwallet import wording
from goldwallet.money import show_grams, show_kes

PAGE = 30


@dataclass(frozen=True, slots=True)
class Happening:
    """One line. `url` is the page of its cause, empty for who may not open it or when there is none."""

    at: dt.datetime
    what: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A page of the timeline, and where the next begins; empty when there is none."""

    rows: list[Happening]
    older: str


# Each source: when, its key (unique within all sources: what is shown at the same moment keeps one order), the kind of
# thing, its id, and words for the sentence. %(person)s is the person.
_SOURCES: dict[str, str] = {
    # What changed of the account, event by event. The row before it says from what.
    "account": """
        SELECT pgh_created_at, 'account:' || lpad(pgh_id::text, 12, '0'), 'account', '', changes
        FROM (SELECT pgh_created_at, pgh_id, concat_ws(',',
                CASE WHEN pgh_label = 'insert' THEN 'created' END,
                CASE WHEN email <> lag(email) OVER w THEN 'email' END,
                CASE WHEN username <> lag(username) OVER w THEN 'username' END,
                CASE WHEN phone_lookup <> lag(phone_lookup) OVER w THEN 'phone' END,
                CASE WHEN kyc_status <> lag(kyc_status) OVER w THEN 'kyc_' || kyc_status END,
                CASE WHEN frozen_reason <> '' AND lag(frozen_reason, 1, '') OVER w = '' THEN 'hold' END,
                CASE WHEN frozen_reason = '' AND lag(frozen_reason) OVER w <> '' THEN 'unhold' END,
                CASE WHEN enhanced AND NOT lag(enhanced, 1, false) OVER w THEN 'enhanced' END,
                CASE WHEN NOT enhanced AND lag(enhanced) OVER w THEN 'unenhanced' END,
                CASE WHEN closed_at IS NOT NULL AND lag(closed_at) OVER w IS NULL THEN 'closed' END,
                CASE WHEN is_staff AND NOT lag(is_staff, 1, false) OVER w THEN 'staff' END,
                CASE WHEN NOT is_staff AND lag(is_staff) OVER w THEN 'unstaff' END
              ) AS changes
              FROM accounts_userevent WHERE pgh_obj_id = %(person)s
              WINDOW w AS (ORDER BY pgh_id)) AS told
        WHERE changes <> ''""",
    "role": """
        SELECT e.pgh_created_at, 'role:' || lpad(e.pgh_id::text, 12, '0'), e.pgh_label, '', g.name
        FROM accounts_rolegrantevent e JOIN auth_group g ON g.id = e.group_id WHERE e.user_id = %(person)s""",
    "factor": """
        SELECT pgh_created_at, 'factor:' || lpad(pgh_id::text, 12, '0'), 'factor', '', pgh_label
        FROM accounts_authenticatorevent WHERE user_id = %(person)s AND confirmed""",
    "reset": """
        SELECT created_at, 'reset:' || id, 'reset', request_id::text, '' FROM accounts_factorreset
        WHERE user_id = %(person)s""",
    "number": """
        SELECT created_at, 'number:' || id, 'number', '', 'asked' FROM accounts_payoutnumber
        WHERE user_id = %(person)s""",
    "number_end": """
        SELECT coalesce(adopted_at, cancelled_at), 'number_end:' || id, 'number', '',
               CASE WHEN adopted_at IS NULL THEN 'cancelled' ELSE 'adopted' END
        FROM accounts_payoutnumber WHERE user_id = %(person)s AND coalesce(adopted_at, cancelled_at) IS NOT NULL""",
    "case": """
        SELECT pgh_created_at, 'case:' || lpad(pgh_id::text, 12, '0'), 'case', pgh_obj_id::text, state
        FROM kyc_caseevent WHERE user_id = %(person)s""",
    "order": """
        SELECT created_at, 'order:' || id, 'order', id::text, concat_ws('|', reference, side, grams, total_kes)
        FROM trading_order WHERE user_id = %(person)s""",
    "order_end": """
        SELECT finished_at, 'order_end:' || id, 'order_end', id::text, concat_ws('|', reference, status)
        FROM trading_order WHERE user_id = %(person)s AND finished_at IS NOT NULL""",
    "payment": """
        SELECT created_at, 'payment:' || id, 'payment', id::text, concat_ws('|', reference, direction, amount)
        FROM payments_payment WHERE user_id = %(person)s""",
    "payment_end": """
        SELECT ended_at, 'payment_end:' || id, 'payment_end', id::text, concat_ws('|', reference, state)
        FROM payments_payment WHERE user_id = %(person)s AND ended_at IS NOT NULL""",
    "arrival": """
        SELECT coalesce(decided_at, arrived_at), 'arrival:' || id, 'arrival', id::text, concat_ws('|', amount, state)
        FROM payments_arrival WHERE user_id = %(person)s""",
    "note": """
        SELECT made_at, 'note:' || id, 'note', '', flag FROM controls_note WHERE subject = %(about)s""",
    "flag_down": """
        SELECT lowered_at, 'flag_down:' || id, 'flag_down', '', flag FROM controls_note
        WHERE subject = %(about)s AND lowered_at IS NOT NULL""",
    "message": """
        SELECT created_at, 'message:' || id, 'message', '', subject FROM notifications_message
        WHERE user_id = %(person)s""",
    "request": """
        SELECT created_at, 'request:' || id, 'request', id::text, kind FROM controls_request
        WHERE person_id = %(person)s""",
    "request_end": """
        SELECT decided_at, 'request_end:' || id, 'request_end', id::text, concat_ws('|', kind, state)
        FROM controls_request WHERE person_id = %(person)s AND decided_at IS NOT NULL""",
}
# Looks and searches stand in the audit trail alone: they would bury what happened.
_AUDIT = """
        SELECT a.at, 'audit:' || lpad(a.id::text, 19, '0'), 'audit', a.id::text, concat_ws('|', a.action, u.email)
        FROM controls_auditentry a LEFT JOIN accounts_user u ON u.id = a.actor_id
        WHERE a.person_id = %(person)s
          AND a.action NOT IN ('read', 'search', 'note', 'flag', 'flag_lower', 'request_make', 'request_approve',
                               'request_refuse', 'request_weigh', 'request_withdraw')"""


def _statement(sources: list[str]) -> str:
    parts = [
        f"(SELECT * FROM ({source}) AS s (at, key, kind, id, said) "  # noqa: S608 - the parts are constants
        "WHERE %(at)s::timestamptz IS NULL OR (at, key) < (%(at)s::timestamptz, %(key)s) "
        "ORDER BY at DESC, key DESC LIMIT %(limit)s)"
        for source in sources
    ]
    return " UNION ALL ".join(parts) + " ORDER BY at DESC, key DESC LIMIT %(limit)s"


_PLAIN, _WITH_AUDIT = _statement([*_SOURCES.values()]), _statement([*_SOURCES.values(), _AUDIT])


def timeline(person: User, *, reader: User, after: str = "", limit: int = PAGE) -> Stretch:
    """A page of what happened. `after` is the `older` of the page before as it came from outside; nonsense is page
    one. Who may not read the audit trail sees no acts of staff that left no other trace, and nobody sees what others
    noted about themselves.
    """
    at, key = _place(after)
    asked: dict[str, Any] = {
        "person": person.pk,
        "about": "" if is_own(reader, person.pk) else f"person:{person.pk}",
        "at": at,
        "key": key,
        "limit": limit + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WITH_AUDIT if may_see(reader, Role.TREASURY) else _PLAIN, asked)
        rows = cursor.fetchall()
    opens = _Opens(reader)
    told = [
        Happening(moment, *opens.told(kind, row_id, said or ""))
        for moment, _, kind, row_id, said in rows[:limit]
    ]
    older = _mark(rows[limit - 1][0], rows[limit - 1][1]) if len(rows) > limit else ""
    return Stretch(told, older)


def _mark(at: dt.datetime, key: str) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{key}".encode()).decode().rstrip("=")


def _place(mark: str) -> tuple[dt.datetime | None, str]:
    try:
        text = base64.urlsafe_b64decode(mark.encode() + b"=" * (-len(mark) % 4)).decode()
        at, _, key = text.partition("|")
        moment = dt.datetime.fromisoformat(at)
        if moment.tzinfo is None:
            return None, ""
        # In UTC: the database knows neither a zone of half a second nor a year before the first.
        moment = moment.astimezone(dt.UTC)
    except (ValueError, OverflowError, binascii.Error):
        return None, ""
    if "\x00" in key or len(key) > 80:
        return None, ""
    return moment, key


_CHANGES = {
    "created": "Account made",
    "email": "E-mail address changed",
    "username": "Username changed",
    "phone": "Phone changed",
    "hold": "Put on hold",
    "unhold": "Hold lifted",
    "enhanced": "Higher limits given",
    "unenhanced": "Back to the usual limits",
    "closed": "Account closed",
    "staff": "Became staff",
    "unstaff": "Is not staff any more",
}
_FACTOR = {
    "insert": "Second factor set up",
    "update": "Second factor set up",
    "delete": "Second factor removed",
}
_NUMBER = {
    "asked": "Asked for another payout number",
    "adopted": "The new payout number is theirs",
    "cancelled": "The new payout number was called off",
}


class _Opens:
    """Puts rows into words, each with the page of its cause where it opens for the reader."""

    def __init__(self, reader: User) -> None:
        self._reader = reader
        self._treasury = may_see(reader, Role.TREASURY)
        self._trades = may_see(reader, Role.TREASURY, Role.PRICING, Role.VAULT)
        self._reviews = may_see(reader, Role.REVIEWER)

    def told(self, kind: str, row_id: str, said: str) -> tuple[str, str, str]:
        """What it is about, the sentence, and the page."""
        return getattr(self, f"_{kind}")(row_id, said)  # type: ignore[no-any-return]

    def _page(self, opens: bool, name: str, row_id: str) -> str:
        return reverse(name, args=[uuid.UUID(row_id)]) if opens else ""

    def _account(self, _: str, said: str) -> tuple[str, str, str]:
        words = [
            f"Identity: {wording.state(word[4:], 'kyc')[0].lower()}"
            if word.startswith("kyc_")
            else _CHANGES[word]
            for word in said.split(",")
        ]
        return "Account", ". ".join(words), ""

    def _role_granted(self, _: str, said: str) -> tuple[str, str, str]:
        return "Role", f"Became {said}", ""

    def _role_withdrawn(self, _: str, said: str) -> tuple[str, str, str]:
        return "Role", f"Is no longer {said}", ""

    def _factor(self, _: str, said: str) -> tuple[str, str, str]:
        return "Security", _FACTOR.get(said, "Second factor changed"), ""

    def _reset(self, row_id: str, _: str) -> tuple[str, str, str]:
        text = "Two people agreed to remove the second factor"
        return "Security", text, self._page(True, "desk_approval", row_id)

    def _number(self, _: str, said: str) -> tuple[str, str, str]:
        return "Account", _NUMBER[said], ""

    def _case(self, row_id: str, said: str) -> tuple[str, str, str]:
        text = f"Identity check: {wording.state(said, 'case')[0].lower()}"
        return "Identity", text, self._page(self._reviews, "desk_kyc_case", row_id)

    def _order(self, row_id: str, said: str) -> tuple[str, str, str]:
        reference, side, grams, kes = said.split("|")
        text = f"Agreed to {side} {show_grams(Decimal(grams))} for {show_kes(Decimal(kes))}: {reference}"
        return "Order", text, self._page(self._trades, "desk_order", row_id)

    def _order_end(self, row_id: str, said: str) -> tuple[str, str, str]:
        reference, status = said.split("|")
        text = f"Order {reference}: {wording.state(status, 'order')[0].lower()}"
        return "Order", text, self._page(self._trades, "desk_order", row_id)

    def _payment(self, row_id: str, said: str) -> tuple[str, str, str]:
        reference, direction, kes = said.split("|")
        what = "Asked to pay us" if direction == "in" else "We are to pay"
        text = f"{what} {show_kes(Decimal(kes))}: {reference}"
        return "Payment", text, self._page(self._treasury, "desk_payment", row_id)

    def _payment_end(self, row_id: str, said: str) -> tuple[str, str, str]:
        reference, state = said.split("|")
        text = f"Payment {reference}: {wording.state(state, 'payment')[0].lower()}"
        return "Payment", text, self._page(self._treasury, "desk_payment", row_id)

    def _arrival(self, row_id: str, said: str) -> tuple[str, str, str]:
        kes, state = said.split("|")
        text = f"{show_kes(Decimal(kes))} that came by itself: {wording.state(state, 'arrival')[0].lower()}"
        return "Payment", text, self._page(self._treasury, "desk_arrival", row_id)

    def _note(self, _: str, said: str) -> tuple[str, str, str]:
        return "Note", f"Flag raised: {Flag(said).label.lower()}" if said else "Note written", "#notes"

    def _flag_down(self, _: str, said: str) -> tuple[str, str, str]:
        return "Note", f"Flag taken down: {Flag(said).label.lower()}", "#notes"

    def _message(self, _: str, said: str) -> tuple[str, str, str]:
        return "Message", f"We wrote: {said}", "#messages"

    def _request(self, row_id: str, said: str) -> tuple[str, str, str]:
        label = KINDS[said].label if said in KINDS else said
        return "Request", f"Asked for: {label.lower()}", self._request_page(said, row_id)

    def _request_page(self, kind: str, row_id: str) -> str:
        """As `oversight.inbox.Reader` lets people in, but for a maker who has changed roles."""
        opens = kind in KINDS and may_see(self._reader, *KINDS[kind].readers)
        return self._page(opens, "desk_approval", row_id)

    def _request_end(self, row_id: str, said: str) -> tuple[str, str, str]:
        kind, state = said.split("|")
        label = KINDS[kind].label if kind in KINDS else kind
        text = f"{label}: {wording.state(state, 'request')[0].lower()}"
        return "Request", text, self._request_page(kind, row_id)

    def _audit(self, _: str, said: str) -> tuple[str, str, str]:
        action, _, who = said.partition("|")
        return "Staff", f"{ACTIONS.get(action, action)} ({who or 'the system'})", "#trail"
