"""Images of identity, from the person's file to the store and back.

First the objects, then the row: a row never claims what is not stored. What a crash leaves in between has no row, so
nobody can open it, and `orphans_sweep` removes it (faults.md W13). Callers see to it who may do what.
"""

import datetime as dt
import secrets
import uuid

import structlog
from django.db import transaction
from django.db.models import QuerySet

from controls.counting import hit
from goldwallet import clock
from goldwallet.clock import Now
from goldwallet.errors import Conflict, Refused
from goldwallet.outside import refuse_in_transaction
from goldwallet.sealing import SealBroken
from kyc import vault
from kyc.images import CleanImage, image_clean
from kyc.models import IMAGES, Case, CaseState, Document
from kyc.storage import Store, StoreDown, document_store_of_settings

log = structlog.get_logger(__name__)

#: Photos that one person may send: three images, each taken many times over (faults.md K11).
MOST_AN_HOUR, MOST_A_DAY = 40, 120
#: Seconds. A row is written so soon after its objects, or not at all; what is older than the second and has no row is
#: an orphan. So the sweep never takes an object whose row is still to come.
WRITTEN_WITHIN, ORPHAN_AFTER = 600, 3600
#: A store in which more are strangers than this, and than are ours, is another house's: nothing is deleted.
MOST_ORPHANS = 100
_NAME_LENGTH = 200
_THUMBNAIL = ".t"

_OPEN = (CaseState.DRAFT, CaseState.REJECTED)


def document_store(*, case_id: uuid.UUID, part: str, raw: bytes, name: str) -> Document:
    """Encode the photo anew, seal it, store it, and make it the one that counts for this part.

    `raw` is the file as it came, `name` what the person's machine calls it. Raises Refused: 400 or 413 for what is no
    photo, 409 for a case that is not open, 429 beyond the quota, 503 when we cannot store it just now. Then there is
    no row, and sending it again is safe.
    """
    refuse_in_transaction()
    if part not in IMAGES:
        raise Refused(
            "Choose which photo this is: the front of the ID, its back, or the selfie.", code="part"
        )
    case = Case.objects.get(pk=case_id)
    _refuse_closed(case)
    hit("photo_hour", str(case.user_id), most=MOST_AN_HOUR, seconds=3600)
    hit("photo_day", str(case.user_id), most=MOST_A_DAY, seconds=86400)
    photo = image_clean(raw)
    began = clock.now()
    document = Document(
        case=case,
        part=part,
        object_key=secrets.token_hex(32),
        size=len(photo.jpeg),
        width=photo.width,
        height=photo.height,
    )
    document.data_key = vault.new_key()
    document.original_name = _shown(name)
    _put(document, photo)
    with transaction.atomic():
        _refuse_closed(Case.objects.select_for_update().get(pk=case_id))
        if (clock.now() - began).total_seconds() > WRITTEN_WITHIN:
            raise _away()
        Document.objects.filter(case_id=case_id, part=part, replaced_at=None).update(replaced_at=Now())
        document.save(force_insert=True)
        Case.objects.filter(pk=case_id).update(updated_at=Now())
    return document


def document_read(*, document_id: uuid.UUID, thumbnail: bool = False) -> bytes:
    """The image as a JPEG file. Raises Refused: 410 when it is destroyed, 503 when it cannot be had just now."""
    refuse_in_transaction()
    document = Document.objects.get(pk=document_id)
    if document.destroyed_at is not None:
        raise Refused("This photo no longer exists: it was destroyed.", code="destroyed", status=410)
    name = _names(document)[thumbnail]
    try:
        sealed = document_store_of_settings().get(name)
        return vault.open_file(sealed, key=document.data_key, document_id=document.pk, name=name)
    except StoreDown as error:
        log.error("a document could not be read", document=str(document.pk), why=str(error))
        raise Refused(
            "We cannot open this photo right now. Please try again in a few minutes.",
            code="storage",
            status=503,
        ) from error
    except SealBroken as error:
        log.error("a document does not open", document=str(document.pk), why=str(error))
        raise Refused(
            "This photo does not open. It was changed, or its key is gone; the administrators must look.",
            code="broken",
            status=503,
        ) from error


def documents_destroy(documents: QuerySet[Document]) -> int:
    """Destroy the keys of these, in the caller's transaction, and answer how many there were. From its commit on
    nobody can open them, copies and backups of the store included; `documents_remove` deletes the objects later.
    """
    return documents.filter(destroyed_at=None).update(
        data_key_sealed="", original_name_sealed="", destroyed_at=Now()
    )


def documents_remove() -> int:
    """Delete what is stored of destroyed documents, and answer of how many. The store is away: again next time."""
    refuse_in_transaction()
    storage, removed = document_store_of_settings(), 0
    for document in Document.objects.filter(destroyed_at__isnull=False, removed_at=None)[:500]:
        try:
            for name in _names(document):
                storage.delete(name)
        except StoreDown as error:
            log.warning("destroyed documents are still stored", why=str(error))
            break
        removed += Document.objects.filter(pk=document.pk, removed_at=None).update(removed_at=Now())
    return removed


def orphans_sweep() -> int:
    """Delete objects that no row names and that are too old for a row to come, and answer how many."""
    refuse_in_transaction()
    storage = document_store_of_settings()
    try:
        ours, orphans = _found(storage)
        if len(orphans) > max(MOST_ORPHANS, ours):
            log.error("the store holds another house's documents; none was deleted", unknown=len(orphans))
            return 0
        for name in orphans:
            storage.delete(name)
    except StoreDown as error:
        log.warning("orphans could not be swept", why=str(error))
        return 0
    return len(orphans)


def _found(storage: Store) -> tuple[int, list[str]]:
    """How many old objects rows name, and the names of the others. The rows are read after the names: whatever row an
    old object was to get is there by then.
    """
    old = list(storage.names(older_than=clock.now() - dt.timedelta(seconds=ORPHAN_AFTER)))
    named: set[str] = set()
    for start in range(0, len(old), 1000):
        keys = {name.partition(".")[0] for name in old[start : start + 1000]}
        for document in Document.objects.filter(object_key__in=keys, destroyed_at=None).only("object_key"):
            named.update(_names(document))
    orphans = [name for name in old if name not in named]
    return len(old) - len(orphans), orphans


def _put(document: Document, photo: CleanImage) -> None:
    storage = document_store_of_settings()
    try:
        for name, image in zip(_names(document), (photo.jpeg, photo.thumbnail), strict=True):
            sealed = vault.seal_file(image, key=document.data_key, document_id=document.pk, name=name)
            storage.put(name, sealed)
    except StoreDown as error:
        log.error("a document could not be stored", why=str(error))
        raise _away() from error


def _names(document: Document) -> tuple[str, str]:
    """Of the image and of its thumbnail."""
    return document.object_key, f"{document.object_key}{_THUMBNAIL}"


def _refuse_closed(case: Case) -> None:
    if case.state not in _OPEN:
        raise Conflict("These details are with us already and cannot be changed now.", code="case_closed")


def _away() -> Refused:
    return Refused(
        "We cannot store your photo right now. Please try again in a few minutes.", code="storage", status=503
    )


def _shown(name: str) -> str:
    """Without line ends and marks that turn the direction of writing; it is shown to staff and used for nothing."""
    return "".join(letter for letter in name if letter.isprintable())[:_NAME_LENGTH]
