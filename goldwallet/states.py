"""State machines as data: each table with a state has one MOVES, and every change goes through `move`.

A change is one conditional UPDATE: one row changed means that it is yours, none means that somebody else was first
or that the move is not legal from where the row stands now.
"""

from collections.abc import Mapping
from typing import Any

from django.db.models import Model

type Moves = Mapping[str, frozenset[str]]


def sources(moves: Moves, target: str) -> list[str]:
    """The states from which `target` may be reached."""
    return [state for state, targets in moves.items() if target in targets]


def move(row: Model, target: str, *, moves: Moves, field: str = "state", **changes: Any) -> bool:
    """Move `row` to `target` if the table allows it from its present state; say whether it did.

    The state is read and written in one statement. On success the instance carries the new state and those of the
    `changes` that are plain values (what the database computes is read again by whoever needs it).
    """
    legal = sources(moves, target)
    if not legal:
        raise ValueError(f"no state leads to {target!r}")
    rows = type(row)._default_manager.filter(pk=row.pk, **{f"{field}__in": legal})
    if rows.update(**{field: target}, **changes) != 1:
        return False
    for name, value in {field: target, **changes}.items():
        if not hasattr(value, "resolve_expression"):
            setattr(row, name, value)
    return True
