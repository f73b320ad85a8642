"""People, teams, categories and customers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field, SecretStr, model_validator

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


class TeamChanges(Body):
    """What is to change about a team."""

    name: Name | None = None
    description: LongText | None = None
    lead_id: UUID | None = Field(default=None, description="Who leads the team; null takes the lead away.")

    @model_validator(mode="after")
    def _sensible(self) -> TeamChanges:
        if not self.model_fields_set:
            raise ValueError("give at least one field")
        if "name" in self.model_fields_set and self.name is None:
            raise ValueError("name cannot be null")
        return self

    def changes(self) -> dict[str, Any]:
        """Return what was given; a description of null is an empty one."""
        given = self.model_dump(include=self.model_fields_set)
        return given | ({"description": given["description"] or ""} if "description" in given else {})


class TeamView(Made):
    """A group of agents."""

    slug: str
    name: str
    description: str
    lead_id: UUID | None


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
