"""Calendars, policies and the clocks that run by them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Double, ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
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
    """Business hours as they were at one time; never changed, which the application may not do either."""

    __tablename__ = "sla_calendar_versions"
    __table_args__ = (UniqueConstraint("calendar_id", "number"),)

    calendar_id: Mapped[UUID] = mapped_column(ForeignKey("sla_calendars.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    timezone: Mapped[str]
    always_open: Mapped[bool] = mapped_column(server_default=text("false"))
    weekly: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    exceptions: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    # Which exceptions are public holidays: their names and where they were taken from, by date.
    holidays: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    # Open seconds are counted from here, so that two counts can be subtracted.
    epoch_at: Mapped[datetime]
    note: Mapped[str | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class Policy(Tenant, Base):
    """A promise by name and its place in the order; what it promises to which tickets is in its versions."""

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
    current_version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


class PolicyVersion(Tenant, Base):
    """Conditions, targets and actions as they were at one time; never changed, which the application may not do."""

    __tablename__ = "sla_policy_versions"
    __table_args__ = (UniqueConstraint("policy_id", "number"),)

    policy_id: Mapped[UUID] = mapped_column(ForeignKey("sla_policies.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    conditions: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    calendar_id: Mapped[UUID] = mapped_column(ForeignKey("sla_calendars.id"))
    targets: Mapped[dict[str, Any]]
    pause_on: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    thresholds: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=text("'{75,90,100}'"))
    actions: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    # None is without end; from the first instant on, until just before the second.
    valid_from: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    note: Mapped[str | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class Clock(Tenant, Base):
    """One promise on one ticket: a cache of what its event log says."""

    __tablename__ = "sla_clocks"
    __table_args__ = (
        UniqueConstraint("ticket_id", "metric", "instance"),
        Index(
            "ix_sla_clocks_next_threshold_at",
            "next_threshold_at",
            postgresql_include=["organization_id", "ticket_id"],
            postgresql_where=text("next_threshold_at IS NOT NULL"),
        ),
        Index("ix_sla_clocks_organization_id_state", "organization_id", "state", "due_at"),
        # What reports read: clocks by when their promise was broken, or by when they ended otherwise than cancelled.
        Index("ix_sla_clocks_breached_at", "organization_id", "breached_at", "id", postgresql_where=text("breached")),
        Index(
            "ix_sla_clocks_ended",
            "organization_id",
            "stopped_at",
            postgresql_where=text("outcome IN ('met', 'breached')"),
        ),
        # Only clocks that can still be kept are predicted.
        Index(
            "ix_sla_clocks_breach_probability",
            "organization_id",
            "breach_probability",
            "id",
            postgresql_where=text("state = 'running' AND NOT breached AND breach_probability IS NOT NULL"),
        ),
        Index(
            "ix_sla_clocks_predict_again_at",
            "organization_id",
            "predict_again_at",
            postgresql_where=text("state = 'running' AND NOT breached"),
        ),
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
    # The target version under which the level was told; 0 where there is nothing to tell, as after a fall.
    told_version: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    # The calendar version's count of open seconds, from its epoch, at which the target of a running clock is used up:
    # that at due_at, unless a pause came after it.
    due_open_s: Mapped[int | None]
    elapsed_s: Mapped[int] = mapped_column(server_default=text("0"))
    remaining_s: Mapped[int | None]
    stopped_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]
    detected_at: Mapped[datetime | None]
    # Since when its ticket's log cannot be replayed; ticks come back to it less and less often.
    failing_since: Mapped[datetime | None]
    # The newest prediction, whose reasons are in breach_predictions, and when the next one is due: at once at first.
    breach_probability: Mapped[float | None] = mapped_column(Double)
    predicted_at: Mapped[datetime | None]
    predict_again_at: Mapped[Moment]
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


class Proof(Tenant, Base):
    """A replay of tickets' logs that says whether the stored clocks are what the logs say."""

    __tablename__ = "sla_proofs"
    __table_args__ = (Index("ix_sla_proofs_organization_id_started_at", "organization_id", "started_at", "id"),)

    # Whether differing clocks are set right.
    heals: Mapped[bool]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    # Tickets that are over are looked at when they were touched since then.
    since: Mapped[datetime]
    # The last ticket looked at: another run goes on behind it.
    after_created_at: Mapped[datetime | None]
    after_ticket_id: Mapped[UUID | None]
    tickets: Mapped[int] = mapped_column(server_default=text("0"))
    clocks: Mapped[int] = mapped_column(server_default=text("0"))
    differing: Mapped[int] = mapped_column(server_default=text("0"))
    healed: Mapped[int] = mapped_column(server_default=text("0"))
    # Tickets whose log cannot be replayed.
    failed: Mapped[int] = mapped_column(server_default=text("0"))
    sample: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
