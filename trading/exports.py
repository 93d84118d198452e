"""The list of orders as a file (`controls.exports`): as the desk's list is filtered."""

from collections.abc import Iterator
from typing import Any

from goldwallet import wording
from goldwallet.paging import Page, every
from trading.forms import OrderFilters
from trading.models import Order
from trading.selectors import orders_page

#: Read at once: few enough to hold, many enough that a million rows take a thousand questions.
_STEP = 1000


def orders(filters: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """A row an order, newest first. Raises Refused for filters that make no sense."""
    asked = OrderFilters(filters)
    asked.or_refuse()
    rows = asked.rows().select_related("user")

    def page(after: str) -> Page[Order]:
        return orders_page(rows, after=after, limit=_STEP)

    # A function, not a generator: what is refused is refused at once and not with the first row.
    return (_row(order) for order in every(page))


def _row(order: Order) -> tuple[Any, ...]:
    return (
        order.created_at,
        order.reference,
        order.user.email,
        order.get_side_display(),
        order.grams,
        order.price_per_gram,
        order.total_kes,
        wording.state(order.status, "order")[0],
        order.finished_at,
        order.payment.receipt or "",
    )
