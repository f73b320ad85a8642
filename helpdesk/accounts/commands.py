"""Make organisations, people, teams and credentials."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import any_, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts.passwords import hash_password
from helpdesk.accounts.tokens import make_token
from helpdesk.database.base import Tenant, new_id
from helpdesk.errors import Conflict, Invalid
from helpdesk.models.accounts import ApiToken, Category, Company, Contact, Organization, Team, TeamMember, User
from helpdesk.models.values import UserRole
from helpdesk.queue.catalog import Recipient

LEAST_PASSWORD_LENGTH = 8

# Those who work here are told by mail, so what the mail job refuses is refused here.
_RECIPIENT: TypeAdapter[str] = TypeAdapter(Recipient)


class AlreadyThere(Conflict):
    """Something with this name or address is there already."""


class AddressUnusable(Invalid):
    """No mail can be sent to the address."""


class PasswordTooShort(Invalid):
    """The password is too short."""


@dataclass(frozen=True)
class IssuedToken:
    """A new token; its text is shown once and stored nowhere."""

    id: UUID
    text: str
    expires_at: datetime | None


class ReferenceUnknown(Invalid):
    """The organisation has no such team or company."""


async def _require(session: AsyncSession, model: type[Tenant], ids: Collection[UUID], *, organization_id: UUID) -> None:
    """Refuse ids of rows that are not the organisation's; a foreign key alone would accept another tenant's."""
    if not ids:
        return
    own = select(func.count()).where(model.organization_id == organization_id, model.id.in_(ids))
    if await session.scalar(own) != len(set(ids)):
        raise ReferenceUnknown


@asynccontextmanager
async def _unique(session: AsyncSession, what: str) -> AsyncIterator[None]:
    """Turn the database's refusal of a second one into a sentence, and keep the transaction usable."""
    try:
        async with session.begin_nested():
            yield
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == "23505":
            raise AlreadyThere(f"There is already {what}.") from error
        raise


def _usable(email: str) -> str:
    try:
        return _RECIPIENT.validate_python(email.strip())
    except ValidationError as error:
        raise AddressUnusable(f"{email!r} is not an e-mail address.") from error


async def create_organization(
    session: AsyncSession, *, slug: str, name: str, organization_id: UUID | None = None, timezone: str = "UTC"
) -> Organization:
    """Make an organisation; the caller enters its scope (with the id it gave) before making anything in it.

    Raises:
        AlreadyThere: the slug is taken.
    """
    organization = Organization(id=organization_id or new_id(), slug=slug, name=name, timezone=timezone)
    async with _unique(session, f"an organisation {slug!r}"):
        session.add(organization)
    return organization


async def create_team(
    session: AsyncSession, *, organization_id: UUID, slug: str, name: str, description: str = ""
) -> Team:
    """Make a team; raise AlreadyThere when its slug is taken."""
    team = Team(organization_id=organization_id, slug=slug, name=name, description=description)
    async with _unique(session, f"a team {slug!r}"):
        session.add(team)
    return team


async def create_user(
    session: AsyncSession,
    *,
    organization_id: UUID,
    email: str,
    name: str,
    role: UserRole = UserRole.AGENT,
    password: str | None = None,
    team_ids: Sequence[UUID] = (),
    timezone: str | None = None,
) -> User:
    """Make a user; without a password they sign in with tokens only.

    Raises:
        AddressUnusable: no mail can be sent to the address.
        AlreadyThere: the e-mail address is taken.
        PasswordTooShort: the password has fewer than 8 characters.
        ReferenceUnknown: one of the teams is not the organisation's.
    """
    address = _usable(email)
    await _require(session, Team, team_ids, organization_id=organization_id)
    user = User(
        organization_id=organization_id,
        email=address,
        name=name,
        role=role,
        active=True,
        password_hash=None if password is None else await _hash(password),
        timezone=timezone,
    )
    async with _unique(session, f"a user with the address {email}"):
        session.add(user)
    session.add_all(TeamMember(organization_id=organization_id, user_id=user.id, team_id=team) for team in team_ids)
    await session.flush()
    return user


async def set_password(session: AsyncSession, *, user: User, password: str) -> None:
    """Give a user another password, and end every session that the old one opened.

    Raises:
        PasswordTooShort: it has fewer than 8 characters.
    """
    user.password_hash = await _hash(password)
    await session.execute(
        delete(ApiToken).where(ApiToken.organization_id == user.organization_id, ApiToken.user_id == user.id)
    )


async def _hash(password: str) -> str:
    if len(password) < LEAST_PASSWORD_LENGTH:
        raise PasswordTooShort(f"A password has at least {LEAST_PASSWORD_LENGTH} characters.")
    return await hash_password(password)


async def create_company(
    session: AsyncSession, *, organization_id: UUID, name: str, domains: Sequence[str] = (), tier: str | None = None
) -> Company:
    """Make a customer company; raise AlreadyThere when its name is taken."""
    company = Company(organization_id=organization_id, name=name, domains=[d.lower() for d in domains], tier=tier)
    async with _unique(session, f"a company {name!r}"):
        session.add(company)
    return company


async def create_contact(
    session: AsyncSession,
    *,
    organization_id: UUID,
    email: str,
    name: str = "",
    company_id: UUID | None = None,
    locale: str | None = None,
    vip: bool = False,
) -> Contact:
    """Make a contact.

    Raises:
        AlreadyThere: the e-mail address is taken.
        ReferenceUnknown: the company is not the organisation's.
    """
    email = email.strip()
    await _require(session, Company, [company_id] if company_id else [], organization_id=organization_id)
    contact = Contact(
        organization_id=organization_id,
        email=email,
        name=name or email,
        company_id=company_id,
        locale=locale,
        vip=vip,
    )
    async with _unique(session, f"a contact with the address {email}"):
        session.add(contact)
    return contact


async def find_or_create_contact(
    session: AsyncSession, *, organization_id: UUID, email: str, name: str = ""
) -> Contact:
    """Return the contact with an e-mail address, made now if it is new; their company is found by the mail domain."""
    email = email.strip()
    same = select(Contact).where(Contact.organization_id == organization_id, func.lower(Contact.email) == email.lower())
    found = await session.scalar(same)
    if found is not None:
        return found
    domain = email.rpartition("@")[2].lower()
    company_id = await session.scalar(
        select(Company.id).where(Company.organization_id == organization_id, any_(Company.domains) == domain).limit(1)
    )
    values = {
        "id": new_id(),
        "organization_id": organization_id,
        "email": email,
        "name": name or email,
        "company_id": company_id,
    }
    # Two first messages of one person may come at the same time; the second finds the first one's contact.
    await session.execute(insert(Contact).values(values).on_conflict_do_nothing())
    return (await session.scalars(same)).one()


async def create_category(
    session: AsyncSession,
    *,
    organization_id: UUID,
    slug: str,
    name: str,
    description: str = "",
    team_id: UUID | None = None,
) -> Category:
    """Make a category, with the team its tickets go to.

    Raises:
        AlreadyThere: the slug is taken.
        ReferenceUnknown: the team is not the organisation's.
    """
    await _require(session, Team, [team_id] if team_id else [], organization_id=organization_id)
    category = Category(organization_id=organization_id, slug=slug, name=name, description=description, team_id=team_id)
    async with _unique(session, f"a category {slug!r}"):
        session.add(category)
    return category


async def issue_token(
    session: AsyncSession,
    *,
    organization_id: UUID,
    user_id: UUID,
    name: str,
    now: datetime,
    lifetime: timedelta | None = None,
) -> IssuedToken:
    """Make an access token for a user; without a lifetime it holds until it is revoked."""
    text, token = make_token(organization_id)
    row = ApiToken(
        id=new_id(),
        organization_id=organization_id,
        user_id=user_id,
        name=name,
        secret_hash=token.secret_hash,
        expires_at=None if lifetime is None else now + lifetime,
    )
    session.add(row)
    await session.flush()
    return IssuedToken(row.id, text, row.expires_at)


async def revoke_token(session: AsyncSession, *, organization_id: UUID, token_id: UUID) -> None:
    """Make an access token worthless; one that is gone already is no error."""
    await session.execute(delete(ApiToken).where(ApiToken.organization_id == organization_id, ApiToken.id == token_id))
