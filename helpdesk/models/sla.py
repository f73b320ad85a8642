"""Calendars, policies and the clocks that run by them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Moment, OrganizationId, Tenant, one_of
from helpdesk.models.values import ClockState


class Calendar(Tenant, Base):
    """Business hours by name; the hours are in its versions."""

    __tablename__ = "sla_calendars"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    name: Mapped[str]
    current_version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


class CalendarVersion(Tenant, Base):
    """Business hours as they were at one time; never changed."""

    __tablename__ = "sla_calendar_versions"
    __table_args__ = (UniqueConstraint("calendar_id", "number"),)

    calendar_id: Mapped[UUID] = mapped_column(ForeignKey("sla_calendars.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    timezone: Mapped[str]
    always_open: Mapped[bool] = mapped_column(server_default=text("false"))
    weekly: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    exceptions: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    # Open seconds are counted from here, so that two counts can be subtracted.
    epoch_at: Mapped[datetime]


class Policy(Tenant, Base):
    """Which tickets have which targets; the targets are in its versions."""

    __tablename__ = "sla_policies"
    __table_args__ = (
        UniqueConstraint("organization_id", "name"),
        Index(
            "uq_sla_policies_default",
            "organization_id",
            unique=True,
            postgresql_where=text("is_default AND active"),
        ),
    )

    name: Mapped[str]
    position: Mapped[int] = mapped_column(Integer)
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    conditions: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    current_version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


class PolicyVersion(Tenant, Base):
    """Targets as they were at one time; never changed."""

    __tablename__ = "sla_policy_versions"
    __table_args__ = (UniqueConstraint("policy_id", "number"),)

    policy_id: Mapped[UUID] = mapped_column(ForeignKey("sla_policies.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    calendar_id: Mapped[UUID] = mapped_column(ForeignKey("sla_calendars.id"))
    targets: Mapped[dict[str, Any]]
    pause_on: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    thresholds: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=text("'{75,90,100}'"))


class Clock(Tenant, Base):
    """One promise on one ticket: a cache of what its event log says."""

    __tablename__ = "sla_clocks"
    __table_args__ = (
        UniqueConstraint("ticket_id", "metric", "instance"),
        Index(
            "ix_sla_clocks_next_threshold_at",
            "next_threshold_at",
            postgresql_where=text("next_threshold_at IS NOT NULL"),
        ),
        Index("ix_sla_clocks_organization_id_state", "organization_id", "state", "due_at"),
        one_of("state", ClockState),
    )

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    metric: Mapped[str]
    instance: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    policy_version_id: Mapped[UUID | None] = mapped_column(ForeignKey("sla_policy_versions.id"))
    calendar_version_id: Mapped[UUID | None] = mapped_column(ForeignKey("sla_calendar_versions.id"))
    start_at: Mapped[datetime]
    target_s: Mapped[int]
    state: Mapped[str]
    outcome: Mapped[str | None]
    breached: Mapped[bool] = mapped_column(server_default=text("false"))
    due_at: Mapped[datetime | None]
    warn_75_at: Mapped[datetime | None]
    warn_90_at: Mapped[datetime | None]
    warnings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    next_threshold_at: Mapped[datetime | None]
    next_level: Mapped[int | None] = mapped_column(Integer)
    level: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    # Rises whenever the clock is computed anew under another target, which arms its levels again.
    target_version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    # Open seconds of the calendar version from its epoch to due_at.
    due_open_s: Mapped[int | None]
    elapsed_s: Mapped[int] = mapped_column(server_default=text("0"))
    remaining_s: Mapped[int | None]
    stopped_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]
    detected_at: Mapped[datetime | None]
    updated_at: Mapped[Moment]


class CalendarNow(Base):
    """Open seconds of a calendar version from its epoch until the last tick: one row makes every clock current."""

    __tablename__ = "sla_calendar_now"

    calendar_version_id: Mapped[UUID] = mapped_column(
        ForeignKey("sla_calendar_versions.id", ondelete="CASCADE"), primary_key=True
    )
    organization_id: Mapped[OrganizationId]
    open_s: Mapped[int]
    as_of: Mapped[datetime]


class SlaEvent(Tenant, Base):
    """Something a clock did; threshold crossings are unique, so each is told once."""

    __tablename__ = "sla_events"
    __table_args__ = (
        Index(
            "uq_sla_events_threshold",
            "clock_id",
            "target_version",
            "level",
            unique=True,
            postgresql_where=text("kind = 'threshold'"),
        ),
        Index("ix_sla_events_ticket_id", "ticket_id", "at"),
    )

    clock_id: Mapped[UUID] = mapped_column(ForeignKey("sla_clocks.id", ondelete="CASCADE"))
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    kind: Mapped[str]
    level: Mapped[int | None] = mapped_column(Integer)
    target_version: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime]
    detected_at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
