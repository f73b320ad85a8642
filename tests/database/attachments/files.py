"""Files for tests: taken in as an upload is, and put on a ticket."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from uuid import UUID

from PIL import Image

from helpdesk.attachments.commands import attach
from helpdesk.attachments.receiving import ReceivedFile, receive
from helpdesk.database.engine import Database
from helpdesk.models.attachments import Attachment
from helpdesk.models.values import AuthorKind
from helpdesk.settings import Settings
from helpdesk.storage import Storage
from helpdesk.tickets.commands import open_ticket
from tests.database.desk import NOW, open_a_desk, vpn_ticket


def picture(width: int = 800, height: int = 600, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, kind)
    return file.getvalue()


async def in_pieces(content: bytes, size: int = 10_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def taken_in(storage: Storage, organization_id: UUID, content: bytes, most_bytes: int = 10**8) -> ReceivedFile:
    return await receive(in_pieces(content), storage=storage, organization_id=organization_id, most_bytes=most_bytes)


async def a_ticket(database: Database, organization_id: UUID, settings: Settings) -> UUID:
    agent = await open_a_desk(database, organization_id)
    async with database.transaction(organization_id) as session:
        ticket = await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
        )
    return ticket.id


async def attached(
    database: Database, storage: Storage, organization_id: UUID, ticket_id: UUID, content: bytes, name: str = "a.png"
) -> Attachment:
    file = await taken_in(storage, organization_id, content)
    async with database.transaction(organization_id) as session:
        return await attach(
            session,
            organization_id=organization_id,
            ticket_id=ticket_id,
            file=file,
            name=name,
            now=NOW,
            actor_kind=AuthorKind.AGENT,
            actor_id=None,
        )
