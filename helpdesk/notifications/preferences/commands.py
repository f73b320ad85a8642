"""Choose how to be told."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.models.accounts import User
from helpdesk.models.notifications import NotificationPreferences
from helpdesk.notifications.preferences.choices import LEAST_MINUTES, MOST_MINUTES, InvalidPreferences, Preferences
from helpdesk.notifications.preferences.queries import Person, person


class UnknownTimeZone(Invalid):
    """There is no such time zone."""


async def lock_person(session: AsyncSession, *, organization_id: UUID, user_id: UUID) -> Person:
    """Return a user whose choice nobody else changes until this transaction ends; raise PersonNotFound."""
    own = select(User.id).where(User.organization_id == organization_id, User.id == user_id)
    await session.execute(own.with_for_update(key_share=True))
    return await person(session, organization_id=organization_id, user_id=user_id)


async def set_preferences(
    session: AsyncSession,
    *,
    organization_id: UUID,
    user_id: UUID,
    preferences: Preferences,
    timezone: str | None,
    now: datetime,
) -> None:
    """Store how a user wants to be told, in place of what they had chosen before.

    What waits for a digest is looked at anew when that is due.

    Args:
        timezone: the user's zone by its IANA name; None takes the organisation's.

    Raises:
        UnknownTimeZone, InvalidPreferences.
    """
    if timezone is not None and timezone not in available_timezones():
        raise UnknownTimeZone(f"There is no time zone {timezone!r}; one is named like Europe/Vienna.")
    if not LEAST_MINUTES <= preferences.digest_minutes <= MOST_MINUTES:
        raise InvalidPreferences(f"Mails are collected for {LEAST_MINUTES} to {MOST_MINUTES} minutes.")
    await session.execute(
        update(User).where(User.organization_id == organization_id, User.id == user_id).values(timezone=timezone)
    )
    values = _values(preferences) | {"updated_at": now}
    await session.execute(
        insert(NotificationPreferences)
        .values(user_id=user_id, organization_id=organization_id, version=1, **values)
        .on_conflict_do_update(
            index_elements=["user_id"], set_=values | {"version": NotificationPreferences.version + 1}
        )
    )


def _values(preferences: Preferences) -> dict[str, Any]:
    return {
        "timings": preferences.unusual_timings(),
        "quiet_hours": preferences.quiet_hours.to_json(),
        "urgent_in_quiet_hours": preferences.urgent_in_quiet_hours,
        "digest_minutes": preferences.digest_minutes,
    }
