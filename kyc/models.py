"""Identity: what a person tells and shows, what staff decide about it, and who looked at what.

Legal data is sealed field by field. An image is sealed with a key of its own before it leaves this process
(`kyc.vault`); destroying the key is erasure, backups included.
"""

import uuid

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from goldwallet.clock import Now
from goldwallet.sealing import DOCUMENTS, sealed_property
from goldwallet.states import Moves
from goldwallet.triggers import FSM, HISTORY, NEVER_REMOVED, Protect, ReadOnly


class CaseState(models.TextChoices):
    DRAFT = "draft", "Not sent yet"
    SUBMITTED = "submitted", "In review"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Something is missing"
    EXPIRED = "expired", "Expired"


#: A rejected case is corrected and sent again; an approved one ends when its time is over.
CASE_MOVES: Moves = {
    CaseState.DRAFT: frozenset({CaseState.SUBMITTED, CaseState.EXPIRED}),
    CaseState.SUBMITTED: frozenset({CaseState.APPROVED, CaseState.REJECTED}),
    CaseState.REJECTED: frozenset({CaseState.SUBMITTED, CaseState.EXPIRED}),
    CaseState.APPROVED: frozenset({CaseState.EXPIRED}),
    CaseState.EXPIRED: frozenset(),
}
#: A person has at most one of these.
OPEN_CASES = (CaseState.DRAFT, CaseState.SUBMITTED, CaseState.REJECTED)


class IdType(models.TextChoices):
    NATIONAL_ID = "national_id", "National ID"
    PASSPORT = "passport", "Passport"
    ALIEN_ID = "alien_id", "Alien ID"


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(condition=pghistory.AnyChange("state")),
    fields=["id", "user", "state"],
    model_name="CaseEvent",
    meta=HISTORY,
)
class Case(models.Model):
    """One try of a person to prove who they are. Corrected and sent again it stays the same case."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="kyc_cases")
    state = models.CharField(max_length=10, choices=CaseState, default=CaseState.DRAFT)
    legal_name_sealed = models.TextField(blank=True, default="")
    #: ISO date.
    birth_date_sealed = models.TextField(blank=True, default="")
    #: People who were born on the same day are few enough to compare their names.
    birth_date_lookup = models.CharField(max_length=64, blank=True, default="", db_index=True)
    id_type = models.CharField(max_length=12, choices=IdType, blank=True, default="")
    id_number_sealed = models.TextField(blank=True, default="")
    id_number_lookup = models.CharField(max_length=64, blank=True, default="", db_index=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    #: When the person last worked on it: wrote something down, or sent a photo.
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    #: Of the last time that it was sent, which is what the queue counts its age from.
    submitted_at = models.DateTimeField(null=True, default=None)
    decided_at = models.DateTimeField(null=True, default=None)
    #: Of an approved case: the day on which the person must show again who they are.
    valid_until = models.DateTimeField(null=True, default=None)
    #: Of a rejected case: the refused parts that are not images, and that the person has written anew since.
    corrected = models.JSONField(default=list, blank=True)

    legal_name = sealed_property("legal_name_sealed")
    birth_date = sealed_property("birth_date_sealed", lookup="birth_date_lookup", kind="birth_date")
    id_number = sealed_property("id_number_sealed", lookup="id_number_lookup", kind="id_number")

    class Meta:
        constraints = [
            models.CheckConstraint(name="kyc_case_state_known", condition=Q(state__in=CaseState.values)),
            models.UniqueConstraint(
                fields=["user"], name="kyc_one_open_case", condition=Q(state__in=OPEN_CASES)
            ),
            models.UniqueConstraint(
                fields=["user"], name="kyc_one_approved_case", condition=Q(state="approved")
            ),
            # One ID opens one account, whoever approves what at the same moment (faults.md K11).
            models.UniqueConstraint(
                fields=["id_type", "id_number_lookup"],
                name="kyc_one_person_an_id",
                condition=Q(state="approved") & ~Q(id_number_lookup=""),
            ),
            models.CheckConstraint(
                name="kyc_approved_ends",
                condition=~Q(state="approved") | Q(decided_at__isnull=False, valid_until__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["submitted_at"], name="kyc_case_queue", condition=Q(state="submitted")),
            models.Index(fields=["user", "created_at"], name="kyc_case_person"),
        ]
        triggers = [
            FSM(
                name="moves",
                field="state",
                transitions=[
                    (str(one), str(other)) for one, to in CASE_MOVES.items() for other in sorted(to)
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}: {self.state}"


class NameWord(models.Model):
    """One word of a case's legal name as a keyed hash, so that staff find a person by name (`kyc.names`).

    The name itself is sealed; only whole words are found, since hashes of beginnings would give the name away.
    """

    id = models.BigAutoField(primary_key=True)
    case = models.ForeignKey(Case, models.CASCADE, related_name="name_words")
    word_lookup = models.CharField(max_length=64, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "word_lookup"], name="kyc_name_word_once")]


class Part(models.TextChoices):
    """What a case is made of, as reasons and images name it."""

    NAME = "name", "Legal name"
    BIRTH_DATE = "birth_date", "Date of birth"
    ID_NUMBER = "id_number", "ID type and number"
    ID_FRONT = "id_front", "Front of the ID"
    ID_BACK = "id_back", "Back of the ID"
    SELFIE = "selfie", "Selfie"


#: Parts that are images, in the order in which they are asked for.
IMAGES = (Part.ID_FRONT, Part.ID_BACK, Part.SELFIE)


class Document(models.Model):
    """An image of a case, as it was re-encoded and sealed here. The row is written when its object is stored.

    `object_key` is random and says nothing; `<object_key>.t` is the thumbnail, sealed with the same key. A newer image
    of the same part replaces an older one. Without its data key an image is gone, wherever copies of it are.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, models.PROTECT, related_name="documents")
    part = models.CharField(max_length=12, choices=Part)
    object_key = models.CharField(max_length=64, unique=True)
    #: Base64 of 32 bytes, wrapped by the master key. Empty: destroyed.
    data_key_sealed = models.TextField(blank=True, default="")
    size = models.PositiveIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    #: The name that the person's file had.
    original_name_sealed = models.TextField(blank=True, default="")
    stored_at = models.DateTimeField(db_default=Now(), editable=False)
    replaced_at = models.DateTimeField(null=True, default=None)
    #: The reviewer's words to the person when this image would not do. Empty: it would, or nobody has looked.
    refusal = models.CharField(max_length=300, blank=True, default="")
    destroyed_at = models.DateTimeField(null=True, default=None)
    #: The stored objects are deleted too. Until then a job tries again.
    removed_at = models.DateTimeField(null=True, default=None)

    data_key = sealed_property("data_key_sealed", ring=DOCUMENTS)
    original_name = sealed_property("original_name_sealed")

    class Meta:
        constraints = [
            models.CheckConstraint(name="kyc_document_is_an_image", condition=Q(part__in=IMAGES)),
            models.UniqueConstraint(
                fields=["case", "part"], name="kyc_one_current_image", condition=Q(replaced_at=None)
            ),
            models.CheckConstraint(
                name="kyc_destroyed_without_key",
                condition=Q(destroyed_at=None) & ~Q(data_key_sealed="")
                | Q(destroyed_at__isnull=False, data_key_sealed=""),
            ),
        ]
        triggers = [
            *NEVER_REMOVED,
            ReadOnly(name="content_stays", fields=["case", "part", "object_key", "stored_at"]),
            Protect(
                name="stays_destroyed",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__destroyed_at__isnull=False, new__destroyed_at__isnull=True)
                | pgtrigger.Q(old__destroyed_at__isnull=False) & ~pgtrigger.Q(new__data_key_sealed=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.part} {self.pk}"


class Outcome(models.TextChoices):
    APPROVED = "approved", "Approved"
    MORE = "more", "Asked for more"
    REJECTED = "rejected", "Rejected"


class Review(models.Model):
    """What a reviewer decided about a case, once for each time it was sent. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, models.PROTECT, related_name="reviews")
    #: Whom it is about, so that the database sees that nobody decides about themself (faults.md Z07).
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome)
    #: Part -> what the person reads about it.
    reasons = models.JSONField(default=dict)
    #: What the reviewer ticked off.
    checklist = models.JSONField(default=list)
    #: For staff; the person does not read it.
    note_sealed = models.TextField(blank=True, default="")
    submitted_at = models.DateTimeField()
    decided_at = models.DateTimeField(db_default=Now(), editable=False)

    note = sealed_property("note_sealed")

    class Meta:
        constraints = [
            models.CheckConstraint(name="kyc_review_not_of_oneself", condition=~Q(person=F("reviewer"))),
            models.UniqueConstraint(fields=["case", "submitted_at"], name="kyc_one_review_a_submission"),
        ]
        triggers = [
            *NEVER_REMOVED,
            # The note is sealed anew when keys rotate.
            ReadOnly(
                name="content_stays",
                fields=["case", "person", "reviewer", "outcome", "reasons", "checklist", "decided_at"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.pk}"


class Opening(models.Model):
    """Somebody of the staff opened an image, and why (faults.md Z10). Written before the image is shown.

    A row says who asked; that it was shown is said once, by `shown_at`, and nothing else of a row ever changes.
    """

    id = models.BigAutoField(primary_key=True)
    document = models.ForeignKey(Document, models.PROTECT, related_name="openings")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=200)
    from_address = models.GenericIPAddressField(null=True)
    opened_at = models.DateTimeField(db_default=Now(), editable=False)
    #: Empty: the image could not be had, so nobody has seen it.
    shown_at = models.DateTimeField(null=True, default=None)

    class Meta:
        constraints = [models.CheckConstraint(name="kyc_opening_has_reason", condition=~Q(reason=""))]
        indexes = [models.Index(fields=["by", "opened_at"], name="kyc_opening_by")]
        triggers = [
            *NEVER_REMOVED,
            ReadOnly(
                name="content_stays",
                fields=["id", "document", "by", "reason", "from_address", "opened_at"],
            ),
            Protect(
                name="shown_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__shown_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.document_id} by {self.by_id}"
