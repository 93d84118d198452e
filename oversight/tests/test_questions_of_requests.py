"""The page of a request asks no more than 25 questions, whatever is asked for.

Beside them it tries out what the request would do, by the code that would do it, and takes it back: that is as many
statements as the act has, and is counted by itself (docs/architecture.md, "Two people").
"""

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

#: The longest act there is: closing an account lets go of a person in every table.
TRIED = 45
#: Whose acts are so long that page and act together ask more.
LONG = {
    *("adjust_gold", "cash_payout", "ledger_reverse", "float_move"),
    *("payment_resolve", "payment_reversed", "payout_record"),
    *("roles_set", "factor_reset", "person_close"),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_request_of_any_kind(world: World, kind: str) -> None:
    """For whoever may decide it, with evidence."""
    maker = staff(sorted(KINDS[kind].makers)[0])
    request = asked(kind, BUILDERS[kind](world).payload, by=maker)
    found = look(reader_browser(staff(*ALL_ROLES)), f"/desk/approvals/{request.pk}/")
    assert len(found.questions) <= MOST, found.told
    assert len(found.tried) <= TRIED, found.told
    if kind not in LONG:
        assert len(found.questions) + len(found.tried) <= MOST, found.told
    assert_books()
