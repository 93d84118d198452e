"""A person's standing is what their cases say. One function computes it, in the transaction that changes a case."""

import uuid

from accounts.models import KycStatus
from accounts.services import person_identity_set
from kyc.models import Case, CaseState

# What counts first. A renewal that is looked at, or sent back, takes nothing from an identity that still holds.
_COUNTS = (
    (CaseState.APPROVED, KycStatus.VERIFIED),
    (CaseState.SUBMITTED, KycStatus.PENDING),
    (CaseState.REJECTED, KycStatus.REJECTED),
    (CaseState.EXPIRED, KycStatus.EXPIRED),
)


def standing_set(*, user_id: uuid.UUID) -> None:
    """Bring `User.kyc_status` in step with the cases; call it under the person's lock."""
    states = set(Case.objects.filter(user_id=user_id).values_list("state", flat=True))
    found = [status for state, status in _COUNTS if state in states]
    person_identity_set(user_id=user_id, kyc_status=found[0] if found else KycStatus.UNVERIFIED)
