"""Where the machine plays: an empty house on a database of its own, a simulator whose clock it moves, a server for
callbacks.
"""

import datetime as dt
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection

from accounts.roles import Role
from controls.models import Threshold
from controls.selectors import thresholds_forget
from goldwallet import clock
from goldwallet.test.clock import clock_shift, shift_clock
from goldwallet.test.emptying import tables_empty
from goldwallet.test.provider import Simulator
from goldwallet.test.race import queue_empty
from goldwallet.test.world import World, world_create
from payments.rails.daraja import token
from trials.killsweep import queue


class _Handler(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Quiet: the simulator tells what it sent."""


@contextmanager
def callbacks_served() -> Iterator[str]:
    """Our own pages, for the provider's callbacks; answers the address."""
    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=_Handler)

    def serve() -> None:
        # One after the other, as the simulator sends them, and all through this thread's one session.
        server.serve_forever(0.05)
        connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


_LIMITS = (
    ("payouts_hour_count", 100_000),
    ("prompts_unpaid_per_phone_hour", 1000),
    ("prompts_unpaid_per_person_hour", 1000),
    ("quote_open_max", 1000),
)


class Place:
    """One house for many lives, emptied between batches of them. Both clocks move only when the machine says so."""

    def __init__(self, simulator: Simulator, url: str) -> None:
        self.simulator = simulator
        self.world: World
        self.treasurers: list[Any] = []
        self.shifted = 0.0
        self.people = 0
        self.calls = self.faulty = 0
        self.hits: dict[str, int] = {}
        # One process plays all: whoever else was fetching the access token is dead, and waiting would be in vain.
        token.WAIT_SECONDS = 0.0
        settings.BASE_URL = url
        certificate = str(simulator.folder / "certificate.pem")
        settings.DARAJA = {
            **settings.DARAJA,
            "base_url": simulator.url,
            "certificate": certificate,
            # Opens the provider's list of money that came.
            "nominated_phone": "254700000000",
        }

    def empty(self, *, seed: int) -> None:
        """A new house and a new provider, whose chance comes from the seed."""
        self.shifted, self.people = 0.0, 0
        with shift_clock():
            queue_empty()
            tables_empty()
            thresholds_forget()
            self.world = world_create()
            self.treasurers = [
                self.world.staff(Role.TREASURY, email=f"treasury{number}@example.com") for number in (1, 2)
            ]
            # Here an hour has more payouts, prompts and quotes than any real one.
            Threshold.objects.bulk_create(
                Threshold(name=name, value=value, changed_by=self.world.vault) for name, value in _LIMITS
            )
            now = clock.now().astimezone(clock.NAIROBI).replace(tzinfo=None).isoformat()
        self.simulator.http.post("/control/reset", json={"seed": seed, "now": now}).raise_for_status()
        call_command("rail_register", stdout=io.StringIO())

    def later(self, seconds: float) -> list[dict[str, Any]]:
        """Both clocks move on, and everything that is due at the provider happens. Answers the callbacks it sent."""
        self.shifted += seconds
        clock_shift(dt.timedelta(seconds=self.shifted))
        queue.nearer(seconds)
        answer = self.simulator.http.post("/control/advance", json={"seconds": seconds}, timeout=120)
        answer.raise_for_status()
        sent: list[dict[str, Any]] = answer.json()["callbacks"]
        return sent

    def faults(self, seed: int, rules: list[dict[str, Any]]) -> None:
        """A new plan; what the one before did is counted."""
        self.count()
        self.simulator.http.post("/control/faults", json={"seed": seed, "rules": rules}).raise_for_status()

    def count(self) -> None:
        plan = self.simulator.http.get("/control/faults").json()
        self.calls += plan["calls"]
        self.faulty += plan["faulty"]
        for rule in plan["rules"]:
            self.hits[rule["fault"]] = self.hits.get(rule["fault"], 0) + rule["hits"]


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """Simulator and server, for as long as the block runs. The database is the one of the settings."""
    simulator = Simulator(
        folder, SIMULATOR_MANUAL="1", SIMULATOR_QUERY_ERRORS="0.1", SIMULATOR_B2C_SECONDS="2"
    )
    simulator.start()
    try:
        with callbacks_served() as url:
            yield Place(simulator, url)
    finally:
        simulator.stop()
