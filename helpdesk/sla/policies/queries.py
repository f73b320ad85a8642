"""Read policies and their versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from helpdesk.errors import NotFound
from helpdesk.models.accounts import User
from helpdesk.models.sla import Calendar, Policy, PolicyVersion
from helpdesk.sla.policies.definition import definition_of


class PolicyNotFound(NotFound):
    """There is no such policy, or it has no such version."""


@dataclass(frozen=True)
class CalendarName:
    """A calendar by id and name."""

    id: UUID
    name: str


@dataclass(frozen=True)
class VersionView:
    """What a policy says, or said at one time.

    Attributes:
        number: 1 for the first version.
        made_by: name of the user who made it, None where the product or nobody known did.
    """

    number: int
    created_at: datetime
    made_by: str | None
    note: str | None
    calendar: CalendarName
    conditions: dict[str, Any]
    targets: dict[str, Any]
    pause_on: dict[str, Any]
    thresholds: list[int]
    actions: dict[str, Any]
    valid_from: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True)
class PolicyView:
    """A policy with its current version."""

    id: UUID
    created_at: datetime
    name: str
    position: int
    is_default: bool
    active: bool
    version: VersionView


async def list_policies(
    session: AsyncSession, *, organization_id: UUID, active: bool | None = True, after: UUID | None = None, limit: int
) -> list[PolicyView]:
    """Return policies in the order they are tried, those after a policy by its id; None lists archived ones, too."""
    statement = _policies(organization_id).order_by(Policy.position, Policy.id).limit(limit)
    if active is not None:
        statement = statement.where(Policy.active == active)
    if after is not None:
        last = aliased(Policy)
        place = select(last.position, last.id).where(last.id == after, last.organization_id == organization_id)
        statement = statement.where(tuple_(Policy.position, Policy.id) > place.scalar_subquery())
    return [_policy_view(row) for row in await session.execute(statement)]


async def get_policy(session: AsyncSession, *, organization_id: UUID, policy_id: UUID) -> PolicyView:
    """Return a policy, archived or not; raise PolicyNotFound."""
    row = (await session.execute(_policies(organization_id).where(Policy.id == policy_id))).one_or_none()
    if row is None:
        raise PolicyNotFound
    return _policy_view(row)


async def list_versions(
    session: AsyncSession, *, organization_id: UUID, policy_id: UUID, before: int | None = None, limit: int
) -> Sequence[VersionView]:
    """Return the versions of a policy, the newest first; raise PolicyNotFound."""
    await get_policy(session, organization_id=organization_id, policy_id=policy_id)
    statement = _versions(organization_id, policy_id).order_by(PolicyVersion.number.desc()).limit(limit)
    if before is not None:
        statement = statement.where(PolicyVersion.number < before)
    return [_version_view(*row) for row in await session.execute(statement)]


async def get_version(session: AsyncSession, *, organization_id: UUID, policy_id: UUID, number: int) -> VersionView:
    """Return one version of a policy; raise PolicyNotFound."""
    statement = _versions(organization_id, policy_id).where(PolicyVersion.number == number)
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise PolicyNotFound
    return _version_view(*row)


def _policies(organization_id: UUID) -> Any:
    return (
        select(Policy, PolicyVersion, Calendar.id, Calendar.name, User.name)
        .join(PolicyVersion, (PolicyVersion.policy_id == Policy.id) & (PolicyVersion.number == Policy.current_version))
        .join(Calendar, Calendar.id == PolicyVersion.calendar_id)
        .outerjoin(User, User.id == PolicyVersion.created_by)
        .where(Policy.organization_id == organization_id)
    )


def _versions(organization_id: UUID, policy_id: UUID) -> Any:
    return (
        select(PolicyVersion, Calendar.id, Calendar.name, User.name)
        .join(Calendar, Calendar.id == PolicyVersion.calendar_id)
        .outerjoin(User, User.id == PolicyVersion.created_by)
        .where(PolicyVersion.organization_id == organization_id, PolicyVersion.policy_id == policy_id)
    )


def _policy_view(row: Sequence[Any]) -> PolicyView:
    policy, version, calendar_id, calendar, made_by = row
    return PolicyView(
        id=policy.id,
        created_at=policy.created_at,
        name=policy.name,
        position=policy.position,
        is_default=policy.is_default,
        active=policy.active,
        version=_version_view(version, calendar_id, calendar, made_by),
    )


def _version_view(version: PolicyVersion, calendar_id: UUID, calendar: str, made_by: str | None) -> VersionView:
    says = definition_of(version)
    return VersionView(
        number=version.number,
        created_at=version.created_at,
        made_by=made_by,
        note=version.note,
        calendar=CalendarName(calendar_id, calendar),
        conditions=says.conditions,
        targets=says.targets,
        pause_on=says.pause_on,
        thresholds=says.thresholds,
        actions=says.actions,
        valid_from=says.valid_from,
        valid_until=says.valid_until,
    )
