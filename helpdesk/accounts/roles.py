"""What a role may do: each may do what those before it may."""

from __future__ import annotations

from helpdesk.errors import Forbidden
from helpdesk.models.values import UserRole

_RANK = {role: rank for rank, role in enumerate(UserRole)}


class RoleTooLow(Forbidden):
    """The user's role does not allow this."""


def is_at_least(role: UserRole, least: UserRole) -> bool:
    """Return whether a role may do what another one may."""
    return _RANK[role] >= _RANK[least]


def require_role(role: UserRole, least: UserRole) -> None:
    """Let a role pass that is at least another one, in the order viewer, agent, lead, admin, operator.

    Raises:
        RoleTooLow: it is below.
    """
    if not is_at_least(role, least):
        raise RoleTooLow(f"This takes the role {least}; yours is {role}.")
