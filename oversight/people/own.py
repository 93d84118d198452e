"""Nobody acts on themselves at the desk, also not by a second account (faults.md Z07)."""

import uuid

from accounts.models import User
from goldwallet.errors import Refused
from kyc.alike import same_person

OWN = "This is about yourself, or an account of your own. Somebody else does it."


def is_own(me: User, person_id: uuid.UUID | None) -> bool:
    """Whether this is the reader, or somebody whom a phone or an ID links to the reader."""
    return person_id is not None and (me.pk == person_id or same_person(me.pk, person_id))


def refuse_own(me: User, person_id: uuid.UUID | None) -> None:
    """Raises Refused (403)."""
    if is_own(me, person_id):
        raise Refused(OWN, code="own", status=403)
