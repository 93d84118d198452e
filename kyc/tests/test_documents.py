"""A photo on its way into the store and out of it: what is stored is ours and sealed, and a row never lies."""

import datetime as dt
import os
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.tests.people import customer
from goldwallet import clock
from goldwallet.errors import Conflict, Refused
from goldwallet.sealing import SealBroken
from goldwallet.test.clock import shift_clock
from kyc import documents, tasks, vault
from kyc.documents import document_read, document_store, documents_destroy, documents_remove, orphans_sweep
from kyc.images import CleanImage, clean
from kyc.models import Case, CaseState, Document, Part
from kyc.storage import NotStored, StoreDown, document_store_of_settings
from kyc.storage.folder import FolderStore
from kyc.tests.hostile import MARK, drawn, exif, saved
from kyc.tests.opened import PLAIN, segments
from kyc.tests.stores import WRONG

PHOTO = saved(drawn(), "JPEG", exif=exif(t274=1), comment=MARK)


@pytest.fixture(autouse=True)
def _folder(settings, tmp_path):
    settings.DOCUMENT_STORE, settings.DOCUMENT_FOLDER = "folder", tmp_path / "documents"


@pytest.fixture
def case(db) -> Case:
    return Case.objects.create(user=customer())


@pytest.fixture
def quick(monkeypatch) -> CleanImage:
    """Photos that were cleaned before: for tests of what comes after."""
    photo = clean.image_clean(PHOTO)
    monkeypatch.setattr(documents, "image_clean", lambda raw: photo)
    return photo


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


class TestVault:
    def sealed(self, data: bytes = b"data", **place) -> tuple[bytes, dict]:
        place = {"key": vault.new_key(), "document_id": uuid.uuid4(), "name": "a" * 64, **place}
        return vault.seal_file(data, **place), place

    def test_opens_where_it_was_sealed(self):
        for data in (b"", b"data", os.urandom(1_000_000)):
            sealed, place = self.sealed(data)
            assert vault.open_file(sealed, **place) == data
            assert data not in sealed or not data

    def test_no_two_are_alike(self):
        sealed, place = self.sealed()
        assert vault.seal_file(b"data", **place) != sealed
        assert len({vault.new_key() for _ in range(100)}) == 100

    @pytest.mark.fault("K09")
    def test_no_bit_may_change(self):
        sealed, place = self.sealed()
        for bit in range(len(sealed) * 8):
            changed = bytearray(sealed)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(SealBroken):
                vault.open_file(bytes(changed), **place)

    @pytest.mark.fault("W13")
    def test_no_byte_may_be_missing(self):
        sealed, place = self.sealed()
        for length in range(len(sealed)):
            with pytest.raises(SealBroken):
                vault.open_file(sealed[:length], **place)

    def test_opens_nowhere_else(self):
        sealed, place = self.sealed()
        for change in (
            {"key": vault.new_key()},
            {"document_id": uuid.uuid4()},
            {"name": "a" * 64 + ".t"},
            {"name": "b" * 64},
        ):
            with pytest.raises(SealBroken):
                vault.open_file(sealed, **{**place, **change})


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


@pytest.mark.fault("W13")
class TestBucketAway:
    """By real HTTP to a real S3 server, through a line that fails."""

    def test_all_is_well(self, case, quick, bucket, s3_server):
        document = send(case)
        assert s3_server.names(bucket.bucket) == objects(document)
        raw = s3_server.client().get_object(Bucket=bucket.bucket, Key=document.object_key)["Body"].read()
        assert b"JFIF" not in raw
        assert document_read(document_id=document.pk) == quick.jpeg

    @pytest.mark.parametrize("passes", [0, 1], ids=["photo", "thumbnail"])
    @pytest.mark.parametrize("wrong", [one for one in WRONG if one != "refuse"])
    def test_while_a_photo_is_stored(self, case, quick, bucket, line, wrong, passes):
        line.fail(wrong, "PUT", passes=passes)
        refused = refusal(case)
        assert (refused.status, refused.code) == (503, "storage")
        assert refused.sentence == "We cannot store your photo right now. Please try again in a few minutes."
        assert Document.objects.count() == 0
        line.heal()
        document = send(case)
        assert document_read(document_id=document.pk) == quick.jpeg
        assert document_read(document_id=document.pk, thumbnail=True) == quick.thumbnail

    def test_nobody_listens(self, case, quick, bucket, line):
        document = send(case)
        line.fail("refuse")
        assert refusal(case, part=Part.ID_BACK).status == 503
        with pytest.raises(Refused) as caught:
            document_read(document_id=document.pk)
        assert caught.value.status == 503
        assert documents_remove() == orphans_sweep() == 0
        assert Document.objects.count() == 1
        line.heal()
        line.start()
        send(case, part=Part.ID_BACK)

    @pytest.mark.parametrize("wrong", [one for one in WRONG if one not in {"refuse", "cut_request"}])
    def test_while_a_photo_is_read(self, case, quick, bucket, line, wrong):
        document = send(case)
        line.fail(wrong, "GET")
        with pytest.raises(Refused) as caught:
            document_read(document_id=document.pk)
        assert (caught.value.status, caught.value.code) == (503, "storage")
        line.heal()
        assert document_read(document_id=document.pk) == quick.jpeg

    def test_what_failed_half_way_is_swept(self, case, quick, bucket, line, s3_server):
        kept = send(case)
        line.fail("error_500", "PUT", passes=1)
        refusal(case)
        line.heal()
        assert len(s3_server.names(bucket.bucket)) == 3
        assert orphans_sweep() == 0, "it may still be on its way"
        with shift_clock(hours=1, minutes=1):
            tasks.orphans_sweep(0)
        assert s3_server.names(bucket.bucket) == objects(kept)

    def test_removing_what_was_destroyed(self, case, quick, bucket, line, s3_server):
        document = send(case)
        documents_destroy(Document.objects.all())
        line.fail("error_500", "DELETE", passes=1)
        assert documents_remove() == 0
        line.heal()
        assert documents_remove() == 1
        assert s3_server.names(bucket.bucket) == set()
        assert Document.objects.get(pk=document.pk).removed_at is not None


@pytest.mark.fault("W13")
class TestOrphans:
    def orphan(self) -> str:
        name = os.urandom(32).hex()
        document_store_of_settings().put(name, b"sealed")
        return name

    def test_only_what_is_old_and_has_no_row(self, case, quick):
        kept, replaced = send(case, part=Part.ID_BACK), send(case)
        newer = send(case)
        old = {self.orphan(), self.orphan()}
        ours = objects(kept) | objects(replaced) | objects(newer)
        assert orphans_sweep() == 0
        assert stored() == ours | old
        with shift_clock(hours=1, minutes=1):
            assert orphans_sweep() == 2
            assert orphans_sweep() == 0
        assert stored() == ours

    def test_what_comes_back_after_it_was_destroyed(self, case, quick):
        """From a copy of the bucket, say."""
        document = send(case)
        copy = document_store_of_settings().get(document.object_key)
        documents_destroy(Document.objects.all())
        documents_remove()
        document_store_of_settings().put(document.object_key, copy)
        with shift_clock(hours=2):
            assert orphans_sweep() == 1
        assert stored() == set()

    def test_another_houses_store_is_left_alone(self, case, quick, monkeypatch):
        """An old copy of the database, or the wrong bucket: everything looks like an orphan."""
        monkeypatch.setattr(documents, "MOST_ORPHANS", 3)
        send(case)
        old = {self.orphan() for _ in range(4)}
        with shift_clock(hours=2):
            assert orphans_sweep() == 0
            assert old <= stored()
            document_store_of_settings().delete(old.pop())
            assert orphans_sweep() == 3

    def test_a_photo_that_took_too_long_gets_no_row(self, case, quick, monkeypatch):
        """Its objects may be swept already."""
        put = FolderStore.put

        def slow(store, name, data):
            put(store, name, data)
            from goldwallet.test.clock import clock_shift

            clock_shift(dt.timedelta(minutes=11))

        monkeypatch.setattr(FolderStore, "put", slow)
        with shift_clock():
            assert refusal(case).status == 503
        assert Document.objects.count() == 0

    def test_the_row_is_read_after_the_names(self, case, quick, monkeypatch):
        """An object without a row when the sweep begins, with one before it looks: it stays."""
        names, listed = FolderStore.names, []

        def then_comes_a_row(store, *, older_than):
            found = [*names(store, older_than=older_than)]
            if not listed:
                listed.append(send(case))
            return iter([*found, listed[0].object_key])

        monkeypatch.setattr(FolderStore, "names", then_comes_a_row)
        assert orphans_sweep() == 0
        assert document_read(document_id=listed[0].pk) == quick.jpeg

    def test_a_store_that_is_away(self, case, monkeypatch):
        def away(store, *, older_than):
            raise StoreDown("away")

        monkeypatch.setattr(FolderStore, "names", away)
        assert orphans_sweep() == 0


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
class TestRace:
    def test_two_photos_of_one_part_at_once(self, quick):
        case = Case.objects.create(user=customer())
        barrier = threading.Barrier(6)

        def one(_: int) -> str:
            try:
                barrier.wait(10)
                return str(send(case).pk)
            except IntegrityError:
                return "error"
            finally:
                connection.close()

        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(one, range(6)))
        assert "error" not in found
        assert Document.objects.filter(case=case).count() == 6
        assert Document.objects.filter(case=case, replaced_at=None).count() == 1

    @pytest.mark.fault("W13")
    @pytest.mark.parametrize("guarded", [True, False])
    def test_sweeping_while_photos_come(self, quick, monkeypatch, guarded):
        """An object whose row is still to come is young, and so it stays. Without its age the sweep takes it."""
        case = Case.objects.create(user=customer())
        put, done = FolderStore.put, threading.Event()
        monkeypatch.setattr(FolderStore, "put", lambda *what: (put(*what), time.sleep(0.05)))
        if not guarded:
            monkeypatch.setattr(documents, "ORPHAN_AFTER", -60)

        def sweep() -> int:
            swept = 0
            try:
                while not done.is_set():
                    swept += orphans_sweep()
            finally:
                connection.close()
            return swept

        found = []
        with ThreadPoolExecutor(1) as pool:
            sweeping = pool.submit(sweep)
            try:
                for _ in range(10):
                    with suppress(Refused):  # half a file was swept, and so it could not be stored
                        found.append(send(case))
            finally:
                done.set()
        kept = [one for one in found if objects(one) <= stored()]
        assert (sweeping.result() == 0) == guarded
        assert (len(kept) == 10) == guarded


def test_a_name_that_is_not_stored_is_told_apart(settings):
    with pytest.raises(NotStored):
        document_store_of_settings().get("0" * 64)
