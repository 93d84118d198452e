"""`make lighthouse`: the desk's pages in Google's Lighthouse, which must find nothing (oversight/tests/lighthouse.py).

It is a package for Node, so it is no part of `make test`: a machine without Node is told so, and nothing else happens.
The package is put into `var/`, in the one version that is named here, and none of its install scripts is run.
"""

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import browser
import environment
from postgres import Lease
from processes import bound
from terminal import Problem, complain, step

CHECKOUT = Path(__file__).resolve().parent.parent
HOME = CHECKOUT / "var" / "lighthouse"
VERSION = "12.8.2"
PACKAGE = HOME / "node_modules" / "lighthouse"
PROGRAM = PACKAGE / "cli" / "index.js"


def main(pages: list[str]) -> int:
    """`pages`: names of paths; none means all that must hold."""
    python = environment.ensure("dev")
    chromium = browser.find_or_fetch(python)
    install()
    settings = {
        **os.environ,
        "BROWSER_PATH": str(chromium),
        "LIGHTHOUSE": str(PROGRAM),
        "LIGHTHOUSE_PAGES": " ".join(pages),
    }
    command: list[str | Path] = [python, "-m", "pytest", "-q", "-s", "oversight/tests/lighthouse.py"]
    with ExitStack() as held:
        if not settings.get("DATABASE_URL"):
            settings["DATABASE_URL"] = held.enter_context(Lease()).url
        return subprocess.run(bound(command), cwd=CHECKOUT, env=settings).returncode


def install() -> None:
    """Raises Problem where there is no Node, or the package cannot be had."""
    if not shutil.which("node"):
        raise Problem(
            "Lighthouse needs Node 18 or newer. Install it, then try again; `make test` does without."
        )
    if PROGRAM.is_file() and f'"version": "{VERSION}"' in (PACKAGE / "package.json").read_text():
        return
    npm = shutil.which("npm")
    if not npm:
        raise Problem(
            "Lighthouse is a package for npm. Install npm, then try again; `make test` does without."
        )
    HOME.mkdir(parents=True, exist_ok=True)
    quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
    with step(f"lighthouse {VERSION}"):
        done = subprocess.run(
            [npm, "install", "--prefix", str(HOME), *quiet, f"lighthouse@{VERSION}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise Problem(f"Lighthouse could not be installed.\n{done.stderr.strip()}")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Problem as problem:
        sys.exit(complain(problem))
