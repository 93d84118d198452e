"""Which test shows which row of the catalogue: read from the source, so that it does not matter what was run.

`python -m goldwallet.test.faults` says what is missing; with `--write` it renews the table in docs/reliability.md.
"""

import ast
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from goldwallet.test.catalogue import FAMILIES, LATER, ROWS

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = CHECKOUT / "docs" / "reliability.md"
_BEGIN, _END = "<!-- rows: begin -->\n", "<!-- rows: end -->\n"
_NOT_OURS = {".git", ".hypothesis", ".venv", "var", "node_modules", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A test that names a row. `test` is "path::name" as pytest takes it."""

    row: str
    test: str


def shown(folder: Path = CHECKOUT) -> list[Shown]:
    """Every use of the marker in the tests below a folder, in the order of the files."""
    paths = sorted(
        Path(place, name)
        for place, names in _ours(folder)
        if "tests" in Path(place).relative_to(folder).parts
        for name in names
        if name.startswith("test_") and name.endswith(".py")
    )
    return [one for path in paths for one in _shown_by(path, str(path.relative_to(folder)))]


def _ours(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Each folder of ours with the names of its files. Tens of thousands are not, and nobody goes into those."""
    for place, inside, names in os.walk(folder):
        inside[:] = [name for name in inside if name not in _NOT_OURS]
        yield place, names


def _shown_by(path: Path, name: str) -> Iterator[Shown]:
    text = path.read_text(encoding="utf-8")
    if "fault" not in text:
        return
    module = ast.parse(text, filename=str(path))
    yield from _in_body(module.body, name, frozenset(_module_rows(module)))


def _in_body(body: list[ast.stmt], name: str, rows: frozenset[str]) -> Iterator[Shown]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            of_class = rows | frozenset(_marked(node.decorator_list))
            yield from _in_body(node.body, f"{name}::{node.name}", of_class)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            for row in sorted(rows | frozenset(_marked(node.decorator_list))):
                yield Shown(row, f"{name}::{node.name}")


def _module_rows(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        ):
            values = node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
            yield from _marked(values)


def _marked(decorators: list[ast.expr]) -> Iterator[str]:
    """The rows that `pytest.mark.fault("P01", ...)` among them name, in whichever way pytest allows it."""
    for decorator in decorators:
        for call in ast.walk(decorator):  # also within pytest.param(..., marks=...)
            if isinstance(call, ast.Call) and ast.unparse(call.func) in {"pytest.mark.fault", "mark.fault"}:
                for argument in call.args:
                    if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                        raise ValueError(f"line {argument.lineno}: name the rows as plain strings")
                    yield argument.value


def missing(found: list[Shown]) -> list[str]:
    """Rows of tier S, due by now, that no test names."""
    named = {one.row for one in found}
    return [row.id for row in ROWS if row.tier == "S" and row.id not in LATER | named]


def unheard_of(found: list[Shown]) -> list[str]:
    """Tests that name a row which is not in the catalogue."""
    known = {row.id for row in ROWS}
    return [f"{one.test} names {one.row}" for one in found if one.row not in known]


def table(found: list[Shown]) -> str:
    """Row, what must hold, and the tests that show it, a table for each family."""
    tests: dict[str, list[str]] = {}
    for one in found:
        tests.setdefault(one.row, []).append(one.test)
    return "\n".join(_family(letter, title, tests) for letter, title in FAMILIES.items())


def _family(letter: str, title: str, tests: Mapping[str, list[str]]) -> str:
    lines = [f"### {letter}: {title}", "", "| row | tier | what must hold | shown by |", "|---|---|---|---|"]
    for row in ROWS:
        if row.id.startswith(letter):
            by = _names(tests.get(row.id, [])) or (
                "later" if row.id in LATER or row.tier == "H" else "**no test**"
            )
            lines.append(f"| {row.id} | {row.tier} | {row.says} | {by} |")
    return "\n".join(lines) + "\n"


def _names(tests: list[str]) -> str:
    """`file`: its tests. One file's tests stand together, so that a cell can be read."""
    files: dict[str, list[str]] = {}
    for test in tests:
        path, _, name = test.partition("::")
        files.setdefault(path, []).append(name.rpartition("::")[2])
    return "; ".join(f"`{path}`: {', '.join(names)}" for path, names in files.items())


def page_with(text: str, found: list[Shown]) -> str:
    """The page with its table renewed; everything outside the two marks stays as it is."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the marks of the table are missing: {_BEGIN.strip()} and {_END.strip()}")
    return before + _BEGIN + "\n" + table(found) + "\n" + _END + after


def main(arguments: list[str]) -> int:
    found = shown()
    for complaint in (*unheard_of(found), *(f"no test names {row}" for row in missing(found))):
        sys.stdout.write(f"{complaint}\n")
    written = page_with(PAGE.read_text(encoding="utf-8"), found)
    if "--write" in arguments:
        PAGE.write_text(written, encoding="utf-8")
    return 0 if not missing(found) and not unheard_of(found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
