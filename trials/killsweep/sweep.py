"""The sweep: carry out the kills one after the other, and count."""

import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from django.test.client import ClientHandler
from django.urls import reverse

from accounts.models import User
from goldwallet.test.provider import Simulator
from payments.models import Payment
from payments.rails import rail
from payments.rails.daraja import http, token
from trials.killsweep import checks, children, people, queue, recovery
from trials.killsweep.boundaries import Boundaries, Boundary, Kill
from trials.killsweep.house import PROMPT_SECONDS, House
from trials.killsweep.place import Place
from trials.killsweep.postbox import Postbox
from trials.killsweep.scenarios import Scenario

#: A provider that does all at once when it is asked to (`House.advance`), and nothing by itself.
PROVIDER = {
    "SIMULATOR_MANUAL": "1",
    "SIMULATOR_PROMPT_SECONDS": str(PROMPT_SECONDS),
    "SIMULATOR_CALLBACK_SECONDS": "0",
    "SIMULATOR_B2C_SECONDS": "0",
    # Its clock jumps when a prompt is to run out; the token is to outlive that.
    "SIMULATOR_TOKEN_SECONDS": "100000000",
}


@dataclass
class Result:
    """One scenario's figures. `waited`: kills after which a payment waited before staff, as it must."""

    scenario: str
    boundaries: list[Boundary]
    kills: int = 0
    waited: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    def count(self, kind: str) -> int:
        return Counter(boundary.kind for boundary in self.boundaries)[kind]

    def as_row(self) -> dict[str, Any]:
        """The figures as plain values."""
        kinds = Counter(boundary.kind for boundary in self.boundaries)
        return {**asdict(self), "boundaries": kinds}


class Sweep:
    """Needs a migrated, empty database whose address Django has, and no connection to it in this process."""

    def __init__(self, folder: Path, simulator: Simulator, postbox: Postbox, *, first: bool = False) -> None:
        self._folder, self._simulator, self._postbox, self._first = folder, simulator, postbox, first
        self._runs = 0

    def prepare(self) -> None:
        """Make the small house, and load here what each child would have to load."""
        self._must(people.world)
        rail("daraja")
        http._client()
        reverse("hook", args=["daraja", "collect", "0"])
        ClientHandler().load_middleware()

    def scenario(
        self,
        scenario: Scenario,
        choose: Callable[[Scenario, list[Boundary]], list[Kill]],
        progress: Callable[[Result, int], None] = lambda result, planned: None,
    ) -> Result:
        """Run it once to its end, then once for each kill that `choose` names among its boundaries."""
        began = time.monotonic()
        # The first run makes what the house makes only once; the second passes what every later one will pass.
        for user_id in self._people(scenario, 2):
            place, found = self._run(scenario, user_id, None)
        result = Result(scenario.name, [Boundary(**row) for row in place.read("boundaries") or []])
        result.violations += [f"{scenario.name}, without a kill: {sentence}" for sentence in found]
        kills = [] if found else choose(scenario, result.boundaries)
        for kill, user_id in zip(kills, self._people(scenario, len(kills)), strict=True):
            self._kill(result, scenario, kill, user_id)
            result.seconds = time.monotonic() - began
            progress(result, len(kills))
            if self._first and result.violations:
                break
        return result

    def _kill(self, result: Result, scenario: Scenario, kill: Kill, user_id: str) -> None:
        boundary = result.boundaries[kill.number]
        place, found = self._run(scenario, user_id, kill)
        if place.read("killed") != asdict(boundary):
            found.append(f"the kill came elsewhere: {place.read('killed')}")
        result.kills += 1
        result.waited += bool(place.read("waits"))
        where = f"{scenario.name} {kill.number}:{kill.when} ({boundary.step}: {boundary.label})"
        result.violations += [f"{where}: {sentence}" for sentence in found]
        if not found:
            shutil.rmtree(place.folder)

    def _run(self, scenario: Scenario, user_id: str, kill: Kill | None) -> tuple[Place, list[str]]:
        """One life of the house with the kill in it, and the life after it. The findings."""
        self._runs += 1
        place = self._postbox.place(self._runs)
        place.folder.mkdir()
        log = place.folder / "log"
        open_house = partial(self._house, place, scenario, user_id, self._postbox.url(self._runs))
        code = children.run(partial(_first_life, open_house, scenario, kill), log=log)
        if code != (-9 if kill else 0):
            return place, [f"the scenario ended by itself, code {code}: {_last_line(log)}"]
        if children.run(partial(_second_life, open_house, scenario, kill), log=log) != 0:
            return place, [f"the recovery broke off: {_last_line(log)}"]
        return place, list(place.read("findings"))

    def _house(
        self, place: Place, scenario: Scenario, user_id: str, url: str, boundaries: Boundaries
    ) -> House:
        user = User.objects.get(pk=user_id)
        return House(
            place=place,
            user=user,
            side=scenario.side,
            simulator=self._simulator,
            boundaries=boundaries,
            url=url,
        )

    def _people(self, scenario: Scenario, count: int) -> list[str]:
        place = Place(self._folder)
        first = Counter(place.read("numbers") or {})["next"]

        def make() -> None:
            place.write("people", people.people_make(scenario.side, first, count))

        self._must(make)
        place.write("numbers", {"next": first + count})
        return list(place.read("people"))

    def _must(self, work: Callable[[], None]) -> None:
        log = self._folder / "log"
        if children.run(work, log=log) != 0:
            raise RuntimeError(f"the sweep cannot begin:\n{log.read_text()[-2000:]}")


def _first_life(open_house: Callable[[Boundaries], House], scenario: Scenario, kill: Kill | None) -> None:
    boundaries = Boundaries(kill=kill)
    house = open_house(boundaries)
    boundaries.place = house.place
    people.settled(scenario)
    if not scenario.registered:
        house.simulator.set_phone(house.user.phone, registered=False)
    boundaries.install()
    scenario.play(house)
    house.place.write("boundaries", [asdict(boundary) for boundary in boundaries.seen])


def _second_life(open_house: Callable[[Boundaries], House], scenario: Scenario, kill: Kill | None) -> None:
    # The token may be claimed by the dead: nobody brings it, and the clock that would tell moves only between stages.
    token.WAIT_SECONDS = 0.2
    house = open_house(Boundaries())
    unheard = recovery.unheard(house)
    found = recovery.click_again(house) if kill else []
    found += recovery.drain(house, scenario)
    stuck = recovery.waiting(house)
    if strange := [payment for payment in stuck if str(payment.pk) not in unheard]:
        found.append(f"before staff without need: {strange[0].note}")
    # Sent again because nothing had left the house? Nobody could know that.
    found += checks.findings(house, checks.WAITING if unheard else scenario.ends)
    for payment in stuck:
        recovery.resolve(house, payment)
        found += checks.findings(house, checks.RESOLVED)
    house.place.write("waits", len(stuck))
    house.place.write("findings", found)
    # The next run begins in quiet.
    Payment.objects.filter(user=house.user).update(due_at=None)
    queue.emptied()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
