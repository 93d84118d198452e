"""Is the database the one that the migrations make? And is it still that very database?

Checks, triggers, functions and unique indexes are guards of the money; one that somebody has dropped or switched off
is missed by nobody until money is gone (faults.md L17). `schema.txt` beside this file has one object a line, as the
migrations leave it. Web, worker and `prepare` compare it with the database before they begin.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader

EXPECTED = Path(__file__).with_name("schema.txt")
_HEAD = "# PostgreSQL {}. One object a line; written by `manage.py schema --write`, read at every start.\n"
#: How many differences a sentence names.
_NAMED = 12


class Changed(ImproperlyConfigured, CommandError):
    """The database is not the one that the migrations make. A command ends with the sentence alone."""


@dataclass(frozen=True, slots=True, order=True)
class Thing:
    """One object: its kind and name, what it says, and whether it is switched on."""

    kind: str
    name: str
    says: str
    on: bool = True

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def line(self) -> str:
        return f"{self.title} {self.says}"


# Not-null constraints stand in the columns' lines: servers before 18 have no constraints for them. A foreign key is
# held by triggers of its own, which can be switched off like all others.
_THINGS = """
WITH ours AS (
    SELECT c.oid, c.relname, c.relpersistence FROM pg_class c
    WHERE c.relname = ANY (%s) AND c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
)
SELECT 'table', relname::text, CASE relpersistence WHEN 'p' THEN 'logged' ELSE 'not logged' END, true FROM ours
UNION ALL
SELECT 'column', format('%%s.%%s', o.relname, a.attname),
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
                 CASE WHEN a.attidentity <> '' THEN 'identity' END, 'default ' || pg_get_expr(d.adbin, d.adrelid)), true
FROM ours o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
UNION ALL
SELECT 'constraint', format('%%s.%%s', o.relname, k.conname), pg_get_constraintdef(k.oid),
       NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled NOT IN ('O', 'A'))
FROM ours o JOIN pg_constraint k ON k.conrelid = o.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')
UNION ALL
SELECT 'trigger', format('%%s.%%s', o.relname, t.tgname), pg_get_triggerdef(t.oid), t.tgenabled IN ('O', 'A')
FROM ours o JOIN pg_trigger t ON t.tgrelid = o.oid AND NOT t.tgisinternal
UNION ALL
SELECT 'rule', format('%%s.%%s', o.relname, r.rulename), pg_get_ruledef(r.oid), r.ev_enabled <> 'D'
FROM ours o JOIN pg_rewrite r ON r.ev_class = o.oid
UNION ALL
SELECT 'unique', format('%%s.%%s', o.relname, c.relname), pg_get_indexdef(i.indexrelid), i.indisvalid AND i.indisready
FROM ours o JOIN pg_index i ON i.indrelid = o.oid AND i.indisunique JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
UNION ALL
SELECT 'function', format('%%s(%%s)', p.proname, replace(pg_get_function_identity_arguments(p.oid), ', ', ',')),
       pg_get_functiondef(p.oid), true
FROM pg_proc p
WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind IN ('f', 'p')
  AND p.proname NOT LIKE 'procrastinate\\_%%'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = p.oid AND e.deptype = 'e')
"""


def present() -> list[Thing]:
    """What the database has of ours, in order."""
    with connection.cursor() as cursor:
        cursor.execute(_THINGS, [_tables()])
        return sorted(_thing(*row) for row in cursor.fetchall())


def _thing(kind: str, name: str, says: str, on: bool) -> Thing:
    name = name.replace(" ", "_")
    says = " ".join(says.split())
    if kind == "function":
        says = hashlib.sha256(says.encode()).hexdigest()
    return Thing(kind, name, says, on)


def _tables() -> list[str]:
    """The tables of the apps that live in this checkout; those of libraries change with their versions."""
    ours = [config for config in apps.get_app_configs() if Path(config.path).parent == settings.BASE_DIR]
    models = [model for config in ours for model in config.get_models(include_auto_created=True)]
    return sorted({model._meta.db_table for model in models if model._meta.managed})


def text() -> str:
    """The file as the present database would have it."""
    return _HEAD.format(_major()) + "".join(f"{thing.line}\n" for thing in present())


def _major() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        return int(cursor.fetchone()[0])


def _expected() -> tuple[int, list[Thing]]:
    head, *lines = EXPECTED.read_text(encoding="utf-8").splitlines()
    parts = [line.split(" ", 2) for line in lines]
    return int(head.split()[2].rstrip(".")), [Thing(kind, name, says) for kind, name, says in parts]


def differences() -> list[str]:
    """What is missing, switched off, changed or too much, a sentence each. Empty: the database is as it should be.

    On another major version, or when the database is ahead of this program, definitions are not compared: the
    first spells them another way, the second has newer ones. Then an object too much is no difference either.
    """
    major, due = _expected()
    exact = major == _major() and not _ahead()
    return compare(due, present(), exact=exact)


def compare(due: Iterable[Thing], found: Sequence[Thing], *, exact: bool = True) -> list[str]:
    """`found` against `due`; see `differences`."""
    wanted = {thing.title: thing for thing in due}
    there = {thing.title: thing for thing in found}
    wrong = [f"{title} is missing" for title in wanted if title not in there]
    wrong += [f"{title} is switched off" for title in wanted if title in there and not there[title].on]
    if exact:
        both = [title for title in wanted if title in there]
        wrong += [f"{title} has changed" for title in both if wanted[title].says != there[title].says]
        wrong += [f"{title} is not ours" for title in there if title not in wanted]
    return wrong


@cache
def migrations_on_disk() -> frozenset[tuple[str, str]]:
    """Read once: a process does not see new files of a deployment anyway."""
    return frozenset(MigrationLoader(None).disk_migrations or ())


def _ahead() -> bool:
    """Whether the database has migrations of ours that this program does not know."""
    known = migrations_on_disk()
    ours = {app for app, _ in known}
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        return any(row[0] in ours and row not in known for row in cursor.fetchall())


def refuse_changed() -> None:
    """Raise Changed, naming what differs, when the database is not the one that the migrations make."""
    if not settings.SCHEMA_GUARDED:
        return
    wrong = differences()
    if wrong:
        more = [f"and {len(wrong) - _NAMED} more"] if len(wrong) > _NAMED else []
        raise Changed(
            "The database is not as the migrations make it, so nothing is started on it:\n- "
            + "\n- ".join([*wrong[:_NAMED], *more])
            + "\nAre all migrations applied (manage.py prepare)?"
            + (" After a new one: manage.py schema --write." if settings.DEMO else "")
        )


def refuse_changed_or_away() -> None:
    """As `refuse_changed`, for the web: it may start before its database does, and /readyz tells the rest."""
    try:
        refuse_changed()
    except OperationalError:
        return
    finally:
        connection.close()


# --- the same database as before? -----------------------------------------------------------------

_ANCHOR = """
SELECT (SELECT system_identifier FROM pg_control_system()),
       (SELECT oid FROM pg_database WHERE datname = current_database()),
       left(pg_walfile_name(pg_current_wal_lsn()), 8),
       'ledger_entry'::regclass::oid
"""


def anchor() -> str:
    """The name of this database in its present life (faults.md W12): "system:database:timeline:table".

    It changes when the cluster is another one, when the database was made anew, when it was recovered from a backup
    (a recovery that ends begins a new timeline), and when a dump was loaded over it (the tables are made anew). It does
    not change by a restart, a crash, `migrate` or TRUNCATE. A disk snapshot that was put back without a recovery
    cannot be told from a crash. Raises OperationalError on a standby, which has no timeline of its own.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ANCHOR)
        return ":".join(str(part) for part in cursor.fetchone())
