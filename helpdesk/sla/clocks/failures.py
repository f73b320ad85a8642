"""Tell of tickets whose clocks cannot be computed."""

from __future__ import annotations

from uuid import UUID

import structlog

log = structlog.get_logger()


def tell_failure(*, organization_id: UUID, ticket_id: UUID, reason: str) -> None:
    """Log that a ticket's clocks stay as they are, and why."""
    log.error("sla_ticket_failed", organization_id=str(organization_id), ticket_id=str(ticket_id), error=reason)
