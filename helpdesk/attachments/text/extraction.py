"""Take the text out of an attachment: read the row, read the file without a transaction, keep what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.attachments.queries import get_attachment
from helpdesk.attachments.receiving import FOLDER
from helpdesk.attachments.text.formats import Extracted
from helpdesk.attachments.text.kinds import kind_of
from helpdesk.attachments.text.reading import read_text
from helpdesk.attachments.text.unreadable import Unreadable
from helpdesk.database.engine import Database
from helpdesk.models.attachments import Attachment
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import SourceType, TextState, TicketStatus
from helpdesk.queue.catalog import ExtractText
from helpdesk.queue.enqueue import KeyedJob, enqueue_unless_waiting
from helpdesk.rag.indexing.requests import request_index, request_index_if_known
from helpdesk.rag.text.cleaning import clean_text
from helpdesk.storage import Storage

MOST_AT_ONCE = 500
_SETTLED = (TicketStatus.SOLVED, TicketStatus.CLOSED)

log = structlog.get_logger(__name__)

# The same text once more changes nothing, and so asks for nothing.
_KEEP = text("""
    INSERT INTO attachment_texts AS t (attachment_id, organization_id, content, truncated, extracted_at)
    VALUES (:attachment_id, :organization_id, :content, :truncated, :now)
        ON CONFLICT (attachment_id) DO UPDATE SET
           content = excluded.content, truncated = excluded.truncated, extracted_at = excluded.extracted_at
     WHERE t.content IS DISTINCT FROM excluded.content
    RETURNING t.attachment_id
""")
_DROP = text("""
    DELETE FROM attachment_texts WHERE organization_id = :organization_id AND attachment_id = :attachment_id
    RETURNING attachment_id
""")


async def extract_text(
    database: Database,
    storage: Storage,
    *,
    organization_id: UUID,
    attachment_id: UUID,
    open_tickets: bool,
    now: datetime,
    complete: Callable[[AsyncSession], Awaitable[None]],
) -> TextState:
    """Keep the text of an attachment and queue its ticket for the index, or note why there is no text.

    Args:
        open_tickets: whether tickets that are not settled belong into the index.
        complete: completes the job in the transaction that notes the outcome.

    Raises:
        AttachmentNotFound: it was taken off its ticket.
    """
    async with database.transaction(organization_id) as session:
        attachment = await get_attachment(session, organization_id=organization_id, attachment_id=attachment_id)
    kind = kind_of(attachment.name, attachment.media_type)
    found: Extracted | None = None
    state, reason = TextState.NONE, None
    if kind is not None:
        try:
            found = await read_text(storage.path(FOLDER, organization_id, attachment.storage_name), kind)
            state, reason = TextState.READY, "Only the beginning was read." if found.truncated else None
        except Unreadable as unreadable:
            state, reason = TextState.UNFIT, unreadable.detail
            log.warning("attachment_without_text", attachment_id=str(attachment_id), kind=kind, reason=reason)
    async with database.transaction(organization_id) as session:
        attachment = await get_attachment(session, organization_id=organization_id, attachment_id=attachment_id)
        attachment.text_state, attachment.text_reason = state, reason
        if await _keep(session, attachment, found, now=now):
            await _index(session, attachment, open_tickets=open_tickets)
        await complete(session)
    return state


async def ask_for_unread(session: AsyncSession, *, organization_id: UUID, after: UUID | None = None) -> list[UUID]:
    """Enqueue the reading of attachments that nobody has read; return their ids, at most `MOST_AT_ONCE`, in order.

    For a scheduled look: those of before an upgrade, and those whose job was given up.

    Args:
        after: the last id of the round before.
    """
    unread = select(Attachment.id).where(
        Attachment.organization_id == organization_id, Attachment.text_state == TextState.WAITING
    )
    if after is not None:
        unread = unread.where(Attachment.id > after)
    ids = list(await session.scalars(unread.order_by(Attachment.id).limit(MOST_AT_ONCE)))
    jobs = [KeyedJob(ExtractText(attachment_id=identifier), str(identifier)) for identifier in ids]
    if jobs:
        await enqueue_unless_waiting(session, jobs, organization_id=organization_id)
    return ids


async def _keep(session: AsyncSession, attachment: Attachment, found: Extracted | None, *, now: datetime) -> bool:
    """Keep the text of an attachment in place of what was there; return whether it differs."""
    scope = {"organization_id": attachment.organization_id, "attachment_id": attachment.id}
    if found is None:
        changed = await session.scalar(_DROP, scope)
    else:
        kept = {"content": clean_text(found.text), "truncated": found.truncated, "now": now}
        changed = await session.scalar(_KEEP, scope | kept)
    return changed is not None


async def _index(session: AsyncSession, attachment: Attachment, *, open_tickets: bool) -> None:
    status = await session.scalar(
        select(Ticket.status).where(
            Ticket.organization_id == attachment.organization_id, Ticket.id == attachment.ticket_id
        )
    )
    ask = request_index if open_tickets or status in _SETTLED else request_index_if_known
    await ask(
        session,
        organization_id=attachment.organization_id,
        source_type=SourceType.TICKET,
        source_id=attachment.ticket_id,
    )
