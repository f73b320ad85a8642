"""The text in files on tickets, from the upload to the search."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

import workers.handlers
from helpdesk.attachments.commands import attach, detach
from helpdesk.attachments.queries import get_attachment
from helpdesk.attachments.text.extraction import ask_for_unread
from helpdesk.models.attachments import Attachment
from helpdesk.models.values import AuthorKind, SourceType
from helpdesk.queue.catalog import ReconcileIndex
from helpdesk.queue.enqueue import enqueue
from helpdesk.rag.indexing.reconcile import reconcile
from helpdesk.rag.indexing.status import index_report
from helpdesk.rag.retrieval.query import SearchAnswer
from helpdesk.settings import Settings
from helpdesk.storage import Storage
from helpdesk.tickets.commands import note, open_ticket
from helpdesk.tickets.requests import Actor
from tests.database.attachments.files import taken_in
from tests.database.desk import open_a_desk, vpn_ticket
from tests.database.queue.jobs import link, until, working
from tests.database.rag.conftest import NOW, Desk
from tests.unit.attachments.documents import docx_of, pdf_of
from workers.registry import handlers

assert workers.handlers.extract_text

LOG = b"2026-11-01 07:00 tunneld[812]: error HL-0809 handshake with gw-vienna-02 timed out\n" * 3


class Files:
    """Files put on one ticket, and read as a worker reads them."""

    def __init__(self, desk: Desk, settings: Settings, ticket_id: UUID) -> None:
        self.desk, self.settings, self.ticket_id = desk, settings, ticket_id
        self.storage = Storage(settings)

    async def put(self, content: bytes, name: str, *, message_id: UUID | None = None) -> Attachment:
        desk = self.desk
        file = await taken_in(self.storage, desk.organization_id, content)
        async with desk.database.transaction(desk.organization_id) as session:
            return await attach(
                session,
                organization_id=desk.organization_id,
                ticket_id=self.ticket_id,
                file=file,
                name=name,
                message_id=message_id,
                now=NOW,
                actor_kind=AuthorKind.AGENT,
                actor_id=None,
            )

    async def read(self) -> None:
        async with link(self.settings) as connection, working(self.settings, handlers, types=["EXTRACT_TEXT"]):
            for job in await connection.fetch("SELECT id FROM job_queue WHERE job_type = 'EXTRACT_TEXT' ORDER BY id"):
                await until(connection, job["id"], "completed")

    async def remove(self, attachment: Attachment) -> None:
        async with self.desk.database.transaction(self.desk.organization_id) as session:
            await detach(
                session,
                organization_id=self.desk.organization_id,
                attachment_id=attachment.id,
                now=NOW,
                actor_kind=AuthorKind.AGENT,
                actor_id=None,
            )

    async def stored(self, attachment: Attachment) -> Attachment:
        async with self.desk.database.transaction(self.desk.organization_id) as session:
            return await get_attachment(session, organization_id=self.desk.organization_id, attachment_id=attachment.id)

    async def first_message(self) -> UUID:
        async with self.desk.database.transaction(self.desk.organization_id) as session:
            rows = await session.scalars(text("SELECT id FROM messages ORDER BY created_at, id LIMIT 1"))
            return rows.one()

    async def found(self, words: str) -> SearchAnswer:
        return await self.desk.find(
            words,
            types=(SourceType.TICKET,),
            visibility=("public", "customers", "internal"),
            by_words_only=True,
        )

    async def seen_by(self, words: str) -> list[str]:
        """Return who may read the passages with some words, and their vectors."""
        async with self.desk.database.transaction(self.desk.organization_id) as session:
            rows = await session.execute(
                text("""
                    SELECT c.visibility, v.visibility FROM rag_chunks c JOIN rag_embeddings_m1 v ON v.chunk_id = c.id
                     WHERE strpos(c.content, :words) > 0
                """),
                {"words": words},
            )
            return [each for row in rows for each in row]


@pytest.fixture
async def files(desk: Desk, settings: Settings) -> Files:
    agent = await open_a_desk(desk.database, desk.organization_id)
    async with desk.database.transaction(desk.organization_id) as session:
        ticket = await open_ticket(
            session,
            organization_id=desk.organization_id,
            new=vpn_ticket(),
            actor=agent,
            now=NOW,
            settings=settings,
        )
    await desk.index_all()
    return Files(desk, settings, ticket.id)


async def test_the_words_of_a_file_lead_to_its_ticket_until_the_file_is_removed(files: Files) -> None:
    row = await files.put(LOG, "tunnel.log", message_id=await files.first_message())
    await files.put(pdf_of("Serial number QX-4711"), "invoice.pdf", message_id=await files.first_message())
    await files.put(docx_of(), "guide.docx", message_id=await files.first_message())
    assert (await files.stored(row)).text_state == "waiting"
    await files.read()
    assert (await files.stored(row)).text_state == "ready"
    [report] = await files.desk.index_all()
    # What was there already is embedded no second time.
    assert (report.embedded, report.reused) == (3, 1)

    best = (await files.found("gw-vienna-02")).results[0]
    assert (best.source_id, best.role, best.heading_path) == (files.ticket_id, "attachment", "tunnel.log")
    assert set(await files.seen_by("gw-vienna-02")) == {"public"}
    assert (await files.found("QX-4711")).results[0].heading_path == "invoice.pdf"
    assert (await files.found("blue button")).results[0].heading_path == "guide.docx > Router guide"

    await files.remove(row)
    await files.desk.index_all()
    assert (await files.found("gw-vienna-02")).results == []
    assert (await files.found("QX-4711")).results


async def test_a_file_is_seen_by_those_who_may_read_its_message(files: Files, desk: Desk, settings: Settings) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        agent = await session.scalar(text("SELECT id FROM users LIMIT 1"))
        await note(
            session,
            organization_id=desk.organization_id,
            ticket_id=files.ticket_id,
            actor=Actor(AuthorKind.AGENT, agent),
            body="Look at this, for us only.",
            now=NOW,
        )
        agent_note = await session.scalar(text("SELECT id FROM messages WHERE visibility = 'internal'"))
    await files.put(b"The spare key is kept in locker zebra-12.", "keys.txt", message_id=agent_note)
    await files.put(b"The alarm code is called yankee-34.", "alarm.txt")
    await files.read()
    await desk.index_all()
    for words in ("zebra-12", "yankee-34"):
        assert await files.seen_by(words) == ["internal", "internal"]
        assert (await files.found(words)).results[0].role == "attachment"

    # A message that is gone takes nothing into the open.
    async with desk.database.transaction(desk.organization_id) as session:
        await session.execute(text("UPDATE attachments SET message_id = NULL"))
        await session.execute(text("DELETE FROM messages WHERE visibility = :internal"), {"internal": "internal"})
        await session.execute(text("UPDATE tickets SET version = version + 1"))
        scope = {"organization_id": desk.organization_id, "open_tickets": True}
        assert await reconcile(session, **scope) == 1
    await desk.index_all()
    assert await files.seen_by("zebra-12") == ["internal", "internal"]


async def test_a_file_that_gives_no_text_says_why_and_costs_no_index(files: Files) -> None:
    locked = await files.put(pdf_of("Secret", password="word"), "locked.pdf")
    picture = await files.put(b"\x89PNG\r\n\x1a\n not quite", "a.png")
    await files.read()
    row = await files.stored(locked)
    assert (row.text_state, row.text_reason) == ("unfit", "It is locked with a password.")
    assert (await files.stored(picture)).text_state == "none"
    assert await files.desk.status_of(files.ticket_id) == "done"
    async with files.desk.database.transaction(files.desk.organization_id) as session:
        report = await index_report(session, organization_id=files.desk.organization_id, now=NOW)
    assert report.files == {"unfit": 1}


async def test_reading_a_file_again_changes_nothing(files: Files, desk: Desk) -> None:
    await files.put(LOG, "tunnel.log")
    await files.read()
    await desk.index_all()
    async with desk.database.transaction(desk.organization_id) as session:
        await session.execute(text("UPDATE attachments SET text_state = 'waiting'"))
        ids = await ask_for_unread(session, organization_id=desk.organization_id)
        assert len(ids) == 1
        assert await ask_for_unread(session, organization_id=desk.organization_id, after=ids[0]) == []
    await files.read()
    assert await desk.status_of(files.ticket_id) == "done"


async def test_files_of_before_are_read_by_the_scheduled_look(files: Files, desk: Desk, settings: Settings) -> None:
    row = await files.put(LOG, "tunnel.log")
    async with desk.database.transaction(desk.organization_id) as session:
        await session.execute(text("DELETE FROM job_queue"))
        job = await enqueue(session, ReconcileIndex(), organization_id=desk.organization_id)
    async with link(settings) as connection, working(settings, handlers, types=["RECONCILE_INDEX", "EXTRACT_TEXT"]):
        await until(connection, job, "completed")
        [reading] = await connection.fetch("SELECT id FROM job_queue WHERE job_type = 'EXTRACT_TEXT'")
        await until(connection, reading["id"], "completed")
    assert (await files.stored(row)).text_state == "ready"
    await desk.index_all()
    assert (await files.found("gw-vienna-02")).results


async def test_a_file_puts_no_ticket_into_the_index_that_is_not_to_be_there(
    files: Files, desk: Desk, settings: Settings
) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        await session.execute(text("DELETE FROM rag_documents"))
        await session.execute(text("DELETE FROM rag_index_queue"))
    files.settings = settings.model_copy(update={"rag_index_on_ticket_create": False})
    await files.put(LOG, "tunnel.log")
    await files.read()
    assert await desk.status_of(files.ticket_id) is None
    async with desk.database.transaction(desk.organization_id) as session:
        await session.execute(text("UPDATE tickets SET status = 'solved'"))
        await session.execute(text("UPDATE attachments SET text_state = 'waiting'"))
        await session.execute(text("DELETE FROM attachment_texts"))
        await ask_for_unread(session, organization_id=desk.organization_id)
    await files.read()
    assert await desk.status_of(files.ticket_id) == "pending"


async def test_nobody_else_reads_the_text(files: Files, desk: Desk, other_organization_id: UUID) -> None:
    await files.put(LOG, "tunnel.log")
    await files.read()
    for scope, seen in ((desk.organization_id, 1), (other_organization_id, 0), (None, 0)):
        async with desk.database.transaction(scope) as session:
            assert await session.scalar(text("SELECT count(*) FROM attachment_texts")) == seen
