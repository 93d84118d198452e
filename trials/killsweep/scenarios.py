"""The money's ways, step by step, and how each must end."""

from collections.abc import Callable
from dataclasses import dataclass

from trading.models import Side
from trials.killsweep.house import PROMPT_SECONDS, House

#: Seconds after the start: the order's three minutes are over; then its price's fifteen.
EXPIRED, LAPSED = 240.0, 1020.0


@dataclass(frozen=True)
class Scenario:
    """`answer`: what the phone's owner does with a prompt, `answers_at` seconds after the start or later; empty:
    nothing, until it runs out. `choose`: what the person does about late money. `ends`: how it may end, as
    `checks.outcome` says it: order/payment, and /refund if there is one.
    """

    name: str
    side: str
    play: Callable[[House], None]
    ends: tuple[str, ...]
    answer: str = ""
    answers_at: float = 0
    choose: Callable[[House], None] | None = None
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


def _paid_out(house: House) -> None:
    """The payout goes out, its result comes, M-Pesa is asked and answers. The same steps whether it succeeds or not."""
    house.work("send payout")
    house.hear("result")
    house.work("ask")
    house.hear("status")
    house.work("settle payout")


def _sold(house: House) -> None:
    _ordered(house)
    _paid_out(house)


def _refunded(house: House) -> None:
    _late_and_kept(house)
    house.refund()
    _paid_out(house)


def _choose_refund_in_vain(house: House) -> None:
    """The money is asked back, and the phone is not on M-Pesa any more."""
    house.simulator.set_phone(house.user.phone, registered=False)
    house.refund()


def _refund_not_paid(house: House) -> None:
    _late_and_kept(house)
    _choose_refund_in_vain(house)
    _paid_out(house)


def _choose_rebuy(house: House) -> None:
    house.rebuy_quote()
    house.rebuy()


def _rebought(house: House) -> None:
    _late_and_kept(house)
    _choose_rebuy(house)


_BUYS = (
    Scenario("buy", Side.BUY, _bought, ("completed/succeeded",), answer="accept", without_token=True),
    Scenario("buy declined", Side.BUY, _declined, ("failed/failed",), answer="decline"),
    Scenario("buy ignored", Side.BUY, _ignored, ("expired/failed",)),
    # Killed early enough, the next worker comes in time to send the prompt; nobody answers it.
    Scenario("buy never sent", Side.BUY, _never_sent, ("expired/cancelled", "expired/failed")),
    Scenario(
        "buy paid late",
        Side.BUY,
        _late_in_time,
        ("completed/succeeded",),
        answer="accept",
        answers_at=EXPIRED,
    ),
    Scenario(
        "late money kept",
        Side.BUY,
        _late_and_kept,
        ("paid_late/succeeded",),
        answer="accept",
        answers_at=LAPSED,
    ),
)
_SALES = (
    Scenario("sale", Side.SELL, _sold, ("completed/succeeded",)),
    Scenario("sale not paid", Side.SELL, _sold, ("failed/failed",), registered=False),
)
_CHOICES = (
    Scenario(
        "refund", Side.BUY, _refunded, ("refunded/succeeded/succeeded",),
        answer="accept", answers_at=LAPSED, choose=House.refund,
    ),
    Scenario(
        "refund not paid", Side.BUY, _refund_not_paid, ("paid_late/succeeded/failed",),
        answer="accept", answers_at=LAPSED, choose=_choose_refund_in_vain,
    ),
    Scenario(
        "rebuy", Side.BUY, _rebought, ("completed/succeeded rebought/succeeded",),
        answer="accept", answers_at=LAPSED, choose=_choose_rebuy,
    ),
)  # fmt: skip
SCENARIOS = {scenario.name: scenario for scenario in (*_BUYS, *_SALES, *_CHOICES)}
