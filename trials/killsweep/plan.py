"""Which kills: all of them, or a sample that always has those around what is decisive."""

import random
from itertools import takewhile
from typing import get_args

from trials.killsweep.boundaries import Boundary, Kill, When
from trials.killsweep.scenarios import Scenario

#: Here something becomes true outside of the process: for others in the database, at the provider, or for us.
DECISIVE = ("commit", "call", "callback")
#: Here the process changes what outlives it. Between two of these a kill leaves the same, wherever it comes.
_LASTING = (*DECISIVE, "write")
#: These steps are the same in all scenarios of one side; a sample kills there once.
_COMMON = ("quote", "confirm", "send", "send payout")


def all_kills(boundaries: list[Boundary]) -> list[Kill]:
    return [Kill(number, when) for number in range(len(boundaries)) for when in get_args(When.__value__)]


class Sample:
    """`others` kills of each scenario by the seed, besides the decisive ones."""

    def __init__(self, seed: int, others: int) -> None:
        self._chance = random.Random(seed)
        self._others = others
        self._passed: set[tuple[str, Boundary]] = set()
        self._ways: list[list[Boundary]] = []

    def kills(self, scenario: Scenario, boundaries: list[Boundary]) -> list[Kill]:
        every = all_kills(boundaries)
        begins = max((_common(way, boundaries) for way in self._ways), default=0)
        decisive = [
            kill
            for kill in every
            if kill.number >= begins
            and self._is_new(scenario, boundaries[kill.number])
            and not self._as_before(scenario, boundaries, kill, begins)
        ]
        rest = [kill for kill in every if kill not in decisive]
        chosen = self._chance.sample(rest, min(self._others, len(rest)))
        self._passed |= {(scenario.side, boundary) for boundary in boundaries if boundary.step in _COMMON}
        self._ways.append(boundaries)
        return sorted([*decisive, *chosen], key=lambda kill: (kill.number, kill.when == "after"))

    def _is_new(self, scenario: Scenario, boundary: Boundary) -> bool:
        return boundary.kind in DECISIVE and (scenario.side, boundary) not in self._passed

    def _as_before(self, scenario: Scenario, boundaries: list[Boundary], kill: Kill, begins: int) -> bool:
        """Whether another kill of the same step leaves the same. From a commit to the call after it, or from a call to
        the commit of what it answered, nothing lasts; nor does, from a callback's arrival, what it has not committed.
        """
        if kill.when == "after":
            return False
        here = boundaries[kill.number]
        for number in range(kill.number - 1, begins - 1, -1):
            if boundaries[number].step != here.step:
                return False
            if boundaries[number].kind in _LASTING:
                return self._is_new(scenario, boundaries[number])
        return False


def _common(way: list[Boundary], other: list[Boundary]) -> int:
    """How many boundaries two ways have in common from their start: there one was killed already."""
    pairs = zip(way, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
