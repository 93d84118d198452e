"""The application's role reads the audit trail and adds to it, and nothing else: `manage.py audit_grants`."""

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from controls.audit import record
from controls.models import AuditEntry

pytestmark = pytest.mark.django_db

ROLE = "gw_test_audit_app"


@pytest.fixture
def role():
    """A role of the cluster, made and rolled back with the test's transaction."""
    record("hold", subject="person:1", reason="A stolen phone.")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"CREATE ROLE {ROLE}")
        cursor.execute(f"GRANT ALL ON controls_auditentry TO {ROLE}")
    call_command("audit_grants", ROLE, verbosity=0)
    return ROLE


def test_it_adds_and_reads(role):
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {role}")
        record("hold", subject="person:2")
        found = list(AuditEntry.objects.order_by("id").values_list("subject", flat=True))
        cursor.execute("RESET ROLE")
    assert found == ["person:1", "person:2"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE controls_auditentry SET reason = ''",
        "DELETE FROM controls_auditentry",
        "TRUNCATE controls_auditentry",
        "ALTER TABLE controls_auditentry DISABLE TRIGGER USER",
        "DROP TABLE controls_auditentry",
    ],
)
def test_it_changes_no_line(role, statement):
    with (
        pytest.raises(DatabaseError, match=r"permission denied|must be owner"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"SET LOCAL ROLE {role}")
        cursor.execute(statement)
    assert AuditEntry.objects.get().reason == "A stolen phone."


def test_it_refuses_roles_that_no_grant_can_bind():
    with pytest.raises(CommandError, match="no role"):
        call_command("audit_grants", "nobody_of_that_name")
    with pytest.raises(CommandError, match="owns the trail"):
        call_command("audit_grants", connection.settings_dict["USER"] or "goldwallet")
