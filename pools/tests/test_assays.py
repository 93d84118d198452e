"""Certificates of bars: what is taken, what is refused, how they are kept and handed out, and who opened them."""

import hashlib
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from accounts.tests.people import customer, signed_in, staff
from controls.audit import entries_about
from goldwallet.errors import Conflict, Refused
from pools import services
from pools.history import pool_history
from pools.models import Assay, Bar
from pools.services.assays import MOST_ASSAYS, MOST_BYTES

pytestmark = pytest.mark.django_db

PDF = b"%PDF-1.7 certificate of the refiner"


@pytest.fixture
def keeper():
    return staff("vault")


@pytest.fixture
def desk(keeper):
    return signed_in(keeper)


@pytest.fixture
def bar(keeper) -> Bar:
    pool = services.pool_create(name="Nairobi", purity=Decimal("999.9"), by=keeper)
    new = services.NewBar(serial="A1", gross_grams=Decimal(10), fineness=Decimal(1000))
    return services.bar_add(pool_id=pool.pk, bars=[new], key="a", by=keeper)[0]


def send(desk, bar: Bar, name: str, content: bytes, kind: str = "application/pdf"):
    file = SimpleUploadedFile(name, content, content_type=kind)
    return desk.post(reverse("desk_assay_add", args=[bar.pool_id, bar.pk]), {"file": file})


def page_of(bar: Bar) -> str:
    return reverse("desk_bar", args=[bar.pool_id, bar.pk])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PDF, "application/pdf"),
        (b"\x89PNG\r\n\x1a\n rest", "image/png"),
        (b"\xff\xd8\xff\xe0 rest", "image/jpeg"),
    ],
)
def test_a_certificate_is_kept_sealed_and_comes_back_as_a_download(desk, keeper, bar, content, kind):
    assert b"This bar has no assay" in desk.get(page_of(bar)).content
    # What the browser says of its kind does not matter.
    assert send(desk, bar, "certificate.pdf", content, "text/html").url == page_of(bar)
    kept = Assay.objects.get()
    assert (kept.type, kept.size, kept.added_by) == (kind, len(content), keeper)
    assert kept.sha256 == hashlib.sha256(content).hexdigest()
    assert content[-4:].decode() not in kept.content_sealed and ":" in kept.content_sealed
    page = desk.get(page_of(bar)).content.decode()
    assert kept.sha256 in page and "certificate.pdf" in page and keeper.email in page

    answer = desk.get(reverse("desk_assay", args=[kept.pk]))
    assert answer.content == content
    assert answer["Content-Type"] == kind
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "no-store" in answer["Cache-Control"]
    opened, added = entries_about(f"bar:{bar.pk}")[:2]
    assert (opened.action, opened.actor, opened.after["assay"]) == ("assay_open", keeper, str(kept.pk))
    assert (added.action, added.after["sha256"], added.after["size"]) == (
        "assay_add",
        kept.sha256,
        len(content),
    )
    assert any(
        line.what == "The assay certificate.pdf was added to bar A1."
        for line in pool_history(bar.pool).page.rows
    )


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.pdf", b"", "The file is empty"),
        ("page.pdf", b"<!doctype html><script>alert(1)</script>", "no PDF and no PNG or JPEG"),
        ("late.pdf", b" " + PDF, "no PDF and no PNG or JPEG"),
        ("picture.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no PDF and no PNG or JPEG"),
        ("huge.pdf", PDF + b"0" * MOST_BYTES, "larger than 2 MB"),
    ],
)
def test_what_is_no_certificate_is_refused_beside_the_field(desk, bar, name, content, sentence):
    answer = send(desk, bar, name, content)
    assert answer.status_code == 400
    page = answer.content.decode()
    assert sentence in page and page.index(sentence) > page.index('id="id_file"')
    assert not Assay.objects.exists()
    assert not entries_about(f"bar:{bar.pk}").filter(action="assay_add").exists()


def test_exactly_two_megabytes_are_taken(desk, bar):
    assert send(desk, bar, "full.pdf", PDF + b"0" * (MOST_BYTES - len(PDF))).status_code == 302
    assert Assay.objects.get().size == MOST_BYTES


def test_no_file_at_all(desk, bar):
    answer = desk.post(reverse("desk_assay_add", args=[bar.pool_id, bar.pk]))
    assert answer.status_code == 400 and b"Choose a file." in answer.content


@pytest.mark.parametrize(
    "name", ["a\x00b.pdf", "../../etc/passwd.pdf", "x" * 400 + ".pdf", "‮fdp.exe", "Gold – ذهب.pdf"]
)
def test_odd_names_are_kept_without_harm(desk, keeper, bar, name):
    kept = services.assay_add(bar_id=bar.pk, name=name, content=PDF, by=keeper)
    assert kept.name and kept.name.isprintable() and len(kept.name) <= 120
    answer = desk.get(reverse("desk_assay", args=[kept.pk]))
    assert answer.content == PDF and answer["Content-Disposition"].startswith("attachment")
    assert desk.get(page_of(bar)).status_code == 200


def test_a_name_with_a_nul_is_sent_through_the_form(desk, bar):
    assert send(desk, bar, "a\x00b.pdf", PDF).status_code in {302, 400}
    assert desk.get(page_of(bar)).status_code == 200


def test_the_same_file_twice_is_kept_once(desk, keeper, bar):
    assert send(desk, bar, "one.pdf", PDF).status_code == 302
    again = send(desk, bar, "two.pdf", PDF)
    assert again.status_code == 409 and b"Bar A1 has this file already" in again.content
    assert Assay.objects.count() == 1
    # A batch has one certificate for several bars.
    new = services.NewBar(serial="A2", gross_grams=Decimal(10), fineness=Decimal(1000))
    (other,) = services.bar_add(pool_id=bar.pool_id, bars=[new], key="b", by=keeper)
    assert send(desk, other, "one.pdf", PDF).status_code == 302


def test_a_bar_keeps_so_many_and_no_more(keeper, bar):
    for number in range(MOST_ASSAYS):
        services.assay_add(bar_id=bar.pk, name="a.pdf", content=PDF + str(number).encode(), by=keeper)
    with pytest.raises(Refused, match="20 files at most"):
        services.assay_add(bar_id=bar.pk, name="a.pdf", content=PDF, by=keeper)
    with pytest.raises(Conflict):
        services.assay_add(bar_id=bar.pk, name="a.pdf", content=PDF + b"1", by=keeper)
    with pytest.raises(Refused, match="does not exist"):
        services.assay_add(bar_id=uuid4(), name="a.pdf", content=PDF, by=keeper)


def test_a_certificate_stays_as_it_came(keeper, bar):
    kept = services.assay_add(bar_id=bar.pk, name="a.pdf", content=PDF, by=keeper)
    for sql in ("UPDATE pools_assay SET sha256 = ''", "DELETE FROM pools_assay"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    assert services.assay_open(assay_id=kept.pk, by=keeper)[1] == PDF


def test_who_may_read_and_who_may_add(desk, keeper, bar):
    kept = services.assay_add(bar_id=bar.pk, name="a.pdf", content=PDF, by=keeper)
    url = reverse("desk_assay", args=[kept.pk])
    for role in ("auditor", "administrator"):
        reader = signed_in(staff(role))
        assert reader.get(url).status_code == reader.get(page_of(bar)).status_code == 200
        assert b"Add the file" not in reader.get(page_of(bar)).content
        assert send(reader, bar, "b.pdf", PDF + b"b").status_code == 403
    for person in (staff("pricing"), staff("treasury"), staff("reviewer"), customer()):
        browser = signed_in(person)
        assert browser.get(url).status_code == browser.get(page_of(bar)).status_code == 403
        assert send(browser, bar, "b.pdf", PDF + b"b").status_code == 403
    assert Assay.objects.count() == 1
    assert desk.get(reverse("desk_assay", args=[uuid4()])).status_code == 404
    assert desk.get(reverse("desk_bar", args=[uuid4(), bar.pk])).status_code == 404
    elsewhere = reverse("desk_assay_add", args=[uuid4(), bar.pk])
    assert desk.post(elsewhere, {"file": SimpleUploadedFile("a.pdf", PDF)}).status_code == 404
