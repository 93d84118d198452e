"""A photo on its way into the store and out of it: what is stored is ours and sealed, and a row never lies."""

import uuid
from pathlib import Path

import pytest
from django.db import transaction

from accounts.tests.people import customer
from goldwallet import clock
from goldwallet.errors import Conflict, Refused
from goldwallet.test.clock import shift_clock
from kyc import documents, tasks, vault
from kyc.documents import document_read, documents_destroy, documents_remove, orphans_sweep
from kyc.models import Case, CaseState, Document, Part
from kyc.storage import NotStored, StoreDown, document_store_of_settings
from kyc.storage.folder import FolderStore
from kyc.tests.opened import PLAIN, segments
from kyc.tests.pictures import MARK
from kyc.tests.sending import PHOTO, objects, refusal, send, stored

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def case(db) -> Case:
    return Case.objects.create(user=customer())


class TestStore:
    @pytest.mark.fault("K01", "K05")
    def test_a_photo_comes_back_encoded_anew(self, case):
        document = send(case)
        for thumbnail in (False, True):
            jpeg = document_read(document_id=document.pk, thumbnail=thumbnail)
            assert {marker for marker, _ in segments(jpeg)} <= PLAIN
            assert MARK not in jpeg
        assert (document.width, document.height) == (420, 320)
        assert document.size == len(document_read(document_id=document.pk))
        assert stored() == objects(document)

    @pytest.mark.fault("K09")
    def test_what_is_stored_says_nothing(self, case, quick, settings):
        document = send(case)
        files = [path for path in Path(settings.DOCUMENT_FOLDER).rglob("*") if path.is_file()]
        assert len(files) == 2
        for file in files:
            assert quick.jpeg[:64] not in file.read_bytes()
            assert b"JFIF" not in file.read_bytes()
            assert str(case.user_id) not in str(file)
            assert str(document.pk) not in str(file)

    def test_a_newer_photo_replaces_the_older_one(self, case, quick):
        first, other = send(case), send(case, part=Part.ID_FRONT)
        second = send(case)
        first.refresh_from_db()
        assert first.replaced_at is not None
        current = Document.objects.filter(case=case, replaced_at=None)
        assert set(current) == {second, other}
        assert document_read(document_id=first.pk) == quick.jpeg

    def test_no_photo_leaves_nothing(self, case):
        assert refusal(case, raw=b"<svg/>").code == "unreadable"
        assert refusal(case, raw=PHOTO[:900]).code == "damaged"
        assert refusal(case, raw=PHOTO + bytes(10_000_000)).status == 413
        assert Document.objects.count() == 0
        assert stored() == set()

    def test_only_images_are_parts(self, case):
        assert refusal(case, part=Part.NAME).code == "part"
        assert refusal(case, part="../selfie").code == "part"

    @pytest.mark.parametrize("state", [CaseState.SUBMITTED, CaseState.APPROVED, CaseState.EXPIRED])
    def test_a_case_that_is_not_open_takes_none(self, case, state):
        moves = {"submitted": ["submitted"], "approved": ["submitted", "approved"], "expired": ["expired"]}[
            state
        ]
        for step in moves:
            Case.objects.filter(pk=case.pk).update(
                state=step, decided_at=clock.now(), valid_until=clock.now()
            )
        assert refusal(case).status == 409
        assert stored() == set()

    def test_a_case_that_was_sent_meanwhile_takes_none(self, case, quick, monkeypatch):
        put = FolderStore.put

        def sent_meanwhile(store, name, data):
            Case.objects.filter(pk=case.pk).update(state=CaseState.SUBMITTED)
            put(store, name, data)

        monkeypatch.setattr(FolderStore, "put", sent_meanwhile)
        with pytest.raises(Conflict):
            send(case)
        assert Document.objects.count() == 0

    def test_never_inside_a_transaction(self, case):
        document = uuid.uuid4()
        asks = (
            lambda: send(case),
            lambda: document_read(document_id=document),
            documents_remove,
            orphans_sweep,
        )
        for ask in asks:
            with pytest.raises(RuntimeError, match="inside a database transaction"), transaction.atomic():
                ask()

    @pytest.mark.fault("K11")
    def test_a_person_sends_so_many_and_no_more(self, case, quick, monkeypatch):
        monkeypatch.setattr(documents, "MOST_AN_HOUR", 3)
        monkeypatch.setattr(documents, "MOST_A_DAY", 4)
        for _ in range(3):
            send(case)
        refused = refusal(case)
        assert (refused.status, Document.objects.count()) == (429, 3)
        with shift_clock(hours=1, seconds=1):
            send(case)
            assert refusal(case).status == 429
        send(Case.objects.create(user=customer()))


NAMES = {
    "traversal": "../../../etc/passwd",
    "windows": r"..\..\boot.ini",
    "absolute": "/etc/shadow",
    "line ends": "photo.jpg\r\nX-Amz-Acl: public-read\r\n\r\n<html>",
    "turned": "photo\u202egpj.exe",
    "isolated": "\u2066photo\u2069.jpg",
    "nul": "photo.jpg\0.php",
    "escape": "\x1b]0;evil\x07photo.jpg",
    "script": "<script>alert(1)</script>.jpg",
    "sql": "'; DROP TABLE kyc_document; --.jpg",
    "template": "{{ settings.SECRET_KEY }}.jpg",
    "format": "%s%n{0.__class__}.jpg",
    "long": "a" * 5000 + ".jpg",
    "empty": "",
    "dots": "...",
    "device": "CON.jpg",
    "key": "0" * 64,
    "letters": "фото паспорта.jpg",
    "surrogate": "photo\udcff.jpg",
}


@pytest.mark.fault("K06")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_the_name_of_a_file_is_sealed_text_and_nothing_else(case, quick, name, settings):
    document = send(case, name=name)
    document.refresh_from_db()
    assert document.original_name == "".join(one for one in name if one.isprintable())[:200]
    assert name not in document.original_name_sealed or not name
    folder = Path(settings.DOCUMENT_FOLDER)
    assert {path.name for path in folder.rglob("*") if path.is_file()} == objects(document)
    assert {path for path in folder.parent.rglob("*") if path.is_file()} == {
        folder / one[:2] / one for one in objects(document)
    }


class TestRead:
    def swap(self, one: str, other: str) -> None:
        store = document_store_of_settings()
        first, second = store.get(one), store.get(other)
        store.put(one, second)
        store.put(other, first)

    def unopened(self, document: Document, **what) -> Refused:
        with pytest.raises(Refused) as caught:
            document_read(document_id=document.pk, **what)
        return caught.value

    def test_files_of_two_documents_exchanged(self, case, quick):
        one, other = send(case), send(case, part=Part.ID_BACK)
        self.swap(one.object_key, other.object_key)
        assert self.unopened(one).code == self.unopened(other).code == "broken"
        assert document_read(document_id=one.pk, thumbnail=True) == quick.thumbnail

    def test_a_photo_and_its_thumbnail_exchanged(self, case, quick):
        document = send(case)
        self.swap(*objects(document))
        assert self.unopened(document).code == self.unopened(document, thumbnail=True).code == "broken"

    def test_a_key_of_another_row(self, case, quick):
        one, other = send(case), send(case, part=Part.ID_BACK)
        Document.objects.filter(pk=one.pk).update(data_key_sealed=other.data_key_sealed)
        assert self.unopened(one).code == "broken"

    @pytest.mark.fault("W13")
    def test_what_is_gone_from_the_store(self, case, quick):
        document = send(case)
        document_store_of_settings().delete(document.object_key)
        refused = self.unopened(document)
        assert (refused.code, refused.status) == ("storage", 503)
        assert document_read(document_id=document.pk, thumbnail=True) == quick.thumbnail


class TestDestroy:
    @pytest.mark.fault("K10")
    def test_the_key_goes_first_and_the_objects_follow(self, case, quick):
        gone, kept = send(case, name="ID of Amina.jpg"), send(case, part=Part.ID_BACK)
        copy = {name: document_store_of_settings().get(name) for name in objects(gone)}
        key = gone.data_key
        assert documents_destroy(Document.objects.filter(pk=gone.pk)) == 1
        assert documents_destroy(Document.objects.filter(pk=gone.pk)) == 0
        gone.refresh_from_db()
        assert (gone.data_key_sealed, gone.original_name_sealed) == ("", "")
        assert gone.destroyed_at is not None
        assert gone.removed_at is None
        with pytest.raises(Refused) as caught:
            document_read(document_id=gone.pk)
        assert caught.value.status == 410
        # A copy of the store opens with that key alone, and nobody has it any more.
        assert (
            vault.open_file(copy[gone.object_key], key=key, document_id=gone.pk, name=gone.object_key)
            == quick.jpeg
        )
        assert stored() == objects(gone) | objects(kept)
        tasks.documents_remove(0)
        assert stored() == objects(kept)
        gone.refresh_from_db()
        assert gone.removed_at is not None
        assert documents_remove() == 0

    def test_it_is_the_callers_transaction(self, case, quick):
        document = send(case)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            documents_destroy(Document.objects.all())
            raise ZeroDivisionError
        assert document_read(document_id=document.pk) == quick.jpeg

    @pytest.mark.fault("W13")
    def test_a_store_that_is_away_is_asked_again(self, case, quick, monkeypatch):
        document = send(case)
        documents_destroy(Document.objects.all())

        def away(store, name):
            raise StoreDown("away")

        monkeypatch.setattr(FolderStore, "delete", away)
        assert documents_remove() == 0
        assert Document.objects.get(pk=document.pk).removed_at is None
        monkeypatch.undo()


def test_a_name_that_is_not_stored_is_told_apart(settings):
    with pytest.raises(NotStored):
        document_store_of_settings().get("0" * 64)
