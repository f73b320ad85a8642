"""Change teams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid, NotFound
from helpdesk.models.accounts import Team, User


class NoSuchTeam(NotFound):
    """There is no such team."""


class LeadUnknown(Invalid):
    """Whoever leads a team is an active user of the organisation."""


async def change_team(
    session: AsyncSession, *, organization_id: UUID, team_id: UUID, changes: Mapping[str, Any]
) -> Team:
    """Change a team's `name`, its `description`, or who leads it (`lead_id`, None for nobody), as far as given.

    Raises:
        NoSuchTeam
        LeadUnknown: the user is not of the organisation, or not active.
    """
    team = await session.scalar(
        select(Team).where(Team.organization_id == organization_id, Team.id == team_id).with_for_update()
    )
    if team is None:
        raise NoSuchTeam
    if (lead_id := changes.get("lead_id")) is not None:
        await _require_active(session, organization_id=organization_id, user_id=lead_id)
    for name in ("name", "description", "lead_id"):
        if name in changes:
            setattr(team, name, changes[name])
    await session.flush()
    return team


async def _require_active(session: AsyncSession, *, organization_id: UUID, user_id: UUID) -> None:
    found = await session.scalar(
        select(User.id).where(User.organization_id == organization_id, User.id == user_id, User.active)
    )
    if found is None:
        raise LeadUnknown
