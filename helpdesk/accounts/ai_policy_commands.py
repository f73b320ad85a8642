"""Change what an organisation lets the models do, and keep who changed it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts.ai_policy_queries import policy_version
from helpdesk.errors import Invalid
from helpdesk.models.accounts import Category, Organization, Team
from helpdesk.models.ai import AiPolicyVersion
from helpdesk.models.ai_policy import AiPolicy, TriagePolicy
from helpdesk.models.values import TicketPriority, TicketType

_CLOSED: Mapping[str, Collection[str]] = {
    "priority": [str(level) for level in TicketPriority],
    "type": [str(kind) for kind in TicketType],
    "sentiment": ["negative", "neutral", "positive"],
    # Those that triage can tell apart.
    "language": ["de", "en", "es", "fr", "it", "nl"],
}


class InvalidAiPolicy(Invalid):
    """The policy names something that there is not, or that cannot be chosen."""


async def lock_policy_version(session: AsyncSession, *, organization_id: UUID) -> int:
    """Keep others from changing the policy until the transaction ends; return the version it is at."""
    await session.execute(select(Organization.id).where(Organization.id == organization_id).with_for_update())
    return await policy_version(session, organization_id=organization_id)


async def change_ai_policy(
    session: AsyncSession, *, organization_id: UUID, patch: Mapping[str, Any], by: UUID | None, now: datetime
) -> AiPolicy:
    """Apply a merge patch (RFC 7396) to the policy and return it; one that changes nothing makes no version.

    Args:
        patch: what is to change; None for a name means its usual value again.
        by: the user who changes it.

    Raises:
        InvalidAiPolicy: the outcome has a name or a value that is not acceptable; nothing is changed.
    """
    number = await lock_policy_version(session, organization_id=organization_id)
    organization = (await session.scalars(select(Organization).where(Organization.id == organization_id))).one()
    merged = merge_patch(organization.ai_policy, patch)
    policy = _read(merged)
    await _check_labels(session, policy.triage, patch, organization_id=organization_id)
    kept = policy.model_dump(mode="json", exclude_unset=True)
    if kept == organization.ai_policy:
        return policy
    organization.ai_policy = kept
    session.add(
        AiPolicyVersion(
            organization_id=organization_id,
            number=number + 1,
            policy=kept,
            changed=dict(patch),
            made_by=by,
            created_at=now,
        )
    )
    await session.flush()
    return policy


def merge_patch(target: Any, patch: Any) -> Any:
    """Return the target with a JSON merge patch applied (RFC 7396, section 2)."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def _read(merged: Any) -> AiPolicy:
    try:
        return AiPolicy.model_validate(merged)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"] if step != "[key]")
        raise InvalidAiPolicy(f"{where}: {first['msg']}") from error


async def _check_labels(
    session: AsyncSession, policy: TriagePolicy, patch: Mapping[str, Any], *, organization_id: UUID
) -> None:
    """Refuse modes for values there are not; what stood there before, of a category since gone, may stay."""
    given = patch.get("triage") or {}
    fields = given.get("fields") or {} if isinstance(given, Mapping) else {}
    for name, change in fields.items() if isinstance(fields, Mapping) else ():
        values = change.get("values") or {} if isinstance(change, Mapping) else {}
        named = {value for value, mode in values.items() if mode is not None}
        if not named:
            continue
        known = await _known(session, policy, name, organization_id=organization_id)
        if known is not None and (unknown := sorted(named - set(known))):
            there_are = ", ".join(sorted(known)) or "none"
            raise InvalidAiPolicy(
                f"triage.fields.{name}.values: there is no {name} “{unknown[0]}”; there are: {there_are}."
            )


async def _known(
    session: AsyncSession, policy: TriagePolicy, field: str, *, organization_id: UUID
) -> Collection[str] | None:
    """Return the values of a field, None where any may come up."""
    if field in {"category", "team"}:
        table = Category if field == "category" else Team
        return (await session.scalars(select(table.slug).where(table.organization_id == organization_id))).all()
    matrix = policy.priority_matrix
    if field in {"impact", "urgency"}:
        return list(matrix) if field == "impact" else [level for row in matrix.values() for level in row]
    return _CLOSED.get(field)
