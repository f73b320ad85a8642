"""Find people, teams, categories and customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts.tokens import Token, TokenRefused
from helpdesk.database.base import Tenant
from helpdesk.errors import NotFound
from helpdesk.models.accounts import Category, Company, Contact, Organization, Team, User
from helpdesk.models.values import UserRole

Row = TypeVar("Row", bound=Tenant)

# One round trip before every request: find the user, note the use at most once a minute, read the database's clock
# and, for a reader, keep the rest of the transaction from writing. SKIP LOCKED: requests of one token never wait.
_USER_OF_TOKEN = text("""
    WITH token AS (
        SELECT t.id AS token_id, t.last_used_at, u.id, u.email, u.name, u.role
          FROM api_tokens t JOIN users u ON u.id = t.user_id AND u.organization_id = t.organization_id
         WHERE t.organization_id = :organization_id AND t.secret_hash = :secret_hash
           AND (t.expires_at IS NULL OR t.expires_at > now()) AND u.active
    ), used AS (
        UPDATE api_tokens SET last_used_at = now()
         WHERE id = (SELECT t.id FROM api_tokens t JOIN token ON token.token_id = t.id
                      WHERE t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute'
                        FOR UPDATE OF t SKIP LOCKED)
    )
    SELECT token_id, id, email, name, role, now() AS now,
           set_config('transaction_read_only', CASE WHEN :read_only THEN 'on' ELSE 'off' END, true)
      FROM token
""")


class UserNotFound(NotFound):
    """There is no such user."""


class ContactNotFound(NotFound):
    """There is no such contact."""


@dataclass(frozen=True)
class SignedIn:
    """Who is asking.

    Attributes:
        token_id: the token they came with.
        now: the database's clock at the start of the transaction (UTC).
    """

    id: UUID
    organization_id: UUID
    email: str
    name: str
    role: UserRole
    token_id: UUID
    now: datetime


async def user_of_token(session: AsyncSession, *, token: Token, read_only: bool = False) -> SignedIn:
    """Return the user a token stands for; with `read_only` the transaction writes nothing from here on.

    Raises:
        TokenRefused: there is no such token, it has expired, or its user is not active.
    """
    found = await session.execute(
        _USER_OF_TOKEN,
        {"organization_id": token.organization_id, "secret_hash": token.secret_hash, "read_only": read_only},
    )
    row = found.one_or_none()
    if row is None:
        raise TokenRefused
    return SignedIn(
        id=row.id,
        organization_id=token.organization_id,
        email=row.email,
        name=row.name,
        role=UserRole(row.role),
        token_id=row.token_id,
        now=row.now,
    )


async def organization_of_slug(session: AsyncSession, *, slug: str | None) -> Organization | None:
    """Return the organisation of a slug; without one, the only organisation there is."""
    query = select(Organization).limit(2)
    if slug is not None:
        query = query.where(Organization.slug == slug)
    found = (await session.scalars(query)).all()
    return found[0] if len(found) == 1 else None


async def any_organization(session: AsyncSession) -> bool:
    """Return whether there is an organisation at all."""
    return (await session.scalar(select(Organization.id).limit(1))) is not None


async def organization_by_id(session: AsyncSession, *, organization_id: UUID) -> Organization:
    """Return the organisation of the transaction's scope."""
    return (await session.scalars(select(Organization).where(Organization.id == organization_id))).one()


async def user_by_email(session: AsyncSession, *, organization_id: UUID, email: str) -> User | None:
    """Return the user with an e-mail address, in any spelling of case."""
    query = select(User).where(User.organization_id == organization_id, func.lower(User.email) == email.lower())
    return (await session.scalars(query)).one_or_none()


async def user_by_id(session: AsyncSession, *, organization_id: UUID, user_id: UUID) -> User:
    """Return a user.

    Raises:
        UserNotFound: there is none with this id.
    """
    user = await session.scalar(select(User).where(User.organization_id == organization_id, User.id == user_id))
    if user is None:
        raise UserNotFound
    return user


async def list_users(
    session: AsyncSession, *, organization_id: UUID, after: UUID | None = None, limit: int = 50
) -> Sequence[User]:
    """Return users in the order they were made, those after an id."""
    return await _page(session, User, organization_id=organization_id, after=after, limit=limit)


async def list_teams(
    session: AsyncSession, *, organization_id: UUID, after: UUID | None = None, limit: int = 50
) -> Sequence[Team]:
    """Return teams in the order they were made, those after an id."""
    return await _page(session, Team, organization_id=organization_id, after=after, limit=limit)


async def list_categories(
    session: AsyncSession, *, organization_id: UUID, after: UUID | None = None, limit: int = 50
) -> Sequence[Category]:
    """Return categories in the order they were made, those after an id."""
    return await _page(session, Category, organization_id=organization_id, after=after, limit=limit)


async def list_companies(
    session: AsyncSession, *, organization_id: UUID, after: UUID | None = None, limit: int = 50
) -> Sequence[Company]:
    """Return companies in the order they were made, those after an id."""
    return await _page(session, Company, organization_id=organization_id, after=after, limit=limit)


async def list_contacts(
    session: AsyncSession,
    *,
    organization_id: UUID,
    email: str | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[Contact]:
    """Return contacts in the order they were made, those after an id; or the one with an e-mail address."""
    only = [] if email is None else [func.lower(Contact.email) == email.lower()]
    return await _page(session, Contact, *only, organization_id=organization_id, after=after, limit=limit)


async def contact_by_id(session: AsyncSession, *, organization_id: UUID, contact_id: UUID) -> Contact:
    """Return a contact.

    Raises:
        ContactNotFound: there is none with this id.
    """
    found = await session.scalar(
        select(Contact).where(Contact.organization_id == organization_id, Contact.id == contact_id)
    )
    if found is None:
        raise ContactNotFound
    return found


async def _page(
    session: AsyncSession, model: type[Row], *only: Any, organization_id: UUID, after: UUID | None, limit: int
) -> Sequence[Row]:
    query = select(model).where(model.organization_id == organization_id, *only).order_by(model.id).limit(limit)
    if after is not None:
        query = query.where(model.id > after)
    return (await session.scalars(query)).all()
