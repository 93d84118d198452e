"""The page of a request asks no more than 25 questions, whatever is asked for, and does nothing of it."""

import re

import pytest

from accounts.tests.people import staff
from controls.kinds import KINDS
from goldwallet.test.books import assert_books
from goldwallet.test.two import asked
from goldwallet.test.world import World
from goldwallet.tests.scene import ALL_ROLES
from oversight.tests.kinds import BUILDERS
from oversight.tests.many import reader_browser
from oversight.tests.shown import MOST, look

pytestmark = pytest.mark.django_db

#: What writes or locks, but for the line of a look and the session's last moment, which any page of the desk has.
_ACTS = re.compile(
    r'\b(UPDATE(?! "accounts_session")|INSERT INTO(?! controls_auditentry)|DELETE|LOCK|ledger_post)\b'
)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_request_of_any_kind(world: World, kind: str) -> None:
    """For whoever may decide it, with evidence."""
    maker = staff(sorted(KINDS[kind].makers)[0])
    request = asked(kind, BUILDERS[kind](world).payload, by=maker)
    found = look(reader_browser(staff(*ALL_ROLES)), f"/desk/approvals/{request.pk}/")
    assert len(found.questions) <= MOST, found.told
    assert [sql for sql in found.questions if _ACTS.search(sql)] == []
    assert_books()
