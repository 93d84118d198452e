"""`pgtrigger.ignore` opens no table that only grows. The audit trail lets go of who was erased, and of nothing else."""

from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from accounts.models import User
from accounts.tests.people import staff
from controls.audit import record
from controls.models import AuditEntry, Erasure
from goldwallet.clock import now
from goldwallet.test.world import World
from goldwallet.tests.scene import scene_create
from kyc.tests.making import photos_once
from ledger import audit
from oversight.models import Break, DailyClose, Finding, News
from oversight.privacy.letting_go import person_forget

pytestmark = pytest.mark.django_db

#: Their guards (`goldwallet.triggers`). Histories that django-pghistory keeps have its own triggers.
TABLES = {
    "controls_auditentry": "append_only",
    "controls_erasure": "append_only",
    "oversight_dailyclose": "append_only",
    "oversight_finding": "append_only",
    "pools_assay": "never_removed",
    "pools_bar": "never_removed",
    "pools_movement": "append_only",
    "pools_pool": "never_removed",
    "pools_price": "append_only",
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


@pytest.mark.fault("L02")
@pytest.mark.usefixtures(photos_once.__name__)
def test_a_session_that_ignores_triggers_changes_nothing_that_stays(world: World) -> None:
    scene_create(world)
    record("hold", subject="person:1", reason="A stolen phone.")
    DailyClose.objects.create(day=now().date(), figures={}, digest="0")
    Erasure.objects.create(what="test", rule="test", rows=1)
    difference = Break.objects.get()
    Finding.objects.create(
        run=difference.first_run, difference=difference, news=News.NEW, kind=difference.kind
    )
    primary = {model._meta.db_table: model._meta.pk.column for model in apps.get_models() if model._meta.pk}
    everything_ignored()
    for table, name in TABLES.items():
        refused(f"DELETE FROM {table}", table=table)
        if name == "append_only":
            refused(f"UPDATE {table} SET {primary[table]} = {primary[table]}", table=table)


@pytest.mark.parametrize("table", TABLES)
def test_a_guard_that_is_switched_off_is_found(table: str) -> None:
    assert audit.verify() == []
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    found = audit.verify()
    assert found and all(f"pgtrigger_{TABLES[table]}" in line or "no_truncate" in line for line in found)


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
