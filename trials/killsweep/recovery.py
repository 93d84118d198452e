"""After the kill: what the person does next, a worker that carries on, and time that passes until nothing moves."""

from collections.abc import Callable, Iterator
from itertools import chain

from accounts.models import User
from controls.services import Evidence, request_make
from goldwallet.errors import Refused
from goldwallet.test.two import approve
from payments.models import FINAL, Payment, State
from payments.sending import payments_due
from trading import services
from trading.models import Order, Status
from trials.killsweep import people, queue
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
    return {str(payment.pk) for payment in claimed if not called & {payment.reference, str(payment.pk)}}


def waiting(house: House) -> list[Payment]:
    """Payments that nobody can settle but people: before staff, with a reason, and nothing else moves them."""
    unknown = Payment.objects.filter(user=house.user, state=State.UNKNOWN, attention=True)
    return [payment for payment in unknown if payment.note]


# --- the person -----------------------------------------------------------------------------------


def click_again(house: House) -> list[str]:
    """Whoever saw no answer does the same again, with what is on the screen. What is wrong with the outcome."""
    match house.place.memory["clicked"]:
        case "quote":
            house.quote()
            house.confirm()
            return []
        case "confirm":
            return _again(house.confirm_once, _orders_of(house, "quote"))
        case "refund":
            late = Order.objects.get(pk=house.late_order_id)
            return _again(house.refund_once, lambda: [late.pk] if late.refund_id else [])
        case "rebuy_quote":
            house.rebuy_quote()
            house.rebuy()
            return []
        case _:
            return _again(house.rebuy_once, _orders_of(house, "rebuy"))


def _orders_of(house: House, name: str) -> "Callable[[], list[object]]":
    return lambda: list(Order.objects.filter(quote_id=house.quote_id(name)).values_list("pk", flat=True))


def _again(click: Callable[[], Order], done: "Callable[[], list[object]]") -> list[str]:
    """A click that had done its work is refused or answers the same; one that had not does it now."""
    before = done()
    try:
        order = click()
    except Refused as refused:
        return [] if before else [f"the repeated click is refused, and nothing was done: {refused.sentence}"]
    return [] if not before or before == [order.pk] else ["the repeated click did it twice"]


def choose(house: House, scenario: Scenario) -> bool:
    """Whoever finds late money on the order's page decides about it; says whether there was anything to decide."""
    late = Order.objects.filter(user=house.user, status=Status.PAID_LATE).first()
    if scenario.choose is None or late is None or late.refund_id:
        return False
    scenario.choose(house)
    return True


def resolve(house: House, payment: Payment) -> None:
    """Two people find in the statement that the money never moved, and say so."""
    maker, checker = (User.objects.get(email=email) for email in people.TREASURERS)
    with house.later(seconds=_UNTIL_STAFF[-1]):
        request = request_make(
            kind="payment_resolve",
            payload={"payment": str(payment.pk), "paid": False},
            subject=f"payment:{payment.pk}",
            reason="The statement of the day has no such line.",
            by=maker,
            evidence=Evidence("statement.csv", b"Receipt No.,Completion Time\n"),
        )
        approve(request, checker)
        _until_quiet(house, "")


# --- time -----------------------------------------------------------------------------------------


def drain(house: House, scenario: Scenario) -> list[str]:
    """Let time pass and everybody do their work until all has ended or waits before a person. What went wrong."""
    queue.rescued()
    for seconds in _moments(house):
        # Every prompt that there can be has been sent by the time at which prices lapse.
        answers = scenario.answers_at <= seconds <= LAPSED
        with house.later(seconds=seconds):
            wrong = _until_quiet(house, scenario.answer if answers else "")
            if not wrong and choose(house, scenario):
                wrong = _until_quiet(house, "")
        if wrong or _over(house):
            return wrong
        if seconds == LAPSED and not scenario.answer:
            house.advance(PROMPT_SECONDS + 1)  # the prompt runs out; the next stage hears of it
    return ["it never comes to an end, and nobody is told"]


def _moments(house: House) -> Iterator[float]:
    stood_at = house.place.memory.get("clock", 0.0)
    return (seconds for seconds in chain(_STAGES, _UNTIL_STAFF) if seconds >= stood_at)


def _until_quiet(house: House, answer: str) -> list[str]:
    for _ in range(_MOST_ROUNDS):
        moved = bool(answer) and house.answer(answer)
        moved |= house.hear()
        while queue.work_once(queue.every_task()):
            moved = True
        moved |= payments_due() > 0
        moved |= services.orders_expire() > 0
        if not moved:
            return []
    return [f"not quiet after {_MOST_ROUNDS} rounds"]


def _over(house: House) -> bool:
    """Nothing will happen any more unless a person of ours acts."""
    if Order.objects.filter(user=house.user, status=Status.PENDING, side="buy").exists():
        return False
    still_open = Payment.objects.filter(user=house.user).exclude(state__in=FINAL)
    return not still_open.filter(attention=False).exists()
