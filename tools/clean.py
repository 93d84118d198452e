"""`make clean`: removes the environment and all local data of this checkout, after a question."""

import os
import shutil
import sys
from pathlib import Path

import postgres
from terminal import Problem, complain, say

CHECKOUT = Path(__file__).resolve().parent.parent
CACHES = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache")


def main() -> int:
    doomed = [path for name in (".venv", "var", *CACHES) if (path := CHECKOUT / name).exists()]
    pointer = postgres.HOME / "elsewhere"
    outside = Path(pointer.read_text().strip()) if pointer.exists() else pointer
    if outside.is_dir() and (outside / "checkout").read_text() == str(CHECKOUT):
        doomed.append(outside)
    if not doomed:
        say("There is nothing to remove.")
        return 0
    say("This removes, with the database and the simulator's books:")
    for path in doomed:
        say(f"  {path}")
    if os.environ.get("YES") != "1" and not (sys.stdin.isatty() and input("Remove them? (yes/no) ") == "yes"):
        say("Nothing was removed. Answer yes, or run: make clean YES=1")
        return 1
    if (CHECKOUT / "var" / "postgres").exists() and postgres.stop() != 0:
        return 1
    for path in doomed:
        shutil.rmtree(path)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Problem as problem:
        sys.exit(complain(problem))
