"""Scratch copies of the project: its tracked files as they stand. The checkout is never changed."""

import compileall
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import cache_from_source
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def files() -> list[str]:
    """Every file that is tracked or will be, and is there: nothing that git ignores. Needs git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (CHECKOUT / name).is_file()]


class Copies:
    """A pristine copy, made once, and copies of it for each mutant: the checkout may be edited meanwhile."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.pristine = place / "pristine"
        for name in files():
            target = self.pristine / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, target)
            _copy_compiled(name, self.pristine)
        # Once here, not again in every copy: a file keeps its time, so only the patched one is compiled anew. And
        # here only what the checkout has not compiled, or has changed since.
        compileall.compile_dir(self.pristine, quiet=2)

    @contextmanager
    def another(self, name: str) -> Iterator[Path]:
        """One more copy, for as long as the block runs."""
        folder = self._place / name
        shutil.copytree(self.pristine, folder, ignore=shutil.ignore_patterns(".hypothesis"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _copy_compiled(name: str, folder: Path) -> None:
    """What Python has made of a file of the checkout, if it has: its path in there is set right when it is loaded."""
    if name.endswith(".py"):
        compiled = Path(cache_from_source(name))
        if (CHECKOUT / compiled).is_file():
            target = folder / compiled
            target.parent.mkdir(exist_ok=True)
            shutil.copy2(CHECKOUT / compiled, target)
