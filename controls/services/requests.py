"""Four eyes: one person asks, another one approves, and it is done once, in the transaction of the approval.

The approval is bound to a hash of what was asked and of what it would do now (design section 7, faults.md DR16). Lock
order: the request first, then whatever its kind locks.
"""

import datetime as dt
import hashlib
import json
import uuid
from typing import Any

import pghistory
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from controls import kinds
from controls.effects import AccountChange, Description, Effect
from controls.kinds import KINDS, Kind
from controls.models import REQUEST_MOVES, Request, RequestState
from controls.services.evidence import EDITED, Evidence, attachment_of, evidence_hash
from controls.services.lines import request_record
from controls.services.retyping import typed_check
from goldwallet.clock import Now, now
from goldwallet.errors import Conflict, Refused
from goldwallet.sql import insert
from goldwallet.states import move
from goldwallet.typed import one_line

#: Shorter ones say nothing to whoever reads the history.
_LEAST_REASON = 10


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _hash(*parts: Any) -> str:
    return hashlib.sha256(_canonical(parts).encode()).hexdigest()


def _content_hash(request: Request, evidence: str, *, ends: bool = True) -> str:
    """A hash of all that was asked. `evidence` is the hash of its file; `ends`: it covers when the request ends."""
    return _hash(
        request.kind,
        request.subject,
        request.payload,
        request.reason,
        request.effect,
        str(request.maker_id),
        evidence,
        # Requests of before there was this column have no such part.
        *([str(request.person_id)] if request.person_id else []),
        *([["expires_at", request.expires_at.astimezone(dt.UTC).isoformat()]] if ends else []),
    )


def _as_made(request: Request) -> bool:
    """Whether everything is as it was when it was made.

    Requests of before the hash covered when they end have one without that part. It fits none that was made since.
    """
    evidence = evidence_hash(request)
    return request.content_hash in {_content_hash(request, evidence, ends=ends) for ends in (True, False)}


def request_seal(request: Request, effect: Effect) -> str:
    """What the approval page sends back: a hash of what was asked and of what it would move as the page shows it."""
    return _hash(request.content_hash, effect.essence())


def request_effect(request: Request) -> Effect:
    """What the request would do now: it is run and undone. Raises Refused when it cannot be done (any more)."""
    return _effect(kinds.describe(request.kind, request.payload), kinds.rehearse(request))


def _effect(description: Description, accounts: tuple[AccountChange, ...]) -> Effect:
    return Effect(
        summary=description.summary,
        changes=description.changes,
        accounts=accounts,
        leaving_kes=str(description.leaving_kes),
        warnings=description.warnings,
        retype=description.retype,
    )


def _stored(effect: Effect) -> Any:
    return json.loads(_canonical(effect.as_json()))


def _roles(person: Any) -> frozenset[str]:
    return frozenset(person.groups.values_list("name", flat=True))


def _check_role(person: Any, allowed: frozenset[str], sentence: str) -> None:
    held = _roles(person)
    if not held & allowed or "auditor" in held or not person.is_active:
        raise Refused(sentence, code="role", status=403)


_ON_HOLD = "Your account is on hold, so you neither ask for anything nor decide anything."
_MAKER_ON_HOLD = "Who asked is on hold. Refuse it, or wait until the hold is lifted."


def _check_not_on_hold(person: Any, sentence: str = _ON_HOLD) -> None:
    """As the row stands now: the hold may have come since the person's page was opened."""
    if get_user_model().objects.filter(pk=person.pk).exclude(frozen_reason="").exists():
        raise Refused(sentence, code="hold", status=403)


def _words(text: str, *, least: int, what: str) -> str:
    words = one_line(text)
    if len(words) < least:
        raise Refused(f"{what} At least {least} letters.", code="reason")
    if len(words) > 500:
        raise Refused("Keep it under 500 letters. Attach a file for the rest.", code="reason")
    return words


def request_make(
    *,
    kind: str,
    payload: dict[str, Any],
    subject: str,
    reason: str,
    by: Any,
    evidence: Evidence | None = None,
) -> Request:
    """Ask for something that takes a second person. Raises Refused when it could not be done now, or is asked already.

    `payload` holds JSON values only (amounts as text); `subject` names the thing (`payment:<id>`).
    """
    definition = KINDS[kind]
    _check_role(by, definition.makers, "Your role does not ask for this.")
    request = Request(
        kind=kind,
        subject=subject,
        payload=json.loads(_canonical(payload)),
        reason=_words(reason, least=_LEAST_REASON, what="Write why, for the second person."),
        maker=by,
    )
    if definition.evidence and evidence is None:
        raise Refused("Attach what shows it: a page of M-Pesa's statement, or their letter.", code="evidence")
    attachment = None if evidence is None else attachment_of(request, evidence)
    request.person_id = kinds.person_about(kind, request.payload)
    _check_not_about(request, by)
    _check_not_on_hold(by)
    request.effect = _stored(request_effect(request))
    request.expires_at = now() + dt.timedelta(hours=definition.hours)
    request.content_hash = _content_hash(request, attachment.sha256 if attachment else "")
    try:
        with pghistory.context(user=str(by.pk), action="request_make"), transaction.atomic():
            requests_expire(subject=subject)
            insert(request)
            if attachment is not None:
                attachment.save(force_insert=True)
            request_record("request_make", request, reason=request.reason)
    except IntegrityError as error:
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "")
        if name != "request_one_open_a_subject":
            raise
        raise Conflict(
            "Somebody has asked for this already. It waits among the approvals.", code="asked"
        ) from error
    return request


# --- the second person ----------------------------------------------------------------------------


def _open(request_id: uuid.UUID) -> tuple[Request, Kind]:
    """The request under its lock. Raises Conflict when it does not wait any more; its time is judged here."""
    request = Request.objects.select_for_update(of=("self",)).select_related("maker").get(pk=request_id)
    over = Request.objects.filter(pk=request_id, expires_at__lte=Now()).exists()
    if request.state != RequestState.WAITING or over:
        raise Conflict("This request does not wait for anybody any more.", code="decided")
    return request, KINDS[request.kind]


def _check_checker(request: Request, definition: Kind, by: Any) -> None:
    if request.maker_id == by.pk:
        raise Refused("You asked for this yourself. A second person must decide it.", code="own", status=403)
    _check_role(by, definition.checkers, "Your role does not decide this.")
    if request.maker_id in kinds.accounts_of(by.pk):
        raise Refused(
            "You asked for this under another account. A second person must decide it.",
            code="own",
            status=403,
        )
    _check_not_about(request, by)
    _check_not_on_hold(by)


_ABOUT_ONESELF = "This is about yourself. Two other people must do it."
_ABOUT_THE_MAKER = "This is about whoever asked for it: they share a phone or an ID. Refuse it."


def _check_not_about(request: Request, by: Any, *, sentence: str = _ABOUT_ONESELF) -> None:
    """Nobody asks for or decides what is about themselves, whichever of their accounts they use (faults.md Z07)."""
    # Both: what the row says, and what the payload says now. Requests of before the column have the payload alone.
    about = {request.person_id, kinds.person_about(request.kind, request.payload)} - {None}
    if about & kinds.accounts_of(by.pk):
        raise Refused(sentence, code="own", status=403)


def _check_content(request: Request, definition: Kind) -> None:
    if not _as_made(request):
        raise Conflict(EDITED, code="edited")
    _check_role(request.maker, definition.makers, "Who asked may not ask for this any more. Refuse it.")
    _check_not_on_hold(request.maker, _MAKER_ON_HOLD)
    # Since it was made, the two may have come to share a phone or an ID.
    _check_not_about(request, request.maker, sentence=_ABOUT_THE_MAKER)


def _check_seen(request: Request, effect: Effect, seen: str) -> None:
    if seen != request_seal(request, effect):
        raise Conflict("What this would do has changed. Nothing was done. Look again.", code="moved")


_WHY_YES = "Write what you looked at, and why you agree."
_WHY_NO = "Write why not, for whoever asked."


def request_weigh(*, request_id: uuid.UUID, by: Any) -> None:
    """Note that somebody who may decide it has worked out what it would do now (`request_effect`). Raises Refused or
    Conflict as the decision would, but for what it would do.
    """
    with transaction.atomic():
        request, definition = _open(request_id)
        _check_checker(request, definition, by)
        _check_content(request, definition)
        request_record("request_weigh", request, by=by)


def approval_check(
    *, request_id: uuid.UUID, by: Any, seen: str, words: str, typed: tuple[str, ...] = ()
) -> None:
    """Refuse what `request_approve` would refuse, and change nothing: so that a code of the second factor is asked for
    when the rest is right. Binding is `request_approve`.
    """
    with transaction.atomic():
        request, definition = _open(request_id)
        _check_checker(request, definition, by)
        _check_content(request, definition)
        request.checker = by
        effect = request_effect(request)
        _check_seen(request, effect, seen)
        typed_check(effect, typed)
        _words(words, least=_LEAST_REASON, what=_WHY_YES)


def refusal_check(*, request_id: uuid.UUID, by: Any, words: str) -> None:
    """The same before `request_refuse`."""
    _words(words, least=_LEAST_REASON, what=_WHY_NO)
    with transaction.atomic():
        _check_checker(*_open(request_id), by)


def request_approve(
    *,
    request_id: uuid.UUID,
    by: Any,
    seen: str,
    words: str,
    typed: tuple[str, ...] = (),
    same_browser: str = "",
) -> Request:
    """Do what was asked, once. `seen` is the `request_seal` of the page that the second person looked at, `typed` the
    amounts as they typed them where `retype_needed` says so, and `words` say why they agree.
    `same_browser`: in words, who of the others has signed in there, too. It forbids nothing, and the trail keeps it for
    whoever looks.

    It is done first and then held against what was seen and typed, so that nothing can move between the look and the
    act. Raises Refused or Conflict; then nothing has changed and the request waits as before.
    """
    with pghistory.context(user=str(by.pk), action="request_approve"), transaction.atomic():
        request, definition = _open(request_id)
        _check_checker(request, definition, by)
        _check_content(request, definition)
        said = _words(words, least=_LEAST_REASON, what=_WHY_YES)
        request.checker = by
        description = kinds.describe(request.kind, request.payload)
        if not move(
            request,
            RequestState.EXECUTED,
            moves=REQUEST_MOVES,
            checker=by,
            decided_at=Now(),
            decision=said,
        ):
            raise Conflict("This request does not wait for anybody any more.", code="decided")
        sentence, moved = kinds.execute(request)
        effect = _effect(description, moved)
        _check_seen(request, effect, seen)
        typed_check(effect, typed)
        request.result, request.done = sentence[:300], _stored(effect)
        request.save(update_fields=["result", "done"])
        request_record(
            "request_approve",
            request,
            by=by,
            before=RequestState.WAITING,
            reason=said,
            effect=effect,
            more={"same_browser": same_browser} if same_browser else {},
        )
    return request


def request_refuse(*, request_id: uuid.UUID, by: Any, words: str) -> Request:
    """Say no, with a reason. Nothing was done and nothing is."""
    said = _words(words, least=_LEAST_REASON, what=_WHY_NO)
    with pghistory.context(user=str(by.pk), action="request_refuse"), transaction.atomic():
        request, definition = _open(request_id)
        _check_checker(request, definition, by)
        decided = {"checker": by, "decided_at": Now(), "decision": said}
        move(request, RequestState.REFUSED, moves=REQUEST_MOVES, **decided)
        request_record("request_refuse", request, by=by, before=RequestState.WAITING, reason=said)
    return request


def request_withdraw(*, request_id: uuid.UUID, by: Any) -> Request:
    """The maker takes it back."""
    with pghistory.context(user=str(by.pk), action="request_withdraw"), transaction.atomic():
        request, _ = _open(request_id)
        if request.maker_id != by.pk:
            raise Refused("Only who asked can take this back. You may refuse it.", code="not_own", status=403)
        move(request, RequestState.WITHDRAWN, moves=REQUEST_MOVES, decided_at=Now())
        request_record("request_withdraw", request, by=by, before=RequestState.WAITING)
    return request


def requests_expire(*, subject: str = "") -> int:
    """Close what nobody decided in time; answers how many. Tidying: the time is judged when a request is decided."""
    over = Request.objects.filter(state=RequestState.WAITING, expires_at__lte=Now())
    if subject:
        over = over.filter(subject=subject)
    return over.update(state=RequestState.EXPIRED, decided_at=Now())
