"""Everything that we hold about one person, for that person: a zip with `data.json` and the photos that still exist.

Each part is read by the person's id, so nobody else's can come in (faults.md D03). What is about the person and is not
in it stands in `LEFT_OUT` with the reason, and the file says so itself. A test goes through all tables.
"""

import datetime as dt
import io
import json
import os
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO, Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.urls import reverse

from accounts.models import User
from accounts.selectors import contacts
from accounts.stepup import step_up_digest, step_up_proven, step_up_use
from controls.counting import hit, peek
from goldwallet import clock
from goldwallet.clock import NAIROBI
from goldwallet.errors import Refused, TooOften
from kyc.documents import document_read
from kyc.models import Document
from notifications.services import message_enqueue
from oversight.privacy import told

OPERATION = "export"
#: The kind of the notice, by which `affected_people` finds who was exported when the proofs are gone.
NOTICE = "data-exported"
_A_DAY, _DAY = 3, 86_400
#: Photos in one file, at most a megabyte each, those that count first: what is more is named, and sent when asked for.
_MOST_PHOTOS = 20
_COUNT = "export"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the file. `models` are the tables that it tells of, by label."""

    name: str
    read: Callable[[User], Any]
    models: frozenset[str] = field(default_factory=frozenset)


def _section(name: str, read: Callable[[User], Any], models: str) -> Section:
    return Section(name, read, frozenset(models.split()))


SECTIONS = (
    _section("profile", told.profile, "accounts.User accounts.User_groups accounts.RoleGrant"),
    _section("email_addresses", told.email_addresses, "account.EmailAddress"),
    _section("payout_numbers", told.payout_numbers, "accounts.PayoutNumber accounts.PayoutNumberEvent"),
    _section("identity", told.identity, "kyc.Case kyc.Document kyc.Review kyc.Opening kyc.CaseEvent"),
    _section("orders", told.orders, "trading.Order trading.OrderEvent pools.Allocation"),
    _section("prices_asked_for", told.quotes, "trading.Quote"),
    _section(
        "payments",
        told.payments,
        "payments.Payment payments.PaymentEvent payments.Exchange payments.Callback",
    ),
    _section("money_that_came_by_itself", told.arrivals, "payments.Arrival payments.ArrivalEvent"),
    _section("ledger", told.ledger, "ledger.Account ledger.Transaction ledger.Entry"),
    _section("mails", told.mails, "notifications.Message"),
    _section("sessions", told.sessions, "accounts.Session"),
    _section("browsers", told.browsers, "accounts.KnownDevice"),
    _section("confirmations", told.confirmations, "accounts.StepUp"),
    _section(
        "second_factor",
        told.second_factor,
        "accounts.Authenticator accounts.AuthenticatorEvent accounts.RecoveryKit accounts.RecoveryCode "
        "accounts.FactorReset accounts.FactorResetEvent",
    ),
    _section("history", told.history, "accounts.UserEvent accounts.RoleGrantEvent"),
    _section("erased", told.erased, "controls.Erasure"),
)

_STAFF = "What you did as one of our staff belongs to our books, and is about other people."
#: Tables that name people and are not in the file -> why.
LEFT_OUT = {
    "controls.Request": "What two of our staff agree on may name others. What came of it is in your history.",
    "controls.RequestEvent": "It tells of requests of our staff.",
    "controls.Attachment": "Papers of our staff's decisions may name others. Ask us, and we look.",
    "controls.AuditEntry": "What our staff did and read. Ask us who has looked at your data, and we tell you.",
    "controls.Note": "Notes that our staff write for one another.",
    "controls.Export": _STAFF,
    "controls.ExportPart": _STAFF,
    "controls.Threshold": _STAFF,
    "controls.ThresholdEvent": _STAFF,
    "controls.Switch": _STAFF,
    "controls.SwitchEvent": _STAFF,
    "oversight.Run": _STAFF,
    "oversight.Break": "Differences between M-Pesa's books and ours; your payments are in this file.",
    "oversight.BreakEvent": "Differences between M-Pesa's books and ours; your payments are in this file.",
    "oversight.Finding": "Differences between M-Pesa's books and ours; your payments are in this file.",
    "kyc.NameWord": "Hashes of the words of your name, by which our staff find you. The name itself is in this file.",
    "payments.StatementFile": _STAFF,
    "payments.StatementLine": "M-Pesa's own list of our account; your payments are in this file by their receipts.",
    "payments.Pull": "Our questions to M-Pesa about all money that came; yours is in this file.",
    "payments.BalanceReading": "How much money lies on our accounts with M-Pesa.",
    "oversight.DailyClose": _STAFF,
    "pools.Assay": _STAFF,
    "pools.Bar": _STAFF,
    "pools.BarEvent": _STAFF,
    "pools.Movement": _STAFF,
    "pools.Price": _STAFF,
    "pools.PriceEvent": _STAFF,
    "admin.LogEntry": _STAFF,
    "accounts.User_user_permissions": "We give no rights by this table.",
    "account.EmailConfirmation": "We write codes by mail, and this table stays empty.",
    "pghistory.MiddlewareEvents": "The same changes as in your history, seen in another way.",
}
#: Columns and words that are left out of what is in the file.
_NOTES = (
    "Left out: keys, codes and passwords; notes that our staff write for one another; who of our staff did something; "
    "M-Pesa's own words about a payment, which may name whoever owns a number; and what names other people. Ask us if "
    "you miss something."
)


# --- asking for it --------------------------------------------------------------------------------


def _digest(user: User) -> str:
    return step_up_digest(OPERATION, user=user.pk)


def export_proven(*, user: User, session_key: str) -> bool:
    """Whether the person has just entered a code for it, so that one press brings the file. For the page."""
    return step_up_proven(user_id=user.pk, operation=OPERATION, digest=_digest(user), session_key=session_key)


def export_make(*, user: User, session_key: str) -> IO[bytes]:
    """The zip, open at its beginning. Raises StepUpNeeded, and TooOften after three in a day."""
    if peek(_COUNT, str(user.pk)) >= _A_DAY:
        raise TooOften(
            f"You can download your data {_A_DAY} times a day. Please come back tomorrow.", seconds=_DAY
        )
    with transaction.atomic():
        step_up_use(
            user_id=user.pk,
            operation=OPERATION,
            digest=_digest(user),
            session_key=session_key,
            shown=[("Account", user.email), ("You get", "all data that we hold about you")],
        )
        _notice(user)
    hit(_COUNT, str(user.pk), most=_A_DAY, seconds=_DAY)
    return _zip(user)


def _notice(user: User) -> None:
    text = (
        f"Hello {user.username},\n\nSomebody who is signed in as you, and who had your code, has just downloaded the "
        "data that we hold about you.\n\nIf this was not you, change your password at once and write to us. You see "
        f"where you are signed in here:\n{settings.BASE_URL}{reverse('account_security')}\n\nGold Wallet\n"
    )
    for address in contacts(user):
        message_enqueue(
            user_id=user.pk,
            to=address,
            subject="Your data was downloaded",
            text=text,
            kind=NOTICE,
            key=f"{NOTICE}:{uuid.uuid4()}",
        )


# --- making it ------------------------------------------------------------------------------------


def _zip(user: User) -> IO[bytes]:
    file = _memory()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        photos = _photos(user, archive)
        archive.writestr("data.json", json.dumps(_data(user, photos), indent=1, default=_plain))
    file.seek(0)
    return file


def _memory() -> IO[bytes]:
    """A file that never touches a disk: photos of IDs lie on ours sealed, or not at all. Whoever sends it closes it."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("export"), "w+b")
    return io.BytesIO()


def _data(user: User, photos: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "made_at": clock.now(),
        "about": "Everything that Gold Wallet holds about you. Times are Nairobi's, grams and shillings exact.",
        "left_out": [_NOTES, *dict.fromkeys(LEFT_OUT.values())],
        "photos": photos,
        **{section.name: section.read(user) for section in SECTIONS},
    }


def _photos(user: User, archive: zipfile.ZipFile) -> list[dict[str, str]]:
    """Put each photo that still exists into the archive; what cannot be had is named, with the reason."""
    found = []
    documents = Document.objects.filter(case__user=user, destroyed_at=None)
    newest = documents.order_by(F("replaced_at").desc(nulls_first=True), "-stored_at", "pk")
    for number, document in enumerate(newest):
        name = f"photos/{document.part}-{str(document.pk)[:8]}.jpg"
        row = {"photo": str(document.pk), "file": name}
        if number >= _MOST_PHOTOS:
            found.append({"photo": str(document.pk), "missing": "An older photo. Ask us for it."})
            continue
        try:
            archive.writestr(name, document_read(document_id=document.pk), zipfile.ZIP_STORED)
        except Refused as refused:
            row = {"photo": str(document.pk), "missing": refused.sentence}
            archive.writestr(f"{name}.missing.txt", refused.sentence)
        found.append(row)
    return found


def _plain(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone(NAIROBI).isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, uuid.UUID | dt.date):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in an export")
