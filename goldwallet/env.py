"""Readers of the environment that fail loudly: a setting is right, or the program does not start."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str | None = None) -> str:
    """The value of `name`; empty counts as not set, as in a copied .env.example. No default: it must be set."""
    value = os.environ.get(name, "") or default
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set. See .env.example.")
    return value


def flag(name: str, default: bool = False) -> bool:
    value = os.environ.get(name, "1" if default else "0").strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; write 1 or 0.")


def number(name: str, default: int) -> int:
    value = os.environ.get(name) or str(default)
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; write a whole number.") from None


def choice(name: str, default: str, *, of: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in of:
        raise ImproperlyConfigured(f"{name} is {value!r}; write one of: {', '.join(of)}.")
    return value


def names(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def read_dotenv(path: Path) -> None:
    """Take `NAME=value` lines of a .env file for names that the environment does not set itself."""
    if not path.is_file():
        return
    for number_, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip().isidentifier():
            raise ImproperlyConfigured(f".env line {number_} is not NAME=value")
        os.environ.setdefault(key.strip(), value.strip().strip('"').strip("'"))


def embedded_database(checkout: Path) -> str:
    """The address of the checkout's embedded PostgreSQL, so that `manage.py` finds what `make run` has started."""
    launcher = checkout / "tools" / "postgres.py"
    if not launcher.is_file():
        raise ImproperlyConfigured("DATABASE_URL is not set. See .env.example.")
    found = subprocess.run([sys.executable, launcher, "url"], capture_output=True, text=True, check=False)  # noqa: S603
    if found.returncode:
        raise ImproperlyConfigured(found.stderr.strip() or "DATABASE_URL is not set. See .env.example.")
    return found.stdout.strip()


def database(url: str) -> dict[str, object]:
    """`postgresql://user:password@host:port/name?host=/socket/folder&option=...` as Django's settings want it."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("DATABASE_URL must begin with postgresql://")
    query = dict(parse_qsl(parts.query))
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise ImproperlyConfigured("DATABASE_URL names no database")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or query.pop("user", "")),
        "PASSWORD": unquote(parts.password or query.pop("password", "")),
        "HOST": query.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": str(parts.port or query.pop("port", "")),
        "OPTIONS": dict(query),
    }
