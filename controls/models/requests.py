"""Four eyes: what one person asks for and another one does."""

import uuid

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from goldwallet.clock import Now
from goldwallet.sealing import sealed_property
from goldwallet.states import Moves
from goldwallet.triggers import FSM, NEVER_REMOVED, Guard, ReadOnly, append_only


class RequestState(models.TextChoices):
    WAITING = "waiting", "Waits for a second person"
    EXECUTED = "executed", "Done"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Taken back"
    EXPIRED = "expired", "Expired"


REQUEST_MOVES: Moves = {
    RequestState.WAITING: frozenset(
        {RequestState.EXECUTED, RequestState.REFUSED, RequestState.WITHDRAWN, RequestState.EXPIRED}
    ),
    RequestState.EXECUTED: frozenset(),
    RequestState.REFUSED: frozenset(),
    RequestState.WITHDRAWN: frozenset(),
    RequestState.EXPIRED: frozenset(),
}


#: The last line behind `controls.services`: of who asks, who decides and whom it is about, no two ever had the same
#: phone, asked to be paid on the same one, or have the same proven ID. It looks when a request is made and when
#: somebody decides it. Who asked and whom it is about may have become one since: then a third person can still refuse
#: it, and nobody can approve it. All that it finds, `kyc.alike.accounts_of` finds too, with a sentence.
_NO_SECOND_ACCOUNT = """
IF TG_OP = 'UPDATE' AND NEW.checker_id IS NOT DISTINCT FROM OLD.checker_id THEN
    RETURN NEW;
END IF;
IF EXISTS (
    WITH had AS (
        SELECT id AS person, phone_lookup AS mark FROM accounts_user
        WHERE id IN (NEW.maker_id, NEW.checker_id, NEW.person_id)
        UNION
        SELECT pgh_obj_id, phone_lookup FROM accounts_userevent
        WHERE pgh_obj_id IN (NEW.maker_id, NEW.checker_id, NEW.person_id)
        UNION
        SELECT user_id, phone_lookup FROM accounts_payoutnumber
        WHERE user_id IN (NEW.maker_id, NEW.checker_id, NEW.person_id)
    )
    SELECT FROM had one JOIN had other USING (mark)
    WHERE one.person < other.person AND mark <> ''
        AND (NEW.state IN ('waiting', 'executed') OR NEW.checker_id IN (one.person, other.person))
) OR EXISTS (
    SELECT FROM kyc_case one JOIN kyc_case other USING (id_type, id_number_lookup)
    WHERE one.user_id < other.user_id AND id_number_lookup <> ''
        AND one.valid_until IS NOT NULL AND other.valid_until IS NOT NULL
        AND one.user_id IN (NEW.maker_id, NEW.checker_id, NEW.person_id)
        AND other.user_id IN (NEW.maker_id, NEW.checker_id, NEW.person_id)
        AND (NEW.state IN ('waiting', 'executed') OR NEW.checker_id IN (one.user_id, other.user_id))
) THEN
    RAISE EXCEPTION 'Cannot let one person be two in a request';
END IF;
RETURN NEW;
"""
_DONE_STAYS = """
IF public.controls_request_forgets(OLD, NEW) THEN RETURN NEW; END IF;
RAISE EXCEPTION 'Cannot update rows from % table', TG_TABLE_NAME;
"""
#: Of evidence, nothing changes but its seal: under another key when keys rotate, and emptied when its time is over
#: (`oversight.privacy`). That sealing anew leaves the content as it was is for `controls.services` to see, which holds
#: it against `sha256` and that against the request's `content_hash`.
_EVIDENCE_SEALED_ANEW = """
    (NEW.id, NEW.request_id, NEW.name, NEW.type, NEW.sha256) = (OLD.id, OLD.request_id, OLD.name, OLD.type, OLD.sha256)
    AND (
        OLD.content_sealed <> '' AND NEW.content_sealed <> ''
            AND split_part(NEW.content_sealed, ':', 1) <> split_part(OLD.content_sealed, ':', 1)
        OR NEW.content_sealed = ''
            AND EXISTS (SELECT FROM controls_request WHERE id = OLD.request_id AND state <> 'waiting')
    )
"""


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(condition=pghistory.AnyChange("state")),
    # Somebody opened its evidence (services.evidence_open).
    pghistory.ManualEvent("evidence_open"),  # type: ignore[no-untyped-call]
    fields=["kind", "subject", "content_hash", "state", "reason", "decision"],
    model_name="RequestEvent",
    meta={"triggers": append_only(but="public.controls_requestevent_forgets(OLD, NEW)")},
)
class Request(models.Model):
    """What one person asks for and another one does. What is asked never changes; `content_hash` binds the approval.

    `kind` is one of `controls.kinds.KINDS`; `payload` is what its functions read; `subject` names the one thing it is
    about (`payment:<id>`), so that two open requests cannot be about the same.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=120)
    payload = models.JSONField()
    content_hash = models.CharField(max_length=64)
    #: What it would do, as computed when it was made (`controls.effects.Effect` as JSON).
    effect = models.JSONField()
    reason = models.CharField(max_length=500)
    #: Whom it is about (`controls.kinds`); that person neither asks for it nor decides it, under no account of theirs.
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, default=None, related_name="+"
    )
    maker = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    checker = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, default=None, related_name="+"
    )
    state = models.CharField(max_length=10, choices=RequestState, default=RequestState.WAITING)
    #: The second person's words, and what executing it came to, in a sentence.
    decision = models.CharField(max_length=500, blank=True, default="")
    result = models.CharField(max_length=300, blank=True, default="")
    #: What executing it did, as `effect`. None: it was not executed, or before this was kept.
    done = models.JSONField(null=True, default=None)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, default=None)

    class Meta:
        constraints = [
            models.CheckConstraint(name="request_two_people", condition=~Q(maker=F("checker"))),
            models.CheckConstraint(
                name="request_not_about_own", condition=~Q(maker=F("person")) & ~Q(checker=F("person"))
            ),
            models.CheckConstraint(name="request_state_known", condition=Q(state__in=RequestState.values)),
            models.CheckConstraint(
                name="request_decided_by_somebody",
                condition=~Q(state__in=["executed", "refused"])
                | Q(checker__isnull=False, decided_at__isnull=False),
            ),
            models.CheckConstraint(name="request_has_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="request_done_when_executed", condition=Q(done__isnull=True) | Q(state="executed")
            ),
            models.UniqueConstraint(
                fields=["subject"], name="request_one_open_a_subject", condition=Q(state="waiting")
            ),
        ]
        indexes = [
            models.Index(fields=["state", "created_at"], name="request_inbox"),
            models.Index(fields=["subject", "created_at"], name="request_subject"),
        ]
        triggers = [
            *NEVER_REMOVED,
            ReadOnly(
                name="content_stays",
                # An address of who was erased gives way, in what was computed and in the words, and nothing else does.
                but="public.controls_request_forgets(OLD, NEW)",
                fields=[
                    "kind",
                    "subject",
                    "payload",
                    "content_hash",
                    "effect",
                    "reason",
                    "person",
                    "maker",
                    "created_at",
                    "expires_at",
                ],
            ),
            Guard(
                name="done_stays",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("OLD.done IS NOT NULL AND NEW.done IS DISTINCT FROM OLD.done"),
                func=_DONE_STAYS,
            ),
            Guard(
                name="no_second_account",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                func=_NO_SECOND_ACCOUNT,
            ),
            FSM(
                name="decided_once",
                field="state",
                transitions=[("waiting", state) for state in ("executed", "refused", "withdrawn", "expired")],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Attachment(models.Model):
    """The evidence of a request, sealed: a page of a statement, a letter. At most one, a megabyte."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.OneToOneField(Request, models.PROTECT, related_name="attachment")
    name = models.CharField(max_length=120)
    type = models.CharField(max_length=40)
    sha256 = models.CharField(max_length=64)
    #: Base64 of the file.
    content_sealed = models.TextField()

    content = sealed_property("content_sealed")

    class Meta:
        triggers = append_only(but=_EVIDENCE_SEALED_ANEW)
