"""Addresses that are told of events, and what became of each telling."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Moment, Tenant, one_of
from helpdesk.models.values import DeliveryState, WebhookFormat, WebhookState


class WebhookEndpoint(Tenant, Base):
    """An address that is told of events, and how it fares.

    The secrets are kept as they are, since each request is signed with them; none leaves the product after it was made.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        one_of("state", WebhookState),
        one_of("format", WebhookFormat),
        Index("ix_webhook_endpoints_organization_id", "organization_id"),
    )

    url: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    format: Mapped[str] = mapped_column(server_default=WebhookFormat.ATUM)
    # Only what happens to tickets of this team; it goes with the team, rather than hear of everybody's tickets then.
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), index=True)
    # Their names, or `*` for all.
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))
    secret: Mapped[str]
    old_secret: Mapped[str | None]
    old_secret_until: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(server_default=WebhookState.ACTIVE)
    state_reason: Mapped[str | None]
    # Since the last success.
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    failing_since: Mapped[datetime | None]
    # When one delivery may find out whether a failing address is back.
    retry_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    last_failure_at: Mapped[datetime | None]
    updated_at: Mapped[Moment] = mapped_column(onupdate=func.now())


class WebhookDelivery(Tenant, Base):
    """One event for one address: the durable record, whose id the receiver sees at each try."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "dedupe_key"),
        one_of("state", DeliveryState),
        Index("ix_webhook_deliveries_endpoint_id", "endpoint_id", "id"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )

    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    event: Mapped[str]
    # The bytes that are sent and signed, not the JSON they stand for.
    body: Mapped[str]
    dedupe_key: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default=DeliveryState.PENDING)
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_status: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str | None]
    response_excerpt: Mapped[str | None]
    # When it was last asked for; a redelivery begins anew.
    queued_at: Mapped[Moment]
    delivered_at: Mapped[datetime | None]
    job_id: Mapped[UUID | None]
