"""Between the upload, the file and its row."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text

from helpdesk.attachments.commands import ClosedForFiles, NotOnThisTicket, attach, detach
from helpdesk.attachments.orphans import remove_files, sweep_orphans
from helpdesk.attachments.queries import AttachmentNotFound, get_attachment, list_attachments
from helpdesk.attachments.receiving import AttachmentTooLarge, receive
from helpdesk.database.engine import Database
from helpdesk.events.conversation import TicketGone
from helpdesk.models.attachments import Attachment
from helpdesk.models.values import AuthorKind
from helpdesk.settings import Settings
from helpdesk.storage import Storage
from tests.conftest import REPOSITORY
from tests.database.attachments.files import a_ticket, attached, in_pieces, picture, taken_in
from tests.database.desk import NOW


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return Storage(settings)


def files(storage: Storage) -> list[Path]:
    return sorted(path for path in storage.root.rglob("*") if path.is_file())


async def test_a_file_is_stored_as_it_came_and_described(storage: Storage, organization_id: UUID) -> None:
    content = os.urandom(1_000_003)
    file = await taken_in(storage, organization_id, content)
    assert file.path.read_bytes() == content
    assert (file.size_bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert file.media_type == "application/octet-stream"
    assert files(storage) == [file.path]


async def test_a_large_file_is_never_in_memory_whole(storage: Storage, organization_id: UUID) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(500):
            yield bytes(65536)

    tracemalloc.start()
    try:
        file = await receive(pieces(), storage=storage, organization_id=organization_id, most_bytes=10**9)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert file.size_bytes == 500 * 65536
    assert most < 2_000_000


async def test_a_file_that_is_too_large_or_cut_off_leaves_nothing(storage: Storage, organization_id: UUID) -> None:
    with pytest.raises(AttachmentTooLarge, match=r"1,000 bytes"):
        await taken_in(storage, organization_id, b"x" * 1001, most_bytes=1000)

    async def cut_off() -> AsyncIterator[bytes]:
        yield b"x" * 300_000
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await receive(cut_off(), storage=storage, organization_id=organization_id, most_bytes=10**7)
    assert files(storage) == []


async def test_a_file_comes_with_its_event_and_its_job_or_not_at_all(
    database: Database, settings: Settings, storage: Storage, organization_id: UUID
) -> None:
    ticket_id = await a_ticket(database, organization_id, settings)
    row = await attached(database, storage, organization_id, ticket_id, picture(), name="../a b\x00.png")
    text_file = await attached(database, storage, organization_id, ticket_id, b"words", name="log.txt")
    async with database.transaction(organization_id) as session:
        found = await list_attachments(session, organization_id=organization_id, ticket_id=ticket_id)
        events = (
            await session.execute(text("SELECT data FROM ticket_events WHERE kind = 'attachment.added' ORDER BY seq"))
        ).scalars()
        jobs = (
            await session.execute(text("SELECT payload, priority FROM job_queue WHERE job_type = 'MAKE_THUMBNAIL'"))
        ).all()
        assert [(one.name, one.media_type, one.thumbnail_state) for one in found] == [
            ("a b.png", "image/png", "waiting"),
            ("log.txt", "text/plain", "none"),
        ]
        assert [event["attachment_id"] for event in events] == [str(row.id), str(text_file.id)]
        assert [(dict(job.payload), job.priority) for job in jobs] == [({"attachment_id": str(row.id)}, "low")]

    with pytest.raises(RuntimeError):
        async with database.transaction(organization_id) as session:
            await attach(
                session,
                organization_id=organization_id,
                ticket_id=ticket_id,
                file=await taken_in(storage, organization_id, picture()),
                name="b.png",
                now=NOW,
                actor_kind=AuthorKind.AGENT,
                actor_id=None,
            )
            raise RuntimeError
    async with database.transaction(organization_id) as session:
        assert await session.scalar(select(func.count()).select_from(Attachment)) == 2
        counted = text("SELECT count(*) FROM job_queue WHERE job_type = 'MAKE_THUMBNAIL'")
        assert await session.scalar(counted) == 1


@pytest.mark.parametrize("refusal", [TicketGone, ClosedForFiles, NotOnThisTicket])
async def test_a_file_needs_a_ticket_that_is_open_and_a_message_that_is_on_it(
    database: Database, settings: Settings, storage: Storage, organization_id: UUID, refusal: type[Exception]
) -> None:
    ticket_id = await a_ticket(database, organization_id, settings)
    file = await taken_in(storage, organization_id, b"words")
    async with database.transaction(organization_id) as session:
        if refusal is ClosedForFiles:
            await session.execute(text("UPDATE tickets SET status = 'closed'"))
        with pytest.raises(refusal):
            await attach(
                session,
                organization_id=organization_id,
                ticket_id=uuid4() if refusal is TicketGone else ticket_id,
                file=file,
                name="a",
                now=NOW,
                actor_kind=AuthorKind.AGENT,
                actor_id=None,
                message_id=uuid4() if refusal is NotOnThisTicket else None,
            )
    await file.discard()
    assert files(storage) == []


async def test_a_file_is_seen_by_its_own_organisation_alone(
    database: Database, settings: Settings, storage: Storage, organization_id: UUID
) -> None:
    row = await attached(
        database, storage, organization_id, await a_ticket(database, organization_id, settings), b"words"
    )
    stranger = uuid4()
    async with database.transaction(stranger) as session:
        assert await session.scalar(select(func.count()).select_from(Attachment)) == 0
        with pytest.raises(AttachmentNotFound):
            await get_attachment(session, organization_id=stranger, attachment_id=row.id)


async def test_a_file_taken_off_its_ticket_is_gone_but_not_forgotten(
    database: Database, settings: Settings, storage: Storage, organization_id: UUID
) -> None:
    ticket_id = await a_ticket(database, organization_id, settings)
    row = await attached(database, storage, organization_id, ticket_id, b"words")
    async with database.transaction(organization_id) as session:
        gone = await detach(
            session,
            organization_id=organization_id,
            attachment_id=row.id,
            now=NOW,
            actor_kind=AuthorKind.AGENT,
            actor_id=None,
        )
    remove_files(storage, organization_id=organization_id, storage_name=gone.storage_name, thumbnail_name=None)
    assert files(storage) == []
    async with database.transaction(organization_id) as session:
        event = await session.scalar(text("SELECT data FROM ticket_events WHERE kind = 'attachment.removed'"))
        assert event["name"] == "a.png"


async def test_orphans_are_swept_and_nothing_else(
    database: Database, settings: Settings, storage: Storage, organization_id: UUID
) -> None:
    kept = await attached(
        database, storage, organization_id, await a_ticket(database, organization_id, settings), b"words"
    )
    orphan = await taken_in(storage, organization_id, b"nobody speaks of me")
    thumbnail = storage.path("thumbnails", organization_id, f"{orphan.storage_name}.webp")
    thumbnail.write_bytes(b"small")
    cut_off = orphan.path.with_name(f".{uuid4().hex}.123.part")
    cut_off.write_bytes(b"hal")
    of_a_deleted_organization = await taken_in(storage, uuid4(), b"gone with its organisation")
    not_ours = storage.root / "attachments" / "README"
    not_ours.write_text("put here by hand")
    now = datetime.now(UTC)

    assert await sweep_orphans(database, storage, now=now) == 0
    later = now + timedelta(hours=25)
    assert await sweep_orphans(database, storage, now=later) == 4

    survivors = [storage.path("attachments", organization_id, kept.storage_name), not_ours]
    assert files(storage) == sorted(survivors)
    assert not of_a_deleted_organization.path.exists()
    assert await sweep_orphans(database, storage, now=later) == 0


_DIE_BETWEEN = """
import asyncio, os, signal, sys
from pathlib import Path
from uuid import UUID
from helpdesk.attachments.receiving import receive
from helpdesk.settings import Settings
from helpdesk.storage import Storage

async def pieces():
    for _ in range(20):
        yield b"x" * 100_000
        if sys.argv[3] == "in the file":
            os.kill(os.getpid(), signal.SIGKILL)

async def main():
    storage = Storage(Settings(data_dir=Path(sys.argv[1])))
    await receive(pieces(), storage=storage, organization_id=UUID(sys.argv[2]), most_bytes=10**9)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["in the file", "before the row"])
async def test_a_death_between_file_and_row_leaves_an_orphan_that_is_swept(
    database: Database, settings: Settings, storage: Storage, organization_id: UUID, moment: str
) -> None:
    arguments = [sys.executable, "-c", _DIE_BETWEEN, str(settings.data_dir), str(organization_id), moment]
    died = await asyncio.to_thread(subprocess.run, arguments, cwd=REPOSITORY, check=False)
    assert died.returncode == -signal.SIGKILL
    left = files(storage)
    assert len(left) == 1
    assert left[0].name.endswith(".part") is (moment == "in the file")
    assert await sweep_orphans(database, storage, now=datetime.now(UTC) + timedelta(days=2)) == 1
    assert files(storage) == []


async def test_pieces_of_any_size_give_the_same_file(storage: Storage, organization_id: UUID) -> None:
    content = os.urandom(5000)
    found = {
        (
            await receive(in_pieces(content, size), storage=storage, organization_id=organization_id, most_bytes=5000)
        ).sha256
        for size in (1, 7, 4096, 5000)
    }
    assert found == {hashlib.sha256(content).hexdigest()}
