"""What staff may do: one group a role (design section 7). Migration 0002_roles makes the groups."""

from enum import StrEnum


class Role(StrEnum):
    PRICING = "pricing"
    VAULT = "vault"
    REVIEWER = "reviewer"
    TREASURY = "treasury"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


# These two see every page of the desk. Seeing is not doing: a change needs a role that the page names.
SEES_ALL = frozenset({Role.AUDITOR, Role.ADMINISTRATOR})
# To these, too, a person's page opens: whoever else reads a list sees whose an order is, and no more of them.
SEES_PEOPLE = (Role.REVIEWER, Role.TREASURY)
