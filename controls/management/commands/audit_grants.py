"""Let the application's database role add lines to the audit trail, and no more: `manage.py audit_grants ROLE`.

Run it as the owner of the table (the role that migrates). Triggers refuse to change a line whoever asks; this takes the
right from the application, too, so that nobody who holds its password can switch the triggers off.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from psycopg import sql

from controls.models import AuditEntry

_ROLE = """
SELECT r.rolsuper, pg_has_role(r.oid, c.relowner, 'MEMBER')
FROM pg_roles r, pg_class c WHERE r.rolname = %s AND c.oid = %s::regclass
"""


class Command(BaseCommand):
    help = "Let ROLE read the audit trail and add to it, and take every other right on it from the role."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role")

    def handle(self, *args: Any, role: str, **options: Any) -> None:
        table = AuditEntry._meta.db_table
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_ROLE, [role, table])
            row = cursor.fetchone()
            if row is None:
                raise CommandError(f"There is no role {role!r} in this database.")
            if row[0] or row[1]:
                raise CommandError(
                    f"{role!r} is a superuser or owns the trail: no grant can bind it. "
                    "Give the application another role."
                )
            for statement in (
                "REVOKE ALL ON {table} FROM PUBLIC, {role}",
                "GRANT SELECT, INSERT ON {table} TO {role}",
            ):
                command = sql.SQL(statement).format(table=sql.Identifier(table), role=sql.Identifier(role))
                cursor.execute(command.as_string(connection.connection))
        self.stdout.write(f"{role} may read the audit trail and add to it, and nothing else.")
