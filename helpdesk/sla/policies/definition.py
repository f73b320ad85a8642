"""What one version of a policy says, read, checked and written in one form, so that two can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from pydantic import AwareDatetime, TypeAdapter, ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models import sla as tables
from helpdesk.models.accounts import Team, User
from helpdesk.models.webhooks import WebhookEndpoint
from helpdesk.sla.rules.actions import Actions, CallWebhook, Reassign
from helpdesk.sla.rules.candidates import Validity
from helpdesk.sla.rules.conditions import Conditions
from helpdesk.sla.rules.policy import InvalidPolicy, Policy

FIELDS: Final = (
    "conditions",
    "calendar",
    "targets",
    "pause_on",
    "thresholds",
    "actions",
    "valid_from",
    "valid_until",
)
# Each is computed for each clock.
_MOST_THRESHOLDS: Final = 20
_MOMENT: TypeAdapter[datetime | None] = TypeAdapter(AwareDatetime | None)


class PolicyReferenceUnknown(InvalidPolicy):
    """The policy names somebody or something that the organisation does not have."""


@dataclass(frozen=True)
class Definition:
    """A checked definition, each part in the form that is stored."""

    calendar_id: UUID
    conditions: dict[str, Any]
    targets: dict[str, Any]
    pause_on: dict[str, Any]
    thresholds: list[int]
    actions: dict[str, Any]
    valid_from: datetime | None
    valid_until: datetime | None

    @property
    def columns(self) -> dict[str, Any]:
        """Return the columns of a version."""
        return asdict(self)

    @property
    def policy(self) -> Policy:
        """Return what is promised, on the calendar by its id."""
        parts = {"targets": self.targets, "pause_on": self.pause_on, "thresholds": self.thresholds}
        return Policy.from_json({"calendar": str(self.calendar_id)} | parts)

    @property
    def validity(self) -> Validity:
        """Return when it is in force."""
        return Validity(self.valid_from, self.valid_until)


async def read_definition(
    session: AsyncSession, *, organization_id: UUID, values: Mapping[str, Any], is_default: bool, where: str = "policy"
) -> Definition:
    """Check the fields of a policy: `calendar` (id or name), `targets`, and the others of FIELDS where they are given.

    Raises:
        InvalidPolicy, InvalidCondition: a field is wrong; the sentence names it, under the name given as `where`.
        PolicyReferenceUnknown: there is no such calendar, or an action names what the organisation does not have.
    """
    given = {name: value for name, value in values.items() if value is not None}
    calendar_id = await _calendar_id(session, organization_id, given.get("calendar"), where)
    rules = {name: given[name] for name in ("targets", "pause_on", "thresholds") if name in given}
    policy = Policy.from_json({"calendar": str(calendar_id)} | rules, where=where)
    if len(policy.thresholds) > _MOST_THRESHOLDS:
        raise InvalidPolicy(f"{where}.thresholds: there are at most {_MOST_THRESHOLDS}")
    conditions = Conditions.from_json(given.get("conditions", {}))
    if is_default and not conditions.is_empty:
        raise InvalidPolicy(f"{where}.conditions: the default takes what the others leave, it has no conditions")
    actions = Actions.from_json(given.get("actions", {}), where=f"{where}.actions")
    _check_levels(actions, policy, where)
    await _check_references(session, organization_id, actions)
    definition = Definition(
        calendar_id=calendar_id,
        conditions=conditions.model_dump(mode="json", exclude_defaults=True),
        actions=_plain_actions(actions),
        valid_from=_moment(given, "valid_from", where),
        valid_until=_moment(given, "valid_until", where),
        **_plain_policy(policy),
    )
    if definition.valid_from and definition.valid_until and definition.valid_from >= definition.valid_until:
        raise InvalidPolicy(f"{where}.valid_until: it must be later than valid_from")
    return definition


def definition_of(version: tables.PolicyVersion) -> Definition:
    """Return what a stored version says."""
    policy = Policy.from_json(
        {
            "calendar": str(version.calendar_id),
            "targets": version.targets,
            "pause_on": version.pause_on,
            "thresholds": version.thresholds,
        }
    )
    return Definition(
        calendar_id=version.calendar_id,
        conditions=Conditions.from_json(version.conditions).model_dump(mode="json", exclude_defaults=True),
        actions=_plain_actions(Actions.from_json(version.actions)),
        valid_from=version.valid_from,
        valid_until=version.valid_until,
        **_plain_policy(policy),
    )


def _plain_policy(policy: Policy) -> dict[str, Any]:
    """Write the promises with nothing that says the same in another way: no target of None, statuses in order."""
    targets = {
        priority.value: kept
        for priority, by_metric in sorted(policy.targets.items())
        if (kept := {metric.value: minutes for metric, minutes in sorted(by_metric.items()) if minutes is not None})
    }
    pause_on = {metric.value: sorted(statuses) for metric, statuses in sorted(policy.pause_on.items())}
    return {"targets": targets, "pause_on": pause_on, "thresholds": list(policy.thresholds)}


def _plain_actions(actions: Actions) -> dict[str, Any]:
    return {
        str(level): [action.model_dump(mode="json", exclude_none=True) for action in to_do]
        for level, to_do in sorted(actions.by_level.items())
    }


def _check_levels(actions: Actions, policy: Policy, where: str) -> None:
    for level in actions.by_level:
        if level not in policy.thresholds:
            known = ", ".join(map(str, policy.thresholds)) or "none"
            raise InvalidPolicy(f"{where}.actions.{level}: there is no such threshold; the policy has {known}")


def _moment(given: Mapping[str, Any], name: str, where: str) -> datetime | None:
    try:
        moment = _MOMENT.validate_python(given.get(name))
    except ValidationError as error:
        raise InvalidPolicy(
            f"{where}.{name}: it must be a time with its offset, such as 2026-12-01T00:00:00Z"
        ) from error
    return None if moment is None else moment.astimezone(UTC)


async def _calendar_id(session: AsyncSession, organization_id: UUID, named: object, where: str) -> UUID:
    if not isinstance(named, str | UUID):
        raise InvalidPolicy(f"{where}.calendar: name a calendar, or give its id")
    try:
        by = tables.Calendar.id == UUID(str(named))
    except ValueError:
        by = tables.Calendar.name == named
    found = await session.scalar(
        select(tables.Calendar.id).where(tables.Calendar.organization_id == organization_id, by)
    )
    if found is None:
        raise PolicyReferenceUnknown(f"{where}.calendar: there is no calendar {str(named)!r}")
    return found


async def _check_references(session: AsyncSession, organization_id: UUID, actions: Actions) -> None:
    """Refuse what the organisation does not have; another one's counts as not there."""
    users, teams, endpoints = set(), set(), set()
    for action in (action for to_do in actions.by_level.values() for action in to_do):
        match action:
            case Reassign(user_id=UUID() as user_id):
                users.add(user_id)
            case Reassign(team=str() as team):
                teams.add(team)
            case CallWebhook(endpoint_id=endpoint_id):
                endpoints.add(endpoint_id)
            case _:
                pass
    for what, wanted, known in (
        ("active user", users, select(User.id).where(User.organization_id == organization_id, User.active)),
        ("team", teams, select(Team.slug).where(Team.organization_id == organization_id)),
        ("webhook", endpoints, select(WebhookEndpoint.id).where(WebhookEndpoint.organization_id == organization_id)),
    ):
        if wanted and (missing := wanted - set(await session.scalars(known))):
            raise PolicyReferenceUnknown(f"actions: there is no {what} {min(map(str, missing))!r}")
