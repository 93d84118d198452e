"""Databases for the runs, beside the one that DATABASE_URL names, which nobody opens here.

Each run has its own. It is a copy of one that was migrated once; a mutant that patches a migration gets one that was
made from its own.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from trials.mutants.runs import Run, command, run

_MIGRATE = """
import django
django.setup()
from django.db import connection
connection.creation.create_test_db(verbosity=0, autoclobber=True)
"""
_TEMPLATE = "template"


class Databases:
    """`url(name)` is the DATABASE_URL of a run; the tests put `test_` before the database's own name."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._base = self._url.path.strip("/")
        self._made: set[str] = set()

    def url(self, name: str) -> str:
        return urlunsplit(self._url._replace(path=f"/{self._base}_mutants_{name}"))

    def template(self, folder: Path) -> None:
        """The one that the others are copies of. Raises RuntimeError when the project cannot be migrated."""
        made = self.migrate(_TEMPLATE, folder)
        if made.code != 0:
            raise RuntimeError(f"the database cannot be made:\n{made.output[-3000:]}")

    def migrate(self, name: str, folder: Path) -> Run:
        """One made by the migrations in `folder`."""
        self._made.add(name)
        return run(command("-c", _MIGRATE), folder=folder, url=self.url(name), seconds=300)

    def copy(self, name: str) -> None:
        """A copy of the template."""
        self.drop(name)
        self._made.add(name)
        template = sql.Identifier(self._test_name(_TEMPLATE))
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(self._test_name(name)), template)
        )

    def drop(self, name: str) -> None:
        """Also when somebody is connected still: a run that hung was killed."""
        self._execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self._test_name(name)))
        )

    def drop_all(self) -> None:
        for name in self._made:
            self.drop(name)

    def _test_name(self, name: str) -> str:
        return f"test_{self._base}_mutants_{name}"

    def _execute(self, statement: sql.Composed) -> None:
        server = urlunsplit(self._url._replace(path="/postgres"))
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(statement)


def from_environment() -> Databases:
    """Those beside DATABASE_URL, which `make` sets. Raises KeyError without it."""
    return Databases(os.environ["DATABASE_URL"])
