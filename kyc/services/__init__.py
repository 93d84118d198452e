"""Every write about identity."""

from kyc.selectors import case_of
from kyc.services.cases import case_save, case_submit, photo_save
from kyc.services.ending import cases_expire, cases_remind
from kyc.services.openings import REVIEW_REASON, document_open
from kyc.services.reviews import Decision, case_decide
from kyc.services.standing import standing_set
from kyc.services.tiers import tier_change

__all__ = [
    "REVIEW_REASON",
    "Decision",
    "case_decide",
    "case_of",
    "case_save",
    "case_submit",
    "cases_expire",
    "cases_remind",
    "document_open",
    "photo_save",
    "standing_set",
    "tier_change",
]
