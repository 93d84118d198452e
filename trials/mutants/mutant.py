"""A planted mistake is data: where, what stands there, what the mistake is, and which tests are to catch it."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` stands exactly once in `file` and becomes `new`. `world` says what that mistake has done elsewhere, or
    would do here. `tests` are pytest's names (a file, or a test in it); at least one of them must fail.
    """

    name: str
    world: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def changes_schema(self) -> bool:
        """Whether the database must be made from the patched migrations."""
        return "/migrations/" in self.file

    def applied(self, text: str) -> str:
        """The file with the mistake in it. Raises ValueError when the patch does not fit any more."""
        times = text.count(self.old)
        if times != 1:
            raise ValueError(f"{self.name}: what it replaces stands {times} times in {self.file}")
        if self.old == self.new:
            raise ValueError(f"{self.name}: it changes nothing")
        return text.replace(self.old, self.new)

    def plant(self, folder: Path) -> None:
        """Put the mistake into a copy of the project."""
        path = folder / self.file
        path.write_text(self.applied(path.read_text(encoding="utf-8")), encoding="utf-8")

    def complaints(self, folder: Path) -> list[str]:
        """Why it cannot be planted in this project, or that a test it names is not there."""
        found = [f"{self.name}: there is no {test}" for test in self.tests if not _exists(folder, test)]
        try:
            changed = self.applied((folder / self.file).read_text(encoding="utf-8"))
            compile(changed, self.file, "exec")
        except (OSError, ValueError, SyntaxError) as error:
            found.append(f"{self.name}: {error}")
        return found


def _exists(folder: Path, test: str) -> bool:
    file, *inside = test.split("::")
    path = folder / file
    if not path.is_file():
        return False
    text = path.read_text(encoding="utf-8")
    return all(re.search(rf"^ *(def|class) {re.escape(name)}\b", text, re.MULTILINE) for name in inside)
