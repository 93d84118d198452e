"""One PostgreSQL server in its place: makes its data, starts it, stops it, knows its address."""

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

from postgres_place import Place
from terminal import Problem

ROLE = DATABASE = "goldwallet"
PATIENCE_SECONDS = 60
RETRY_SECONDS = 10

# Durable, as money wants it: fsync and synchronous_commit keep their defaults (on).
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",  # names the socket only
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "logging_collector": "off",
}


class Server:
    def __init__(self, place: Place) -> None:
        self.place = place
        self.log = place.data / "server.log"

    def url(self, database: str = DATABASE) -> str:
        """The address as Django's settings and libpq read it: the socket's folder is the percent-encoded
        host."""
        folder = urllib.parse.quote(str(self.place.sockets), safe="")
        return f"postgresql://{ROLE}@/{database}?host={folder}"

    def run(
        self, program: str, *arguments: str | Path, output: int = subprocess.PIPE
    ) -> subprocess.CompletedProcess[str]:
        """Runs one of PostgreSQL's programs as the server's user, away from the caller's terminal and PG*
        settings."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return subprocess.run(
            [self.place.programs / program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
            env={**environment, "LC_ALL": "C"},
            start_new_session=True,
            **self.place.owner.process_arguments(),
        )

    def ready(self) -> bool:
        """Whether the server answers. (`pg_ctl status` also says yes for one that was just killed.)"""
        return self.run("pg_isready", "-q", "-h", self.place.sockets, "-p", SETTINGS["port"]).returncode == 0

    def start(self) -> None:
        """Starts the server, making its data first when there is none. The caller holds the `starting`
        lock."""
        if not (self.place.data / "PG_VERSION").exists():
            self.make_data()
        options = {**SETTINGS, "unix_socket_directories": str(self.place.sockets)}
        words = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in options.items())
        command = ["start", "-s", "-w", "-t", str(PATIENCE_SECONDS), "-l", str(self.log), "-o", words]
        began = time.monotonic()
        while True:
            self.forget_dead_server()
            # The server inherits the output, and would keep a pipe open; what went wrong is in the log.
            done = self.run("pg_ctl", *command, "-D", self.place.data, output=subprocess.DEVNULL)
            if done.returncode == 0 and self.ready():
                return
            # A killed server's children may go on for a moment, and no other starts while they do.
            if time.monotonic() - began > RETRY_SECONDS:
                raise Problem(f"PostgreSQL did not start. Its log ({self.log}) ends:\n{self.end_of_log()}")
            time.sleep(0.2)

    def make_data(self) -> None:
        """Makes the data beside its place and moves it there when it is whole, so a killed start leaves no
        half."""
        fresh = self.place.data.with_name(f"{self.place.data.name}.unfinished")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self.place.owner.take(fresh)
        locale = ["--locale=C.UTF-8"] if sys.platform == "linux" else ["--locale=C"]
        if self.place.major >= 17:
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # Whoever can enter the folder of the socket is let in: its mode is the lock.
        access = ["--auth-local=trust", "--auth-host=reject"]
        made = self.run("initdb", "-D", fresh, "-U", ROLE, "-E", "UTF8", *locale, *access)
        if made.returncode != 0:
            raise Problem(f"PostgreSQL could not make its data folder:\n{made.stderr.strip()}")
        fresh.rename(self.place.data)

    def forget_dead_server(self) -> None:
        """Removes the note of a killed server whose process number has gone to another program since:
        PostgreSQL itself takes any living process of that number for its own and refuses to start."""
        pid = self.pid()
        command_line = Path(f"/proc/{pid}/cmdline")
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if pid is not None and b"postgres" not in command_line.read_bytes():
                (self.place.data / "postmaster.pid").unlink()

    def pid(self) -> int | None:
        try:
            return int((self.place.data / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def stop(self) -> None:
        """Stops the server: open connections end, what was committed stays."""
        if self.pid() is not None:
            wait = ["-w", "-t", str(PATIENCE_SECONDS)]
            self.run("pg_ctl", "stop", "-s", "-m", "fast", *wait, "-D", self.place.data)
        if self.place.sockets != self.place.data:
            shutil.rmtree(self.place.sockets, ignore_errors=True)
        if self.ready():
            raise Problem(f"PostgreSQL did not stop within {PATIENCE_SECONDS} s; see {self.log}")

    def create_database(self, name: str) -> None:
        """Makes the database unless it is there."""
        address = ["-h", str(self.place.sockets), "-p", SETTINGS["port"], "-U", ROLE]
        asked = self.run("psql", *address, "-d", "postgres", "-AtX", "-c", "SELECT datname FROM pg_database")
        if name not in asked.stdout.splitlines():
            made = self.run("createdb", *address, name)
            if made.returncode != 0 and "already exists" not in made.stderr:
                raise Problem(f"The database {name} could not be made: {made.stderr.strip()}")

    def end_of_log(self) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])
        except FileNotFoundError:
            return "(no log was written)"
