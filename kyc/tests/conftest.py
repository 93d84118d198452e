"""Stores for tests: a folder, a bucket of a real S3 server, and a line to it that goes wrong when told to."""

from collections.abc import Iterator

import boto3
import pytest

from kyc import documents
from kyc.images import CleanImage
from kyc.storage import s3
from kyc.tests.making import cleaned_once
from kyc.tests.sending import PHOTO
from kyc.tests.stores import FaultyLine, S3Server

_SESSION = boto3.session.Session()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def line(s3_server: S3Server) -> Iterator[FaultyLine]:
    """Between us and the server; nothing is wrong with it at first."""
    line = FaultyLine(s3_server.port)
    line.start()
    yield line
    line.stop()


@pytest.fixture
def bucket(s3_server: S3Server, line: FaultyLine, settings, monkeypatch) -> s3.BucketSettings:
    """A bucket of this test's own, private as production asks for, and the house set to use it by that line."""
    monkeypatch.setattr(s3, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(s3, "READ_SECONDS", 1.0)
    # A session reads megabytes of what Amazon offers; each test makes clients of its own, and all from this one.
    monkeypatch.setattr(boto3.session, "Session", lambda: _SESSION)
    s3._client.cache_clear()
    settings.DOCUMENT_STORE = "s3"
    settings.DOCUMENT_S3 = {
        "bucket": s3_server.bucket(),
        "endpoint": line.url,
        "region": "us-east-1",
        "key_id": "key",
        "secret": "secret",
        "sse": "AES256",
        "kms_key": "",
    }
    yield s3.BucketSettings(**settings.DOCUMENT_S3)
    s3._client.cache_clear()


@pytest.fixture
def folder(settings, tmp_path) -> None:
    """Photos are stored in a folder of this test's own."""
    settings.DOCUMENT_STORE, settings.DOCUMENT_FOLDER = "folder", tmp_path / "documents"


@pytest.fixture
def quick(monkeypatch) -> CleanImage:
    """Photos that were cleaned before: for tests of what comes after."""
    photo = cleaned_once(PHOTO)
    monkeypatch.setattr(documents, "image_clean", lambda raw: photo)
    return photo
