"""A PostgreSQL of a measurement's or a trial's own: made empty, durable as in production, removed afterwards."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT / "tools"))  # the launcher of `make run` builds our cluster, too

from postgres_place import choose_place, socket_folder  # noqa: E402
from postgres_server import Server  # noqa: E402
from terminal import Problem as Problem  # noqa: E402

DATABASE = "goldwallet"
RESULTS = CHECKOUT / "var" / "bench"


class Cluster:
    """A running server; `url` is its DATABASE_URL."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.url(DATABASE)

    def pgbench_program(self) -> Path | None:
        """pgbench of the server's own programs, or an installed one; None when there is none."""
        own: Path = self.server.place.programs / "pgbench"
        if own.exists():
            return own
        found = [*Path("/usr/lib/postgresql").glob("*/bin/pgbench")]
        on_path = shutil.which("pgbench")
        return max(found) if found else Path(on_path) if on_path else None

    def begin_with(self, url: str) -> None:
        """The tables and functions of a migrated database, which saves most of what `migrate` would do. What cannot
        be copied (by another version of the server, say) it makes as ever.
        """
        programs, here = (
            self.server.place.programs,
            ["-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", self.url],
        )
        known = [
            f"--table={name}" for name in ("django_migrations", "django_content_type", "auth_permission")
        ]
        dumps = [
            subprocess.run(
                [programs / "pg_dump", "--no-owner", "--no-privileges", *what, url],
                capture_output=True,
                text=True,
            )
            for what in (["--schema-only"], ["--data-only", *known])
        ]
        if all(dump.returncode == 0 for dump in dumps):
            made = "".join(dump.stdout for dump in dumps)
            subprocess.run([programs / "psql", *here], input=made, capture_output=True, text=True)

    def pgbench(self, script: Path, *, clients: int, seconds: float, defines: dict[str, int]) -> float:
        """Transactions a second that pgbench reaches with the script, as prepared statements."""
        program = self.pgbench_program()
        if program is None:
            raise Problem(
                "pgbench is not installed here, and this row needs it (Debian: postgresql-contrib)."
            )
        arguments = ["-n", "-M", "prepared", "-f", str(script), "-c", str(clients), "-j", "2"]
        arguments += ["-T", str(max(1, round(seconds)))]
        arguments += [word for name, value in defines.items() for word in ("-D", f"{name}={value}")]
        place = ["-h", str(self.server.place.sockets), "-U", "goldwallet", DATABASE]
        done = subprocess.run(
            [program, *arguments, *place], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}
        )
        found = re.search(r"tps = ([0-9.]+) \(without", done.stdout)
        if done.returncode != 0 or found is None or "aborted" in done.stderr:
            raise Problem(f"pgbench failed:\n{done.stderr[-2000:]}")
        return float(found[1])


@contextlib.contextmanager
def cluster(name: str = "bench") -> Iterator[Cluster]:
    """A fresh server for as long as the block runs. One of each name at a time in a checkout."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(f"Another {name} runs in this checkout.") from None
        place = choose_place(CHECKOUT)
        data = place.data.parent / name
        server = Server(replace(place, data=data, sockets=socket_folder(data, place.owner)))
        _remove(server)  # what a killed benchmark left
        server.start()
        try:
            server.create_database(DATABASE)
            yield Cluster(server)
        finally:
            _remove(server)


def _remove(server: Server) -> None:
    server.stop()
    shutil.rmtree(server.place.data, ignore_errors=True)
