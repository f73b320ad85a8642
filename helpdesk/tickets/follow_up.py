"""The work that a change on a ticket calls for, queued in the transaction of the change."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.tickets import Message, Ticket
from helpdesk.models.values import Audience, NoticeKind, SourceType
from helpdesk.notifications.webhooks.publishing import ticket_data
from helpdesk.queue.catalog import (
    DeliverNotification,
    KbSuggest,
    MetricsSnapshot,
    PublishEvent,
    SlaPredict,
    SmartReply,
    TriageTicket,
)
from helpdesk.queue.enqueue import KeyedJob, enqueue_unless_waiting
from helpdesk.rag.indexing.requests import request_index, request_index_if_known
from helpdesk.settings import Settings

BUCKET = timedelta(minutes=15)

# Long enough that the messages somebody sends one after the other are read together.
_SETTLE = timedelta(seconds=5)


async def follow_up_opening(
    session: AsyncSession, *, ticket: Ticket, announce: bool, now: datetime, settings: Settings
) -> None:
    """Queue what a new ticket calls for: triage, suggestions, a draft, a prediction, figures and the index.

    Args:
        announce: whether webhooks are to be told.
    """
    jobs = [*_fresh_look(ticket.id, settings), _figures(now)]
    if announce:
        event = PublishEvent(event="ticket.opened", dedupe_key=str(ticket.id), data={"ticket": ticket_data(ticket)})
        jobs.append(KeyedJob(event, str(ticket.id)))
    await enqueue_unless_waiting(session, jobs, organization_id=ticket.organization_id)
    if settings.rag_index_on_ticket_create:
        await index_ticket(session, organization_id=ticket.organization_id, ticket_id=ticket.id)


async def follow_up_customer_message(
    session: AsyncSession, *, ticket: Ticket, message: Message, now: datetime, settings: Settings
) -> None:
    """Have those who care told that the requester wrote, and queue a fresh look; a burst is looked at once."""
    notice = DeliverNotification(
        kind=NoticeKind.TICKET_REPLIED,
        ticket_id=ticket.id,
        dedupe_key=str(message.id),
        title=f"#{ticket.number} has a new reply",
        who=(Audience.ASSIGNEE, Audience.WATCHERS),
        data={"message_id": str(message.id)},
    )
    jobs = [*_fresh_look(ticket.id, settings, run_after=now + _SETTLE), KeyedJob(notice, str(message.id))]
    await enqueue_unless_waiting(session, jobs, organization_id=ticket.organization_id)


async def predict_anew(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> None:
    """Queue a new breach prediction."""
    job = KeyedJob(SlaPredict(ticket_id=ticket_id), str(ticket_id))
    await enqueue_unless_waiting(session, [job], organization_id=organization_id)


def _fresh_look(ticket_id: UUID, settings: Settings, *, run_after: datetime | None = None) -> list[KeyedJob]:
    kinds: list[type[TriageTicket | KbSuggest | SlaPredict | SmartReply]] = [TriageTicket, KbSuggest, SlaPredict]
    if settings.smart_reply == "on_open":
        kinds.append(SmartReply)
    return [KeyedJob(kind(ticket_id=ticket_id), str(ticket_id), run_after) for kind in kinds]


def _figures(now: datetime) -> KeyedJob:
    """Return the job that takes the figures of the bucket running now, for when it has ended."""
    start = datetime.fromtimestamp(now.timestamp() // BUCKET.total_seconds() * BUCKET.total_seconds(), tz=now.tzinfo)
    return KeyedJob(MetricsSnapshot(bucket_start=start), start.isoformat(), start + BUCKET)


async def index_ticket(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, priority: int = 5) -> None:
    """Queue a ticket for the search index."""
    await request_index(
        session,
        organization_id=organization_id,
        source_type=SourceType.TICKET,
        source_id=ticket_id,
        priority=priority,
    )


async def keep_index_current(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> None:
    """Queue a ticket that the search index has, or is about to have, since more was said on it."""
    await request_index_if_known(
        session, organization_id=organization_id, source_type=SourceType.TICKET, source_id=ticket_id
    )
