"""Guards: triggers that a session cannot switch off, and those of whole tables that several apps declare.

django-pgtrigger's own template asks the session setting `pgtrigger.ignore` first, so anybody who may run SQL
may also walk past it. A `Guard` is declared and migrated in the same way and leaves that question out (it is
also quicker). The owner of a table can still disable any trigger; `ledger_verify` looks whether all guards are
there and switched on.
"""

from typing import Any

import pgtrigger
import pgtrigger.compiler
from django.db import models


class GuardSql(pgtrigger.compiler.UpsertTriggerSql):
    """The SQL of a guard. Migrations name this class: a change of the template must suit old ones."""

    def get_template(self) -> str:
        return """
            CREATE OR REPLACE FUNCTION {pgid}()
            RETURNS TRIGGER AS $$
                {declare}
                BEGIN
                    {func}
                END;
            $$ LANGUAGE plpgsql;

            DROP TRIGGER IF EXISTS {pgid} ON {table};
            CREATE {constraint} TRIGGER {pgid}
                {when} {operation} ON {table}
                {timing}
                {referencing}
                FOR EACH {level} {condition}
                EXECUTE PROCEDURE {execute};

            COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
        """


class Guard(pgtrigger.Trigger):
    """A pgtrigger that `pgtrigger.ignore` has no power over."""

    def compile(self, model: models.Model) -> pgtrigger.compiler.Trigger:
        sql = super().compile(model).sql
        return pgtrigger.compiler.Trigger(name=self.name, sql=GuardSql(**sql.kwargs))


class Protect(Guard, pgtrigger.Protect):
    """As pgtrigger's."""


class ReadOnly(Guard, pgtrigger.ReadOnly):
    """As pgtrigger's. `but`: a condition on OLD and NEW that lets a change of these fields pass."""

    def __init__(self, *, but: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._but = but

    def get_func(self, model: models.Model) -> str:
        return _passes(self._but) + str(super().get_func(model))  # type: ignore[no-untyped-call]


class FSM(Guard, pgtrigger.FSM):
    """As pgtrigger's."""


#: Tests alone set the setting, through their connection's options: it is how transaction=True tests clean up.
_NO_TRUNCATE = Guard(
    name="no_truncate",
    level=pgtrigger.Statement,
    when=pgtrigger.Before,
    operation=pgtrigger.Truncate,
    func="""
            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN
                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;
            END IF;
            RETURN NULL;
        """,
)
_STAY = "RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;"


def _passes(but: str) -> str:
    return f"IF {but} THEN RETURN NEW; END IF; " if but else ""


def append_only(*, but: str = "") -> list[Guard]:
    """No row is changed or removed. `but`: a condition on OLD and NEW (all NULL for DELETE) that lets a change pass."""
    changed = Guard(
        name="append_only",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func=_passes(but) + _STAY,
    )
    return [changed, _NO_TRUNCATE]


APPEND_ONLY = append_only()
#: Of a history that django-pghistory keeps: `@pghistory.track(meta=HISTORY)`. Its own `append_only` can be ignored.
HISTORY = {"triggers": APPEND_ONLY}
#: Rows of these tables change, but they are never removed.
NEVER_REMOVED = [
    Guard(name="never_removed", when=pgtrigger.Before, operation=pgtrigger.Delete, func=_STAY),
    _NO_TRUNCATE,
]
