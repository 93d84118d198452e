"""`pgtrigger.ignore` opens no table that only grows, and nothing that stays of a row. The audit trail, histories and
decided requests let go of who was erased, and of nothing else.
"""

from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from accounts.models import FactorReset, PayoutNumber, User
from accounts.tests.people import staff
from controls.audit import record
from controls.models import AuditEntry, Erasure, Request
from controls.services import switch_pause, threshold_set
from controls.services.notes import note_add
from goldwallet.clock import after, now
from goldwallet.test.two import agreed, asked
from goldwallet.test.world import World
from goldwallet.tests.scene import scene_create
from goldwallet.triggers import Guard
from kyc.models import Case, Opening, Outcome, Review
from kyc.tests.making import photos_once
from ledger import audit
from oversight.models import Break, DailyClose, Finding, News
from oversight.privacy.letting_go import person_forget

pytestmark = pytest.mark.django_db

#: Their guards (`goldwallet.triggers`).
TABLES = {
    "accounts_authenticatorevent": "append_only",
    "accounts_factorresetevent": "append_only",
    "accounts_payoutnumberevent": "append_only",
    "accounts_rolegrantevent": "append_only",
    "accounts_userevent": "append_only",
    "controls_attachment": "append_only",
    "controls_auditentry": "append_only",
    "controls_erasure": "append_only",
    "controls_note": "never_removed",
    "controls_request": "never_removed",
    "controls_requestevent": "append_only",
    "controls_switch": "never_removed",
    "controls_switchevent": "append_only",
    "controls_thresholdevent": "append_only",
    "kyc_caseevent": "append_only",
    "kyc_document": "never_removed",
    "kyc_opening": "never_removed",
    "kyc_review": "never_removed",
    "oversight_dailyclose": "append_only",
    "oversight_finding": "append_only",
    "pools_assay": "never_removed",
    "pools_bar": "never_removed",
    "pools_barevent": "append_only",
    "pools_movement": "append_only",
    "pools_pool": "never_removed",
    "pools_poolevent": "append_only",
    "pools_price": "append_only",
    "pools_priceevent": "append_only",
}
#: What of their rows stays as it was, or goes one way only: a change that their guards refuse.
CONTENT = {
    "accounts_factorreset": "due_at = due_at - interval '1 hour'",
    "accounts_payoutnumber": "phone_lookup = 'x'",
    "accounts_stepup": "operation = 'sell'",
    "controls_export": "kind = 'people'",
    "controls_note": "flag = ''",
    "controls_request": "reason = 'Another reason.'",
    "kyc_case": "state = 'approved', decided_at = now(), valid_until = now() WHERE state = 'draft'",
    "kyc_document": "object_key = md5(object_key)",
    "kyc_opening": "reason = 'Another reason.'",
    "kyc_review": "outcome = 'approved'",
    "pools_assay": "name = 'other.pdf'",
}


def run(statement: str, *parameters: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def refused(statement: str, *parameters: Any, table: str = "controls_auditentry") -> None:
    with pytest.raises(DatabaseError, match=f"the rows of {table} stay"):
        run(statement, *parameters)


def everything_ignored() -> None:
    """What django-pgtrigger's own triggers stand aside for: a setting that every session may set."""
    run(
        "SELECT set_config('pgtrigger.ignore', array_agg(tgname)::text, true) FROM pg_trigger"
        " WHERE tgname LIKE 'pgtrigger\\_%%'"
    )


def of_each_one(world: World) -> None:
    """A row in each of these tables."""
    scene = scene_create(world)
    record("hold", subject="person:1", reason="A stolen phone.")
    DailyClose.objects.create(day=now().date(), figures={}, digest="0")
    Erasure.objects.create(what="test", rule="test", rows=1)
    difference = Break.objects.get()
    Finding.objects.create(
        run=difference.first_run, difference=difference, news=News.NEW, kind=difference.kind
    )
    number = PayoutNumber(user=world.alice, usable_from=after(100))
    number.phone = "254700111222"
    number.save(force_insert=True)
    FactorReset.objects.create(user=world.bob, request_id=scene.ids["request_id"], due_at=after(100))
    by = staff("treasury", "reviewer")
    threshold_set(name="buy_min_kes", value=Decimal(20), by=by)
    switch_pause(name="sell", cause="staff", note="A look at the prices.", by=by)
    note_add(
        subject=f"person:{world.alice.pk}", text="Careful.", flag="watch", person_id=world.alice.pk, by=by
    )
    case = Case.objects.get(pk=scene.ids["case_id"])
    Review.objects.create(
        case=case, person_id=case.user_id, reviewer=by, outcome=Outcome.MORE, submitted_at=after(0)
    )
    Opening.objects.create(document_id=scene.ids["document_id"], by=by, reason="A look at the photo.")


@pytest.mark.fault("L02")
@pytest.mark.usefixtures(photos_once.__name__)
def test_a_session_that_ignores_triggers_changes_nothing_that_stays(world: World) -> None:
    of_each_one(world)
    primary = {model._meta.db_table: model._meta.pk.column for model in apps.get_models() if model._meta.pk}
    everything_ignored()
    for table, name in TABLES.items():
        refused(f"DELETE FROM {table}", table=table)
        if name == "append_only":
            refused(f"UPDATE {table} SET {primary[table]} = {primary[table]}", table=table)
    for table, change in CONTENT.items():
        with pytest.raises(DatabaseError, match=f"Cannot update rows from {table}|Invalid transition"):
            run(f"UPDATE {table} SET {change}")


def test_no_guard_asks_whether_it_is_ignored() -> None:
    """Only the triggers that write the histories do: they are django-pghistory's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger JOIN pg_proc p ON p.oid = tgfoid"
            " WHERE prosrc LIKE '%_pgtrigger_should_ignore%' AND prosrc NOT LIKE '%INSERT INTO \"%event\"%'"
        )
        assert cursor.fetchall() == []


@pytest.mark.parametrize("table", TABLES)
def test_a_guard_that_is_switched_off_is_found(table: str) -> None:
    assert audit.verify() == []
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    found = audit.verify()
    for name in (TABLES[table], "no_truncate"):
        assert any(f"pgtrigger_{name}" in line for line in found)
    (model,) = [model for model in apps.get_models() if model._meta.db_table == table]
    assert len(found) == sum(isinstance(one, Guard) for one in vars(model._meta)["triggers"])


# --- erasure --------------------------------------------------------------------------------------


def gone(person: User) -> User:
    """Closed, so that everything may be forgotten."""
    User.objects.filter(pk=person.pk).update(is_active=False, closed_at=now())
    return person


def lines() -> QuerySet[AuditEntry]:
    """Those of these tests."""
    return AuditEntry.objects.filter(subject__startswith="test:").order_by("id")


def reasons() -> list[str]:
    return list(lines().values_list("reason", flat=True))


def test_an_erasure_takes_out_addresses_and_words_about_the_person(world: World) -> None:
    by = staff("treasury").pk
    record("hold", subject="test:1", person_id=world.alice.pk, reason="She lost her phone.", by=by)
    record("threshold_set", subject="test:2", reason="alice@example.com asked, bob@example.com too.", by=by)
    record("threshold_set", subject="test:3", reason="Small sales cost us.", by=by)
    before = lines().values("subject", "person", "actor", "at", "action")
    stood = list(before)
    person_forget(gone(world.alice).pk)
    tomb = f"gone-{world.alice.pk.hex}@erased.invalid"
    assert reasons() == ["", f"{tomb} asked, bob@example.com too.", "Small sales cost us."]
    assert list(before.all()) == stood
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('goldwallet.forgets', true)")
        assert cursor.fetchone() == ("",)


def test_nothing_else_passes_as_an_erasure(world: World) -> None:
    person_forget(gone(world.alice).pk)
    record("hold", subject="test:1", person_id=world.alice.pk, reason="Words after the erasure.")
    record("hold", subject="test:2", person_id=world.bob.pk, reason="Bob lost his phone.")
    of_alice, of_bob = lines()
    run("SELECT set_config('goldwallet.forgets', %s, true)", str(world.alice.pk))
    for change, line in [
        ("reason = 'Other words.'", of_alice),
        ("reason = '', subject = 'person:2'", of_alice),
        ("reason = '', actor_id = person_id", of_alice),
        ("reason = ''", of_bob),
    ]:
        refused(f"UPDATE controls_auditentry SET {change} WHERE id = %s", line.pk)
    refused("DELETE FROM controls_auditentry WHERE id = %s", of_alice.pk)
    # Who is still here is not forgotten, whatever a session says.
    run("SELECT set_config('goldwallet.forgets', %s, true)", str(world.bob.pk))
    refused("UPDATE controls_auditentry SET reason = '' WHERE id = %s", of_bob.pk)
    # Tables of the session's own do not count.
    run("CREATE TEMP TABLE accounts_user ON COMMIT DROP AS SELECT * FROM public.accounts_user")
    run("UPDATE accounts_user SET email = 'gone-0@erased.invalid', is_active = false, closed_at = now()")
    refused("UPDATE public.controls_auditentry SET reason = '' WHERE id = %s", of_bob.pk)
    assert reasons() == ["Words after the erasure.", "Bob lost his phone."]


def number_of(person: User) -> None:
    number = PayoutNumber(user=person, usable_from=after(100))
    number.phone = person.phone
    number.save(force_insert=True)


def adjusted(person: User, *, decided: bool) -> Request:
    """A request that names the person by address, in what was computed and in its words."""
    by = staff("treasury")
    payload = {"person": str(person.pk), "kes": "5", "way": "credit", "words": "For the long wait."}
    words = {"subject": f"test:{person.pk}:{decided}", "reason": f"{person.email} has waited for long."}
    if decided:
        return agreed("adjust_cash", payload, maker=by, checker=staff("treasury"), **words)
    return asked("adjust_cash", payload, by=by, **words)


def tombstone(person: User) -> str:
    """The row is blanked, and what else names the person is not yet: when the guards let go of it."""
    tomb = f"gone-{person.pk.hex}@erased.invalid"
    User.objects.filter(pk=gone(person).pk).update(
        username=tomb.partition("@")[0], email=tomb, phone_lookup="", phone_sealed=""
    )
    run("SELECT set_config('goldwallet.forgets', %s, true)", str(person.pk))
    return tomb


_BLANKED = "username = split_part('{tomb}', '@', 1), email = '{tomb}', phone_lookup = '', frozen_reason = ''"
_SAID = (
    "reason = replace(reason, 'alice@example.com', '{tomb}'),"
    " decision = replace(decision, 'alice@example.com', '{tomb}')"
)
_COMPUTED = (
    "effect = replace(effect::text, 'alice@example.com', '{tomb}')::jsonb,"
    " done = replace(done::text, 'alice@example.com', '{tomb}')::jsonb,"
    " result = replace(result, 'alice@example.com', '{tomb}')"
)


def test_histories_and_decided_requests_let_go_of_the_erased_and_of_nothing_else(world: World) -> None:
    for person in (world.alice, world.bob):
        number_of(person)
    decided, waiting, of_bob = (
        adjusted(world.alice, decided=True),
        adjusted(world.alice, decided=False),
        adjusted(world.bob, decided=True),
    )
    alice, bob = f"'{world.alice.pk}'", f"'{world.bob.pk}'"
    ways = [
        ("accounts_userevent", f"pgh_obj_id = {alice}", _BLANKED),
        ("accounts_payoutnumberevent", f"user_id = {alice}", "phone_lookup = ''"),
        ("controls_requestevent", f"pgh_obj_id = '{decided.pk}'", _SAID),
        ("controls_request", f"id = '{decided.pk}'", f"{_SAID}, {_COMPUTED}"),
    ]
    stood = list(Request.objects.order_by("pk").values())
    tomb = f"gone-{world.alice.pk.hex}@erased.invalid"
    run("SELECT set_config('goldwallet.forgets', %s, true)", str(world.alice.pk))
    for table, which, change in ways:  # She is still here.
        shut(f"UPDATE {table} SET {change.format(tomb=tomb)} WHERE {which}")
    assert tombstone(world.alice) == tomb
    for table, which, change in [
        ("accounts_userevent", f"pgh_obj_id = {alice}", _BLANKED + ", is_staff = true"),
        ("accounts_userevent", f"pgh_obj_id = {alice}", _BLANKED.replace("'', frozen", "'x', frozen")),
        ("accounts_userevent", f"pgh_obj_id = {bob}", _BLANKED),
        ("accounts_payoutnumberevent", f"user_id = {alice}", "phone_lookup = 'x'"),
        ("accounts_payoutnumberevent", f"user_id = {alice}", "phone_lookup = '', usable_from = now()"),
        ("accounts_payoutnumberevent", f"user_id = {bob}", "phone_lookup = ''"),
        ("controls_requestevent", f"pgh_obj_id = '{decided.pk}'", "reason = 'Other words.'"),
        ("controls_requestevent", f"pgh_obj_id = '{decided.pk}'", _SAID + ", state = 'refused'"),
        ("controls_requestevent", f"pgh_obj_id = '{of_bob.pk}'", "reason = ''"),
        ("controls_request", f"id = '{decided.pk}'", "reason = 'Other words.'"),
        ("controls_request", f"id = '{decided.pk}'", f"{_SAID}, {_COMPUTED}, payload = '{{{{}}}}'"),
        ("controls_request", f"id = '{waiting.pk}'", f"{_SAID}, {_COMPUTED}"),
        ("controls_request", f"id = '{of_bob.pk}'", "effect = '{{}}'"),
        ("controls_request", f"id = '{of_bob.pk}'", "done = '{{}}'"),
        ("controls_request", f"id = '{of_bob.pk}'", "done = NULL"),
        ("controls_request", f"id = '{waiting.pk}'", "done = effect"),
    ]:
        shut(f"UPDATE {table} SET {change.format(tomb=tomb)} WHERE {which}")
    for table, which, _ in ways:
        shut(f"DELETE FROM {table} WHERE {which}")
    assert list(Request.objects.order_by("pk").values()) == stood
    for table, which, change in ways[::-1]:
        run(f"UPDATE {table} SET {change.format(tomb=tomb)} WHERE {which}")
    found = Request.objects.get(pk=decided.pk)
    assert "alice@example.com" not in f"{found.reason} {found.effect} {found.done} {found.result}"
    assert tomb in found.reason
    assert found.payload == decided.payload


_SHUT = r"the rows of \w+ stay|Cannot update rows from controls_request|request_done_when_executed"


def shut(statement: str) -> None:
    with pytest.raises(DatabaseError, match=_SHUT):
        run(statement)
