"""Organisations and the people in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Moment, OrganizationId, PrimaryKey, Tenant, one_of
from helpdesk.models.values import UserRole


class Organization(Base):
    """A tenant: its people, tickets and articles are seen by nobody else."""

    __tablename__ = "organizations"

    id: Mapped[PrimaryKey]
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    locale: Mapped[str] = mapped_column(server_default="en")
    settings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    ai_policy: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment] = mapped_column(onupdate=func.now())


class Team(Tenant, Base):
    """A group of agents that tickets are assigned to."""

    __tablename__ = "teams"
    __table_args__ = (UniqueConstraint("organization_id", "slug"),)

    slug: Mapped[str]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    # Teams and users refer to each other.
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL", use_alter=True))


class User(Tenant, Base):
    """Somebody who works with tickets."""

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_organization_id_email", "organization_id", text("lower(email)"), unique=True),
        one_of("role", UserRole),
    )

    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[str] = mapped_column(server_default=UserRole.AGENT)
    password_hash: Mapped[str | None]
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    timezone: Mapped[str | None]


class TeamMember(Base):
    """A user's place in a team."""

    __tablename__ = "team_members"

    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    organization_id: Mapped[OrganizationId]


class ApiToken(Tenant, Base):
    """A credential of a user; only the hash of its secret is kept."""

    __tablename__ = "api_tokens"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class Company(Tenant, Base):
    """A customer of the organisation."""

    __tablename__ = "companies"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    name: Mapped[str]
    domains: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    tier: Mapped[str | None]


class Contact(Tenant, Base):
    """Somebody who asks."""

    __tablename__ = "contacts"
    __table_args__ = (Index("uq_contacts_organization_id_email", "organization_id", text("lower(email)"), unique=True),)

    company_id: Mapped[UUID | None] = mapped_column(ForeignKey("companies.id", ondelete="SET NULL"), index=True)
    name: Mapped[str]
    email: Mapped[str]
    locale: Mapped[str | None]
    vip: Mapped[bool] = mapped_column(server_default=text("false"))


class Category(Tenant, Base):
    """A label of the organisation's own that tickets and articles are sorted by."""

    __tablename__ = "categories"
    __table_args__ = (UniqueConstraint("organization_id", "slug"),)

    slug: Mapped[str]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id", ondelete="SET NULL"))
