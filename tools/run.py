"""`make run`: everything from one terminal, from a bare clone.

Environment, database, simulator, migrations and demo data; then the web server and the worker, until Ctrl-C.
Each setting that `.env.example` names may be given in the environment or in `.env`.
"""

import http.client
import os
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import environment
from child import die_with_parent
from dotenv import read_dotenv
from postgres import Lease
from processes import Child, StoppedError, Stopping, stop
from terminal import Problem, complain, paint, say, step

CHECKOUT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
PATIENCE_SECONDS = 60
PASSWORD = "demo-gold-2026"

WEB_WORKERS, WEB_THREADS = 2, 4  # docs/decisions: measured best on two cores


class House:
    """The parts of one `make run`, in the order in which they are started."""

    def __init__(self) -> None:
        self.settings = {**read_dotenv(CHECKOUT / ".env"), **os.environ}
        self.demo = self.settings.get("GOLDWALLET_MODE", "demo") == "demo"
        self.port = port_number(self.settings, "PORT", 8000)
        self.simulator_port = port_number(self.settings, "SIMULATOR_PORT", 8001)
        self.passing: list[Child] = []
        self.serving: list[Child] = []
        self.simulator: list[Child] = []
        self.database = ExitStack()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def phones(self) -> str:
        return f"http://{HOST}:{self.simulator_port}"

    def check_ports(self) -> None:
        ports = {"PORT": self.port}
        if self.demo:
            ports["SIMULATOR_PORT"] = self.simulator_port
        if len(set(ports.values())) < len(ports):
            raise Problem(f"PORT and SIMULATOR_PORT are both {self.port}; they must differ.")
        for name, port in ports.items():
            if not is_free(port):
                raise Problem(
                    f"Port {port} is taken: another program listens there (perhaps another `make run`).\n"
                    f"Stop it, or choose another port: make run {name}={free_port(port + 1)}"
                )

    def start(self) -> None:
        began = time.monotonic()
        python = environment.ensure("run")
        if not self.settings.get("DATABASE_URL"):
            with step("database (PostgreSQL in var/)"):
                self.settings["DATABASE_URL"] = self.database.enter_context(Lease()).url
        self.settings |= {"PORT": str(self.port), "SIMULATOR_PORT": str(self.simulator_port)}
        self.settings["PYTHONUNBUFFERED"] = "1"
        if self.demo:
            self.simulator.append(self.child("simulator", [python, "-m", "simulator"], colour="magenta"))
        with step("migrations, demo data"):
            self.complete("prepare", [python, "manage.py", "prepare"])
        with step("web server and worker"):
            self.serving.append(self.child("web", self.web_command(python), colour="cyan"))
            self.serving.append(self.child("worker", [python, "manage.py", "worker"], colour="blue"))
            if self.demo:
                self.wait_for(self.simulator_port, "/control/health", "The simulator")
            self.wait_for(self.port, "/readyz", "The web server")
        took = paint(f"{time.monotonic() - began:5.1f} s", "dim")
        say(f"  {'ready: ' + self.address + '/':<34} {took}")
        if self.demo:
            with step("demo orders"):
                self.complete("demo", [python, "manage.py", "demo_orders"])

    def web_command(self, python: Path) -> list[str | Path]:
        options = ["--interface", "wsgi", "--no-ws", "--host", HOST, "--port", str(self.port)]
        options += ["--workers", str(WEB_WORKERS), "--blocking-threads", str(WEB_THREADS)]
        options += ["--workers-kill-timeout", "5", "--log-level", "warning"]
        return [python, "-m", "granian", *options, "goldwallet.wsgi:application"]

    def child(self, name: str, command: Sequence[str | Path], colour: str = "dim") -> Child:
        return Child(name, command, environment=self.settings, folder=CHECKOUT, colour=colour)

    def complete(self, name: str, command: Sequence[str | Path]) -> None:
        """Runs one part to its end."""
        self.passing = [self.child(name, command)]
        self.passing[0].wait(self.watch)

    def wait_for(self, port: int, path: str, what: str) -> None:
        """Waits until the address answers 200 (or sends to https, as in production)."""
        began = time.monotonic()
        while (answer := ask(port, path))[0] not in (200, 301):
            self.watch()
            if time.monotonic() - began > PATIENCE_SECONDS:
                said = f"{answer[0]}: {answer[1]}" if answer[0] else "no answer"
                raise Problem(f"{what} was not ready within {PATIENCE_SECONDS} s ({path} said {said}).")
            time.sleep(0.05)

    def watch(self) -> None:
        """Raises Problem when a part that should go on has ended."""
        for part in (*self.simulator, *self.serving):
            if part.ended:
                part.drain()
                raise Problem(f"The {part.name} {part.outcome}, so all stops; its last lines are above.")

    def serve(self) -> None:
        """Goes on until a part ends, which is a Problem, or somebody asks to stop."""
        while True:
            self.watch()
            time.sleep(0.2)

    def stop(self, stopping: Stopping) -> None:
        """Web server and worker first: what the worker has begun may still need simulator and database."""
        stop([*self.passing, *self.serving], stopping)
        stop(self.simulator, stopping)
        self.database.close()


def port_number(settings: dict[str, str], name: str, default: int) -> int:
    given = settings.get(name) or str(default)
    if not (given.isascii() and given.isdigit() and 0 < int(given) < 65536):
        raise Problem(f"{name} is {given!r}; write a number from 1 to 65535.")
    return int(given)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections do not count
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port(first: int) -> int:
    return next((port for port in range(first, min(first + 200, 65536)) if is_free(port)), first)


def ask(port: int, path: str) -> tuple[int, str]:
    """Status and body of a GET; status 0 while nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(500).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def banner(house: House) -> str:
    lines = ["", paint("Gold Wallet runs.", "bold", "green")]
    lines.append(f"  the wallet       {paint(house.address + '/', 'bold')}")
    lines.append(f"  the desk         {house.address}/desk/")
    if house.demo:
        lines += [
            f"  the phones       {house.phones}/   M-Pesa prompts (PIN 1234), texts, mail, staff's codes",
            "",
            "  Sign in as alice@example.com or bob@example.com, or as staff: admin@, pricing@, vault@,",
            f"  reviewer@, treasury@, treasury2@ or auditor@example.com. Password of all: {PASSWORD}",
        ]
    return "\n".join([*lines, "", "  Stop with Ctrl-C.", ""])


def main() -> int:
    stopping = Stopping()
    if "MAKELEVEL" in os.environ:
        die_with_parent()  # `make` passes SIGTERM on, but cannot pass on its own SIGKILL
    house = None
    try:
        house = House()
        house.check_ports()
        say(paint("Gold Wallet starts ...", "bold"))
        house.start()
        say(banner(house))
        house.serve()
    except StoppedError:
        say("\nStopping ...")
    finally:
        stopping.begin()
        if house:
            house.stop(stopping)
    say("Stopped.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Problem as problem:
        sys.exit(complain(problem))
