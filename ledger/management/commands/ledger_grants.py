"""Give the application's database role what it needs of the book, no more: `manage.py ledger_grants ROLE`.

Run it as the owner of the tables (the role that migrates) after each migration of the ledger. The role may
then read the book and call `ledger_post()`, which writes with its owner's rights; it may not write the tables
itself.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from psycopg import sql

from ledger.models import Account, Entry, Transaction

_ROLE = """
SELECT r.rolsuper, pg_has_role(r.oid, c.relowner, 'MEMBER')
FROM pg_roles r, pg_class c WHERE r.rolname = %s AND c.oid = %s::regclass
"""


class Command(BaseCommand):
    help = "Let ROLE read the book and post to it, and take every other right on the book from it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role")

    def handle(self, *args: Any, role: str, **options: Any) -> None:
        tables = [model._meta.db_table for model in (Account, Transaction, Entry)]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_ROLE, [role, tables[0]])
            row = cursor.fetchone()
            if row is None:
                raise CommandError(f"There is no role {role!r} in this database.")
            if row[0] or row[1]:
                raise CommandError(
                    f"{role!r} is a superuser or owns the book: no grant can bind it. "
                    "Give the application another role."
                )
            names = sql.SQL(", ").join(sql.Identifier(table) for table in tables)
            who = sql.Identifier(role)
            for statement in (
                "REVOKE ALL ON {tables} FROM PUBLIC, {role}",
                "GRANT SELECT ON {tables} TO {role}",
                "REVOKE ALL ON FUNCTION ledger_post FROM PUBLIC",
                "GRANT EXECUTE ON FUNCTION ledger_post, ledger_scale TO {role}",
            ):
                command = sql.SQL(statement).format(tables=names, role=who)
                cursor.execute(command.as_string(connection.connection))
        self.stdout.write(f"{role} may read the book and post to it, and nothing else.")
