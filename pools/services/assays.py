"""The refiner's certificate of a bar: kept sealed, and opened one at a time, with a line in the audit trail."""

import base64
import hashlib
from uuid import UUID

from accounts.models import User
from controls.audit import record
from goldwallet.errors import Conflict, Refused
from goldwallet.papers import name_kept, type_of
from pools.models import Assay, Bar
from pools.services.acting import acting

#: Of one file. The database says the same (`assay_size`).
MOST_BYTES = 2 * 1024 * 1024
#: Of one bar: its certificate, and the assays of later years.
MOST_ASSAYS = 20


def assay_add(*, bar_id: UUID, name: str, content: bytes, by: User) -> Assay:
    """Keep a file beside a bar. Raises Refused for what is no PDF, PNG or JPEG of at most 2 MB, Conflict for a file
    that this bar has already.
    """
    if not content:
        raise Refused("The file is empty. Choose the refiner's certificate.", code="empty")
    if len(content) > MOST_BYTES:
        raise Refused(
            "The file is larger than 2 MB. Scan it smaller, or only the page that matters.", code="size"
        )
    kind = type_of(content)
    if not kind:
        raise Refused(
            "This is no PDF and no PNG or JPEG picture, whatever its name says. Choose another file.",
            code="type",
        )
    digest = hashlib.sha256(content).hexdigest()
    with acting(by, "assay_add"):
        bar = Bar.objects.select_for_update(no_key=True).filter(pk=bar_id).first()
        if bar is None:
            raise Refused("This bar does not exist.", code="no_bar", status=404)
        kept = list(bar.assays.values_list("sha256", flat=True))
        if digest in kept:
            raise Conflict(f"Bar {bar.serial} has this file already. Nothing was added.", code="twice")
        if len(kept) >= MOST_ASSAYS:
            raise Refused(f"A bar keeps {MOST_ASSAYS} files at most.", code="many")
        assay = Assay(bar=bar, type=kind, sha256=digest, size=len(content), added_by=by)
        assay.name = name_kept(name, nameless="assay")
        assay.content = base64.b64encode(content).decode()
        assay.save(force_insert=True)
        record(
            "assay_add",
            subject=f"bar:{bar.pk}",
            after={"assay": str(assay.pk), "type": kind, "size": assay.size, "sha256": digest},
            by=by.pk,
        )
    return assay


def assay_open(*, assay_id: UUID, by: User) -> tuple[Assay, bytes]:
    """The file and its content, for somebody who reads it; the audit trail notes who. Raises Assay.DoesNotExist."""
    with acting(by, "assay_open"):
        assay = Assay.objects.select_related("bar").get(pk=assay_id)
        content = base64.b64decode(assay.content)
        record(
            "assay_open",
            subject=f"bar:{assay.bar_id}",
            after={"assay": str(assay.pk), "sha256": assay.sha256},
            by=by.pk,
        )
    return assay, content
