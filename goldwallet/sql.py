"""Lean inserts for the hot services.

The ORM spends most of a small insert's time in building the same SQL again (speed.md: about 65%). `insert` builds
it once per model and set of columns. Values of plain types go to the driver as they are, as the ORM would hand them
over too; the others pass through their field.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, cast

from django.db import connection
from django.db.models import Field, Model
from django.db.models.expressions import BaseExpression
from django.db.models.sql import Query

#: What PostgreSQL's driver takes as Django's fields hold it.
_PLAIN = {
    "BooleanField",
    "CharField",
    "DateTimeField",
    "DecimalField",
    "ForeignKey",
    "GenericIPAddressField",
    "OneToOneField",
    "PositiveSmallIntegerField",
    "TextField",
    "UUIDField",
}
_SERIAL = {"AutoField", "BigAutoField", "SmallAutoField"}


def insert(row: Model, **computed: Any) -> None:
    """INSERT one row as it stands; `computed` columns take an expression of the database (or a value) instead."""
    insert_many([row], **computed)


def insert_many[M: Model](rows: Sequence[M], **computed: Any) -> None:
    """INSERT rows of one model in one statement. Columns with a default of the database take that default."""
    model = type(rows[0])
    plan = _plan(model, tuple(computed))
    compiled = [_compile(model, name, value) for name, value in computed.items()]
    one = ", ".join([*plan.marks, *(sql for sql, _ in compiled)])
    extra = [value for _, values in compiled for value in values]
    parameters: list[Any] = []
    for row in rows:
        parameters.extend(plan.read(row))
        parameters.extend(extra)
    with connection.cursor() as cursor:
        cursor.execute(plan.head + ", ".join([f"({one})"] * len(rows)), parameters)
    for row in rows:
        row._state.adding = False
        row._state.db = "default"


@dataclass(frozen=True, slots=True)
class _Plan:
    """The part of an insert that is the same each time."""

    head: str
    marks: list[str]
    read: Callable[[Model], Sequence[Any] | Iterator[Any]]


@cache
def _plan(model: type[Model], computed: tuple[str, ...]) -> _Plan:
    fields = [
        field
        for field in model._meta.local_concrete_fields
        if not field.has_db_default()
        and field.get_internal_type() not in _SERIAL
        and field.name not in computed
    ]
    columns = [str(field.column) for field in [*fields, *(_field(model, name) for name in computed)]]
    names = ", ".join(f'"{column}"' for column in columns)
    return _Plan(
        head=f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ',  # noqa: S608 - names come from models
        marks=["%s"] * len(fields),
        read=_reader(fields),
    )


def _reader(fields: "list[Field[Any, Any]]") -> Callable[[Model], Sequence[Any] | Iterator[Any]]:
    if all(field.get_internal_type() in _PLAIN for field in fields):
        return cast(Callable[[Model], Sequence[Any]], attrgetter(*(field.attname for field in fields)))

    def prepared(row: Model) -> Iterator[Any]:
        return (field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields)

    return prepared


def _field(model: type[Model], name: str) -> "Field[Any, Any]":
    return cast("Field[Any, Any]", model._meta.get_field(name))


def _compile(model: type[Model], name: str, value: Any) -> tuple[str, Sequence[Any]]:
    if isinstance(value, BaseExpression):
        return _compile_expression(model, value)
    return "%s", [_field(model, name).get_db_prep_save(value, connection)]


@cache
def _compile_expression(model: type[Model], expression: BaseExpression) -> tuple[str, Sequence[Any]]:
    """Kept, as the SQL itself is: the few expressions in use (`Now()`, `after(180)`) are equal each time."""
    query = Query(model)
    compiler = query.get_compiler(connection=connection)
    sql, parameters = compiler.compile(expression.resolve_expression(query, for_save=True))
    return str(sql), list(parameters)
