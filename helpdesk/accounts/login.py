"""Sign in with a password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from helpdesk.accounts.commands import IssuedToken, issue_token
from helpdesk.accounts.passwords import hash_password, is_outdated, verify_password
from helpdesk.accounts.queries import organization_of_slug, user_by_email, user_by_id
from helpdesk.database.engine import Database
from helpdesk.errors import Unauthenticated
from helpdesk.models.accounts import User

SESSION_LIFETIME = timedelta(hours=12)


class WrongLogin(Unauthenticated):
    """Organisation, e-mail address and password do not belong together."""


@dataclass(frozen=True)
class Session:
    """A user who has just signed in, and the token to go on with."""

    user: User
    token: IssuedToken


async def log_in(database: Database, *, organization: str | None, email: str, password: str, now: datetime) -> Session:
    """Check a password and issue a token for 12 hours.

    Hashing takes tens of milliseconds, so no transaction is open meanwhile. An unknown organisation, an unknown
    user and a wrong password take the same time and end in the same error. `organization` is a slug, or None where
    there is only one organisation.

    Raises:
        WrongLogin: they do not belong together, or the user may not sign in.
    """
    user = await _find(database, organization=organization, email=email)
    fits = await verify_password(user.password_hash if user else None, password)
    if user is None or not fits:
        raise WrongLogin
    rehashed = await hash_password(password) if is_outdated(user.password_hash or "") else None
    async with database.transaction(user.organization_id) as session:
        if rehashed is not None:
            current = await user_by_id(session, organization_id=user.organization_id, user_id=user.id)
            current.password_hash = rehashed
        token = await issue_token(
            session,
            organization_id=user.organization_id,
            user_id=user.id,
            name="login",
            now=now,
            lifetime=SESSION_LIFETIME,
        )
    return Session(user, token)


async def _find(database: Database, *, organization: str | None, email: str) -> User | None:
    async with database.transaction(None) as session:
        found = await organization_of_slug(session, slug=organization)
    # An organisation nobody has still costs the look-up of a user.
    organization_id = found.id if found else UUID(int=0)
    async with database.transaction(organization_id) as session:
        user = await user_by_email(session, organization_id=organization_id, email=email)
    return user if user is not None and user.active else None
