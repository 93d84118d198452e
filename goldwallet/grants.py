"""Rights of the application's database role on tables that keep what was written: for commands of their owner."""

from collections.abc import Sequence

from django.core.management.base import CommandError
from django.db import connection, transaction
from psycopg import sql

_ROLE = """
SELECT r.rolsuper, pg_has_role(r.oid, c.relowner, 'MEMBER')
FROM pg_roles r, pg_class c WHERE r.rolname = %s AND c.oid = %s::regclass
"""


def rights_set(*, role: str, tables: Sequence[str], what: str, statements: Sequence[str]) -> None:
    """Run the statements, in which `{role}` and `{tables}` stand for these. `what` is what the tables hold, in words.

    Raises CommandError for a role that does not exist, and for one that no grant can bind.
    """
    names = {"role": sql.Identifier(role), "tables": sql.SQL(", ").join(map(sql.Identifier, tables))}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ROLE, [role, tables[0]])
        row = cursor.fetchone()
        if row is None:
            raise CommandError(f"There is no role {role!r} in this database.")
        if any(row):
            raise CommandError(
                f"{role!r} is a superuser or owns {what}: no grant can bind it. Give the application another role."
            )
        for statement in statements:
            cursor.execute(sql.SQL(statement).format(**names).as_string(connection.connection))
