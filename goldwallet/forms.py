"""Forms as HTML: the framework's own, but for the widgets that every filter has, which are put together in Python.

A list at the desk has up to ten filters. Each is a template of four nested ones, and together they took a third of the
page's time (row 15 of docs/performance.md). What comes out is the same, character for character
(`goldwallet/tests/test_forms.py`).
"""

from collections.abc import Mapping
from html import escape
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.safestring import SafeString

_INPUTS = frozenset(
    f"django/forms/widgets/{name}.html" for name in ("text", "number", "email", "date", "datetime", "search")
)
_SELECT = "django/forms/widgets/select.html"
_ERRORS = "django/forms/errors/list/default.html"


class Renderer(DjangoTemplates):
    """`settings.FORM_RENDERER`."""

    def render(
        self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None
    ) -> SafeString:
        if template_name in _INPUTS:
            return SafeString(_input(context["widget"]))
        if template_name == _SELECT:
            return SafeString(_select(context["widget"]))
        if template_name == _ERRORS and not context["errors"]:
            return SafeString("")
        return SafeString(super().render(template_name, context, request))


def _attributes(attrs: Mapping[str, Any]) -> str:
    shown = (
        f" {escape(name)}" if value is True else f' {escape(name)}="{escape(str(value))}"'
        for name, value in attrs.items()
        if value is not False
    )
    return "".join(shown)


def _input(widget: Mapping[str, Any]) -> str:
    value = "" if widget["value"] is None else f' value="{escape(str(widget["value"]))}"'
    return f'<input type="{widget["type"]}" name="{escape(widget["name"])}"{value}{_attributes(widget["attrs"])}>'


def _select(widget: Mapping[str, Any]) -> str:
    options = []
    for group, choices, _ in widget["optgroups"]:
        options += [f'\n  <optgroup label="{escape(str(group))}">'] if group else []
        options += [
            f'\n  <option value="{escape(str(option["value"]))}"{_attributes(option["attrs"])}>'
            f"{escape(str(option['label']))}</option>\n"
            for option in choices
        ]
        options += ["\n  </optgroup>"] if group else []
    return (
        f'<select name="{escape(widget["name"])}"{_attributes(widget["attrs"])}>{"".join(options)}\n</select>'
    )
