"""What is kept goes when its time is over, not a day before, and a row proves it; the ledger stays whole."""

import base64
import datetime as dt
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.models import KnownDevice, KycStatus, PayoutNumber, Session, StepUp, User
from accounts.roles import Role
from accounts.services import person_freeze, staff_create
from controls.models import Attachment, Erasure, Request
from goldwallet.clock import Now, after
from goldwallet.errors import Refused
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed
from goldwallet.test.world import World, buy, paid
from kyc import vault
from kyc.documents import document_read
from kyc.models import Case, CaseState, Document, Part
from kyc.services import case_save, photo_save
from kyc.services.cases import Facts
from kyc.tests.making import photo
from ledger import chart
from ledger.selectors import balance
from notifications.models import Message, State
from oversight.privacy.policy import POLICY
from oversight.privacy.retention import ROUND, retention_apply
from payments.models import Arrival, Callback, Exchange, Payment
from payments.tests.conftest import provider
from trading.models import Quote

__all__ = ["provider"]

pytestmark = pytest.mark.django_db


def case_of(person: User, state: str, **changes: Any) -> Case:
    case = Case(user=person, state=state, **changes)
    case.legal_name, case.birth_date, case.id_number = "Wanjiru Kamau", "1990-05-17", "23456789"
    case.save(force_insert=True)
    return case


def photo_of(case: Case, **changes: Any) -> Document:
    document = Document(
        case=case, part=Part.SELFIE, object_key=uuid.uuid4().hex, size=1, width=1, height=1, **changes
    )
    document.data_key = vault.new_key()
    document.save(force_insert=True)
    return document


def closed(person: User) -> User:
    User.objects.filter(pk=person.pk).update(is_active=False, closed_at=Now())
    return person


# Each makes one thing of a kind, now, and answers whether it is still there.
type Kept = Callable[[], bool]


def identity(world: World) -> Kept:
    case = case_of(closed(world.alice), CaseState.APPROVED, decided_at=Now(), valid_until=after(1))
    photo = photo_of(case)

    def kept() -> bool:
        found, image = Case.objects.get(pk=case.pk), Document.objects.get(pk=photo.pk)
        assert bool(found.legal_name) == bool(found.id_number_lookup) == bool(image.data_key_sealed)
        return bool(found.legal_name)

    return kept


def person(world: World) -> Kept:
    paid(buy(world.alice, 1000))
    number = PayoutNumber(user=world.alice, usable_from=after(100))
    number.phone = "254700111222"
    number.save(force_insert=True)
    closed(world.alice)

    def kept() -> bool:
        found = User.objects.get(pk=world.alice.pk)
        assert bool(found.phone) == bool(Payment.objects.get(user=found).phone)
        assert EmailAddress.objects.filter(user=found).exists() == (found.email == "alice@example.com")
        return found.email == "alice@example.com"

    return kept


def unfinished(world: World) -> Kept:
    case = case_of(world.alice, CaseState.DRAFT)
    photo_of(case)
    return lambda: Case.objects.get(pk=case.pk).state == CaseState.DRAFT


def replaced(world: World) -> Kept:
    photo = photo_of(
        case_of(world.alice, CaseState.APPROVED, decided_at=Now(), valid_until=after(1)), replaced_at=Now()
    )
    return lambda: Document.objects.get(pk=photo.pk).destroyed_at is None


def messages(world: World) -> Kept:
    message = Message(user=world.alice, kind="x", key="x", subject="x", state=State.SENT, sent_at=Now())
    message.to = "alice@example.com"
    message.save(force_insert=True)
    return lambda: Message.objects.filter(pk=message.pk).exists()


def bodies(world: World) -> Kept:
    order = buy(world.alice, 1000)
    told = Callback(payment_id=order.payment_id, kind="collect", handled_at=Now())
    told.body = "{}"
    told.save(force_insert=True)
    asked = Exchange(payment_id=order.payment_id, kind="collect")
    asked.body = "{}"
    asked.save(force_insert=True)

    def kept() -> bool:
        assert bool(Callback.objects.get().body) == bool(Exchange.objects.get(pk=asked.pk).body)
        return bool(Callback.objects.get().body)

    return kept


def payers(world: World) -> Kept:
    arrival = Arrival(receipt="UKL0000001", amount=10, source="pull", arrived_at=Now())
    arrival.payer = "2547 ***** 678"
    arrival.save(force_insert=True)
    return lambda: bool(Arrival.objects.get().payer)


def evidence(world: World) -> Kept:
    request = Request.objects.create(
        kind="x", subject="x", payload={}, content_hash="x", effect={}, reason="x", maker=world.vault,
        checker=world.pricing, state="executed", decided_at=Now(), expires_at=after(1),
    )  # fmt: skip
    paper = Attachment(request=request, name="x", type="x", sha256="x")
    paper.content = base64.b64encode(b"a letter").decode()
    paper.save(force_insert=True)
    return lambda: bool(Attachment.objects.get().content)


def quotes(world: World) -> Kept:
    quote = Quote(user=world.alice, side="buy", grams=1, total_kes=1, price_per_gram=1, expires_at=Now())
    quote.phone = "254712345678"
    quote.save(force_insert=True)
    return lambda: Quote.objects.exists()


def proofs(world: World) -> Kept:
    StepUp.objects.create(
        user=world.alice, operation="x", digest="x", session_hash="x", method="mail", expires_at=Now()
    )
    return lambda: StepUp.objects.exists()


def devices(world: World) -> Kept:
    KnownDevice.objects.create(user=world.alice, mark="x")
    return lambda: KnownDevice.objects.exists()


def sessions(world: World) -> Kept:
    Session.objects.create(session_key="x", session_data="", expire_date=timezone.now())
    return lambda: Session.objects.exists()


MAKERS = [
    identity, person, unfinished, replaced, messages, bodies, payers, evidence, quotes, proofs, devices, sessions,
]  # fmt: skip


def test_every_rule_of_the_policy_is_tried_here() -> None:
    assert [maker.__name__ for maker in MAKERS] == [rule.what for rule in POLICY]


@pytest.mark.fault("K10", "D02")
@pytest.mark.parametrize("make", MAKERS, ids=lambda maker: maker.__name__)
def test_what_is_too_young_stays_and_what_is_too_old_goes(
    world: World, make: Callable[[World], Kept]
) -> None:
    (rule,) = (rule for rule in POLICY if rule.what == make.__name__)
    kept = make(world)
    with shift_clock(days=rule.days, minutes=-1):
        assert rule.what not in retention_apply()
        assert kept()
    with shift_clock(days=rule.days, minutes=1):
        done = retention_apply()
        assert done[rule.what] >= 1
        assert not kept()
        assert rule.what not in retention_apply()
    (proof,) = Erasure.objects.filter(what=rule.what)
    assert (proof.rows, proof.rule) == (done[rule.what], f"{rule.days} days after {rule.since}")
    assert Erasure.objects.filter(what=ROUND).count() == 3
    assert_books()


@pytest.mark.fault("K10")
@pytest.mark.django_db(transaction=True)
def test_a_photo_whose_key_is_gone_opens_for_nobody_with_the_old_ciphertext_at_hand(world: World) -> None:
    case = case_of(world.alice, CaseState.DRAFT)
    photo = photo_of(case)
    old_key = photo.data_key
    name = photo.object_key
    sealed = vault.seal_file(b"a face", key=old_key, document_id=photo.pk, name=name)
    assert vault.open_file(sealed, key=old_key, document_id=photo.pk, name=name) == b"a face"
    with shift_clock(days=91):
        retention_apply()
    found = Document.objects.get(pk=photo.pk)
    assert (found.data_key, found.original_name) == ("", "")
    with pytest.raises(Refused, match="destroyed"):
        document_read(document_id=photo.pk)
    # Nobody puts a key back.
    found.data_key = old_key
    with pytest.raises(DatabaseError), transaction.atomic():
        found.save()


def test_a_case_that_was_sent_back_and_left_ends_and_so_does_its_status(world: World) -> None:
    case_of(world.bob, CaseState.REJECTED, decided_at=Now())
    User.objects.filter(pk=world.bob.pk).update(kyc_status=KycStatus.REJECTED)
    with shift_clock(days=91):
        retention_apply()
    assert User.objects.get(pk=world.bob.pk).kyc_status == KycStatus.EXPIRED


def written(person: User) -> None:
    case_save(user_id=person.pk, facts=Facts(legal_name="Wanjiru Kamau Njeri"))


def photographed(person: User) -> None:
    photo_save(user_id=person.pk, part=Part.SELFIE, raw=photo(), name="me.jpg")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("work", [written, photographed])
def test_what_somebody_still_works_on_stays(
    world: World, work: Callable[[User], None], settings: Any, tmp_path: Path
) -> None:
    """The days count from the last work on a case, not from its first."""
    settings.DOCUMENT_FOLDER = tmp_path
    case = case_of(world.bob, CaseState.DRAFT, id_type="national_id")
    with shift_clock(days=80):
        work(world.bob)
    with shift_clock(days=80 + 89):
        assert "unfinished" not in retention_apply()
        assert Case.objects.get(pk=case.pk).state == CaseState.DRAFT
    with shift_clock(days=80 + 91):
        assert retention_apply()["unfinished"] == 1
        assert not Case.objects.get(pk=case.pk).legal_name


def test_one_that_waits_for_a_reviewer_stays(world: World) -> None:
    case = case_of(world.bob, CaseState.SUBMITTED, submitted_at=Now())
    with shift_clock(days=400):
        retention_apply()
    assert Case.objects.get(pk=case.pk).legal_name == "Wanjiru Kamau"


@pytest.mark.fault("D02")
def test_who_is_erased_is_nowhere_named_and_the_ledger_stays_whole(world: World) -> None:
    order = paid(buy(world.alice, 1000))
    grams = balance(chart.user_gold(world.alice.pk))
    person_freeze(user_id=world.alice.pk, reason="asked by alice@example.com")
    staff = [staff_create(email=f"t{n}@example.com", password="x", roles=[Role.TREASURY]) for n in (1, 2)]
    agreed("person_unfreeze", {"person": str(world.alice.pk)}, maker=staff[0], checker=staff[1])
    assert named_anywhere("alice@example.com")
    closed(world.alice)
    with shift_clock(days=2558):
        retention_apply()
    person = User.objects.get(pk=world.alice.pk)
    assert person.email == f"gone-{person.pk.hex}@erased.invalid"
    assert not named_anywhere("alice@example.com", "254712345678", world.alice.phone_lookup)
    assert balance(chart.user_gold(person.pk)) == grams == order.grams
    assert_books()
    # Bob is still himself, and so is his history.
    assert named_anywhere("bob@example.com")


def test_nobody_s_history_is_forgotten_who_is_still_here(world: World) -> None:
    with (
        pytest.raises(DatabaseError, match="was not erased"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT oversight_history_forget(%s)", [world.alice.pk])


def test_a_rule_that_fails_keeps_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(before: dt.datetime, most: int) -> int:
        raise RuntimeError("disk")

    first, *rest = POLICY
    monkeypatch.setattr("oversight.privacy.retention.POLICY", (_with(first, broken), *rest))
    kept = proofs(world)
    with shift_clock(days=91):
        assert retention_apply() == {"proofs": 1}
    assert not kept()
    assert Erasure.objects.get(what=ROUND).rule == "failed: identity"


def _with(rule: Any, erase: Any) -> Any:
    import dataclasses

    return dataclasses.replace(rule, erase=erase)


def named_anywhere(*names: str) -> list[str]:
    """Every place of the database where one of these stands in plain text."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND data_type IN ('text', 'character varying', 'jsonb')"
        )
        for table, column in cursor.fetchall():
            for name in names:
                cursor.execute(
                    f'SELECT count(*) FROM "{table}" WHERE "{column}"::text LIKE %s',
                    [f"%{json.dumps(name)[1:-1]}%"],
                )
                if cursor.fetchone()[0]:
                    found.append(f"{table}.{column}: {name}")
    return found
