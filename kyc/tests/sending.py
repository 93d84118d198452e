"""A photo on its way into the store, and what lies there then."""

import datetime as dt

import pytest

from goldwallet.errors import Refused
from kyc.documents import document_store
from kyc.models import Case, Document, Part
from kyc.storage import document_store_of_settings
from kyc.tests.pictures import MARK, drawn, exif, saved

PHOTO = saved(drawn(), "JPEG", exif=exif(t274=1), comment=MARK)


def send(case: Case, *, part: str = Part.SELFIE, raw: bytes = PHOTO, name: str = "photo.jpg") -> Document:
    return document_store(case_id=case.pk, part=part, raw=raw, name=name)


def refusal(case: Case, **what) -> Refused:
    with pytest.raises(Refused) as caught:
        send(case, **what)
    return caught.value


def stored() -> set[str]:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=30)
    return set(document_store_of_settings().names(older_than=later))


def objects(document: Document) -> set[str]:
    return {document.object_key, f"{document.object_key}.t"}
