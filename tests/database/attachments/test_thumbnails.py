"""MAKE_THUMBNAIL, run by a worker."""

from __future__ import annotations

import asyncio
import io
import struct
import time
import zlib
from uuid import UUID

import pytest
from PIL import Image

import workers.handlers
from helpdesk.attachments.commands import detach
from helpdesk.attachments.queries import NoThumbnail, get_attachment, thumbnail_name_of
from helpdesk.attachments.thumbnails import make_thumbnail
from helpdesk.database.engine import Database
from helpdesk.models.attachments import Attachment
from helpdesk.models.values import AuthorKind, ThumbnailState
from helpdesk.queue.catalog import MakeThumbnail
from helpdesk.queue.enqueue import enqueue
from helpdesk.settings import Settings
from helpdesk.storage import Storage
from tests.database.attachments.files import a_ticket, attached, picture
from tests.database.desk import NOW
from tests.database.queue.jobs import history, link, until, working
from workers.registry import handlers

assert workers.handlers.make_thumbnail


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return Storage(settings)


@pytest.fixture
async def ticket_id(database: Database, organization_id: UUID, settings: Settings) -> UUID:
    return await a_ticket(database, organization_id, settings)


async def stored(database: Database, row: Attachment) -> Attachment:
    async with database.transaction(row.organization_id) as session:
        return await get_attachment(session, organization_id=row.organization_id, attachment_id=row.id)


async def worked_off(settings: Settings, status: str = "completed") -> list[str]:
    """Let a worker do the thumbnails that wait, and return the history of the last one."""
    async with link(settings) as connection, working(settings, handlers, types=["MAKE_THUMBNAIL"]):
        jobs = await connection.fetch("SELECT id FROM job_queue WHERE job_type = 'MAKE_THUMBNAIL' ORDER BY id")
        for job in jobs:
            await until(connection, job["id"], status)
        return await history(connection, jobs[-1]["id"])


async def test_a_picture_gets_its_thumbnail_and_again_the_same(
    database: Database, settings: Settings, storage: Storage, organization_id: UUID, ticket_id: UUID
) -> None:
    row = await attached(database, storage, organization_id, ticket_id, picture(1000, 500))
    assert await worked_off(settings) == ["enqueued", "started", "completed"]
    ready = await stored(database, row)
    assert (ready.thumbnail_state, ready.width, ready.height) == ("ready", 1000, 500)
    path = storage.path("thumbnails", organization_id, thumbnail_name_of(ready))
    first = path.read_bytes()
    with Image.open(io.BytesIO(first)) as image:
        assert image.size == (320, 160)

    async with database.transaction(organization_id) as session:
        await enqueue(session, MakeThumbnail(attachment_id=row.id), organization_id=organization_id)
    await worked_off(settings)
    assert path.read_bytes() == first
    assert list(path.parent.iterdir()) == [path]


def claiming(width: int, height: int) -> bytes:
    """Return a small PNG whose header claims another size."""
    content = picture(8, 8)
    header = b"IHDR" + struct.pack(">II", width, height) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


@pytest.mark.parametrize("what", ["cut off", "a bomb", "gone"])
async def test_a_picture_that_cannot_be_read_is_noted_at_the_first_try(
    database: Database, settings: Settings, storage: Storage, organization_id: UUID, ticket_id: UUID, what: str
) -> None:
    content = claiming(60_000, 60_000) if what == "a bomb" else picture()
    row = await attached(database, storage, organization_id, ticket_id, content[:-60] if what == "cut off" else content)
    if what == "gone":
        storage.path("attachments", organization_id, row.storage_name).unlink()
    assert await worked_off(settings) == ["enqueued", "started", "completed"]
    unfit = await stored(database, row)
    assert (unfit.thumbnail_state, unfit.thumbnail_name, unfit.width) == ("unfit", None, None)
    with pytest.raises(NoThumbnail, match="can be made"):
        thumbnail_name_of(unfit)


async def test_a_file_taken_off_its_ticket_needs_none(
    database: Database, settings: Settings, storage: Storage, organization_id: UUID, ticket_id: UUID
) -> None:
    row = await attached(database, storage, organization_id, ticket_id, picture())
    async with database.transaction(organization_id) as session:
        await detach(
            session,
            organization_id=organization_id,
            attachment_id=row.id,
            now=NOW,
            actor_kind=AuthorKind.AGENT,
            actor_id=None,
        )
    assert (await worked_off(settings, "cancelled"))[-1] == "cancelled"


async def test_the_event_loop_goes_on_while_a_large_picture_is_read(
    database: Database, storage: Storage, organization_id: UUID, ticket_id: UUID
) -> None:
    file = io.BytesIO()
    Image.effect_noise((3000, 3000), 80).save(file, "PNG", compress_level=1)
    row = await attached(database, storage, organization_id, ticket_id, file.getvalue() + bytes(1))
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - began)

    async def complete(_session: object) -> None:
        pass

    watching = asyncio.create_task(watch())
    began = time.monotonic()
    state = await make_thumbnail(
        database,
        storage,
        organization_id=organization_id,
        attachment_id=row.id,
        in_thread=asyncio.to_thread,
        complete=complete,
    )
    took = time.monotonic() - began
    watching.cancel()
    assert state is ThumbnailState.READY
    assert longest < took / 2, (longest, took)
