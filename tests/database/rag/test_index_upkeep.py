"""What an operator asks of the index, and what indexing may cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from sqlalchemy import event, text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.kb.articles.commands import ArticleChanges, update_article
from helpdesk.kb.articles.publishing_commands import archive_article, publish_article
from helpdesk.models.values import ArticleVisibility, IndexAction, SourceType
from helpdesk.rag.indexing.claim import claim
from helpdesk.rag.indexing.index import index_batch
from helpdesk.rag.indexing.reindex import Reindex, reindex
from helpdesk.rag.indexing.requests import request_index
from helpdesk.rag.indexing.status import IndexReport, index_report
from tests.database.rag.conftest import NOW, Desk
from tests.database.rag.test_tasks import BODY, Runtime, chunk_texts, edit, row_of, with_runtime

PARTS = [f"## Part {number}\n\n{BODY} Then look at lamp {number} of the box. {BODY}" for number in range(5)]
GREETING = "## Need more help?\n\n" + "Call the service desk at any hour, or write to it, and name the number. " * 4


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def status(desk: Desk) -> IndexReport:
    async with desk.database.transaction(desk.organization_id) as session:
        return await index_report(session, organization_id=desk.organization_id, now=NOW)


async def queue_anew(desk: Desk, what: Reindex, **wanted: object) -> dict[SourceType, int]:
    async with desk.database.transaction(desk.organization_id) as session:
        return dict(await reindex(session, organization_id=desk.organization_id, what=what, **wanted))  # type: ignore[arg-type]


async def test_sources_are_read_in_bulk_however_many_there_are(desk: Desk) -> None:
    desk = with_runtime(desk, Runtime())
    for number in range(10):
        await desk.publish(f"Guide {number}", BODY)
    await desk.index_all()
    costs = []
    for limit in (2, 8):
        async with desk.database.transaction(desk.organization_id) as session:
            await session.execute(text("UPDATE rag_index_queue SET status = 'pending', version = version + 1"))
        tasks = await claim(desk.indexer.connection, worker=desk.worker, limit=limit)
        assert len(tasks) == limit
        with counted(desk.database) as statements:
            report = await index_batch(desk.indexer, tasks, now=NOW)
        assert report.unchanged == limit
        costs.append(len(statements))
    assert costs[0] == costs[1]


async def test_each_changed_source_costs_the_same_few_statements(desk: Desk) -> None:
    desk = with_runtime(desk, Runtime())
    await desk.publish("First", BODY)
    await desk.index_all()
    costs = []
    for count in (1, 3):
        for number in range(count):
            await desk.publish(f"Guide {count} {number}", "\n\n".join(PARTS).replace("lamp", f"lamp {count}{number}"))
        tasks = await claim(desk.indexer.connection, worker=desk.worker)
        with counted(desk.database) as statements:
            report = await index_batch(desk.indexer, tasks, now=NOW)
        assert (report.documents, report.chunks) == (count, 5 * count)
        costs.append(len(statements))
    assert (costs[1] - costs[0]) % 2 == 0
    assert (costs[1] - costs[0]) // 2 <= 20


@pytest.mark.parametrize("place", [0, 2, 4])
async def test_one_edited_paragraph_costs_one_embedding_wherever_it_stands(desk: Desk, place: int) -> None:
    desk = with_runtime(desk, Runtime())
    article = await desk.publish("Guide", "\n\n".join(PARTS))
    await desk.index_all()
    await edit(desk, article.id, "\n\n".join(PARTS).replace(f"lamp {place}", f"light {place}"))
    [report] = await desk.index_all()
    assert (report.chunks, report.embedded, report.reused) == (5, 1, 4)


async def test_a_moved_section_costs_no_embedding_and_a_new_title_costs_all(desk: Desk) -> None:
    desk = with_runtime(desk, Runtime())
    article = await desk.publish("Guide", "\n\n".join(PARTS))
    await desk.index_all()
    await edit(desk, article.id, "\n\n".join([PARTS[3], *PARTS[:3], PARTS[4]]))
    [report] = await desk.index_all()
    assert (report.embedded, report.reused) == (0, 5)

    # The title stands over each passage in the text that is embedded.
    async with desk.database.transaction(desk.organization_id) as session:
        scope = {"organization_id": desk.organization_id, "article_id": article.id, "now": NOW}
        await update_article(session, changes=ArticleChanges(title="Manual"), author_id=None, **scope)
        await publish_article(session, **scope)
    [report] = await desk.index_all()
    assert (report.embedded, report.reused) == (5, 0)


async def test_equal_passages_of_an_organisation_are_embedded_once(desk: Desk, other_organization_id: UUID) -> None:
    runtime = Runtime()
    desk = with_runtime(desk, runtime)
    await desk.publish("Same", f"{PARTS[0]}\n\n{GREETING}")
    await desk.publish("Same", f"{PARTS[1]}\n\n{GREETING}")
    [report] = await desk.index_all()
    assert (report.chunks, report.embedded) == (4, 3)

    await desk.publish("Same", f"{PARTS[2]}\n\n{GREETING}")
    [report] = await desk.index_all()
    assert (report.chunks, report.embedded) == (2, 1)
    # What others have embedded is nothing to go by.
    await desk.publish("Same", GREETING, organization_id=other_organization_id)
    [report] = await desk.index_all()
    assert (report.chunks, report.embedded) == (1, 1)


async def test_what_customers_may_read_is_kept_apart_and_moves_without_an_embedding(desk: Desk) -> None:
    runtime = Runtime()
    desk = with_runtime(desk, runtime)
    article = await desk.publish("Guide", "\n\n".join(PARTS), visibility=ArticleVisibility.CUSTOMERS)
    await desk.index_all()
    runtime.texts.clear()
    seen = []
    for visibility in (None, ArticleVisibility.PUBLIC, ArticleVisibility.AGENTS, ArticleVisibility.CUSTOMERS):
        async with desk.database.transaction(desk.organization_id) as session:
            if visibility is not None:
                changes = ArticleChanges(visibility=visibility)
                scope = {"organization_id": desk.organization_id, "article_id": article.id, "now": NOW}
                await update_article(session, changes=changes, author_id=None, **scope)
        await desk.index_all()
        async with desk.database.transaction(desk.organization_id) as session:
            rows = await session.execute(
                text("""
                    SELECT DISTINCT d.visibility, c.visibility, v.visibility FROM rag_documents d
                      JOIN rag_chunks c ON c.document_id = d.id JOIN rag_embeddings_m1 v ON v.chunk_id = c.id
                """)
            )
            seen += [set(row) for row in rows]
    assert seen == [{"customers"}, {"public"}, {"internal"}, {"customers"}]
    assert runtime.texts == []


async def test_what_is_there_counts_and_not_what_was_asked_for(desk: Desk) -> None:
    desk = with_runtime(desk, Runtime())
    article = await desk.publish("Guide", BODY)
    async with desk.database.transaction(desk.organization_id) as session:
        await request_index(
            session,
            organization_id=desk.organization_id,
            source_type=SourceType.KB,
            source_id=article.id,
            action=IndexAction.DELETE,
        )
    await desk.index_all()
    assert await chunk_texts(desk) == [BODY]


async def test_a_source_read_before_it_went_does_not_come_back(desk: Desk) -> None:
    desk = with_runtime(desk, Runtime())
    article = await desk.publish("Guide", BODY)
    await desk.index_all()
    async with desk.database.transaction(desk.organization_id) as session:
        before = await session.scalar(text("SELECT source_version FROM rag_documents"))
        await archive_article(session, organization_id=desk.organization_id, article_id=article.id, now=NOW)
    await desk.index_all()
    async with desk.database.transaction(desk.organization_id) as session:
        version, deleted = (await session.execute(text("SELECT source_version, deleted_at FROM rag_documents"))).one()
    assert version > before
    assert deleted is not None
    assert await chunk_texts(desk) == []


async def test_what_failed_is_queued_again_by_a_word_of_the_operator(desk: Desk) -> None:
    desk = with_runtime(desk, Runtime())
    failed, fine = await desk.publish("Failed", BODY), await desk.publish("Fine", BODY)
    await desk.index_all()
    await desk.indexer.connection.fetch(
        "UPDATE rag_index_queue SET status = 'failed', attempts = 3, crash_count = 1, last_error = 'no' "
        "WHERE source_id = $1",
        failed.id,
    )
    report = await status(desk)
    assert [(each.status, each.reason, each.tasks) for each in report.reasons] == [("failed", "no", 1)]
    assert (report.failed, report.last_error, report.waits_for) == (1, "no", None)
    assert await queue_anew(desk, Reindex.FAILED, types=[SourceType.TICKET]) == {}
    assert await queue_anew(desk, Reindex.FAILED) == {SourceType.KB: 1}
    row = await row_of(desk, failed.id)
    assert (row["status"], row["attempts"], row["crash_count"], row["last_error"]) == ("pending", 0, 0, None)
    await desk.index_all()
    assert [await desk.status_of(each.id) for each in (failed, fine)] == ["done", "done"]


async def test_everything_can_be_indexed_anew_and_embeds_nothing_that_is_as_it_was(
    desk: Desk, other_organization_id: UUID
) -> None:
    runtime = Runtime()
    desk = with_runtime(desk, runtime)
    kept = await desk.publish("Kept", BODY)
    await desk.publish("Theirs", BODY, organization_id=other_organization_id)
    await desk.index_all()
    runtime.texts.clear()
    # Left behind by whatever went wrong: the source is gone, nobody said so.
    stray = new_id()
    async with desk.database.transaction(desk.organization_id) as session:
        await session.execute(
            text("""
                INSERT INTO rag_documents (id, organization_id, source_type, source_id, source_version, content_hash,
                       chunker_version, visibility, title, indexed_at)
                SELECT gen_random_uuid(), organization_id, source_type, :stray, 1, '', 1, 'public', 'Stray', now()
                  FROM rag_documents LIMIT 1
            """),
            {"stray": stray},
        )
        await session.execute(text("UPDATE rag_chunks SET content = 'damaged', chunk_hash = 'x' WHERE ordinal = 0"))
    assert await queue_anew(desk, Reindex.EVERYTHING, source_id=kept.id) == {SourceType.KB: 1}
    assert await queue_anew(desk, Reindex.EVERYTHING) == {SourceType.KB: 2}
    reports = await desk.index_all()
    assert sum(report.deleted for report in reports) == 1
    assert await chunk_texts(desk) == [BODY]
    assert runtime.texts == []


async def test_a_passage_without_a_vector_is_listed_and_tried_again_when_asked(desk: Desk) -> None:
    runtime = Runtime(refuses="zzyzx")
    desk = with_runtime(desk, runtime)
    bad = await desk.publish("Odd words", "zzyzx " * 30)
    await desk.publish("Fine", BODY)
    await desk.index_all()
    report = await status(desk)
    assert report.without_vector == 1
    assert [(each.source_id, each.title, each.refused) for each in report.unembedded] == [(bad.id, "Odd words", True)]

    runtime.refuses = None
    assert await queue_anew(desk, Reindex.INCOMPLETE) == {SourceType.KB: 1}
    [again] = await desk.index_all()
    assert (again.embedded, again.documents) == (1, 1)
    report = await status(desk)
    assert (report.without_vector, report.unembedded) == (0, [])
    assert await queue_anew(desk, Reindex.INCOMPLETE) == {}


async def test_the_lag_is_counted_from_the_change_however_often_it_was_handed_back(desk: Desk) -> None:
    away = with_runtime(desk, Runtime(busy=True))
    article = await away.publish("Guide", BODY)
    await desk.indexer.connection.fetch(
        "UPDATE rag_index_queue SET waiting_since = $1::timestamptz - interval '600 s'", NOW
    )
    await away.index_all()
    report = await status(away)
    assert (report.lag_s, report.waits_for, report.eta_s) == (600, "the runtime is away", None)
    assert report.next_try_at is not None
    await edit(away, article.id, BODY + " More.")
    assert (await status(away)).lag_s == 600
