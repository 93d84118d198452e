"""What a request needs to reach: settings, state on disk, and the key that opens credentials."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from flask import Flask, current_app

from simulator.config import Settings
from simulator.store import Store


@dataclass(frozen=True)
class Simulator:
    """`bring_forward` is that of `hurry`, handed in because it knows the APIs, and they know this."""

    settings: Settings
    store: Store
    key: RSAPrivateKey
    bring_forward: Callable[[Store, Settings, str], None]

    def attach(self, app: Flask) -> None:
        app.extensions["simulator"] = self


def current() -> Simulator:
    """The simulator that the running request belongs to."""
    return cast("Simulator", current_app.extensions["simulator"])
