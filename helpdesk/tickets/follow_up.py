"""The work that a change on a ticket calls for, queued in the transaction of the change."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.queue.catalog import KbSuggest, MetricsSnapshot, SlaPredict, SmartReply, TriageTicket
from helpdesk.queue.enqueue import enqueue
from helpdesk.rag.requests import request_index
from helpdesk.settings import Settings

BUCKET = timedelta(minutes=15)

# Long enough that the messages somebody sends one after the other are read together.
_SETTLE = timedelta(seconds=5)


async def follow_up_opening(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, now: datetime, settings: Settings
) -> None:
    """Queue what a new ticket calls for: triage, suggestions, a draft, a prediction, figures and the index."""
    key = str(ticket_id)
    jobs = [TriageTicket(ticket_id=ticket_id), KbSuggest(ticket_id=ticket_id), SlaPredict(ticket_id=ticket_id)]
    if settings.smart_reply == "on_open":
        jobs.append(SmartReply(ticket_id=ticket_id))
    for job in jobs:
        await enqueue(session, job, organization_id=organization_id, unique_key=key)
    await follow_up_figures(session, organization_id=organization_id, now=now)
    if settings.rag_index_on_ticket_create:
        await index_ticket(session, organization_id=organization_id, ticket_id=ticket_id)


async def follow_up_customer_message(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, now: datetime, settings: Settings
) -> None:
    """Queue a fresh look at a ticket that its requester has added to; a burst is looked at once."""
    key = str(ticket_id)
    jobs = [TriageTicket(ticket_id=ticket_id), KbSuggest(ticket_id=ticket_id), SlaPredict(ticket_id=ticket_id)]
    if settings.smart_reply == "on_open":
        jobs.append(SmartReply(ticket_id=ticket_id))
    for job in jobs:
        await enqueue(session, job, organization_id=organization_id, unique_key=key, run_after=now + _SETTLE)


async def predict_anew(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> None:
    """Queue a new breach prediction."""
    await enqueue(session, SlaPredict(ticket_id=ticket_id), organization_id=organization_id, unique_key=str(ticket_id))


async def follow_up_figures(session: AsyncSession, *, organization_id: UUID, now: datetime) -> None:
    """Queue the figures of the bucket that is running now, for when it has ended."""
    start = datetime.fromtimestamp(now.timestamp() // BUCKET.total_seconds() * BUCKET.total_seconds(), tz=now.tzinfo)
    await enqueue(
        session,
        MetricsSnapshot(bucket_start=start),
        organization_id=organization_id,
        unique_key=start.isoformat(),
        run_after=start + BUCKET,
    )


async def index_ticket(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, priority: int = 5) -> None:
    """Queue a ticket for the search index."""
    await request_index(
        session,
        organization_id=organization_id,
        source_type=SourceType.TICKET,
        source_id=ticket_id,
        priority=priority,
    )
