"""The PostgreSQL of `make run` and `make test`: a real server in this checkout's `var/`, started when it is
needed.

    python tools/postgres.py start [--database NAME]   start it, print its DATABASE_URL; it runs until `stop`
    python tools/postgres.py stop | status | url

Other programs hold a `Lease`: while one is held the server runs; when the last one ends, also by SIGKILL, it
stops. Two locks on files make this safe, both let go by the kernel when their holder dies: `starting` is held
exclusively around each start and stop, `using` is held shared by each lease.
"""

import argparse
import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from postgres_place import choose_place
from postgres_server import DATABASE, Server
from terminal import Problem, complain

CHECKOUT = Path(__file__).resolve().parent.parent
HOME = CHECKOUT / "var" / "postgres"
KEPT = HOME / "kept"  # there while somebody wants the server to outlive the leases


def server_here() -> Server:
    return Server(choose_place(CHECKOUT))


@contextlib.contextmanager
def locked(name: str, mode: int) -> Iterator[IO[str]]:
    """Holds a lock between processes; raises BlockingIOError when LOCK_NB is in the mode and another holds
    it."""
    HOME.mkdir(parents=True, exist_ok=True)
    try:
        file = (HOME / f"{name}.lock").open("a")
    except PermissionError as error:
        raise Problem(f"{HOME} was made by another user (perhaps as root): be that user.") from error
    with file:
        fcntl.flock(file, mode)
        yield file


class Lease:
    """While it is held, the server runs. Use as a context manager; `url` is the address of the database."""

    def __init__(self, database: str = DATABASE) -> None:
        self.database = database
        self.url = ""
        self._held = contextlib.ExitStack()

    def __enter__(self) -> "Lease":
        with contextlib.ExitStack() as stack:
            with locked("starting", fcntl.LOCK_EX):
                stack.enter_context(locked("using", fcntl.LOCK_SH))
                server = server_here()
                if not server.ready():
                    KEPT.unlink(missing_ok=True)
                    server.start()
                server.create_database(self.database)
            self.url = server.url(self.database)
            self._guard = subprocess.Popen(
                [sys.executable, __file__, "guard"], stdin=subprocess.PIPE, start_new_session=True
            )
            self._held = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Lets go; returns when the server has stopped, or has been left to others who hold a lease."""
        self._held.close()
        self._guard.communicate()


def guard() -> int:
    """Beside each lease: waits for the end of its holder, however it ends, then stops the server if nobody
    uses it."""
    sys.stdin.buffer.read()
    with locked("starting", fcntl.LOCK_EX):
        began = time.monotonic()
        while True:
            try:
                with locked("using", fcntl.LOCK_EX | fcntl.LOCK_NB):
                    if not KEPT.exists():
                        server_here().stop()
                    return 0
            except BlockingIOError:
                # A killed holder lets go of its locks a moment after its end of the pipe.
                if time.monotonic() - began > 0.5:
                    return 0
                time.sleep(0.05)


def start(database: str) -> int:
    with Lease(database) as lease:
        KEPT.touch()
        print(lease.url, flush=True)
    return 0


def stop() -> int:
    with locked("starting", fcntl.LOCK_EX):
        KEPT.unlink(missing_ok=True)
        server_here().stop()
    return 0


def status() -> int:
    server = server_here()
    running = server.ready()
    print(f"PostgreSQL {server.place.major} in {server.place.data}: {'running' if running else 'stopped'}")
    print(f"programs {server.place.programs}, user {server.place.owner.name or 'yours'}, log {server.log}")
    return 0 if running else 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/postgres.py", description="This checkout's PostgreSQL.")
    commands = ["start", "stop", "status", "url", "guard"]
    parser.add_argument("command", choices=commands, metavar="|".join(commands[:-1]))
    parser.add_argument("--database", default=DATABASE, help="name of the database (default: %(default)s)")
    options = parser.parse_args()
    if options.command == "guard":
        return guard()
    if given := os.environ.get("DATABASE_URL"):
        print("DATABASE_URL is set, so the embedded PostgreSQL is not used.", file=sys.stderr)
        print(given)
        return 0
    if options.command == "url":
        print(server_here().url(options.database))
        return 0
    if options.command == "start":
        return start(options.database)
    return stop() if options.command == "stop" else status()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Problem as problem:
        sys.exit(complain(problem))
