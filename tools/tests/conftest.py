"""A checkout of its own for each test of the tools: this one's tools in another folder, with a small stand-in
for the house, so that starting and stopping is tested and not what is started."""

import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# What the caller of these tests may have set for itself.
SETTINGS = re.compile(
    "DATABASE_URL|GOLDWALLET_MODE|(SIMULATOR_)?PORT|PYTHON|BROWSER_PATH|DJANGO_.*|PYTEST_.*|MAKE.*|MFLAGS"
)

REAL = Path(__file__).resolve().parents[2]

MANAGE = """
import os, signal, sys, time
command = sys.argv[1]
print(f"{command} sees {os.environ['DATABASE_URL']}")
if command == os.environ.get("FAILS"):
    sys.exit("this command fails")
if command == "worker":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        time.sleep(0.1)
"""

SIMULATOR = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ok": true}')
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SIMULATOR_PORT"])), Handler).serve_forever()
"""

WSGI = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ready"]
"""


class Checkout:
    """A folder with the tools and a stand-in house; its environment borrows the packages of the real one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(
            REAL / "tools", folder / "tools", ignore=shutil.ignore_patterns("tests", "__pycache__")
        )
        for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
            shutil.copy(REAL / name, folder)
        self.write("manage.py", MANAGE)
        self.write("simulator/__main__.py", SIMULATOR)
        self.write("goldwallet/wsgi.py", WSGI)
        self._borrow_environment()
        self.settings: dict[str, str] = {}

    @property
    def home(self) -> Path:
        return self.folder / "var" / "postgres"

    @property
    def data(self) -> Path:
        (data,) = (path for path in self.home.iterdir() if path.name.isdigit())
        return data

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def _borrow_environment(self) -> None:
        """A venv is its `pyvenv.cfg`, a link to an interpreter and a folder of packages."""
        venv = self.folder / ".venv"
        packages = Path(*[path for path in sys.path if path.endswith("site-packages")][:1])
        (venv / "bin").mkdir(parents=True)
        (venv / "lib" / packages.parent.name).mkdir(parents=True)
        (venv / "bin" / "python").symlink_to(sys.executable)
        shutil.copy(Path(sys.prefix) / "pyvenv.cfg", venv)
        (venv / "lib" / packages.parent.name / "site-packages").symlink_to(packages)
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(self.folder / "tools")
            environment = runpy.run_path(str(self.folder / "tools" / "environment.py"))
        environment["STAMP"].write_text(environment["stamp"]("dev"))

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not SETTINGS.fullmatch(name)}
        return {**inherited, **self.settings}

    def tool(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [self.folder / ".venv/bin/python", self.folder / "tools" / words[0], *words[1:]]
        return subprocess.run(command, capture_output=True, text=True, env=self.environment, timeout=60)

    def shell(self, command: str, path: str) -> subprocess.CompletedProcess[str]:
        """Runs a line of shell in the checkout, with no programs but those on this path."""
        environment = {**self.environment, "PATH": path, "HOME": "/nonexistent"}
        return subprocess.run(
            command, shell=True, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=60
        )

    def postgres(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.tool("postgres.py", *words)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Starts a tool, its output in `output.txt`, and leaves it running."""
        with (self.folder / "output.txt").open("w") as output:
            return subprocess.Popen(
                [self.folder / ".venv/bin/python", self.folder / "tools" / words[0], *words[1:]],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return (self.folder / "output.txt").read_text()

    def query(self, url: str, sql: str) -> list[tuple[object, ...]]:
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def processes(self) -> list[str]:
        """Command lines of all processes that belong to this checkout."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                folder = str((entry / "cwd").readlink())
            except OSError:
                continue
            if folder.startswith(str(self.folder)) or any(str(self.folder) in word for word in words):
                found.append(" ".join(words))
        return found

    def destroy(self) -> None:
        elsewhere = self.home / "elsewhere"
        if elsewhere.exists() or (self.home.exists() and self.processes()):
            self.postgres("stop")
        if elsewhere.exists():
            shutil.rmtree(elsewhere.read_text().strip())


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A short folder that every user can enter; pytest's own are closed to all others."""
    with tempfile.TemporaryDirectory(prefix="gw-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def data_made_before() -> Iterator[Path]:
    """The data of a server that has run once: a copy of it starts quicker than new data is made."""
    with tempfile.TemporaryDirectory(prefix="gw-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        (Path(name) / "first").mkdir()
        first = Checkout(Path(name) / "first")
        for word in ("start", "stop"):
            done = first.postgres(word)
            assert done.returncode == 0, done.stderr
        yield first.data


@pytest.fixture
def make_checkout(open_folder: Path, data_made_before: Path) -> Iterator[Callable[..., Checkout]]:
    """Makes checkouts below a folder of this test, at the path given; all are stopped at the end. A fresh one has
    no data yet, as a clone has none."""
    made: list[Checkout] = []

    def make(path: str, fresh: bool = False) -> Checkout:
        (open_folder / path).mkdir(parents=True)
        made.append(Checkout(open_folder / path))
        if not fresh:
            made[-1].home.mkdir(parents=True)
            subprocess.run(["cp", "-a", data_made_before, made[-1].home], check=True)
        return made[-1]

    yield make
    for one in made:
        one.destroy()


@pytest.fixture
def checkout(make_checkout: Callable[..., Checkout]) -> Checkout:
    return make_checkout("checkout")


@pytest.fixture
def fresh_checkout(make_checkout: Callable[..., Checkout]) -> Checkout:
    return make_checkout("checkout", fresh=True)


@pytest.fixture
def free_ports() -> tuple[int, int]:
    """Two ports that nobody listens on."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether the condition comes true within the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> int:
    """Signals the process and gives its exit code."""
    process.send_signal(number)
    return process.wait(timeout=30)
