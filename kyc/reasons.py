"""Why somebody looks at the photos of a case, as they said it themselves, on the way from page to page.

A reason travels in the address of a page and of its photos, so that a reload and the button Back work. It stands there
sealed for one session and one case, and only a form that the reader sent makes one. So a link that somebody else has
made, also one that is followed after signing in, says nothing for its reader; and what was written about a person
stands in no history of a browser and in no proxy's log.
"""

import uuid

from goldwallet.sealing import SealBroken, seal, unseal


def reason_sealed(words: str, *, session: str, case_id: uuid.UUID) -> str:
    """`words` as this session may carry them to the photos of this case."""
    return seal(words, **_place(session, case_id))


def reason_said(sealed: str, *, session: str, case_id: uuid.UUID) -> str:
    """The words, or nothing for whatever this session did not say about this case."""
    try:
        return unseal(sealed, **_place(session, case_id))
    except SealBroken:
        return ""


def _place(session: str, case_id: uuid.UUID) -> dict[str, str]:
    return {"table": "kyc_opening", "row": f"{session}:{case_id}", "field": "reason"}
