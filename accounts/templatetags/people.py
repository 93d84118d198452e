"""What pages of all layers show about people."""

import uuid
from html import escape

from django import template
from django.utils.safestring import SafeString

from accounts.models import User
from goldwallet.rows import addresses

register = template.Library()


@register.simple_tag
def person_link(person: User, sees_people: bool, short: bool = False) -> SafeString:
    """Their e-mail address, linked for who may see people; `short`: the word alone, and nothing for who may not."""
    if not short:
        return link_to(person.pk, person.email, linked=sees_people)
    page = f"{addresses('desk_person')}{person.pk}/"
    return SafeString(f'<a class="person" href="{page}">Person</a>' if sees_people else "")


def link_to(person_id: uuid.UUID, email: str, *, linked: bool) -> SafeString:
    """The same for the rows of a list, which read no more than this of a person."""
    told = escape(email)
    if not linked:
        return SafeString(told)
    page = f"{addresses('desk_person')}{person_id}/"
    return SafeString(f'<a class="person" href="{page}" title="{told}">{told}</a>')
