"""The file that shows why a request is asked for: kept sealed, and held against its hash whenever it is read."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any

import pghistory
import structlog
from django.db import transaction

from controls.models import Attachment, Request
from controls.services.lines import request_record
from goldwallet.errors import Conflict, Refused
from goldwallet.papers import name_kept, type_of
from goldwallet.sealing import SealBroken

log = structlog.get_logger(__name__)

#: Of an attached file.
MOST_BYTES = 1024 * 1024
#: What one reads who would decide about something that is not as it was made.
EDITED = "This request was changed after it was made. Do not approve it."


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file that a maker attaches: PDF, PNG, JPEG, or text (CSV, mail), at most 1 MB."""

    name: str
    content: bytes


def attachment_of(request: Request, evidence: Evidence) -> Attachment:
    """The file as it is kept with the request, not saved yet. Raises Refused for what is no evidence."""
    if not evidence.content:
        raise Refused("The file is empty.", code="evidence")
    if len(evidence.content) > MOST_BYTES:
        raise Refused("The file is larger than 1 MB. Attach the page that matters.", code="evidence")
    attachment = Attachment(
        request=request,
        name=name_kept(evidence.name, nameless="evidence"),
        type=_type(evidence.content),
        sha256=hashlib.sha256(evidence.content).hexdigest(),
    )
    attachment.content = base64.b64encode(evidence.content).decode()
    return attachment


def _type(content: bytes) -> str:
    if found := type_of(content):
        return found
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\x00"
    if "\x00" in text:
        raise Refused("Attach a PDF, a PNG or JPEG picture, or a text file.", code="evidence")
    return "text/plain"


def evidence_open(*, request: Request, by: Any) -> tuple[Attachment, bytes]:
    """The attachment and its content, for somebody who reads it; the history of the request notes who. Raises
    Attachment.DoesNotExist, and Conflict when it is not what was attached, or is not kept any more.
    """
    attachment = Attachment.objects.get(request=request)
    content = _content(attachment)
    with pghistory.context(user=str(by.pk), action="evidence_open"), transaction.atomic():
        pghistory.create_event(request, label="evidence_open")
        request_record("evidence_open", request, by=by)
    return attachment, content


def evidence_hash(request: Request) -> str:
    """Of the content as it stands, not of what a column says about it. Raises Conflict when these differ."""
    attachment = Attachment.objects.filter(request=request).first()
    return hashlib.sha256(_content(attachment)).hexdigest() if attachment else ""


def _content(attachment: Attachment) -> bytes:
    """Raises Conflict when this is not the file that was attached."""
    if not attachment.content_sealed:
        raise Conflict("We do not keep this file any more: the request was decided long ago.", code="gone")
    try:
        content = base64.b64decode(attachment.content, validate=True)
    except (SealBroken, binascii.Error):
        content = b""
    if hashlib.sha256(content).hexdigest() != attachment.sha256:
        log.error("evidence is not what was attached", request=str(attachment.request_id))
        raise Conflict(EDITED, code="edited")
    return content
