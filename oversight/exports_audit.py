"""The audit trail as a file (`controls.exports`)."""

import json
from collections.abc import Iterator
from typing import Any

from controls.audit import ACTIONS
from goldwallet.paging import every
from oversight.audit import filters_read

_STEP = 1000


def entries(filters: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """Every line that the filters of the page find, newest first. Raises Refused for what the page would refuse."""
    form = filters_read(filters)
    return _rows(form)


def entries_exceed(filters: dict[str, str], most: int) -> bool:
    return filters_read(filters).exceeds(most)


def _rows(form: Any) -> Iterator[tuple[Any, ...]]:
    for entry in every(lambda after: form.lines(after=after, limit=_STEP)):
        yield (
            entry.pk,
            entry.at,
            entry.actor.email if entry.actor else "the system",
            entry.address or "",
            ACTIONS.get(entry.action, entry.action),
            entry.page,
            entry.subject,
            entry.about,
            entry.person.email if entry.person else "",
            _json(entry.before),
            _json(entry.after),
            entry.reason,
        )


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
