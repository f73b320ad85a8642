"""Read what an organisation lets the models do, now and before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.accounts import Organization, User
from helpdesk.models.ai import AiPolicyVersion
from helpdesk.models.ai_policy import AiPolicy


@dataclass(frozen=True)
class PolicyChange:
    """One change of the policy.

    Attributes:
        number: of the version that it made; 1 is the first change ever.
        changed: the merge patch, as it was sent.
        policy: what was kept afterwards; what it does not name is as usual.
        made_by: the name of who changed it; None where that user is gone.
    """

    number: int
    changed: dict[str, Any]
    policy: dict[str, Any]
    made_by: str | None
    created_at: datetime


async def ai_policy_of(session: AsyncSession, *, organization_id: UUID) -> AiPolicy:
    """Return what the organisation of the transaction's scope lets the models do."""
    stored = await session.scalar(select(Organization.ai_policy).where(Organization.id == organization_id))
    return AiPolicy.model_validate(stored or {})


async def policy_version(session: AsyncSession, *, organization_id: UUID) -> int:
    """Return how often the policy has been changed; 0 is the usual one."""
    newest = select(func.max(AiPolicyVersion.number)).where(AiPolicyVersion.organization_id == organization_id)
    return await session.scalar(newest) or 0


async def list_policy_changes(
    session: AsyncSession, *, organization_id: UUID, before: int | None = None, limit: int = 50
) -> Sequence[PolicyChange]:
    """Return the changes, the newest first, those before a version."""
    statement = (
        select(AiPolicyVersion, User.name)
        .outerjoin(User, (User.organization_id == organization_id) & (User.id == AiPolicyVersion.made_by))
        .where(AiPolicyVersion.organization_id == organization_id)
        .order_by(AiPolicyVersion.number.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(AiPolicyVersion.number < before)
    return [
        PolicyChange(row.number, row.changed, row.policy, name, row.created_at)
        for row, name in await session.execute(statement)
    ]
