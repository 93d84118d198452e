"""After the kill: what the person does next, a worker that carries on, and time that passes until nothing moves."""

from collections.abc import Iterator
from itertools import chain

from goldwallet.errors import Refused
from payments.models import FINAL, Payment, State
from payments.sending import payments_due
from trading import services
from trading.models import Order, Status
from trials.killsweep import queue
from trials.killsweep.house import PROMPT_SECONDS, House
from trials.killsweep.scenarios import EXPIRED, LAPSED, Scenario

#: Seconds: at once; when a dead sender is given up; when orders expire; when prices lapse.
_STAGES = (0.0, 75.0, EXPIRED, LAPSED)
#: After that a look every ten minutes until a person is told.
_UNTIL_STAFF = tuple(LAPSED + 600.0 * turn for turn in range(1, 41))
_MOST_ROUNDS = 60


def unheard(house: House) -> set[str]:
    """Payments that were claimed for sending and never left the house: nobody can know that, so people must decide."""
    called = {name for _, name in house.place.calls}
    claimed = Payment.objects.filter(user=house.user, state=State.SENDING)
    return {
        str(payment.pk) for payment in claimed if not called & {payment.reference, str(payment.pk)}
    }


def click_again(house: House) -> list[str]:
    """Whoever saw no answer does the same again, with the same price. What is wrong with the outcome."""
    if house.place.memory["clicked"] == "quote":
        house.quote()
        house.confirm()
        return []
    before = list(Order.objects.filter(quote_id=house.quote_id).values_list("pk", flat=True))
    try:
        order = house.confirm_once()
    except Refused as refused:
        return [] if before else [f"the repeated click was refused, and there is no order: {refused.sentence}"]
    return [] if not before or before == [order.pk] else ["the repeated click made a second order"]


def drain(house: House, scenario: Scenario) -> list[str]:
    """Let time pass and everybody do their work until all has ended or waits before a person. What went wrong."""
    wrong: list[str] = []
    queue.rescued()
    for seconds in _moments(house):
        with house.later(seconds=seconds):
            answers = scenario.answer if seconds >= scenario.answers_at else ""
            wrong += _until_quiet(house, answers)
        if wrong or _over(house):
            break
        if seconds == LAPSED and not scenario.answer:
            house.advance(PROMPT_SECONDS + 1)  # the prompt runs out; the next stage hears of it
    return wrong


def _moments(house: House) -> Iterator[float]:
    stood_at = house.place.memory.get("clock", 0.0)
    return (seconds for seconds in chain(_STAGES, _UNTIL_STAFF) if seconds >= stood_at)


def _until_quiet(house: House, answer: str) -> list[str]:
    for _ in range(_MOST_ROUNDS):
        moved = bool(answer) and house.answer(answer)
        moved |= house.hear()
        moved |= queue.work_once(queue.every_task())
        moved |= payments_due() > 0
        moved |= services.orders_expire() > 0
        if not moved:
            return []
    return [f"not quiet after {_MOST_ROUNDS} rounds"]


def _over(house: House) -> bool:
    """Nothing will happen any more unless a person acts."""
    if Order.objects.filter(user=house.user, status=Status.PENDING, side="buy").exists():
        return False
    open_payments = Payment.objects.filter(user=house.user).exclude(state__in=FINAL)
    return not open_payments.filter(attention=False).exists()
