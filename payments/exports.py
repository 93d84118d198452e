"""The list of payments as a file (`controls.exports`): as the desk's list is filtered, people's numbers masked."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from accounts.whose import whose_rows
from goldwallet import phones, wording
from goldwallet.paging import all_of, more_than
from payments.forms import FOR, PaymentFilters
from payments.models import Payment


def payments(filters: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """A row a payment, newest first. Raises Refused for filters that make no sense."""
    asked = PaymentFilters(filters)
    asked.or_refuse()
    # A function, not a generator: what is refused is refused at once and not with the first row.
    return (_row(payment) for payment in all_of(asked.rows(), by="created_at"))


def payments_exceed(filters: dict[str, str], most: int) -> bool:
    """Whether there are more than so many. Raises as `payments`."""
    asked = PaymentFilters(filters)
    asked.or_refuse()
    return more_than(asked.rows(), most)


def payments_person(filters: dict[str, str]) -> UUID | None:
    """Whose they are, when they are asked for by a number of somebody's. Raises as `payments`."""
    asked = PaymentFilters(filters)
    asked.or_refuse()
    return asked.person_id(whose_rows(asked.rows()))


def _row(payment: Payment) -> tuple[Any, ...]:
    return (
        payment.created_at,
        payment.reference,
        payment.get_direction_display(),
        FOR.get(payment.purpose, payment.purpose),
        payment.user.email,
        phones.mask(payment.phone),
        payment.amount,
        wording.state(payment.state, "payment")[0],
        payment.ended_at,
        payment.receipt or "",
    )
