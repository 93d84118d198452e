"""The money's ways, step by step, and how each must end."""

from collections.abc import Callable
from dataclasses import dataclass

from payments.models import State
from trading.models import Side, Status
from trials.killsweep.house import PROMPT_SECONDS, House

#: Seconds after the start: the order's three minutes are over; then its price's fifteen.
EXPIRED, LAPSED = 240.0, 1020.0


@dataclass(frozen=True)
class Scenario:
    """`answer`: what the phone's owner does with a prompt, `answers_at` seconds after the start or later; empty: nothing,
    until it runs out. `ends`: the states of order and payment in which it may end.
    """

    name: str
    side: str
    play: Callable[[House], None]
    ends: tuple[tuple[str, str], ...]
    answer: str = ""
    answers_at: float = 0
    #: The phone that is to be paid is on M-Pesa.
    registered: bool = True
    #: The process has to fetch an access token first.
    without_token: bool = False


def _ordered(house: House) -> None:
    house.quote()
    house.confirm()


def _answered(house: House, action: str) -> None:
    """The owner answers, the callback comes, the worker asks the provider and settles."""
    house.answer(action)
    house.hear()
    house.work("settle")


def _bought(house: House) -> None:
    _ordered(house)
    house.work("send")
    _answered(house, "accept")


def _declined(house: House) -> None:
    _ordered(house)
    house.work("send")
    _answered(house, "decline")


def _ignored(house: House) -> None:
    _ordered(house)
    house.work("send")
    with house.later(seconds=EXPIRED):
        house.tidy()
        house.advance(PROMPT_SECONDS + 1)
        house.hear()
        house.work("settle")


def _never_sent(house: House) -> None:
    """No worker lived until the order's time was over."""
    _ordered(house)
    with house.later(seconds=EXPIRED):
        house.tidy()
        house.work("look")


def _late(house: House, seconds: float) -> None:
    _ordered(house)
    house.work("send")
    with house.later(seconds=seconds):
        house.tidy()
        _answered(house, "accept")


def _late_in_time(house: House) -> None:
    _late(house, EXPIRED)


def _late_and_kept(house: House) -> None:
    _late(house, LAPSED)


def _sold(house: House) -> None:
    """The same steps whether the payout comes to a good end or not."""
    _ordered(house)
    house.work("send")
    house.hear("result")
    house.work("ask")
    house.hear("status")
    house.work("settle")


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "buy", Side.BUY, _bought, ((Status.COMPLETED, State.SUCCEEDED),),
            answer="accept", without_token=True,
        ),
        Scenario("buy declined", Side.BUY, _declined, ((Status.FAILED, State.FAILED),), answer="decline"),
        Scenario("buy ignored", Side.BUY, _ignored, ((Status.EXPIRED, State.FAILED),)),
        Scenario(
            # Killed early enough, the next worker comes in time to send the prompt; nobody answers it.
            "buy never sent", Side.BUY, _never_sent,
            ((Status.EXPIRED, State.CANCELLED), (Status.EXPIRED, State.FAILED)),
        ),
        Scenario(
            "buy paid late", Side.BUY, _late_in_time, ((Status.COMPLETED, State.SUCCEEDED),),
            answer="accept", answers_at=EXPIRED,
        ),
        Scenario(
            "buy paid too late", Side.BUY, _late_and_kept, ((Status.PAID_LATE, State.SUCCEEDED),),
            answer="accept", answers_at=LAPSED,
        ),
        Scenario("sale", Side.SELL, _sold, ((Status.COMPLETED, State.SUCCEEDED),)),
        Scenario(
            "sale not paid", Side.SELL, _sold, ((Status.FAILED, State.FAILED),), registered=False
        ),
    )
}  # fmt: skip
