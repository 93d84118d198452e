"""The table of planted mistakes, as the terminal shows it and docs/reliability.md keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass

from trials.mutants.mutant import Mutant

_BEGIN, _END = "<!-- mutants: begin -->\n", "<!-- mutants: end -->\n"


@dataclass(frozen=True, slots=True)
class Caught:
    """`by`: the test that failed, as pytest names it; or why none did."""

    mutant: Mutant
    by: str


def table(found: Sequence[Caught]) -> str:
    lines = ["| planted | what it does in the world | caught by |", "|---|---|---|"]
    lines += [f"| `{one.mutant.name}` | {one.mutant.world} | {_test(one.by)} |" for one in found]
    return "\n".join(lines) + "\n"


def _test(by: str) -> str:
    path, _, name = by.partition("::")
    return f"`{path}`: {name}" if name else f"**{by}**"


def page_with(text: str, found: Sequence[Caught]) -> str:
    """The page with its table renewed; everything outside the two marks stays as it is."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the marks of the table are missing: {_BEGIN.strip()} and {_END.strip()}")
    return f"{before}{_BEGIN}\n{table(found)}\n{_END}{after}"
