"""What a person reads while the sweep runs and after it."""

import sys

from trials.killsweep.boundaries import KINDS
from trials.killsweep.sweep import Result


def progress(result: Result, planned: int) -> None:
    """One line that overwrites itself; on something that is no terminal, a line now and then."""
    end = "\r" if sys.stdout.isatty() else "\n"
    if sys.stdout.isatty() or result.kills % 50 == 0 or result.kills == planned:
        print(
            f"{result.scenario:<18} {result.kills:4} of {planned} kills, {len(result.violations)} violations,"
            f" {result.seconds:5.0f} s",
            end="\n" if result.kills == planned else end,
            flush=True,
        )


def table(results: list[Result], *, seconds: float) -> str:
    """The figures as a table in Markdown, then each violation."""
    head = ["scenario", *KINDS, "boundaries", "kills", "before staff", "violations"]
    rows = [_row(result) for result in results]
    total = [str(sum(int(row[column]) for row in rows)) for column in range(1, len(head))]
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows, ["all", *total]]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    violations = [sentence for result in results for sentence in result.violations]
    listed = "".join(f"\n- {sentence}" for sentence in violations)
    return f"\n{text}\n\n{seconds:.0f} s.{' Violations:' if violations else ' No violation.'}{listed}"


def _row(result: Result) -> list[str]:
    counts = [result.count(kind) for kind in KINDS]
    figures = [*counts, len(result.boundaries), result.kills, result.waited, len(result.violations)]
    return [result.scenario, *(str(figure) for figure in figures)]
