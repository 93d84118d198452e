"""What people send stays in memory, and only so much of it; whoever is too large is told by size."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from controls.services import MOST_BYTES as EVIDENCE
from goldwallet.uploads import KEPT_BYTES
from kyc.images.clean import MOST_BYTES as PHOTO
from payments.rails.daraja.statement import MOST_BYTES as STATEMENT


def sent(**sizes: int) -> HttpRequest:
    files = {name: SimpleUploadedFile(name, bytes(size)) for name, size in sizes.items()}
    return RequestFactory().post("/", files)


def test_a_file_comes_whole() -> None:
    file = sent(photo=10_000_000).FILES["photo"]
    assert (file.size, len(file.read())) == (10_000_000, 10_000_000)


def test_of_a_file_that_is_too_large_the_beginning_and_the_true_size() -> None:
    file = sent(photo=50_000_000).FILES["photo"]
    assert (file.size, len(file.read())) == (50_000_000, KEPT_BYTES)


def test_all_files_of_a_request_share_the_room() -> None:
    files = sent(one=8_000_000, other=8_000_000).FILES
    assert [file.size for file in files.values()] == [8_000_000, 8_000_000]
    assert sum(len(file.read()) for file in files.values()) == KEPT_BYTES


@pytest.mark.parametrize("limit", [EVIDENCE, PHOTO, STATEMENT])
def test_every_limit_of_a_form_is_below_what_is_kept(limit: int) -> None:
    """Else a form would take a file for whole of which the end was dropped."""
    assert limit < KEPT_BYTES


def test_many_files_are_refused(client, db: None) -> None:
    files = {f"file{number}": SimpleUploadedFile("x", b"x") for number in range(10)}
    answer: HttpResponse = client.post("/accounts/login/", files)
    assert answer.status_code == 400
