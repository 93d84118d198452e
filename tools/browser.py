"""The Chromium that the browser tests drive: an installed one, or one fetched now."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from terminal import Problem, step

NAMES = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome")
ELSEWHERE = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
DOWNLOAD_SECONDS = 300


def find(python: Path) -> Path | None:
    """A browser that is on this machine and runs: BROWSER_PATH, an installed one, or Playwright's own."""
    return next((path for path in candidates(python) if runs(path)), None)


def candidates(python: Path) -> Iterator[Path]:
    if given := os.environ.get("BROWSER_PATH"):
        yield Path(given)
    yield from (Path(path) for name in NAMES if (path := shutil.which(name)))
    yield from (Path(path) for path in ELSEWHERE)
    own = "from playwright.sync_api import sync_playwright as start"
    code = f"{own}\nwith start() as play: print(play.chromium.executable_path)"
    asked = subprocess.run([python, "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if asked.returncode == 0:
        yield Path(asked.stdout.strip())


def runs(path: Path) -> bool:
    """Some systems have a `chromium-browser` that only says how to install one: so it is asked for its
    version."""
    if not path.is_file():
        return False
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def find_or_fetch(python: Path) -> Path:
    """A browser, installed now when there is none: by apt for root on Debian, else by Playwright.

    Raises Problem when none can be had.
    """
    if found := find(python):
        return found
    for title, commands in ways(python):
        with step(f"browser ({title})"):
            for command in commands:
                if not succeeds(command):
                    break
        if found := find(python):
            return found
    raise Problem(
        "No Chromium was found and none could be installed.\n"
        "Install Chrome or Chromium, or set BROWSER_PATH to the program."
    )


def ways(python: Path) -> Iterator[tuple[str, list[list[str | Path]]]]:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        wait = ("-o", "DPkg::Lock::Timeout=120")
        install = ["apt-get", "install", "-qq", "-y", *wait, "--no-install-recommends", "chromium"]
        yield "apt-get install chromium", [["apt-get", "update", "-qq"], [*install]]
    yield "Playwright's download", [[python, "-m", "playwright", "install", "chromium"]]


def succeeds(command: list[str | Path]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
