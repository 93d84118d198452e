"""Does the time tell who has an account? `python -m trials enumeration --tries 2000` measures it (faults.md A01).

Each way in is asked for somebody known and for nobody in turn, so that whatever else the machine does meets both, with
passwords hashed as in production and limits that do not end the measurement. The medians must differ by less than five
milliseconds. The whole request is measured in this process: a network only adds noise.
"""

import argparse
import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

#: Milliseconds by which the medians may differ.
MOST_MS = 5.0
PASSWORD = "quiet-harbour-lamp-42"
_numbers = itertools.count(1)

type Way = Callable[[Any, str], Any]


@dataclass
class Measured:
    """Milliseconds of each request. `known` and `unknown` are as long as one another."""

    way: str
    known: list[float] = field(default_factory=list)
    unknown: list[float] = field(default_factory=list)

    @property
    def difference(self) -> float:
        return statistics.median(self.known) - statistics.median(self.unknown)

    @property
    def tells(self) -> bool:
        return abs(self.difference) >= MOST_MS

    def __str__(self) -> str:
        medians = f"{statistics.median(self.known):8.2f} {statistics.median(self.unknown):8.2f}"
        return f"{self.way:16} {len(self.known):6} {medians} {self.difference:+8.2f} ms"


def _sign_in(client: Any, email: str) -> Any:
    return client.post("/accounts/login/", {"login": email, "password": "wrong-harbour-1"})


def _sign_in_by_name(client: Any, email: str) -> Any:
    return _sign_in(client, email.partition("@")[0])


def _sign_up(client: Any, email: str) -> Any:
    data = {"email": email, "username": f"new{next(_numbers)}", "phone": "0712345678"}
    return client.post("/accounts/signup/", {**data, "password1": PASSWORD, "password2": PASSWORD})


def _reset(client: Any, email: str) -> Any:
    return client.post("/accounts/password/reset/", {"email": email})


#: Way -> what asks, and the status that shows that it was asked and not refused as too often.
WAYS: dict[str, tuple[Way, int]] = {
    "sign-in": (_sign_in, 400),
    "sign-in-by-name": (_sign_in_by_name, 400),
    "sign-up": (_sign_up, 302),
    "reset": (_reset, 302),
}


def measure(name: str, tries: int, people: list[str]) -> Measured:
    """So many requests of each class. `people` are addresses that have accounts."""
    from django.test import Client

    way, status = WAYS[name]
    measured = Measured(name)
    for number in range(tries):
        asked = [
            (measured.known, people[number % len(people)]),
            (measured.unknown, f"nobody{next(_numbers)}@example.com"),
        ]
        # Each is first every other time: what the first one warms up does not count for one class alone.
        for times, email in asked if number % 2 else reversed(asked):
            client, began = Client(), time.perf_counter()
            answer = way(client, email)
            times.append((time.perf_counter() - began) * 1000)
            if answer.status_code != status:
                raise RuntimeError(f"{name} answered {answer.status_code}")
    return measured


def people_create(count: int) -> list[str]:
    from accounts.services import person_create

    emails = [f"known{next(_numbers)}@example.com" for _ in range(count)]
    for email in emails:
        person_create(email=email, password=PASSWORD, phone="254712345678", username=email.partition("@")[0])
    return emails


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m trials enumeration", description=__doc__)
    parser.add_argument("--tries", type=int, default=2000, help="requests of each class; 2000 unless told")
    parser.add_argument("--only", default="", help=f"some of {', '.join(WAYS)}")
    options = parser.parse_args(arguments)
    from bench.cluster import cluster

    with cluster("enumeration") as own:
        os.environ |= {"LOG_LEVEL": "ERROR", "DATABASE_URL": own.url}
        os.environ["DJANGO_SETTINGS_MODULE"] = "goldwallet.settings"
        found = _measure_all(options.tries, [name for name in options.only.split(",") if name] or list(WAYS))
    return 1 if any(measured.tells for measured in found) else 0


def _measure_all(tries: int, names: list[str]) -> list[Measured]:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0, interactive=False)
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, (10**9, 60))
    settings.ALLOWED_HOSTS = ["*"]
    people = people_create(20)
    for name in names:
        measure(name, 5, people)  # templates are compiled, connections open
    print(f"{'way':16} {'tries':>6} {'known':>8} {'unknown':>8}   difference of the medians")
    found = []
    for name in names:
        found.append(measure(name, tries, people))
        print(found[-1], flush=True)
    connection.close()
    for measured in found:
        if measured.tells:
            print(f"{measured.way}: the time tells who has an account.", file=sys.stderr)
    return found
