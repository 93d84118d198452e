"""The list of orders as a file (`controls.exports`): as the desk's list is filtered."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from accounts.whose import whose_rows
from goldwallet import wording
from goldwallet.paging import all_of, more_than
from trading.forms import OrderFilters
from trading.models import Order

#: Letters of an id.
_SHORT = 8


def orders(filters: dict[str, str], *, sees_people: bool = False) -> Iterator[tuple[Any, ...]]:
    """A row an order, newest first. Raises Refused for filters that make no sense.

    Who may not see people (`sees_people`) gets the beginning of each person's id: the rows of one person still belong
    together, and no address of a customer leaves the house.
    """
    asked = OrderFilters(filters)
    asked.or_refuse()
    rows = asked.rows().select_related("user", "payment")
    # A function, not a generator: what is refused is refused at once and not with the first row.
    return (_row(order, sees_people=sees_people) for order in all_of(rows, by="created_at"))


def orders_exceed(filters: dict[str, str], most: int) -> bool:
    """Whether there are more than so many. Raises as `orders`."""
    asked = OrderFilters(filters)
    asked.or_refuse()
    return more_than(asked.rows(), most)


def orders_person(filters: dict[str, str]) -> UUID | None:
    """Whose they are, when they are asked for by a number of somebody's. Raises as `orders`."""
    asked = OrderFilters(filters)
    asked.or_refuse()
    return asked.person_id(whose_rows(asked.rows()))


def _row(order: Order, *, sees_people: bool) -> tuple[Any, ...]:
    return (
        order.created_at,
        order.reference,
        order.user.email if sees_people else str(order.user_id)[:_SHORT],
        order.get_side_display(),
        order.grams,
        order.price_per_gram,
        order.total_kes,
        wording.state(order.status, "order")[0],
        order.finished_at,
        order.payment.receipt or "",
    )
