"""What staff may do: one group a role (design section 7). Migration 0002_roles makes the groups."""

from collections.abc import Iterable
from enum import StrEnum

from goldwallet.errors import Refused


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


def roles_named(names: Iterable[object]) -> frozenset[Role]:
    """The roles of these names, as one person may have them together. Raises Refused."""
    asked = list(names)
    if not all(name in list(Role) for name in asked):
        raise Refused("There is no such role.", code="role_unknown")
    roles = frozenset(Role(str(name)) for name in asked)
    if Role.AUDITOR in roles and len(roles) > 1:
        raise Refused("An auditor only reads, so an auditor has no other role.", code="auditor")
    return roles
