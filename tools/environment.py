"""The Python environment `.venv`, made from the locks and renewed when they change; and the locks themselves.

python tools/environment.py run | dev   make or renew the environment (dev: with the tools of `make test`)
python tools/environment.py lock        compile the locks from requirements.in and requirements-dev.in
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from terminal import Problem, complain, step

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST_PYTHON = (3, 12)

INSTALLER = CHECKOUT / "tools" / "uv.txt"
LOCKS = {"run": CHECKOUT / "requirements.txt", "dev": CHECKOUT / "requirements-dev.txt"}
STAMP = VENV / "made-from"


def ensure(purpose: str) -> Path:
    """Makes `.venv` fit to run or to develop, and returns its interpreter. Nothing is done when the locks
    have not changed since; an environment once made for `dev` stays so, since that lock holds all of the
    other."""
    with (CHECKOUT / "tools" / "uv.txt").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `make run` and `make test` may begin at the same time
        if stamp("dev") == made_from() or stamp(purpose) == made_from():
            return PYTHON
        was_dev = made_from().startswith("dev ")
        lock_file = LOCKS["dev" if was_dev else purpose]
        if not usable():
            with step("environment (venv, pip)"):
                make_empty()
        with step(f"requirements ({lock_file.name})"):
            install(lock_file)
        STAMP.write_text(stamp("dev" if was_dev else purpose))
    return PYTHON


def stamp(purpose: str) -> str:
    """What an environment for this purpose would be made from: locks, interpreter and place (it cannot be
    moved)."""
    parts = [INSTALLER.read_bytes(), LOCKS[purpose].read_bytes(), str(VENV).encode()]
    return f"{purpose} {hashlib.sha256(b'\0'.join(parts)).hexdigest()}"


def made_from() -> str:
    return STAMP.read_text() if STAMP.exists() and PYTHON.exists() else ""


def usable() -> bool:
    """Whether there is an environment at this place whose interpreter and pip still run."""
    if not PYTHON.exists():
        return False
    code = f"import pip, sys; sys.exit(sys.version_info < {OLDEST_PYTHON} or sys.prefix != {str(VENV)!r})"
    return subprocess.run([PYTHON, "-c", code], capture_output=True).returncode == 0


def make_empty() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    # Not the interpreter of the environment that is being replaced.
    base = getattr(sys, "_base_executable", sys.executable)
    made = subprocess.run([base, "-m", "venv", VENV], capture_output=True, text=True)
    if made.returncode != 0:
        version = ".".join(platform.python_version_tuple()[:2])
        raise Problem(
            f"The environment could not be made with {base}:\n{(made.stdout + made.stderr).strip()}\n"
            f"On Debian and Ubuntu what it needs is a package of its own: apt install python{version}-venv"
        )


def install(lock_file: Path) -> None:
    """Brings the environment to exactly what the lock says; every download is checked against its hash."""
    check(pip("--no-deps", "--require-hashes", "-r", INSTALLER), "The installer uv could not be installed")
    check([*uv("pip", "sync", "--require-hashes"), lock_file], "The requirements could not be installed")


def pip(*arguments: str | Path) -> list[str | Path]:
    return [
        PYTHON,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        "install",
        "--quiet",
        *arguments,
    ]


def uv(*arguments: str) -> list[str | Path]:
    return [VENV / "bin" / "uv", "--quiet", "--no-progress", *arguments, "--python", PYTHON]


def check(command: list[str | Path], sentence: str) -> None:
    # uv trips over broken interpreters on the PATH: it is handed ours, and never downloads another.
    environment = {"UV_LINK_MODE": "copy", **os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise Problem(f"{sentence}:\n{(done.stdout + done.stderr).strip()}")


def lock() -> None:
    """Compiles the locks: for every system and each Python from the oldest on, with hashes, with no index
    address."""
    if not usable():
        make_empty()
    check(pip("-r", CHECKOUT / "tools" / "uv.in"), "The installer uv could not be installed")
    compile_lock("tools/uv.in", "tools/uv.txt")
    compile_lock("requirements.in", "requirements.txt")
    compile_lock("requirements-dev.in", "requirements-dev.txt", "--constraint", "requirements.txt")


def compile_lock(source: str, target: str, *arguments: str) -> None:
    options = ["--universal", "--python-version", ".".join(map(str, OLDEST_PYTHON)), "--generate-hashes"]
    options += ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"]
    with step(f"{source} -> {target}"):
        os.chdir(CHECKOUT)  # the comments in the lock name its sources by the paths given here
        command = uv("pip", "compile", *options, *arguments, source, "--output-file", target, *upgrade())
        check(command, f"{source} could not be compiled")


def upgrade() -> list[str]:
    """`make lock UPGRADE=1` takes the newest versions; otherwise what is locked stays where it still fits."""
    return ["--upgrade"] if os.environ.get("UPGRADE") else []


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["lock"]:
            lock()
        elif sys.argv[1:] in (["run"], ["dev"]):
            ensure(sys.argv[1])
        else:
            sys.exit(__doc__)
    except Problem as problem:
        sys.exit(complain(problem))
