"""How a user wants to be told: their own choice only."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.dependencies import CurrentUser, Now, ReadSession, Transaction, needs
from api.preconditions import ExpectedVersion, check_version, entity_tag
from api.schemas.notification_preferences import NewPreferences, PreferencesChanges, PreferencesView
from helpdesk.accounts.queries import SignedIn
from helpdesk.models.values import UserRole
from helpdesk.notifications.preferences.commands import lock_person, set_preferences
from helpdesk.notifications.preferences.queries import person

router = APIRouter(prefix="/notifications/preferences", tags=["notifications"])


@router.get("", summary="Read how I am told")
async def read_preferences(response: Response, session: ReadSession, user: CurrentUser) -> PreferencesView:
    """Read of what the user is told, by which channel and when; whoever has not chosen sees the usual."""
    return await _view(session, response, user)


@router.put("", summary="Choose how I am told", dependencies=[needs(UserRole.VIEWER)])
async def replace_preferences(
    *,
    new: NewPreferences,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    now: Now,
) -> PreferencesView:
    """Choose all anew; what is left out is as usual. `If-Match` guards against a change in between."""
    before = await lock_person(session, organization_id=user.organization_id, user_id=user.id)
    check_version(before.preferences.version, expected)
    await set_preferences(
        session,
        organization_id=user.organization_id,
        user_id=user.id,
        preferences=new.chosen(),
        timezone=new.timezone,
        now=now,
    )
    return await _view(session, response, user)


@router.patch("", summary="Change how I am told", dependencies=[needs(UserRole.VIEWER)])
async def change_preferences(
    *,
    changes: PreferencesChanges,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    now: Now,
) -> PreferencesView:
    """Change what is given and leave the rest. `If-Match` guards against a change in between."""
    before = await lock_person(session, organization_id=user.organization_id, user_id=user.id)
    check_version(before.preferences.version, expected)
    preferences, timezone = changes.applied_to(before)
    await set_preferences(
        session,
        organization_id=user.organization_id,
        user_id=user.id,
        preferences=preferences,
        timezone=timezone,
        now=now,
    )
    return await _view(session, response, user)


async def _view(session: ReadSession, response: Response, user: SignedIn) -> PreferencesView:
    found = await person(session, organization_id=user.organization_id, user_id=user.id)
    response.headers["ETag"] = entity_tag(found.preferences.version)
    return PreferencesView.of(found)
