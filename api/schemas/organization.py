"""People, teams, categories and customers."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field, SecretStr

from api.schemas.bodies import Body, Email, LongText, Made, Name, Slug
from helpdesk.models.values import UserRole


class NewUser(Body):
    """Somebody who is to work with tickets."""

    email: Email
    name: Name
    role: UserRole = UserRole.AGENT
    password: SecretStr | None = Field(
        default=None, min_length=8, max_length=1000, description="Without one, the user signs in with tokens only."
    )
    team_ids: list[UUID] = Field(default=[], max_length=100)


class UserView(Made):
    """Somebody who works with tickets."""

    email: str
    name: str
    role: UserRole
    active: bool


class NewTeam(Body):
    """A group of agents to be made."""

    slug: Slug
    name: Name
    description: LongText | None = None


class TeamView(Made):
    """A group of agents."""

    slug: str
    name: str
    description: str


class NewCategory(Body):
    """A category to be made."""

    slug: Slug
    name: Name
    description: LongText | None = None
    team_id: UUID | None = Field(default=None, description="The team its tickets go to.")


class CategoryView(Made):
    """A label that tickets and articles are sorted by."""

    slug: str
    name: str
    description: str
    team_id: UUID | None


class NewContact(Body):
    """Somebody who may ask."""

    email: Email
    name: Name
    company_id: UUID | None = None
    vip: bool = False


class ContactView(Made):
    """Somebody who asks."""

    email: str
    name: str
    company_id: UUID | None
    locale: str | None
    vip: bool


class CompanyView(Made):
    """A customer of the organisation."""

    name: str
    domains: list[str]
    tier: str | None
