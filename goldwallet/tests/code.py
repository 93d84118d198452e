"""The program's own source, for rules that no run can show: what is not there cannot be executed."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
APPS = (
    "goldwallet",
    "oversight",
    "trading",
    "kyc",
    "pools",
    "payments",
    "accounts",
    "notifications",
    "controls",
    "ledger",
)


@cache
def modules() -> list[tuple[str, ast.Module]]:
    """Every module that runs in production, as ("payments/services.py", its tree). Nobody changes the trees."""
    return list(_modules())


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for app in APPS:
        for path in sorted((CHECKOUT / app).rglob("*.py")):
            name = path.relative_to(CHECKOUT)
            if {"tests", "migrations", "__pycache__"} & set(name.parts) or name.parts[:2] == (
                "goldwallet",
                "test",
            ):
                continue
            yield str(name), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """The full names of what a module imports: "a.b" and, for `from a import b`, "a.b" as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def called(tree: ast.AST) -> Iterator[str]:
    """What is called, as it is written: "timezone.now"."""
    return (ast.unparse(call.func) for call in calls(tree))
