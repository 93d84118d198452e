"""Photos and a store that fails, keeps what nobody knows, or is swept while photos come."""

import datetime as dt
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import IntegrityError, connection

from accounts.tests.people import customer
from goldwallet.errors import Refused
from goldwallet.test.clock import clock_shift, shift_clock
from kyc import documents, tasks
from kyc.documents import document_read, documents_destroy, documents_remove, orphans_sweep
from kyc.models import Case, Document, Part
from kyc.storage import StoreDown, document_store_of_settings
from kyc.storage.folder import FolderStore
from kyc.tests.sending import objects, refusal, send, stored
from kyc.tests.stores import WRONG

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def case(db) -> Case:
    return Case.objects.create(user=customer())


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
