"""What was measured, as a table, as JSON and as a chart."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass
class Ratio:
    """Ours against theirs, operations a second, measured in pairs one right after the other."""

    row: int
    title: str
    reach: float
    beyond: float
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        return [a / b for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def median(self) -> float:
        return median(self.ratios)

    @property
    def verdict(self) -> str:
        if self.median >= self.beyond:
            return "beyond"
        return "reached" if self.median >= self.reach else "short"

    def cells(self) -> list[str]:
        spread = f"{min(self.ratios):.2f} to {max(self.ratios):.2f}"
        seconds = f"{median(self.ours):.0f} / {median(self.theirs):.0f}"
        wanted = f"{self.reach:.2f}, {self.beyond:.2f}"
        return [str(self.row), self.title, f"**{self.median:.2f}**", spread, seconds, wanted, self.verdict]


@dataclass
class Count:
    """Statements of one call; fewer are better."""

    row: int
    title: str
    reach: int
    beyond: int
    statements: int

    @property
    def verdict(self) -> str:
        if self.statements <= self.beyond:
            return "beyond"
        return "reached" if self.statements <= self.reach else "short"

    def cells(self) -> list[str]:
        wanted = f"{self.reach}, {self.beyond}"
        return [str(self.row), self.title, f"**{self.statements}**", "exact", "", wanted, self.verdict]


type Result = Ratio | Count

_HEAD = ["row", "what", "median", "spread", "per second, ours / theirs", "to reach, beyond", ""]


def table(results: list[Result]) -> str:
    """Markdown."""
    lines = [
        _HEAD,
        ["--:", "---", "--:", "---", "--:", "---", "---"],
        *(result.cells() for result in results),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(postgres: str) -> dict[str, str | int]:
    return {
        "cores": os.cpu_count() or 0,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "postgresql": postgres,
    }


def write_json(path: Path, results: list[Result], about: dict[str, str | int]) -> None:
    rows = [asdict(result) | {"verdict": result.verdict} for result in results]
    for row, result in zip(rows, results, strict=True):
        if isinstance(result, Ratio):
            row |= {"ratios": result.ratios, "median": result.median}
    path.write_text(json.dumps({"machine": about, "results": rows}, indent=2) + "\n")


_LEFT, _WIDE, _TALL = 330, 900, 44


def write_chart(path: Path, results: list[Result]) -> None:
    """Each ratio as a bar with its spread, and marks for what is to be reached."""
    ratios = [result for result in results if isinstance(result, Ratio)]
    most = max([1.0, *(max(*one.ratios, one.beyond) for one in ratios)]) * 1.05
    scale = (_WIDE - _LEFT - 70) / most
    high = 60 + _TALL * len(ratios)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {high}" font-family="system-ui, sans-serif"'
        ' font-size="13" role="img"><title>Ratios of make bench</title>',
        f'<rect width="{_WIDE}" height="{high}" fill="#fdfcf9"/>',
    ]
    for number, one in enumerate(ratios):
        top = 16 + _TALL * number
        middle = top + 12
        low, best = (_LEFT + scale * value for value in (min(one.ratios), max(one.ratios)))
        parts += [
            f'<text x="{_LEFT - 12}" y="{middle + 4}" text-anchor="end">{one.row} · {one.title}</text>',
            f'<rect x="{_LEFT}" y="{top}" width="{scale * one.median:.1f}" height="24" fill="#b8892b"/>',
            f'<line x1="{low:.1f}" x2="{best:.1f}" y1="{middle}" y2="{middle}" stroke="#3d3426" stroke-width="2"/>',
            f'<text x="{max(best, _LEFT + scale * one.median) + 8:.1f}" y="{middle + 4}">{one.median:.2f}</text>',
        ]
        for value, dash in ((one.reach, "none"), (one.beyond, "3 3")):
            x = f"{_LEFT + scale * value:.1f}"
            parts.append(
                f'<line x1="{x}" x2="{x}" y1="{top - 4}" y2="{top + 28}" stroke="#3d3426" stroke-dasharray="{dash}"/>'
            )
    parts.append(
        f'<text x="{_LEFT}" y="{high - 14}" fill="#6b6250">ours / theirs; line: spread; upright: to reach,'
        " dashed: beyond</text></svg>"
    )
    path.write_text("\n".join(parts) + "\n")


def write_page(path: Path, results: list[Result], about: dict[str, str | int]) -> None:
    """Put the table into the page, between its two marks."""
    page = path.read_text()
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{path} has no place for the table ({BEGIN} ... {END})")
    said = ", ".join(
        f"{value} {name}" if name == "cores" else f"{name} {value}" for name, value in about.items()
    )
    path.write_text(f"{before}{BEGIN}\n{table(results)}\n\nMeasured on: {said}.\n{END}{after}")
