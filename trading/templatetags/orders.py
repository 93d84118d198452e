"""What pages of the layers below show about orders."""

from django import template
from django.db.models import Q

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


@register.simple_tag
def order_of(payment: Payment) -> Order | None:
    """The order that a payment pays, or whose late money it gives back; the first one when it bought again."""
    found = Order.objects.filter(Q(payment=payment) | Q(refund=payment))
    return found.order_by("created_at", "pk").first()
