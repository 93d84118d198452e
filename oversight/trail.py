"""Lines of the audit trail in words, and the trail in place: on the page of each thing.

Each look at a page is a line, so looks are many and acts are few. In place they stand apart, each newest first, and are
counted apart: else who looked would bury what was done.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import BooleanField, Count, ExpressionWrapper, Q, QuerySet, Window
from django.db.models.expressions import RawSQL
from django.db.models.functions import RowNumber
from django.urls import reverse

from accounts.models import User
from controls.audit import ACTIONS, people_of
from controls.models import AuditEntry, SwitchName
from controls.thresholds import DEFINITIONS
from oversight.naming import subject_url, subject_words

#: What only looks: everything else did something.
LOOKS = frozenset(
    {
        "read",
        "search",
        "export",
        "export_fetch",
        "evidence_open",
        "request_weigh",
        "photo_ask",
        "photo_open",
        "assay_open",
        "callback_open",
    }
)


def page_words(name: str) -> str:
    """`desk_kyc_case` -> "Identity case"; the overview is called `desk`."""
    if name == "desk":
        return "Overview"
    place, *rest = name.removeprefix("desk_").replace(":", ": ").split("_")
    return " ".join([_PLACES.get(place, place), *rest]).capitalize()


#: What the navigation calls a place whose addresses have another word.
_PLACES = {"kyc": "identity", "factor": "lost codes", "money": "money in", "close": "daily close"}


# --- a line ---------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A line as pages show it. `changes`: each value's name, before and after. `thing`: what a request is about."""

    entry: AuditEntry
    did: str
    page: str
    about: str
    url: str
    thing: str
    thing_url: str
    person: str
    person_url: str
    changes: list[tuple[str, str, str]]


def row_of(entry: AuditEntry, reader: User, *, here: Sequence[str] = ()) -> Row:
    """`here`: what the page itself is about; that is not said again in each line of it."""

    def told(subject: str) -> tuple[str, str]:
        return ("", "") if subject in here else (subject_words(subject), subject_url(subject, reader))

    about, url = told(entry.subject)
    thing, thing_url = told(entry.about)
    person, person_url = told(f"person:{entry.person_id}") if entry.person else ("", "")
    return Row(
        entry=entry,
        did=ACTIONS.get(entry.action, entry.action),
        page=page_words(entry.page) if entry.page else "",
        about=about,
        url=url,
        thing=thing,
        thing_url=thing_url,
        person=entry.person.email if entry.person and person else "",
        person_url=person_url,
        changes=_changes(entry),
    )


def _changes(entry: AuditEntry) -> list[tuple[str, str, str]]:
    """Before and after, name by name, in the order in which they were written."""
    before, after = entry.before or {}, entry.after or {}
    names = list(dict.fromkeys([*before, *after]))
    return [(name.replace("_", " "), _shown(before.get(name)), _shown(after.get(name))) for name in names]


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value) or "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


# --- in place -------------------------------------------------------------------------------------

#: Lines of each kind in place; the trail's own page has the others.
IN_PLACE = 10
#: Nobody counts further.
_COUNTED = 100
#: What pages show together.
_ALL = {"threshold:": list(DEFINITIONS), "switch:": SwitchName.values}


class Part(NamedTuple):
    """The newest acts, or the newest looks. `number`: how many there are in all, in words."""

    rows: list[Row]
    number: str
    #: The list of all of them.
    url: str

    @property
    def rest(self) -> bool:
        """Whether there are more than stand here."""
        return self.number != str(len(self.rows))


@dataclass(frozen=True, slots=True)
class Trail:
    """What was done to a thing, and who looked at it. `url`: the list that has every line."""

    acts: Part
    looks: Part
    url: str


def things(text: str) -> list[str]:
    """What is written with blanks between: `threshold:` stands for every threshold, `switch:` for every switch."""
    return [f"{one}{name}" for one in text.split() for name in _ALL.get(one, [""])]


def trail_of(text: str, reader: User) -> Trail:
    """The newest lines about `things(text)`, those of two people and of whoever a person is among them: one question,
    however many lines there are.
    """
    here = things(text)
    found = newest(here)
    url = f"{reverse('desk_audit')}?"

    def part(name: str, *, looked: bool) -> Part:
        lines = [line for line in found if line.looked is looked]
        number = lines[0].number if lines else 0
        return Part(
            rows=[row_of(line, reader, here=here) for line in lines],
            number=str(number) if number <= _COUNTED else f"more than {_COUNTED}",
            url=url + urlencode({"show": name, "subject": text}),
        )

    return Trail(part("acts", looked=False), part("looks", looked=True), url + urlencode({"subject": text}))


def newest(here: list[str]) -> QuerySet[Any]:
    """Lines with `looked`, and the `number` there is of their kind; of each kind the newest, newest first."""
    return (
        AuditEntry.objects.filter(pk__in=_numbers(here))
        .annotate(looked=ExpressionWrapper(Q(action__in=LOOKS), BooleanField()))
        .annotate(
            place=Window(RowNumber(), partition_by="looked", order_by="-pk"),
            number=Window(Count("pk"), partition_by="looked"),
        )
        .filter(place__lte=IN_PLACE)
        .select_related("actor", "person")
        .order_by("-pk")
    )


# Each column from the newest line of each thing, and no further than it must. In this order, and asked for between a
# value and itself, lines are read along the column's index alone. By "=" or by `controls.audit.entries_about` the
# planner may walk through every line there is for what is rare, or read all that was ever said of a thing and sort it.
_COLUMN = """
SELECT line.id FROM unnest(%s::{type}[]) AS thing (name), LATERAL (
    SELECT id FROM controls_auditentry
    WHERE {column} BETWEEN thing.name AND thing.name AND (action = ANY(%s)) = {looked}
    ORDER BY {column}, id DESC LIMIT %s
) AS line"""


def _numbers(here: list[str]) -> RawSQL:
    """The numbers of acts and of looks, of each one more than anybody counts."""
    looks, most = [*LOOKS], _COUNTED + 1
    columns = {"subject": ("text", here), "about": ("text", here), "person_id": ("uuid", people_of(here))}
    kinds: list[str] = []
    asked: list[Any] = []
    for looked in ("false", "true"):
        parts = [_COLUMN.format(column=name, type=kind, looked=looked) for name, (kind, _) in columns.items()]
        kinds.append(f"(SELECT id FROM ({' UNION '.join(parts)}) AS newest ORDER BY id DESC LIMIT %s)")  # noqa: S608 - the parts are constants
        asked += [value for _, names in columns.values() for value in (names, looks, most)] + [most]
    return RawSQL(" UNION ALL ".join(kinds), asked)  # noqa: S611 - what is asked for is a parameter
