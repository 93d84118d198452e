"""What a person gets when they ask for their data: all of it, and nothing of anybody else (faults.md D03)."""

import io
import json
import zipfile
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from PIL import Image

from accounts import second_factor
from accounts.models import KnownDevice, PayoutNumber, User
from accounts.roles import Role
from accounts.stepup import StepUpNeeded
from accounts.tests.people import read_mail, signed_in, staff
from accounts.tests.proofs import enter_code
from goldwallet.clock import after
from goldwallet.test.books import assert_books
from goldwallet.test.world import World, buy, paid, sell
from kyc.models import Document
from kyc.storage import StoreDown
from kyc.tests.making import open_all, photos_once, reviewer, send_back, sent
from ledger import chart
from ledger.services import Transfer, post
from notifications.services import message_enqueue
from oversight.privacy.export import LEFT_OUT, SECTIONS, export_make
from payments.models import Arrival, ArrivalState, Callback
from trading import services
from trading.models import Order
from trading.tests.late import late
from trading.tests.pages import text

__all__ = ["photos_once"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures(photos_once.__name__)]

PAGE, EXPORT = "/accounts/privacy/", "/accounts/privacy/export/"


def download(browser: Client) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Ask, write the code, ask again: `data.json`, and the other files of the zip."""
    assert enter_code(browser, browser.post(EXPORT)) == PAGE
    assert "Download it now" in text(browser.get(PAGE))
    return opened(browser.post(EXPORT))


def opened(answer) -> tuple[dict[str, Any], dict[str, bytes]]:
    assert answer.status_code == 200, answer
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(files.pop("data.json")), files


def life(person: User, world: World, *, name: str, number: str, letter: str) -> list[str]:
    """Everything that can be about a person, and the words in it that are theirs alone."""
    User.objects.filter(pk=person.pk).update(kyc_status="verified")
    person.refresh_from_db()
    first = paid(buy(person, 33_000), receipt=f"UKL{letter * 6}1")
    waiting = late(person, 2000, receipt=f"UKL{letter * 6}2")
    sold = sell(person, Decimal("0.25"))
    quote = services.quote_buy(user=person, phone=person.phone, kes=Decimal(1000))
    case = sent(person, name=name, number=number)
    looker = reviewer(email=f"looker-{letter.lower()}@example.com")
    open_all(case, looker)
    send_back(case, looker, selfie=f"Your face is too dark, says {letter * 5}.")
    waits = PayoutNumber(user=person, usable_from=after(9999))
    waits.phone = person.phone[:-3] + "987"
    waits.save(force_insert=True)
    KnownDevice.objects.create(user=person, mark=f"mark-{letter}")
    second_factor.authenticator_give(user=person, key=second_factor.new_key())
    told = Callback(payment_id=first.payment_id, kind="collect")
    told.body = json.dumps({"secret-name": f"BODY-{letter * 6}"})
    told.save(force_insert=True)
    arrival = Arrival.objects.create(
        receipt=f"UKL{letter * 6}3", amount=10, source="pull", arrived_at=first.created_at,
        state=ArrivalState.ASSIGNED, user=person,
    )  # fmt: skip
    moved = Transfer(chart.house_adjustments(), chart.user_cash(person.pk), Decimal(7))
    post(key=f"test:{letter}", kind="adjustment_cash", transfers=[moved], memo=f"Sorry, {letter * 7}.")
    message_enqueue(
        user_id=person.pk, to=person.email, subject=f"About {letter * 8}", text="x", kind="x", key=f"x:{letter}"
    )  # fmt: skip
    rows = [person, first, waiting, sold, quote, case, *case.documents.all()]
    payments = Order.objects.filter(user=person).values_list("payment_id", "reference", "payment__receipt")
    found = [str(row.pk) for row in rows] + [str(one) for row in payments for one in row if one]
    names = [person.email, person.phone, waits.phone, name, number, letter * 5, arrival.receipt]
    return [*found, *names, letter * 7, letter * 8, person.phone[-9:]]


@pytest.fixture
def lives(world: World) -> tuple[list[str], list[str]]:
    mine = life(world.alice, world, name="Wanjiru Kamau", number="11111111", letter="A")
    theirs = life(world.bob, world, name="Otieno Barasa", number="22222222", letter="B")
    return mine, theirs


@pytest.mark.fault("D03")
def test_one_s_own_data_and_nobody_else_s(world: World, lives: tuple[list[str], list[str]]) -> None:
    mine, theirs = lives
    data, files = download(signed_in(world.alice))
    said = json.dumps(data, ensure_ascii=False)
    assert [word for word in theirs if word in said or any(word in name for name in files)] == []
    assert [word for word in mine if word not in said] == []
    assert_books()


@pytest.mark.fault("D03")
def test_no_secret_and_no_word_of_the_staff_for_one_another(
    world: World, lives: tuple[list[str], list[str]]
) -> None:
    person = User.objects.get(pk=world.alice.pk)
    User.objects.filter(pk=person.pk).update(frozen_reason="We think of fraud.")
    key = second_factor.Authenticator.objects.get(user=person).key
    data, _ = download(signed_in(person))
    said = json.dumps(data)
    secrets = [
        key,
        person.password,
        person.phone_lookup,
        "We think of fraud.",
        "BODY-AAAAAA",
        "looker-a@",
        "mark-A",
    ]
    secrets += [row.object_key for row in Document.objects.filter(case__user=person)]
    assert [word for word in secrets if word in said] == []
    assert data["profile"]["on_hold"] is True


def test_what_it_says(world: World, lives: tuple[list[str], list[str]]) -> None:
    data, files = download(signed_in(world.alice))
    (case,) = data["identity"]
    assert (case["legal_name"], case["id_number"], case["state"]) == ("Wanjiru Kamau", "11111111", "rejected")
    assert case["reviews"][0]["reasons"] == {"selfie": "Your face is too dark, says AAAAA."}
    assert len(case["photos_opened_by_our_staff"]) == 3
    assert len(files) == len(data["photos"]) == 3
    for row in data["photos"]:
        with Image.open(io.BytesIO(files[row["file"]])) as image:
            assert image.format == "JPEG"
    assert data["profile"]["phone"] == "254712345678"
    assert (
        data["orders"][0]["total_kes"] == "33000.00" and data["orders"][0]["gold_from"][0]["pool"] == "First"
    )
    assert [one["status"] for one in data["orders"][0]["history"]] == ["completed"]
    assert data["payments"][0]["heard_from_mpesa"][0]["kind"] == "collect"
    assert data["payments"][0]["asked_of_mpesa"][0]["kind"] == "collect_report"
    assert [one["state"] for one in data["payments"][0]["history"]][-1] == "succeeded"
    cash = next(one for one in data["ledger"] if one["code"].endswith(":cash"))
    assert cash["balance"] == "2007.000000" and cash["entries"][-1]["words"] == "Sorry, AAAAAAA."
    assert data["orders"][0]["created_at"].endswith("+03:00")
    assert [one["operation"] for one in data["confirmations"]] == ["export"]
    assert [one["device"] for one in data["sessions"]]


def test_every_table_about_people_is_told_or_says_why_not() -> None:
    told = {label for section in SECTIONS for label in section.models}
    assert told & set(LEFT_OUT) == set()
    about = _about_people()
    assert about - told - set(LEFT_OUT) == set(), "tell of these in told.py, or say why not in LEFT_OUT"
    # The ledger names people by an id in its accounts' codes.
    by_id = {"ledger.Account", "ledger.Transaction", "ledger.Entry"}
    assert (told | set(LEFT_OUT)) - about == by_id


def _about_people() -> set[str]:
    """Tables that lead to a person: by a key of their own, or by one to a table that does."""
    found = {"accounts.User"}
    models = apps.get_models(include_auto_created=True)
    while more := {model._meta.label for model in models if _leads(model, found)} - found:
        found |= more
    return found


def _leads(model: Any, to: set[str]) -> bool:
    keys = {one.related_model._meta.label for one in model._meta.concrete_fields if one.related_model}
    return bool(to & keys) or any(one.name == "user_id" for one in model._meta.concrete_fields)


# --- how it is got --------------------------------------------------------------------------------


def test_without_a_code_there_is_none(world: World) -> None:
    with pytest.raises(StepUpNeeded):
        export_make(user=world.alice, session_key="x")
    browser = signed_in(world.alice)
    enter_code(browser, browser.post(EXPORT))
    # The code was for this window of this person.
    other = signed_in(world.alice)
    assert other.post(EXPORT).status_code == 302
    assert signed_in(world.bob).post(EXPORT).status_code == 302
    assert browser.post(EXPORT).status_code == 200
    # And once.
    assert browser.post(EXPORT).status_code == 302


def test_it_is_kept_by_no_cache_and_the_person_is_told(world: World) -> None:
    browser = signed_in(world.alice)
    enter_code(browser, browser.post(EXPORT))
    answer = browser.post(EXPORT)
    assert "no-store" in answer["Cache-Control"] and answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"].startswith('attachment; filename="gold-wallet-data-20')
    opened(answer)
    assert read_mail(world.alice.email).subject == "Your data was downloaded"


@pytest.mark.django_db(transaction=True)
def test_three_a_day(world: World) -> None:
    browser = signed_in(world.alice)
    for _ in range(3):
        download(browser)
    answer = browser.post(EXPORT)
    assert answer.status_code == 429 and "3 times a day" in text(answer)
    # It is the person's own count.
    download(signed_in(world.bob))


@pytest.mark.django_db(transaction=True)
def test_a_store_that_is_away_costs_the_photos_and_nothing_else(world: World, monkeypatch) -> None:
    sent(world.alice)

    class Away:
        def get(self, name: str) -> bytes:
            raise StoreDown("no answer")

    monkeypatch.setattr("kyc.documents.document_store_of_settings", Away)
    data, files = download(signed_in(world.alice))
    assert len(files) == 3 and all(name.endswith(".jpg.missing.txt") for name in files)
    assert all("We cannot open this photo right now." in row["missing"] for row in data["photos"])
    assert data["identity"][0]["state"] == "submitted"


def test_mails_to_staff_are_about_others_and_stay_here(world: World) -> None:
    person = staff(Role.TREASURY)
    message_enqueue(
        user_id=person.pk, to=person.email, subject="Alice wants 5", text="alice@example.com", kind="x", key="x"
    )  # fmt: skip
    data, _ = download(signed_in(person))
    assert "lice" not in json.dumps(data)
    assert data["profile"]["roles"] == ["treasury"]
