"""Lean inserts for the hot services.

The ORM spends most of a small insert's time in building the same SQL again (speed.md: about 65%). `insert` builds
it once per model and set of columns; values still pass through the model's fields, so that types and defaults are
the ORM's.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

from django.db import connection
from django.db.models import Field, Model
from django.db.models.expressions import BaseExpression
from django.db.models.sql import Query


def insert(row: Model, **computed: Any) -> None:
    """INSERT one row as it stands; `computed` columns take an expression of the database (or a value) instead."""
    insert_many([row], **computed)


def insert_many[M: Model](rows: Sequence[M], **computed: Any) -> None:
    """INSERT rows of one model in one statement. Columns with a default of the database take that default."""
    model = type(rows[0])
    fields = _plain_fields(model)
    written = [field for field in fields if field.name not in computed]
    compiled = {name: _compile(model, name, value) for name, value in computed.items()}
    columns = ", ".join(f'"{_column(model, name)}"' for name in [*(f.name for f in written), *compiled])
    one = ", ".join(["%s"] * len(written) + [sql for sql, _ in compiled.values()])
    parameters: list[Any] = []
    for row in rows:
        parameters.extend(f.get_db_prep_save(f.pre_save(row, True), connection) for f in written)
        for _, values in compiled.values():
            parameters.extend(values)
    values = ", ".join([f"({one})"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES {values}', parameters)  # noqa: S608 - names come from models
    for row in rows:
        row._state.adding = False
        row._state.db = "default"


@cache
def _plain_fields(model: type[Model]) -> "tuple[Field[Any, Any], ...]":
    return tuple(
        field
        for field in model._meta.local_concrete_fields
        if not field.has_db_default() and not _is_serial(field)
    )


def _is_serial(field: "Field[Any, Any]") -> bool:
    return field.get_internal_type() in {"AutoField", "BigAutoField", "SmallAutoField"}


@cache
def _column(model: type[Model], name: str) -> str:
    return str(_field(model, name).column)


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
