"""Set up promises, change them by new versions, order and archive them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.errors import Conflict, Invalid
from helpdesk.models import sla as tables
from helpdesk.sla.policies.definition import FIELDS, Definition, definition_of, read_definition
from helpdesk.sla.policies.reach import ensure_within_reach
from helpdesk.sla.policies.retargeting import ask_to_retarget
from helpdesk.sla.policies.rows import (
    add_version,
    check_default,
    check_name,
    current_version,
    lock_policies,
    policy_row,
    room_at_the_end,
)


class PolicyArchived(Conflict):
    """The policy is archived; restore it first."""


class InvalidOrder(Invalid):
    """The order does not name each active policy once."""


@dataclass(frozen=True)
class NewPolicy:
    """A policy to be made; `definition` is what `read_definition` reads."""

    name: str
    definition: Mapping[str, Any]
    is_default: bool = False
    note: str | None = None


@dataclass(frozen=True)
class PolicyChanges:
    """What is to change: None leaves name and `is_default`, and `definition` names the fields that change."""

    name: str | None = None
    is_default: bool | None = None
    definition: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None


async def create_policy(
    session: AsyncSession,
    *,
    organization_id: UUID,
    name: str,
    position: int,
    calendar: str | UUID,
    targets: Mapping[str, Any],
    is_default: bool = False,
    **rest: Any,
) -> tables.Policy:
    """Store a policy for the tickets to come; `await_validity` looks after those that are open by then.

    Args:
        calendar: id or name.
        rest: `conditions`, `pause_on`, `thresholds`, `actions`, `valid_from`, `valid_until`, as `read_definition` takes
            them.

    Raises:
        InvalidPolicy, InvalidCondition: a field is wrong; the sentence names it.
        PolicyReferenceUnknown: the organisation has no such calendar, user, team or webhook.
    """
    values = {"calendar": calendar, "targets": targets} | rest
    definition = await read_definition(
        session, organization_id=organization_id, values=values, is_default=is_default, where=name
    )
    policy = tables.Policy(
        id=new_id(), organization_id=organization_id, name=name, position=position, is_default=is_default, active=True
    )
    session.add(policy)
    await session.flush()
    await add_version(session, policy, definition, number=1)
    return policy


async def introduce_policy(
    session: AsyncSession, *, organization_id: UUID, new: NewPolicy, by: UUID | None, now: datetime
) -> UUID:
    """Add a policy at the end of the order, put the open tickets under it that it is meant for, and return its id.

    Raises:
        InvalidPolicy, InvalidCondition, PolicyReferenceUnknown: see `read_definition`.
        CalendarNeverOpen: see `ensure_within_reach`.
        PolicyNameTaken, DefaultPolicyExists, TooManyPolicies.
    """
    await lock_policies(session, organization_id)
    await check_name(session, organization_id, new.name)
    if new.is_default:
        await check_default(session, organization_id)
    position = await room_at_the_end(session, organization_id)
    definition = await read_definition(
        session, organization_id=organization_id, values=new.definition, is_default=new.is_default
    )
    await ensure_within_reach(session, definition, now=now)
    policy = tables.Policy(
        id=new_id(),
        organization_id=organization_id,
        name=new.name,
        position=position,
        is_default=new.is_default,
        active=True,
    )
    session.add(policy)
    await session.flush()
    await add_version(session, policy, definition, number=1, by=by, note=new.note)
    await _put_in_force(session, policy, now=now)
    return policy.id


async def lock_policy(session: AsyncSession, *, organization_id: UUID, policy_id: UUID) -> tables.Policy:
    """Return a policy that nobody else changes until this transaction ends; raise PolicyNotFound."""
    await lock_policies(session, organization_id)
    return await policy_row(session, organization_id=organization_id, policy_id=policy_id)


async def change_policy(
    session: AsyncSession, *, policy: tables.Policy, changes: PolicyChanges, by: UUID | None, now: datetime
) -> None:
    """Change a policy from `lock_policy`: a change of its definition makes a new version, another one does not.

    Raises:
        InvalidPolicy, InvalidCondition, PolicyReferenceUnknown: see `read_definition`.
        CalendarNeverOpen: see `ensure_within_reach`.
        PolicyNameTaken, DefaultPolicyExists, PolicyArchived.
    """
    if not policy.active:
        raise PolicyArchived
    if changes.name is not None and changes.name != policy.name:
        await check_name(session, policy.organization_id, changes.name)
        policy.name = changes.name
    was_default = policy.is_default
    if changes.is_default is not None and changes.is_default != was_default:
        if changes.is_default:
            await check_default(session, policy.organization_id)
        policy.is_default = changes.is_default
    before = definition_of(await current_version(session, policy))
    after = await definition_after(session, policy=policy, changes=changes)
    if after != before:
        await ensure_within_reach(session, after, now=now)
        policy.current_version += 1
        number = policy.current_version
        await add_version(session, policy, after, number=number, by=by, note=changes.note)
    await session.flush()
    if after != before or policy.is_default is not was_default:
        await _put_in_force(session, policy, now=now)


async def definition_after(session: AsyncSession, *, policy: tables.Policy, changes: PolicyChanges) -> Definition:
    """Return what a policy would say after a change; raises as `change_policy` does."""
    before = definition_of(await current_version(session, policy)).columns
    values = {name: before[name] for name in FIELDS if name != "calendar"} | {"calendar": before["calendar_id"]}
    is_default = policy.is_default if changes.is_default is None else changes.is_default
    return await read_definition(
        session,
        organization_id=policy.organization_id,
        values=values | dict(changes.definition),
        is_default=is_default,
    )


async def reorder_policies(session: AsyncSession, *, organization_id: UUID, policy_ids: Sequence[UUID]) -> None:
    """Try the active policies in this order from now on.

    Raises:
        InvalidOrder: the ids are not those of the active policies, each once.
    """
    await lock_policies(session, organization_id)
    policies = await policies_to_order(session, organization_id=organization_id, policy_ids=policy_ids)
    for position, policy_id in enumerate(policy_ids, start=1):
        policies[policy_id].position = position
    await session.flush()
    await ask_to_retarget(session, organization_id=organization_id)


async def policies_to_order(
    session: AsyncSession, *, organization_id: UUID, policy_ids: Sequence[UUID]
) -> dict[UUID, tables.Policy]:
    """Return the active policies by id; raise InvalidOrder unless these are their ids, each once."""
    active = select(tables.Policy).where(tables.Policy.organization_id == organization_id, tables.Policy.active)
    policies = {policy.id: policy for policy in await session.scalars(active)}
    for policy_id in policy_ids:
        if policy_id not in policies:
            raise InvalidOrder(f"There is no active policy {policy_id}.")
    if len(set(policy_ids)) < len(policy_ids):
        raise InvalidOrder("A policy is named twice.")
    if missing := [policy.name for policy in policies.values() if policy.id not in policy_ids]:
        raise InvalidOrder(f"The order leaves out {', '.join(map(repr, sorted(missing)))}.")
    return policies


async def archive_policy(session: AsyncSession, *, policy: tables.Policy) -> None:
    """Take a policy from `lock_policy` out of use; its open tickets fall to the next one whose conditions hold."""
    if policy.active:
        policy.active = False
        await session.flush()
        await ask_to_retarget(session, organization_id=policy.organization_id, policy_id=policy.id)


async def restore_policy(session: AsyncSession, *, policy: tables.Policy, now: datetime) -> None:
    """Take an archived policy from `lock_policy` into use again, at its old place.

    Raises:
        DefaultPolicyExists: it was the default, and another one is now.
        CalendarNeverOpen: its calendar opens too little by now.
        TooManyPolicies.
    """
    if policy.active:
        return
    if policy.is_default:
        await check_default(session, policy.organization_id)
    await room_at_the_end(session, policy.organization_id)
    await ensure_within_reach(session, definition_of(await current_version(session, policy)), now=now)
    policy.active = True
    await session.flush()
    await _put_in_force(session, policy, now=now)


async def await_validity(session: AsyncSession, *, policy: tables.Policy, now: datetime) -> None:
    """Have open tickets looked at when the policy, as it is now, begins and ends to be valid."""
    version = await current_version(session, policy)
    for at in (version.valid_from, version.valid_until):
        if at is not None and at > now:
            await ask_to_retarget(session, organization_id=policy.organization_id, policy_id=policy.id, at=at)


async def _put_in_force(session: AsyncSession, policy: tables.Policy, *, now: datetime) -> None:
    """Have open tickets looked at now, and when the policy begins and ends to be valid."""
    await ask_to_retarget(session, organization_id=policy.organization_id, policy_id=policy.id)
    await await_validity(session, policy=policy, now=now)
