"""Late orders whose cash something else uses: their waiting ends, and they say what became of the money.

Whoever takes cash of a person holds the customer's lock, and locks these orders before the cash is read: late money
that comes at this moment then brings its order and its cash together, or neither.
"""

import uuid
from collections.abc import Sequence
from decimal import Decimal

from goldwallet.clock import Now
from goldwallet.states import move
from trading.models import MOVES, Order, Status
from trading.selectors import late_covered


def late_claims_lock(user_id: uuid.UUID) -> list[Order]:
    """The person's late orders, locked, oldest first."""
    late = Order.objects.select_for_update(of=("self",)).filter(user_id=user_id, status=Status.PAID_LATE)
    return list(late.select_related("payment", "refund").order_by("created_at", "pk"))


def late_claims_end(claims: Sequence[Order], *, left: Decimal, code: str) -> None:
    """End those that the person's cash does not cover any more when only `left` of it (KES) stays.

    `code` says what used it (`trading.models.USED`). A refund that is under way holds its own money.
    """
    covered = late_covered(claims, cash=left)
    for order in claims:
        if not order.refund_open and order not in covered:
            move(order, Status.REVERSED, moves=MOVES, field="status", finished_at=Now(), failure_code=code)
