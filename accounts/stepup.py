"""Proofs for one operation: who has signed in shows once more who they are, for exactly what the page says.

    try:
        service(..., session_key=request.session.session_key or "")    # calls step_up_use in its transaction
    except StepUpNeeded as needed:
        return step_up_redirect(request, needed, back=...)             # accounts.pages.stepup

A proof is a row bound to a person, an operation, the hash of everything that was shown, and a session. It lives five
minutes and is used once, in the transaction of the operation itself: so no other route, no other operation and no
second press gets by on it (faults.md A08).

Who has an authenticator writes its code or a recovery code, and everybody else a code that comes by mail.
"""

import json
import re
import secrets
import uuid
from collections.abc import Sequence
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import QuerySet, Sum
from django.utils.crypto import constant_time_compare

from accounts import messages, second_factor
from accounts.models import Method, StepUp, User
from accounts.selectors import authenticator_of
from goldwallet.clock import Now, after
from goldwallet.errors import Conflict, Refused, TooOften
from goldwallet.sealing import fingerprint

#: How long a proof is good for, and how long a question waits for its code, in seconds.
PROOF_SECONDS = 300
ASK_SECONDS = 600
#: Tries at the code of one mail; then there is a new mail.
MAIL_TRIES = 5
# At most this many mails an hour and wrong codes a day: six digits are guessed once in a hundred years.
_MAILS_AN_HOUR, _WRONG_A_DAY = 10, 25
_HOUR, _DAY = 3600, 86_400

#: Pairs of a name and a value, as the page lists them.
type Shown = Sequence[tuple[str, str]]
type Fact = str | int | Decimal | uuid.UUID

_WRONG = "That code is not right. Look at the newest mail from us."
_OVER = "That took too long, or there were too many wrong codes. Ask for a new code."


class StepUpNeeded(Refused):
    """The operation waits for a proof. `shown` is what the person is asked to confirm."""

    def __init__(self, *, operation: str, digest: str, shown: Shown = ()) -> None:
        super().__init__("Please confirm this with a code first.", code="step_up", status=403)
        self.operation = operation
        self.digest = digest
        self.shown = list(shown)


def step_up_digest(operation: str, **facts: Fact) -> str:
    """A keyed hash of everything that the person is shown. Amounts are equal whatever their zeros after the point."""
    pairs = [(name, _plain(value)) for name, value in sorted(facts.items())]
    return fingerprint(json.dumps([operation, pairs]), kind="step-up")


def _plain(value: Fact) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, str | int | uuid.UUID):
        return str(value)
    raise TypeError(f"{value!r} has no one way to be written")


def _session_hash(session_key: str) -> str:
    return fingerprint(session_key, kind="step-up-session")


def _of(user_id: uuid.UUID, operation: str, digest: str, session_key: str) -> QuerySet[StepUp]:
    """Those that are neither used nor over. Without a session there are none."""
    rows = StepUp.objects.filter(user_id=user_id, operation=operation, digest=digest, used_at=None)
    if not session_key:
        return rows.none()
    return rows.filter(session_hash=_session_hash(session_key), expires_at__gt=Now())


# --- using ----------------------------------------------------------------------------------------


def step_up_use(
    *, user_id: uuid.UUID, operation: str, digest: str, session_key: str, shown: Shown = ()
) -> None:
    """Use the proof up, in the caller's transaction: what fails later gives it back. Raises StepUpNeeded.

    One conditional UPDATE, judged by the database's clock: of two at once one gets it, and the other waits for the
    first one's transaction and finds it used.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a proof is used in the transaction of what it is for")
    proofs = _of(user_id, operation, digest, session_key).filter(proven_at__isnull=False)
    if not proofs.update(used_at=Now()):
        raise StepUpNeeded(operation=operation, digest=digest, shown=shown)


def step_up_proven(*, user_id: uuid.UUID, operation: str, digest: str, session_key: str) -> bool:
    """Whether there is a proof to use. For pages that say it; only `step_up_use` decides."""
    return _of(user_id, operation, digest, session_key).filter(proven_at__isnull=False).exists()


def step_up_ready(*, user_id: uuid.UUID, operation: str, session_key: str) -> StepUp | None:
    """The newest proof for such an operation, whatever it is about: to show it again for the last press."""
    rows = StepUp.objects.filter(
        user_id=user_id, operation=operation, session_hash=_session_hash(session_key)
    )
    ready = rows.filter(proven_at__isnull=False, used_at=None, expires_at__gt=Now())
    return ready.order_by("-proven_at").first()


# --- asking ---------------------------------------------------------------------------------------


@transaction.atomic
def step_up_begin(
    *, user: User, operation: str, digest: str, session_key: str, shown: Shown = (), back: str = ""
) -> StepUp:
    """Ask for a code: the question that is open already, or a new one. Raises TooOften after too many mails.

    `back` is the path of the page where the operation is done once it is proven.
    """
    if not session_key:
        raise Refused("Please sign in again.", code="session", status=403)
    _lock(user)
    method = Method.CODE if authenticator_of(user) else Method.MAIL
    waiting = _of(user.pk, operation, digest, session_key).filter(proven_at=None, method=method)
    if found := waiting.filter(tries__lt=MAIL_TRIES).order_by("-created_at").first():
        return found
    asked = StepUp(
        user=user,
        operation=operation,
        digest=digest,
        session_hash=_session_hash(session_key),
        method=method,
        back=back,
        expires_at=after(ASK_SECONDS),
    )
    asked.shown = json.dumps([list(pair) for pair in shown]) if shown else ""
    code = _mail_code(asked) if method == Method.MAIL else ""
    asked.save(force_insert=True)
    if code:
        messages.step_up_code(user, code=code, key=asked.pk, shown=shown)
    return asked


def step_up_again(*, asked: StepUp, user: User, session_key: str) -> StepUp:
    """A new question in the place of one that is over, or whose mail did not come: the old code is good no more."""
    with transaction.atomic():
        _lock(user)
        open_ones = _of(user.pk, asked.operation, asked.digest, session_key).filter(proven_at=None)
        open_ones.update(expires_at=Now())
        return step_up_begin(
            user=user,
            operation=asked.operation,
            digest=asked.digest,
            session_key=session_key,
            shown=shown_of(asked),
            back=asked.back,
        )


def shown_of(asked: StepUp) -> list[tuple[str, str]]:
    return [(name, value) for name, value in json.loads(asked.shown or "[]")]


def step_up_of(*, step_up_id: uuid.UUID, user: User, session_key: str) -> StepUp:
    """The question of this person in this session. Raises Refused for any other."""
    found = StepUp.objects.filter(pk=step_up_id, user=user, session_hash=_session_hash(session_key)).first()
    if found is None:
        raise Refused("We do not ask you this here. Please begin again.", code="step_up_unknown", status=404)
    return found


def step_up_is_open(asked: StepUp) -> bool:
    """Whether a code may still be entered: neither over, nor used, nor guessed at too often."""
    rows = StepUp.objects.filter(pk=asked.pk, used_at=None, expires_at__gt=Now(), tries__lt=MAIL_TRIES)
    return rows.exists()


def _lock(user: User) -> None:
    """Mails and wrong codes are counted one after the other."""
    User.objects.select_for_update(no_key=True).only("id").get(pk=user.pk)


def _mail_code(asked: StepUp) -> str:
    """A code of six digits, of which the row keeps a keyed hash. Raises TooOften."""
    mine = StepUp.objects.filter(user=asked.user, method=Method.MAIL)
    if mine.filter(created_at__gt=after(-_HOUR)).count() >= _MAILS_AN_HOUR:
        raise TooOften("We have sent you many codes. Wait an hour, then try again.", seconds=_HOUR)
    _refuse_guessing(asked)
    code = f"{secrets.randbelow(10**6):06d}"
    asked.code_hash = _code_hash(asked, code)
    return code


def _refuse_guessing(asked: StepUp) -> None:
    mine = StepUp.objects.filter(user=asked.user, method=Method.MAIL, created_at__gt=after(-_DAY))
    if (mine.aggregate(wrong=Sum("tries"))["wrong"] or 0) >= _WRONG_A_DAY:
        raise TooOften("There were too many wrong codes. Try again tomorrow, or write to us.", seconds=_DAY)


def _code_hash(asked: StepUp, code: str) -> str:
    return fingerprint(f"{asked.pk}|{code}", kind="step-up-code")


# --- proving --------------------------------------------------------------------------------------


def step_up_prove(*, step_up_id: uuid.UUID, user: User, session_key: str, code: str) -> StepUp:
    """The right code makes the proof. Raises Refused for a wrong one, and for a question that is over.

    A wrong code stays counted although the caller hears of it by an exception: the count commits first.
    """
    asked = step_up_of(step_up_id=step_up_id, user=user, session_key=session_key)
    if asked.proven_at is not None:
        return asked
    if not step_up_is_open(asked):
        raise Conflict(_OVER, code="step_up_over")
    if asked.method == Method.CODE:
        second_factor.code_check(user=user, code=code)
    elif authenticator_of(user):
        # Set up after the mail had gone out: from then on it is the authenticator that speaks for the person.
        raise Conflict(_OVER, code="step_up_over")
    else:
        _mail_code_check(asked, user=user, code=code)
    fresh = StepUp.objects.filter(pk=asked.pk, proven_at=None, used_at=None, expires_at__gt=Now())
    if not fresh.update(proven_at=Now(), expires_at=after(PROOF_SECONDS)):
        raise Conflict(_OVER, code="step_up_over")
    asked.refresh_from_db()
    return asked


def _mail_code_check(asked: StepUp, *, user: User, code: str) -> None:
    """Each try is counted in the row, under its lock, before anybody hears of it. Raises Refused."""
    text = re.sub(r"[\s-]", "", code)
    with transaction.atomic():
        _lock(user)
        row = StepUp.objects.select_for_update().get(pk=asked.pk)
        if row.tries >= MAIL_TRIES:
            raise Conflict(_OVER, code="step_up_over")
        if constant_time_compare(row.code_hash, _code_hash(row, text)):
            return
        StepUp.objects.filter(pk=row.pk).update(tries=row.tries + 1)
        if row.tries + 1 == MAIL_TRIES:
            messages.step_up_alarm(user)
    raise Refused(_WRONG, code="code")
