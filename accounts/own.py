"""Nobody acts on themselves at the desk, also not by a second account (faults.md Z07)."""

import uuid

from accounts.models import User
from controls.kinds import accounts_of
from goldwallet.errors import Refused

OWN = "This is about yourself, or an account of your own. Somebody else does it."


def own_accounts(user: User) -> frozenset[uuid.UUID]:
    """All accounts of the one who looks. Kept with them, as their roles are: a page needs them in several places."""
    if not hasattr(user, "_accounts"):
        user._accounts = accounts_of(user.pk)  # type: ignore[attr-defined]
    kept: frozenset[uuid.UUID] = user._accounts  # type: ignore[attr-defined]
    return kept


def is_own(me: User, person_id: uuid.UUID | None) -> bool:
    """Whether this is the reader, or somebody whom a phone or an ID links to the reader."""
    return person_id is not None and (me.pk == person_id or person_id in own_accounts(me))


def refuse_own(me: User, person_id: uuid.UUID | None) -> None:
    """Raises Refused (403)."""
    if is_own(me, person_id):
        raise Refused(OWN, code="own", status=403)
