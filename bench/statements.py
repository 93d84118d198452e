"""The statements that a service runs: counted, and turned into a script that pgbench runs without Python.

A script is made from what was seen, not written by hand, so it cannot fall behind the service. What differs from one
run to the next (ids, references) is given as expressions over pgbench's variables.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

_LITERAL = re.compile(r"(?<!\w)E?'(?:[^']|'')*'")
_BOUNDS = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")


class Seen(list[str]):
    """SQL as it was sent, values included."""


@contextmanager
def seen() -> Iterator[Seen]:
    """Collect every statement of the block; what begins and ends transactions is left out."""
    found = Seen()

    def keep(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(_BOUNDS):
            found.append(psycopg.ClientCursor(connection.connection).mogrify(sql, params).strip().rstrip(";"))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(keep):
        yield found


def script(statements: Seen, *, changing: Mapping[str, str], setup: str) -> str:
    """A pgbench script of one transaction. `changing` maps a value that was seen to the expression for it."""
    body = "\n".join(f"{_with_expressions(statement, changing)};" for statement in statements)
    return f"{setup.strip()}\nBEGIN;\n{body}\nCOMMIT;\n"


def _with_expressions(statement: str, changing: Mapping[str, str]) -> str:
    known = re.compile("|".join(map(re.escape, sorted(changing, key=len, reverse=True))))

    def literal(found: re.Match[str]) -> str:
        text = found[0]
        start, inner = text[: text.index("'")], text[text.index("'") + 1 : -1]
        parts = known.split(inner)
        pieces = [_without_colons(start, parts[0])]
        for name, part in zip(known.findall(inner), parts[1:], strict=True):
            pieces += [f"({changing[name]})", _without_colons(start, part)]
        if len(pieces) == 1:
            return pieces[0]
        return f"({' || '.join(piece for piece in pieces if piece != "''")})"

    return _LITERAL.sub(literal, statement)


def _without_colons(start: str, text: str) -> str:
    """A literal as pgbench must see it, which takes a colon before a letter for a variable, even in there."""
    if ":" not in text:
        return f"{start}'{text}'"
    plain = text if start else text.replace("\\", "\\\\")
    return "E'" + plain.replace(":", r"\x3a") + "'"
