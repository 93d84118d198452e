"""Runs a Python program in the project's environment against the database that `make run` uses:
`python tools/with_database.py manage.py ledger_verify`."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import environment
from dotenv import read_dotenv
from postgres import Lease
from processes import bound
from terminal import Problem, complain

CHECKOUT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    python = environment.ensure("run")
    settings = {**read_dotenv(CHECKOUT / ".env"), **os.environ}
    with ExitStack() as held:
        if not settings.get("DATABASE_URL"):
            settings["DATABASE_URL"] = held.enter_context(Lease()).url
        return subprocess.run(bound([python, *arguments]), cwd=CHECKOUT, env=settings).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Problem as problem:
        sys.exit(complain(problem))
