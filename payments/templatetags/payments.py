"""What the desk's pages show about payments."""

from collections.abc import Iterable
from html import escape

from django import template
from django.template import Context
from django.utils.safestring import SafeString

from accounts.templatetags.people import person_link
from goldwallet.rows import addresses
from goldwallet.templatetags.amounts import NOTHING, kes, mask_phone, state, when, words
from payments.models import Payment

register = template.Library()


@register.simple_tag(takes_context=True)
def payment_rows(context: Context, payments: Iterable[Payment]) -> SafeString:
    """The rows of the desk's list of payments (`goldwallet.rows`)."""
    address = addresses("desk_payment")

    def row(payment: Payment) -> str:
        return (
            f"<tr><td>{when(context, payment.created_at)}</td>"
            f'<th scope="row"><a class="code" href="{address}{payment.pk}/">{escape(payment.reference)}</a><br>'
            f'<span class="muted">{escape(words(payment.purpose))}</span></th>'
            f'<td class="free-text">{person_link(payment.user, True)}</td>'
            f'<td class="nowrap">{escape(mask_phone(payment.phone))}</td>'
            f'<td class="num">{kes(payment.amount)} {escape(payment.direction)}</td>'
            f"<td>{state(payment.state, 'payment')}</td>"
            f'<td class="code">{escape(payment.receipt or NOTHING)}</td></tr>'
        )

    return SafeString("".join(map(row, payments)))
