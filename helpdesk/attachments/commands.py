"""Put files on tickets, and take them off again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.attachments.media import PICTURES, clean_name
from helpdesk.attachments.queries import get_attachment
from helpdesk.attachments.receiving import ReceivedFile
from helpdesk.attachments.text.kinds import kind_of
from helpdesk.errors import Conflict, NotFound
from helpdesk.events.conversation import TicketGone
from helpdesk.events.record import record
from helpdesk.models.attachments import Attachment
from helpdesk.models.tickets import Message
from helpdesk.models.values import AuthorKind, SourceType, TextState, ThumbnailState, TicketStatus
from helpdesk.queue.catalog import ExtractText, MakeThumbnail
from helpdesk.queue.enqueue import KeyedJob, enqueue, enqueue_unless_waiting
from helpdesk.rag.indexing.requests import request_index_if_known

# Holds the ticket until the transaction ends, so that it is not closed in between.
_TOUCH = text("""
    UPDATE tickets SET version = version + 1, updated_at = :now
     WHERE organization_id = :organization_id AND id = :ticket_id
    RETURNING status
""")


class ClosedForFiles(Conflict):
    """The ticket is closed and takes no more files."""


class NotOnThisTicket(NotFound):
    """The ticket has no such message."""


async def attach(
    session: AsyncSession,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    file: ReceivedFile,
    name: str | None,
    now: datetime,
    actor_kind: AuthorKind,
    actor_id: UUID | None,
    message_id: UUID | None = None,
) -> Attachment:
    """Put a received file on a ticket, note it in the history and ask for thumbnail and text, all in one transaction.

    The caller discards the file when the transaction fails.

    Args:
        name: as the sender gave it; it is cleaned.
        message_id: the message it came with.

    Raises:
        TicketGone, ClosedForFiles, NotOnThisTicket
    """
    status = await session.scalar(_TOUCH, {"organization_id": organization_id, "ticket_id": ticket_id, "now": now})
    if status is None:
        raise TicketGone
    if status == TicketStatus.CLOSED:
        raise ClosedForFiles
    if message_id is not None:
        await _check_message(session, organization_id=organization_id, ticket_id=ticket_id, message_id=message_id)
    is_picture = file.media_type in PICTURES
    cleaned = clean_name(name)
    has_text = kind_of(cleaned, file.media_type) is not None
    attachment = Attachment(
        id=file.id,
        organization_id=organization_id,
        ticket_id=ticket_id,
        message_id=message_id,
        name=cleaned,
        media_type=file.media_type,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        storage_name=file.storage_name,
        thumbnail_state=ThumbnailState.WAITING if is_picture else ThumbnailState.NONE,
        text_state=TextState.WAITING if has_text else TextState.NONE,
        uploaded_by=actor_id if actor_kind is AuthorKind.AGENT else None,
        created_at=now,
    )
    session.add(attachment)
    await _note(session, attachment, kind="attachment.added", now=now, actor_kind=actor_kind, actor_id=actor_id)
    if is_picture:
        await enqueue(session, MakeThumbnail(attachment_id=file.id), organization_id=organization_id)
    if has_text:
        # By the key that a look for unread files uses, too.
        job = KeyedJob(ExtractText(attachment_id=file.id), str(file.id))
        await enqueue_unless_waiting(session, [job], organization_id=organization_id)
    return attachment


async def detach(
    session: AsyncSession,
    *,
    organization_id: UUID,
    attachment_id: UUID,
    now: datetime,
    actor_kind: AuthorKind,
    actor_id: UUID | None,
) -> Attachment:
    """Take a file off its ticket and note it in the history; its content goes once that is committed.

    Returns:
        The row that was there, for `orphans.remove_files`.

    Raises:
        AttachmentNotFound
    """
    attachment = await get_attachment(session, organization_id=organization_id, attachment_id=attachment_id)
    values = {"organization_id": organization_id, "ticket_id": attachment.ticket_id, "now": now}
    await session.execute(_TOUCH, values)
    await session.delete(attachment)
    await request_index_if_known(
        session,
        organization_id=organization_id,
        source_type=SourceType.TICKET,
        source_id=attachment.ticket_id,
    )
    await _note(session, attachment, kind="attachment.removed", now=now, actor_kind=actor_kind, actor_id=actor_id)
    return attachment


async def _check_message(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, message_id: UUID) -> None:
    found = await session.scalar(
        select(Message.id).where(
            Message.organization_id == organization_id, Message.ticket_id == ticket_id, Message.id == message_id
        )
    )
    if found is None:
        raise NotOnThisTicket


async def _note(
    session: AsyncSession,
    attachment: Attachment,
    *,
    kind: str,
    now: datetime,
    actor_kind: AuthorKind,
    actor_id: UUID | None,
) -> None:
    await record(
        session,
        organization_id=attachment.organization_id,
        ticket_id=attachment.ticket_id,
        kind=kind,
        now=now,
        actor_kind=actor_kind,
        actor_id=actor_id,
        data={
            "attachment_id": str(attachment.id),
            "name": attachment.name,
            "media_type": attachment.media_type,
            "size_bytes": attachment.size_bytes,
        },
    )
