"""Read how people want to be told."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import NotFound
from helpdesk.models.accounts import Organization, User
from helpdesk.models.notifications import NotificationPreferences
from helpdesk.notifications.preferences.choices import Preferences, timings_from_json
from helpdesk.notifications.preferences.quiet_hours import QuietHours

_UTC = ZoneInfo("UTC")


class PersonNotFound(NotFound):
    """There is no such user."""


@dataclass(frozen=True)
class Person:
    """Somebody who can be told.

    Attributes:
        timezone: the user's own; None where the organisation's holds.
        zone: the one in which times are shown to them.
        list_name: of the organisation, for mail programs to sort by.
    """

    id: UUID
    email: str
    active: bool
    timezone: str | None
    zone: ZoneInfo
    list_name: str
    preferences: Preferences


async def people(session: AsyncSession, *, organization_id: UUID, user_ids: Collection[UUID]) -> dict[UUID, Person]:
    """Return users with what they have chosen, by id."""
    rows = await session.execute(
        select(User, Organization.timezone, Organization.slug, NotificationPreferences)
        .join(Organization, Organization.id == User.organization_id)
        .outerjoin(NotificationPreferences, NotificationPreferences.user_id == User.id)
        .where(User.organization_id == organization_id, User.id.in_(user_ids))
        .execution_options(populate_existing=True)
    )
    return {user.id: _person(user, zone, slug, chosen) for user, zone, slug, chosen in rows}


async def person(session: AsyncSession, *, organization_id: UUID, user_id: UUID) -> Person:
    """Return one user with what they have chosen.

    Raises:
        PersonNotFound: the organisation has no such user.
    """
    found = await people(session, organization_id=organization_id, user_ids=[user_id])
    if user_id not in found:
        raise PersonNotFound
    return found[user_id]


def _person(user: User, organization_zone: str, slug: str, chosen: NotificationPreferences | None) -> Person:
    return Person(
        id=user.id,
        email=user.email,
        active=user.active,
        timezone=user.timezone,
        zone=_zone(user.timezone or organization_zone),
        list_name=slug,
        preferences=Preferences() if chosen is None else _preferences(chosen),
    )


def _preferences(row: NotificationPreferences) -> Preferences:
    return Preferences(
        timings=timings_from_json(row.timings),
        quiet_hours=QuietHours.from_json(row.quiet_hours),
        urgent_in_quiet_hours=row.urgent_in_quiet_hours,
        digest_minutes=row.digest_minutes,
        version=row.version,
    )


@cache
def _zone(name: str) -> ZoneInfo:
    """Return a zone; for a name that this machine does not know, UTC, so that nobody goes untold for it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _UTC
