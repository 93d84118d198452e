"""What the runs begin with: a small house, and a person of their own for each, so that no run knows of another."""

import uuid
from decimal import Decimal

from accounts.models import KycStatus, User
from accounts.roles import Role
from controls.models import Threshold
from controls.selectors import thresholds_forget
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import world_create
from ledger import chart
from ledger.services import Transfer, post
from payments.models import RailToken
from payments.rails.daraja import token
from pools.models import Pool
from pools.services import Share, allocations_create, allocations_settle
from trading.models import Side
from trials.killsweep.house import OWNED
from trials.killsweep.scenarios import Scenario

#: One asks, the other decides.
TREASURERS = ("treasury@example.com", "treasury2@example.com")


def world() -> None:
    """The tests' small house with two treasurers. Here an hour has more payouts than any real one."""
    house = world_create()
    for email in TREASURERS:
        house.staff(Role.TREASURY, email=email)
    Threshold.objects.create(name="payouts_hour_count", value=100_000, changed_by=house.vault)


def people_make(side: str, first: int, count: int) -> list[str]:
    """Verified people with phones of their own; for sales each owns grams. Their ids, in order."""
    people = []
    for number in range(first, first + count):
        name = f"sweep{number}"
        person = User(username=name, email=f"{name}@example.com", password="!", kyc_status=KycStatus.VERIFIED)
        person.phone = f"2547{number:08d}"
        people.append(person)
    User.objects.bulk_create(people)
    if side == Side.SELL:
        pool_id = Pool.objects.order_by("priority").values_list("pk", flat=True)[0]
        for person in people:
            gold_give(person.pk, pool_id, OWNED)
    return [str(person.pk) for person in people]


def gold_give(user_id: uuid.UUID, pool_id: uuid.UUID, grams: Decimal) -> None:
    """Grams that cost nothing, as an adjustment books them: the provider's books know nothing of them."""
    order_id = uuid.uuid4()
    allocations_create(user_id=user_id, order_id=order_id, shares=[Share(pool_id, grams)])
    allocations_settle(order_id=order_id)
    transfer = Transfer(chart.pool_available(pool_id), chart.user_gold(user_id), grams)
    post(key=f"sweep:{order_id}", kind="adjustment", transfers=[transfer], actor="", memo="")


def settled(scenario: Scenario) -> None:
    """The same start for each run: the clock right, and a token there, or not."""
    with shift_clock():
        if scenario.without_token:
            RailToken.objects.all().delete()
        else:
            token.bearer()
    thresholds_forget()
