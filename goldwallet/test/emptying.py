"""Between transaction=True tests: all rows go, as Django's `flush` does it, in a tenth of its time."""

from django.core.management import call_command
from django.db import connection, transaction

#: What `migrate` writes and no test changes. Django throws it away each time and writes the same again.
_KEPT = {"django_content_type", "auth_permission"}
#: Bytes. TRUNCATE gives every table and index a new file, which takes long with hundreds of them and a few rows to
#: throw away. But a table that has grown is cut: what is deleted still lies in its file.
_GROWN = 4_000_000

# As TRUNCATE: waits until nobody writes, fires no trigger, asks no foreign key.
_EMPTY = """
DO $$
DECLARE
    one regclass;
    filled boolean;
BEGIN
    LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE;
    IF (SELECT max(pg_relation_size(name)) > {grown} FROM unnest({array}::regclass[]) AS name) THEN
        TRUNCATE {tables};
        RETURN;
    END IF;
    SET LOCAL session_replication_role = replica;
    FOREACH one IN ARRAY {array}::regclass[] LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', one) INTO filled;
        IF filled THEN
            EXECUTE format('DELETE FROM %s', one);
        END IF;
    END LOOP;
END
$$
"""


def tables_empty() -> None:
    """Throw away the rows of every table that Django knows. Who is no superuser of the database has it flushed."""
    if not _superuser():
        call_command("flush", verbosity=0, interactive=False, reset_sequences=False)
        return
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    tables = [connection.ops.quote_name(name) for name in sorted(set(names) - _KEPT)]
    array = "ARRAY[" + ", ".join(f"'{table}'" for table in tables) + "]"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_EMPTY.format(tables=", ".join(tables), array=array, grown=_GROWN))


def _superuser() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser') = 'on'")
        return bool(cursor.fetchone()[0])
