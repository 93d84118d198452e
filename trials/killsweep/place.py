"""One run's own folder, which outlives a kill: what the person knows, what the provider posted, what was called."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Post:
    """A callback as the provider posted it: the path of our address, and the body."""

    path: str
    body: bytes


@dataclass(frozen=True)
class Place:
    folder: Path

    def write(self, name: str, value: Any) -> None:
        """Keep a value, whole or not at all."""
        new = self.folder / f"{name}.new"
        new.write_text(json.dumps(value, default=str))
        new.rename(self.folder / f"{name}.json")

    def read(self, name: str) -> Any:
        """A value that was kept; None when there is none."""
        try:
            return json.loads((self.folder / f"{name}.json").read_text())
        except FileNotFoundError:
            return None

    def remember(self, **facts: Any) -> None:
        self.write("memory", {**self.memory, **facts})

    @property
    def memory(self) -> dict[str, Any]:
        return self.read("memory") or {}

    # --- what the provider posted: each is handed out once, as the provider tries once ---------------

    def post(self, number: int, path: str, body: bytes) -> None:
        new = self.folder / "new"
        new.write_bytes(f"{path}\n".encode() + body)
        new.rename(self.folder / f"{number:06d}.post")

    def take(self) -> Post | None:
        """The oldest callback that nobody has taken; whoever takes it and dies has lost it."""
        waiting = sorted(self.folder.glob("*.post"))
        if not waiting:
            return None
        path, _, body = waiting[0].read_bytes().partition(b"\n")
        waiting[0].unlink()
        return Post(path.decode(), body)

    # --- what was called --------------------------------------------------------------------------

    def called(self, path: str, name: str) -> None:
        with (self.folder / "calls").open("a") as file:
            file.write(f"{path} {name}\n")

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Each call that left the house: its path, and our own name for what it is about."""
        try:
            lines = (self.folder / "calls").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [(line.split(" ")[0], line.split(" ")[1]) for line in lines]
