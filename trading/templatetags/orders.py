"""What pages of the layers below show about orders."""

from collections.abc import Iterable
from html import escape
from typing import Any

from django import template
from django.db.models import Q
from django.template import Context
from django.utils.safestring import SafeString

from accounts.templatetags.people import link_to
from goldwallet.rows import addresses
from goldwallet.templatetags.amounts import grams, kes, state, when
from payments.models import Payment
from trading.models import Order

register = template.Library()


@register.simple_tag
def orders_of(payment: Payment) -> list[Order]:
    """Every order that a payment pays or whose late money it gives back, oldest first: one that was bought again with
    late money names the payment of the order before.
    """
    found = Order.objects.filter(Q(payment=payment) | Q(refund=payment))
    return list(found.order_by("created_at", "pk")[:10])


@register.simple_tag(takes_context=True)
def order_rows(context: Context, orders: Iterable[Any], sees_people: bool) -> SafeString:
    """The rows of the desk's list of orders (`goldwallet.rows`); each has what `trading.desk.orders` reads."""
    address = addresses("desk_order")

    def row(order: Any) -> str:
        return (
            f"<tr><td>{when(context, order.created_at)}</td>"
            f'<th scope="row"><a class="code" href="{address}{order.pk}/">{escape(order.reference)}</a></th>'
            f'<td class="free-text">{link_to(order.user_id, order.user__email, linked=sees_people)}</td>'
            f'<td>{escape(order.side.capitalize())}</td><td class="num">{grams(order.grams)}</td>'
            f'<td class="num">{kes(order.price_per_gram)}</td><td class="num">{kes(order.total_kes)}</td>'
            f"<td>{state(order.status, 'order')}</td></tr>"
        )

    return SafeString("".join(map(row, orders)))
