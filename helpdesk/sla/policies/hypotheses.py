"""What the order of policies would be after a change that nobody has made yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models import sla as tables
from helpdesk.sla.clocks.ledger import calendar_of, policy_key
from helpdesk.sla.policies.commands import NewPolicy, PolicyChanges, definition_after, policies_to_order
from helpdesk.sla.policies.definition import Definition, definition_of, read_definition
from helpdesk.sla.policies.rows import policy_row
from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.candidates import Candidate
from helpdesk.sla.rules.conditions import Conditions
from helpdesk.sla.rules.policy import Policy

# No stored version has such a name.
_UNSAVED = "unsaved"


@dataclass(frozen=True)
class Hypothesis:
    """Everything that would decide about promises.

    Attributes:
        candidates: in the order they would be tried.
        policies, names: by the candidates' keys.
        calendars: by the name that a policy gives to its own.
    """

    candidates: Sequence[Candidate]
    policies: Mapping[str, Policy]
    calendars: Mapping[str, Calendar]
    names: Mapping[str, str]


@dataclass(frozen=True)
class _Entry:
    """An active policy: what it says and the calendar version it would run on, None for the unsaved one."""

    policy_id: UUID | None
    name: str
    is_default: bool
    definition: Definition
    version_id: UUID | None
    hours_id: UUID | None

    @property
    def key(self) -> str:
        if self.version_id is None or self.hours_id is None:
            return f"{self.version_id or _UNSAVED}:{self.hours_id or _UNSAVED}"
        return policy_key(self.version_id, self.hours_id)


async def if_policy_came(session: AsyncSession, *, organization_id: UUID, new: NewPolicy, now: datetime) -> Hypothesis:
    """Suppose that a policy was added at the end of the order; a new default takes the place of the present one.

    Raises:
        InvalidPolicy, InvalidCondition, PolicyReferenceUnknown: see `read_definition`.
    """
    definition = await read_definition(
        session, organization_id=organization_id, values=new.definition, is_default=new.is_default
    )
    entries = [entry for entry in await _entries(session, organization_id) if not (new.is_default and entry.is_default)]
    hours_id = await _hours(session, definition.calendar_id)
    added = _Entry(None, new.name, new.is_default, definition, None, hours_id)
    return await _hypothesis(session, [*entries, added], now=now)


async def if_policy_changed(
    session: AsyncSession, *, organization_id: UUID, policy_id: UUID, changes: PolicyChanges, now: datetime
) -> Hypothesis:
    """Suppose that a policy was changed, an archived one also restored.

    Raises:
        PolicyNotFound.
        InvalidPolicy, InvalidCondition, PolicyReferenceUnknown: see `read_definition`.
    """
    policy = await policy_row(session, organization_id=organization_id, policy_id=policy_id)
    definition = await definition_after(session, policy=policy, changes=changes)
    changed = _Entry(
        policy_id=policy.id,
        # Another name alone changes nothing for a ticket.
        name=policy.name,
        is_default=policy.is_default if changes.is_default is None else changes.is_default,
        definition=definition,
        version_id=None,
        hours_id=await _hours(session, definition.calendar_id),
    )
    entries = await _entries(session, organization_id, even=policy_id)
    return await _hypothesis(
        session, [changed if entry.policy_id == policy_id else entry for entry in entries], now=now
    )


async def if_policies_stood(
    session: AsyncSession, *, organization_id: UUID, policy_ids: Sequence[UUID], now: datetime
) -> Hypothesis:
    """Suppose that the active policies were tried in this order; raise InvalidOrder as `reorder_policies` does."""
    await policies_to_order(session, organization_id=organization_id, policy_ids=policy_ids)
    entries = {entry.policy_id: entry for entry in await _entries(session, organization_id)}
    return await _hypothesis(session, [entries[policy_id] for policy_id in policy_ids], now=now)


async def if_policy_went(session: AsyncSession, *, organization_id: UUID, policy_id: UUID, now: datetime) -> Hypothesis:
    """Suppose that a policy was archived; raise PolicyNotFound."""
    await policy_row(session, organization_id=organization_id, policy_id=policy_id)
    entries = await _entries(session, organization_id)
    return await _hypothesis(session, [entry for entry in entries if entry.policy_id != policy_id], now=now)


async def if_calendar_changed(
    session: AsyncSession, *, organization_id: UUID, calendar_id: UUID, calendar: Calendar, now: datetime
) -> Hypothesis:
    """Suppose that a calendar had other hours."""
    entries = [
        replace(entry, hours_id=None) if entry.definition.calendar_id == calendar_id else entry
        for entry in await _entries(session, organization_id)
    ]
    return await _hypothesis(session, entries, now=now, unsaved=calendar)


async def _hypothesis(
    session: AsyncSession, entries: Sequence[_Entry], *, now: datetime, unsaved: Calendar | None = None
) -> Hypothesis:
    in_force = [entry for entry in entries if entry.definition.validity.holds(now)]
    calendars = {
        str(hours_id): (await calendar_of(session, hours_id))[0]
        for hours_id in {entry.hours_id for entry in in_force if entry.hours_id is not None}
    }
    return Hypothesis(
        candidates=[
            Candidate(entry.key, Conditions.from_json(entry.definition.conditions), entry.is_default)
            for entry in in_force
        ],
        policies={
            entry.key: entry.definition.policy.model_copy(update={"calendar": str(entry.hours_id or _UNSAVED)})
            for entry in in_force
        },
        calendars=calendars if unsaved is None else calendars | {_UNSAVED: unsaved},
        names={entry.key: entry.name for entry in in_force},
    )


async def _entries(session: AsyncSession, organization_id: UUID, *, even: UUID | None = None) -> list[_Entry]:
    """Return the active policies in order, and one more in its place even where it is archived."""
    rows = await session.execute(
        select(tables.Policy, tables.PolicyVersion, tables.CalendarVersion.id)
        .join(
            tables.PolicyVersion,
            (tables.PolicyVersion.policy_id == tables.Policy.id)
            & (tables.PolicyVersion.number == tables.Policy.current_version),
        )
        .join(tables.Calendar, tables.Calendar.id == tables.PolicyVersion.calendar_id)
        .join(
            tables.CalendarVersion,
            (tables.CalendarVersion.calendar_id == tables.Calendar.id)
            & (tables.CalendarVersion.number == tables.Calendar.current_version),
        )
        .where(tables.Policy.organization_id == organization_id, tables.Policy.active | (tables.Policy.id == even))
        .order_by(tables.Policy.position, tables.Policy.id)
    )
    return [
        _Entry(policy.id, policy.name, policy.is_default, definition_of(version), version.id, hours_id)
        for policy, version, hours_id in rows
    ]


async def _hours(session: AsyncSession, calendar_id: UUID) -> UUID:
    """Return the id of a calendar's current version."""
    found = await session.scalars(
        select(tables.CalendarVersion.id)
        .join(tables.Calendar, tables.Calendar.id == tables.CalendarVersion.calendar_id)
        .where(tables.Calendar.id == calendar_id, tables.CalendarVersion.number == tables.Calendar.current_version)
    )
    return found.one()
