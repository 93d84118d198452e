"""The two stores do the same, say clearly when they cannot, and let no stranger read."""

import datetime as dt
import os
import secrets
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured

from kyc.storage import NotStored, StoreDown, document_store_of_settings, refuse_public_store, s3
from kyc.storage.folder import FolderStore
from kyc.tests.stores import WRONG

ROOT = Path(__file__).resolve().parents[2]
SOON = dt.timedelta(minutes=1)
BAD_NAMES = [
    "",
    "../../etc/passwd",
    "/etc/passwd",
    "a" * 63,
    "A" * 64,
    "a" * 64 + "/..",
    "a" * 64 + ".jpg",
    "a" * 64 + "\n",
    "a" * 64 + "\r\nX-Amz-Acl: public-read",
    "a" * 63 + "\u202e",
    "a" * 63 + "\0",
    "..%2f" + "a" * 59,
    "photo.jpg",
]


def name() -> str:
    return secrets.token_hex(32)


def later() -> dt.datetime:
    return dt.datetime.now(dt.UTC) + SOON


@pytest.fixture(params=["folder", "s3"])
def store(request, settings, tmp_path):
    settings.DOCUMENT_FOLDER = tmp_path / "documents"
    if request.param == "s3":
        request.getfixturevalue("bucket")
    return document_store_of_settings()


class TestEvery:
    def test_gives_back_what_it_took(self, store):
        one, data = name(), os.urandom(200_000)
        store.put(one, data)
        store.put(f"{one}.t", b"small")
        assert store.get(one) == data
        assert store.get(f"{one}.t") == b"small"
        store.put(one, b"again")
        assert store.get(one) == b"again"

    def test_deletes_also_what_is_gone(self, store):
        one = name()
        store.put(one, b"data")
        store.delete(one)
        store.delete(one)
        with pytest.raises(NotStored):
            store.get(one)

    def test_names_what_is_old(self, store):
        one, other = name(), f"{name()}.t"
        store.put(one, b"data")
        store.put(other, b"data")
        assert set(store.names(older_than=later())) == {one, other}
        assert set(store.names(older_than=dt.datetime.now(dt.UTC) - SOON)) == set()

    @pytest.mark.fault("K06")
    def test_takes_no_name_but_ours(self, store):
        for bad in BAD_NAMES:
            for ask in (partial(store.put, bad, b""), partial(store.get, bad), partial(store.delete, bad)):
                with pytest.raises(ValueError):
                    ask()

    def test_is_safe_as_it_is_made(self, store, settings):
        assert store.dangers() == []
        settings.DEMO = False
        refuse_public_store()
        assert list(store.names(older_than=later())) == []


class TestFolder:
    @pytest.fixture
    def store(self, tmp_path) -> FolderStore:
        return FolderStore(tmp_path / "var" / "documents")

    @pytest.mark.fault("K09")
    def test_is_for_us_alone(self, store):
        one = name()
        store.put(one, b"data")
        place = store.folder / one[:2] / one
        assert place.stat().st_mode & 0o777 == 0o600
        for folder in (place.parent, store.folder):
            assert folder.stat().st_mode & 0o777 == 0o700

    @pytest.mark.fault("K09")
    @pytest.mark.parametrize("mode", [0o750, 0o705, 0o777, 0o710])
    def test_production_refuses_an_open_one(self, store, mode, settings):
        store.folder.mkdir(parents=True)
        store.folder.chmod(mode)
        settings.DOCUMENT_STORE, settings.DOCUMENT_FOLDER = "folder", store.folder
        refuse_public_store()
        settings.DEMO = False
        with pytest.raises(ImproperlyConfigured, match="open to other users"):
            refuse_public_store()

    def test_production_refuses_one_that_cannot_be_made(self, tmp_path, settings):
        (tmp_path / "file").write_text("")
        settings.DOCUMENT_STORE, settings.DOCUMENT_FOLDER = "folder", tmp_path / "file" / "documents"
        settings.DEMO = False
        with pytest.raises(ImproperlyConfigured, match="cannot be used"):
            refuse_public_store()

    @pytest.mark.fault("W13")
    def test_a_full_disk_leaves_nothing_half(self, store, monkeypatch):
        def full(number: int) -> None:
            raise OSError(28, "No space left on device")

        one = name()
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StoreDown, match="No space left"):
            store.put(one, b"data")
        monkeypatch.undo()
        assert list(store.names(older_than=later())) == []
        store.put(one, b"data")
        assert store.get(one) == b"data"

    @pytest.mark.fault("W13")
    def test_what_a_crash_left_is_found_by_its_name(self, store):
        one = name()
        store.put(one, b"data")
        other = name()
        half = store.folder / other[:2] / f"{other}.part"
        half.parent.mkdir(exist_ok=True)
        half.write_bytes(b"da")
        (store.folder / "ab").mkdir(exist_ok=True)
        (store.folder / "ab" / "notes.txt").write_text("not ours")
        assert set(store.names(older_than=later())) == {one, half.name}
        store.delete(half.name)
        assert set(store.names(older_than=later())) == {one}

    def test_a_link_is_not_followed(self, store, tmp_path):
        one, target = name(), tmp_path / "target"
        (store.folder / one[:2]).mkdir(parents=True)
        (store.folder / one[:2] / f"{one}.part").symlink_to(target)
        with pytest.raises(StoreDown):
            store.put(one, b"data")
        assert not target.exists()

    def test_no_folder_yet_is_an_empty_one(self, store):
        assert list(store.names(older_than=later())) == []
        store.delete(name())
        with pytest.raises(NotStored):
            store.get(name())


class TestBucket:
    @pytest.fixture
    def store(self, bucket) -> s3.S3Store:
        return s3.S3Store(bucket)

    @pytest.mark.parametrize(
        ("sse", "key"), [("AES256", ""), ("aws:kms", ""), ("aws:kms", "alias/documents")]
    )
    def test_the_server_encrypts_as_well(self, s3_server, bucket, settings, sse, key):
        settings.DOCUMENT_S3 = {**settings.DOCUMENT_S3, "sse": sse, "kms_key": key}
        one = name()
        document_store_of_settings().put(one, b"data")
        found = s3_server.client().head_object(Bucket=bucket.bucket, Key=one)
        assert found["ServerSideEncryption"] == sse
        assert not key or found["SSEKMSKeyId"].endswith(key)

    @pytest.mark.fault("K09")
    def test_a_stranger_gets_nothing(self, store, bucket, s3_server):
        one = name()
        store.put(one, b"data")
        answer = httpx.get(f"{s3_server.url}/{bucket.bucket}/{one}", trust_env=False)
        assert answer.status_code == 403
        assert b"data" not in answer.content

    def test_more_objects_than_fit_on_a_page(self, store, monkeypatch):
        monkeypatch.setattr(s3, "PAGE", 3)
        names = {name() for _ in range(7)}
        for one in names:
            store.put(one, b"data")
        assert set(store.names(older_than=later())) == names

    @pytest.mark.fault("W13")
    @pytest.mark.parametrize("wrong", WRONG)
    def test_a_line_that_fails_is_said_so(self, store, line, wrong, monkeypatch):
        one, data = name(), os.urandom(100_000)
        store.put(one, data)
        monkeypatch.setattr(s3, "READ_SECONDS", 0.2)
        s3._client.cache_clear()
        line.fail(wrong)
        asks = {
            "put": lambda: store.put(name(), data),
            "get": lambda: store.get(one),
            "delete": lambda: store.delete(name()),
            "names": lambda: list(store.names(older_than=later())),
        }
        for what, ask in asks.items():
            with pytest.raises(StoreDown) as caught:
                ask()
            assert not isinstance(caught.value, NotStored), what
            assert "secret" not in str(caught.value)
            assert line.url not in str(caught.value)
        assert store.dangers(), "who cannot be asked is not known to be private"

    @pytest.mark.fault("W13")
    def test_a_connection_that_was_closed_meanwhile_is_tried_once_more(self, store, line):
        one = name()
        store.put(one, b"data")
        tried = []
        passes = line.pass_on

        def closes_the_first(request) -> None:
            tried.append(request.command)
            line.hang_up(request) if len(tried) == 1 else passes(request)

        line.pass_on = closes_the_first
        assert store.get(one) == b"data"
        assert tried == ["GET", "GET"]

    @pytest.mark.fault("W13")
    def test_a_body_that_drips_ends(self, store, monkeypatch):
        one = name()
        store.put(one, os.urandom(300_000))
        monkeypatch.setattr(s3, "MOST_SECONDS", -1)
        with pytest.raises(StoreDown, match="drips"):
            store.get(one)

    def test_settings_do_not_tell_their_secret(self, bucket):
        assert "secret=" not in repr(bucket)


@pytest.mark.fault("K09")
class TestPublicBucket:
    def sentences(self, settings) -> str:
        settings.DEMO = False
        with pytest.raises(ImproperlyConfigured) as caught:
            refuse_public_store()
        return str(caught.value)

    @pytest.mark.parametrize(
        "off", ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]
    )
    def test_a_block_that_is_not_fully_on(self, bucket, s3_server, settings, off):
        s3_server.block(bucket.bucket, **{off: False})
        assert f"not fully on: {off}." in self.sentences(settings)

    def test_no_block(self, bucket, s3_server, settings):
        s3_server.client().delete_public_access_block(Bucket=bucket.bucket)
        assert "public access block is not fully on" in self.sentences(settings)

    def test_a_public_policy(self, bucket, s3_server, settings):
        s3_server.client().delete_public_access_block(Bucket=bucket.bucket)
        policy = f"""{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": "*",
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::{bucket.bucket}/*"}}]}}"""
        s3_server.client().put_bucket_policy(Bucket=bucket.bucket, Policy=policy)
        said = self.sentences(settings)
        assert "The bucket's policy is public." in said
        assert "Anybody can read the bucket's objects." in said

    @pytest.mark.parametrize("acl", ["public-read", "public-read-write", "authenticated-read"])
    def test_an_open_access_list(self, bucket, s3_server, settings, acl):
        s3_server.client().delete_public_access_block(Bucket=bucket.bucket)
        s3_server.client().put_bucket_acl(Bucket=bucket.bucket, ACL=acl)
        assert "access list lets everybody in" in self.sentences(settings)

    def test_no_such_bucket(self, bucket, settings):
        settings.DOCUMENT_S3 = {**settings.DOCUMENT_S3, "bucket": "never-made"}
        assert "Nobody can say whether the bucket is private" in self.sentences(settings)

    def test_the_demo_is_left_alone(self, bucket, s3_server):
        s3_server.client().delete_public_access_block(Bucket=bucket.bucket)
        refuse_public_store()

    def test_a_server_that_does_not_know_amazons_questions_is_tried(self, bucket, line, s3_server, settings):
        """Then what a stranger gets decides."""
        passes = line.pass_on
        unknown = b"<?xml version='1.0'?><Error><Code>NotImplemented</Code><Message>x</Message></Error>"

        def knows_little(request) -> None:
            if "?" in request.path:
                line.answer(request, 501, unknown)
            else:
                passes(request)

        line.pass_on = knows_little
        store = document_store_of_settings()
        assert store.dangers() == []
        s3_server.client().delete_public_access_block(Bucket=bucket.bucket)
        policy = f"""{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": "*",
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::{bucket.bucket}/*"}}]}}"""
        s3_server.client().put_bucket_policy(Bucket=bucket.bucket, Policy=policy)
        assert store.dangers() == ["Anybody can read the bucket's objects."]
        assert s3_server.names(bucket.bucket) == set(), "the try leaves nothing behind"


@pytest.mark.fault("K09")
@pytest.mark.parametrize("program", [("-c", "import goldwallet.wsgi"), ("manage.py", "worker")])
def test_neither_web_nor_worker_starts(program, tmp_path):
    tmp_path.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "tools/production.py", *program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DOCUMENT_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "DOCUMENT_FOLDER is open to other users" in done.stderr
