"""Find and make the rows that commands on policies work with."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Conflict
from helpdesk.models import sla as tables
from helpdesk.sla.policies.definition import Definition
from helpdesk.sla.policies.queries import PolicyNotFound

# Each is looked at whenever a ticket is opened.
MOST_POLICIES: Final = 200

# One writer at a time in an organisation: names, order and the one default are then as they were read.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('atum policies ' || CAST(:organization_id AS text), 0))")


class PolicyNameTaken(Conflict):
    """There is another policy with this name."""


class DefaultPolicyExists(Conflict):
    """Another policy is the default already."""


class TooManyPolicies(Conflict):
    """There are as many policies as one organisation can have."""


async def policy_row(session: AsyncSession, *, organization_id: UUID, policy_id: UUID) -> tables.Policy:
    """Return a policy; raise PolicyNotFound."""
    policy = await session.scalar(
        select(tables.Policy).where(tables.Policy.id == policy_id, tables.Policy.organization_id == organization_id)
    )
    if policy is None:
        raise PolicyNotFound
    return policy


async def current_version(session: AsyncSession, policy: tables.Policy) -> tables.PolicyVersion:
    """Return the row of a policy's current version."""
    found = await session.scalars(
        select(tables.PolicyVersion).where(
            tables.PolicyVersion.policy_id == policy.id, tables.PolicyVersion.number == policy.current_version
        )
    )
    return found.one()


async def lock_policies(session: AsyncSession, organization_id: UUID) -> None:
    """Let nobody else change the organisation's policies until this transaction ends."""
    await session.execute(_LOCK, {"organization_id": str(organization_id)})


async def add_version(
    session: AsyncSession,
    policy: tables.Policy,
    definition: Definition,
    *,
    number: int,
    by: UUID | None = None,
    note: str | None = None,
) -> None:
    """Store what a policy says under the number of a version."""
    session.add(
        tables.PolicyVersion(
            organization_id=policy.organization_id,
            policy_id=policy.id,
            number=number,
            created_by=by,
            note=note,
            **definition.columns,
        )
    )
    await session.flush()


async def check_name(session: AsyncSession, organization_id: UUID, name: str) -> None:
    """Refuse a name that another policy has, an archived one included; raise PolicyNameTaken."""
    named = select(tables.Policy.active).where(
        tables.Policy.organization_id == organization_id, tables.Policy.name == name
    )
    active = await session.scalar(named)
    if active is not None:
        raise PolicyNameTaken(f"There is already {'a' if active else 'an archived'} policy {name!r}.")


async def check_default(session: AsyncSession, organization_id: UUID) -> None:
    """Refuse a second default; raise DefaultPolicyExists."""
    default = select(tables.Policy.name).where(
        tables.Policy.organization_id == organization_id, tables.Policy.active, tables.Policy.is_default
    )
    name = await session.scalar(default)
    if name is not None:
        raise DefaultPolicyExists(f"{name!r} is the default; archive it or take that from it first.")


async def room_at_the_end(session: AsyncSession, organization_id: UUID) -> int:
    """Return the position of one more policy; raise TooManyPolicies."""
    of_organization = tables.Policy.organization_id == organization_id
    count = await session.scalar(select(func.count()).where(of_organization, tables.Policy.active))
    if (count or 0) >= MOST_POLICIES:
        raise TooManyPolicies(f"There are {MOST_POLICIES} policies already.")
    last: int | None = await session.scalar(select(func.max(tables.Policy.position)).where(of_organization))
    return (last or 0) + 1
