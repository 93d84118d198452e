"""Keys rotate under way, survive a kill at any moment, and leave only when nothing hangs on them."""

import base64
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from accounts.models import StepUp, User
from accounts.services import staff_create
from controls import keys
from controls.models import SealingKey
from goldwallet.clock import Now
from goldwallet.errors import Conflict
from goldwallet.sealing import DOCUMENTS, FIELDS, SealBroken, fingerprint
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.kill import database_url
from goldwallet.test.world import World, buy, paid
from kyc.models import Case, Document, Part
from notifications.models import Message
from payments.models import Payment

NEW = os.urandom(32)
OLD_FIELDS, OLD_DOCUMENTS = settings.FIELD_KEYS["demo1"], settings.DOCUMENT_KEYS["demo1"]


@pytest.fixture
def new_keys(settings: Any) -> Iterator[None]:
    """The settings after step one: a new key in front of each ring."""
    settings.FIELD_KEYS = {"new": NEW, "demo1": OLD_FIELDS}
    settings.DOCUMENT_KEYS = {"new": NEW[::-1], "demo1": OLD_DOCUMENTS}
    yield


def image(person: User) -> Document:
    case = Case(user=person)
    case.legal_name, case.id_number = "Wanjiru Alice Kamau", "23456789"
    case.save(force_insert=True)
    document = Document(case=case, part=Part.SELFIE, object_key=uuid.uuid4().hex, size=1, width=1, height=1)
    document.data_key = base64.b64encode(bytes(32)).decode()
    document.save(force_insert=True)
    return document


def proofs(person: User) -> None:
    """One that was used, which nobody may change any more, and one that was not."""
    for used in (Now(), None):
        proof = StepUp(
            user=person, operation="x", digest="x", session_hash="x", method="mail", expires_at=Now()
        )
        proof.shown = "[]"
        proof.proven_at = Now()
        proof.used_at = used
        proof.save(force_insert=True)


def everything_opens() -> int:
    """Read every sealed value of the house; how many."""
    count = 0
    for column in keys.columns():
        for row in column.rows():
            (name,) = (n for n, one in vars_of(row).items() if one == column.sealed.column)
            assert getattr(row, name) != ""
            count += 1
    return count


def vars_of(row: Any) -> dict[str, str]:
    from goldwallet.sealing import SEALED

    found = {}
    for kind in type(row).__mro__:
        for name, value in vars(kind).items():
            if isinstance(value, property) and value in SEALED:
                found[name] = SEALED[value].column
    return found


def left_under(kid: str) -> dict[str, int]:
    return {title: n for ring in keys.RINGS for title, n in keys.key_use(ring, kid).items()}


def test_every_sealed_column_is_known_to_the_rotation() -> None:
    known = {column.title for column in keys.columns()}
    sealed = {
        f"{model._meta.db_table}.{field.column}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.column.endswith("_sealed")
    }
    # A proxy shares its table; a history keeps nothing that is sealed.
    assert known == sealed
    assert len(known) > 15


@pytest.mark.django_db
def test_keys_rotate_and_the_old_one_may_go(world: World, new_keys: None, settings: Any, capsys: Any) -> None:
    settings.FIELD_KEYS, settings.DOCUMENT_KEYS = {"demo1": OLD_FIELDS}, {"demo1": OLD_DOCUMENTS}
    keys.refuse_keys()
    paid(buy(world.alice, 1000))
    document = image(world.alice)
    proofs(world.alice)
    before = everything_opens()
    assert before > 8
    settings.FIELD_KEYS = {"new": NEW, "demo1": OLD_FIELDS}
    settings.DOCUMENT_KEYS = {"new": NEW[::-1], "demo1": OLD_DOCUMENTS}
    call_command("rotate_keys", batch=3)
    assert f"{before} values were sealed anew." in capsys.readouterr().out
    assert left_under("demo1") == {}
    assert everything_opens() == before
    call_command("rotate_keys")
    assert "0 values" in capsys.readouterr().out
    # Nobody has become findable under another number, and nothing of the books has moved.
    alice = User.objects.get(phone_lookup=fingerprint("254712345678", kind="phone"))
    assert alice.phone == "254712345678"
    assert_books()
    # The old key still counts until it is let go.
    settings.FIELD_KEYS = {"new": NEW}
    with pytest.raises(ImproperlyConfigured, match="FIELD_KEYS lacks the key demo1"):
        keys.refuse_keys()
    settings.FIELD_KEYS = {"new": NEW, "demo1": OLD_FIELDS}
    with pytest.raises(CommandError, match="less than a day"):
        call_command("rotate_keys", retire="FIELD_KEYS:demo1")
    with shift_clock(days=1, minutes=1):
        call_command("rotate_keys", retire="FIELD_KEYS:demo1")
    call_command("rotate_keys", retire="DOCUMENT_KEYS:demo1", restarted=True)
    settings.FIELD_KEYS, settings.DOCUMENT_KEYS = {"new": NEW}, {"new": NEW[::-1]}
    keys.refuse_keys()
    assert everything_opens() == before
    assert Document.objects.get(pk=document.pk).data_key == base64.b64encode(bytes(32)).decode()
    # Back in front it would seal anew what nobody counts any more.
    settings.FIELD_KEYS = {"demo1": OLD_FIELDS, "new": NEW}
    with pytest.raises(ImproperlyConfigured, match="demo1 was let go"):
        keys.refuse_keys()


@pytest.mark.django_db
def test_the_day_of_grace_counts_from_when_the_new_key_seals(settings: Any) -> None:
    settings.FIELD_KEYS = {"demo1": OLD_FIELDS, "new": NEW}
    keys.refuse_keys()
    with shift_clock(days=30):
        settings.FIELD_KEYS = {"new": NEW, "demo1": OLD_FIELDS}
        keys.refuse_keys()
        with pytest.raises(Conflict, match="less than a day"):
            keys.key_retire(ring=FIELDS, kid="demo1")
    with shift_clock(days=31, minutes=1):
        keys.refuse_keys()
        keys.key_retire(ring=FIELDS, kid="demo1")


@pytest.mark.django_db
@pytest.mark.fault("K08")
def test_a_key_is_not_let_go_while_anything_hangs_on_it(world: World, new_keys: None) -> None:
    keys.keys_note()
    with pytest.raises(Conflict, match="is the key that seals now"):
        keys.key_retire(ring=FIELDS, kid="new", restarted=True)
    with pytest.raises(Conflict, match="never had a key nobody"):
        keys.key_retire(ring=FIELDS, kid="nobody", restarted=True)
    settings.FIELD_KEYS = {"demo1": OLD_FIELDS, "new": NEW}
    world.alice.phone = world.alice.phone
    world.alice.save()
    settings.FIELD_KEYS = {"new": NEW, "demo1": OLD_FIELDS}
    with pytest.raises(Conflict, match=r"still sealed with demo1: 3 in accounts_user\.phone_sealed"):
        keys.key_retire(ring=FIELDS, kid="demo1", restarted=True)
    assert not SealingKey.objects.exclude(retired_at=None).exists()


@pytest.mark.django_db
@pytest.mark.fault("K08")
@pytest.mark.parametrize("ring", [FIELDS, DOCUMENTS])
def test_nothing_starts_with_another_key_under_an_old_name(settings: Any, ring: str) -> None:
    keys.refuse_keys()
    keys.refuse_keys()
    assert SealingKey.objects.count() == 2
    setattr(settings, ring, {"demo1": NEW})
    with pytest.raises(ImproperlyConfigured, match=f"{ring}: demo1 is another key than before"):
        keys.refuse_keys()


@pytest.mark.django_db
def test_a_value_that_does_not_open_stays_and_is_told(world: World, new_keys: None, capsys: Any) -> None:
    User.objects.filter(pk=world.bob.pk).update(phone_sealed="gone:AAAA")
    with pytest.raises(CommandError, match=rf"1 values open with no key.*{world.bob.pk}"):
        call_command("rotate_keys")
    assert User.objects.get(pk=world.bob.pk).phone_sealed == "gone:AAAA"
    with pytest.raises(SealBroken):
        User.objects.get(pk=world.bob.pk).phone  # noqa: B018
    assert User.objects.get(pk=world.alice.pk).phone_sealed.startswith("new:")


@pytest.mark.django_db(transaction=True)
def test_what_is_written_meanwhile_stays(
    world: World, new_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading a value and writing it anew somebody changes it: theirs counts."""
    settings.FIELD_KEYS = {"demo1": OLD_FIELDS}
    world.alice.phone = "254712345678"
    world.alice.save()
    settings.FIELD_KEYS = {"new": NEW, "demo1": OLD_FIELDS}
    true = keys.unseal

    def changed_meanwhile(value: str, **place: Any) -> str:
        if place["table"] == "accounts_user" and place["row"] == str(world.alice.pk):
            someone = User.objects.get(pk=world.alice.pk)
            someone.phone = "254700111222"
            someone.save()
        return true(value, **place)

    monkeypatch.setattr(keys, "unseal", changed_meanwhile)
    list(keys.rotate())
    assert User.objects.get(pk=world.alice.pk).phone == "254700111222"


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault("K08")
def test_killed_at_any_moment_everything_opens_and_the_next_run_ends_it(world: World, settings: Any) -> None:
    people = [
        staff_create(email=f"p{n}@example.com", password="x", roles=[], phone=f"2547{n:08d}")
        for n in range(40)
    ]
    Message.objects.all().delete()
    image(people[0])
    paid(buy(world.alice, 1000))
    before = everything_opens()
    settings.FIELD_KEYS = {"new": NEW, "demo1": OLD_FIELDS}
    settings.DOCUMENT_KEYS = {"new": NEW[::-1], "demo1": OLD_DOCUMENTS}
    left = [sum(left_under("demo1").values())]
    for lines in (1, 4, 9):
        killed_after(lines)
        assert everything_opens() == before
        left.append(sum(left_under("demo1").values()))
    assert left[0] > left[1] > left[-1] > 0, "each run got further, and none was whole"
    assert run().wait(60) == 0
    assert left_under("demo1") == {}
    assert everything_opens() == before
    assert Payment.objects.get(user=world.alice).phone == world.alice.phone


def run() -> "subprocess.Popen[str]":
    def ring(new: bytes, old: bytes) -> str:
        return f"new:{base64.b64encode(new).decode()},demo1:{base64.b64encode(old).decode()}"

    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "goldwallet.test.settings",
        "FIELD_KEYS": ring(NEW, OLD_FIELDS),
        "DOCUMENT_KEYS": ring(NEW[::-1], OLD_DOCUMENTS),
    }
    command = [sys.executable, "manage.py", "rotate_keys", "--batch", "2", "--pause", "0.05"]
    return subprocess.Popen(
        command,
        env=environment,
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def killed_after(lines: int) -> None:
    """Let it work until it has told so many batches, and kill it in the midst of the next."""
    process = run()
    assert process.stdout is not None
    for _ in range(lines):
        assert process.stdout.readline(), "it ended before it was killed"
    time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
