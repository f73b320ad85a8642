"""Merge a ticket into another one that stands for the same concern."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events.record import record
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import IndexAction, MessageVisibility, SourceType, TicketStatus
from helpdesk.queue.catalog import KbSuggest, SlaPredict, SmartReply, TriageTicket
from helpdesk.queue.commands import JobHasEnded, cancel
from helpdesk.rag.indexing.requests import request_index
from helpdesk.sla.clocks.commands import refresh_clocks
from helpdesk.tickets.follow_up import index_ticket
from helpdesk.tickets.lifecycle import TicketClosed
from helpdesk.tickets.requests import Actor, TicketNotFound
from helpdesk.tickets.rows import refuse_merged
from helpdesk.tickets.steps import move, say, touch

# The words of a long opening message that the note quotes; all of it stays with the merged ticket.
_MOST_QUOTED = 4000

_ABOUT = text("""
    SELECT c.name, c.email,
           (SELECT count(*) FROM messages WHERE ticket_id = t.id AND visibility = 'public') AS messages,
           (SELECT count(*) FROM attachments WHERE ticket_id = t.id) AS attachments,
           (SELECT body FROM messages WHERE ticket_id = t.id AND visibility = 'public'
             ORDER BY created_at, id LIMIT 1) AS words
      FROM tickets AS t LEFT JOIN contacts AS c ON c.id = t.contact_id
     WHERE t.organization_id = :organization_id AND t.id = :source
""")
_MOVE_WATCHERS = text("""
    WITH moved AS (
        DELETE FROM ticket_watchers WHERE organization_id = :organization_id AND ticket_id = :source RETURNING user_id)
    INSERT INTO ticket_watchers (organization_id, ticket_id, user_id)
    SELECT :organization_id, :target, user_id FROM moved
        ON CONFLICT DO NOTHING
""")
_LINK_ASSETS = text("""
    INSERT INTO ticket_assets (organization_id, ticket_id, asset_id)
    SELECT organization_id, :target, asset_id FROM ticket_assets
     WHERE organization_id = :organization_id AND ticket_id = :source
        ON CONFLICT DO NOTHING
""")
_WAITING = text("""
    SELECT id FROM job_queue
     WHERE organization_id = :organization_id AND job_type = ANY (CAST(:job_types AS text[])) AND unique_key = :key
       AND status IN ('pending', 'running')
""")
_LOOKS = [args.job_type for args in (TriageTicket, KbSuggest, SmartReply, SlaPredict)]


class MergedIntoItself(Invalid):
    """A ticket cannot be merged into itself."""


class MergeTargetNotFound(NotFound):
    """There is no such ticket to merge into."""


class MergeTargetClosed(Conflict):
    """A closed or merged ticket takes in no other one."""


async def merge(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, into: UUID, actor: Actor, now: datetime
) -> Ticket:
    """Merge a ticket into another one, and return that.

    The merged ticket is closed for good and its clocks are cancelled; its messages and files stay with it. The other
    one gets a note that says so, its watchers and its assets.

    Raises:
        TicketNotFound, MergeTargetNotFound
        MergedIntoItself
        TicketClosed, TicketMerged: the ticket to be merged is over.
        MergeTargetClosed: the other one is.
    """
    if ticket_id == into:
        raise MergedIntoItself
    source, target = await _lock_both(session, organization_id=organization_id, ticket_id=ticket_id, into=into)
    await _check(session, source, target)
    source.merged_into_id = target.id
    # First the merger, then the status: closing alone would count as solving, and end the clocks as met.
    into_it = {"into": str(target.id), "number": target.number}
    await _tell(session, source, "ticket.merged", actor=actor, now=now, data=into_it)
    await move(session, ticket=source, to=TicketStatus.CLOSED, actor=actor, now=now)
    await refresh_clocks(session, organization_id=organization_id, ticket_id=source.id, now=now)
    await _take_in(session, source, target, actor, now)
    await _put_away(session, source)
    return target


async def _lock_both(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, into: UUID
) -> tuple[Ticket, Ticket]:
    """Lock the lower id first, so that two mergers of the same pair wait for each other rather than deadlock."""
    rows = await session.scalars(
        select(Ticket)
        .where(Ticket.organization_id == organization_id, Ticket.id.in_((ticket_id, into)))
        .order_by(Ticket.id)
        .with_for_update()
    )
    found = {ticket.id: ticket for ticket in rows}
    if ticket_id not in found:
        raise TicketNotFound
    if into not in found:
        raise MergeTargetNotFound
    return found[ticket_id], found[into]


async def _check(session: AsyncSession, source: Ticket, target: Ticket) -> None:
    await refuse_merged(session, source)
    if source.status == TicketStatus.CLOSED:
        raise TicketClosed(f"#{source.number} is closed and cannot be merged any more.")
    try:
        await refuse_merged(session, target)
    except TicketClosed as merged:
        raise MergeTargetClosed(merged.detail, **merged.context) from merged
    if target.status == TicketStatus.CLOSED:
        raise MergeTargetClosed(f"#{target.number} is closed.")


async def _take_in(session: AsyncSession, source: Ticket, target: Ticket, actor: Actor, now: datetime) -> None:
    pair = {"organization_id": source.organization_id, "source": source.id, "target": target.id}
    body = _note(source, (await session.execute(_ABOUT, pair)).one())
    await say(session, ticket=target, actor=actor, body=body, visibility=MessageVisibility.INTERNAL, now=now)
    await session.execute(_MOVE_WATCHERS, pair)
    await session.execute(_LINK_ASSETS, pair)
    absorbed = {"from": str(source.id), "number": source.number}
    await _tell(session, target, "ticket.absorbed", actor=actor, now=now, data=absorbed)
    await index_ticket(session, organization_id=target.organization_id, ticket_id=target.id)


def _note(source: Ticket, about: Any) -> str:
    """Return what the note in the target says of the merged ticket."""
    who = f"{about.name} <{about.email}>" if about.email else "nobody"
    words = about.words if len(about.words) <= _MOST_QUOTED else about.words[:_MOST_QUOTED] + " …"
    lines = [
        f"#{source.number} was merged into this ticket.",
        f"Subject: {source.subject}",
        f"Requester: {who}",
        f"Opened: {source.created_at:%Y-%m-%d %H:%M} UTC",
        f"Public messages that stay with #{source.number}: {about.messages}; files: {about.attachments}.",
    ]
    return "\n".join([*lines, "", *(f"> {line}" for line in words.splitlines())])


async def _put_away(session: AsyncSession, source: Ticket) -> None:
    """Take the merged ticket out of the search, and call off what was to be found out about it."""
    organization_id = source.organization_id
    await request_index(
        session,
        organization_id=organization_id,
        source_type=SourceType.TICKET,
        source_id=source.id,
        action=IndexAction.DELETE,
    )
    values = {"organization_id": organization_id, "job_types": _LOOKS, "key": str(source.id)}
    for job_id in (await session.scalars(_WAITING, values)).all():
        with suppress(JobHasEnded):
            await cancel(session, organization_id=organization_id, job_id=job_id, reason="the ticket was merged")


async def _tell(
    session: AsyncSession, ticket: Ticket, kind: str, *, actor: Actor, now: datetime, data: dict[str, Any]
) -> None:
    touch(ticket, now)
    await record(
        session,
        organization_id=ticket.organization_id,
        ticket_id=ticket.id,
        kind=kind,
        now=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
        data=data,
    )
