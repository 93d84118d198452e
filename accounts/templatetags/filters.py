"""What a list tells of its filters where nobody sees the form: on paper."""

from django import forms, template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.filters import told

register = template.Library()


@register.simple_tag(takes_context=True)
def filters_told(context: Context, form: forms.BaseForm) -> SafeString:
    """A line for paper; nothing for a list that is whole."""
    said = told(form) if context["request"].GET else ""
    return format_html('<p class="only-paper">Only: {}</p>', said) if said else SafeString("")
