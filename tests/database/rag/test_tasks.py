from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import text

from helpdesk.ai.model import Embedder, InputRefused, ModelBusy, ModelIdentity
from helpdesk.database.base import new_id
from helpdesk.kb.articles.commands import ArticleChanges, archive_article, publish_article, update_article
from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.models import EmbeddingModelChanged, ensure_active_model
from helpdesk.rag.embedding.vectors import ticket_input, vectors_for
from helpdesk.rag.indexing.claim import claim, fail, prune, release, rescue
from helpdesk.rag.indexing.index import index_batch
from helpdesk.rag.indexing.reconcile import reconcile
from helpdesk.rag.indexing.requests import request_index
from helpdesk.rag.indexing.status import index_report
from tests.database.rag.conftest import NOW, Desk

BODY = "Restart the laptop, wait for a minute and sign in again with the company account."


class Runtime:
    """A model runtime at the foreign edge, as a script wants it."""

    def __init__(self, *, digest: str = "d1", busy: bool = False, refuses: str | None = None) -> None:
        self.digest, self.busy, self.refuses = digest, busy, refuses
        self.texts: list[str] = []

    def named(self, name: str) -> Embedder:
        return self

    async def identify(self, *, fresh: bool = False) -> ModelIdentity:
        if self.busy:
            raise ModelBusy("the runtime is away", retry_after=15)
        return ModelIdentity("scripted", self.digest)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.refuses and any(self.refuses in words for words in texts):
            raise InputRefused("not representable")
        self.texts.extend(texts)
        return np.tile(np.array([1, 0, 0, 0], np.float32), (len(texts), 1))


def with_runtime(desk: Desk, runtime: Runtime) -> Desk:
    return replace(desk, indexer=replace(desk.indexer, embedder=runtime))


async def row_of(desk: Desk, source_id: UUID) -> dict[str, object]:
    rows = await desk.indexer.connection.fetch("SELECT * FROM rag_index_queue WHERE source_id = $1", source_id)
    return dict(rows[0])


async def edit(desk: Desk, article_id: UUID, body: str) -> None:
    scope = {"organization_id": desk.organization_id, "article_id": article_id, "now": NOW}
    async with desk.database.transaction(desk.organization_id) as session:
        await update_article(session, changes=ArticleChanges(body=body), author_id=None, **scope)
        await publish_article(session, **scope)


async def chunk_texts(desk: Desk) -> list[str]:
    async with desk.database.transaction(desk.organization_id) as session:
        return list(await session.scalars(text("SELECT content FROM rag_chunks ORDER BY content")))


async def test_many_changes_of_a_source_are_one_task(desk: Desk) -> None:
    article = await desk.publish("Restart", BODY)
    for number in range(3):
        await edit(desk, article.id, f"{BODY} {number}")
    tasks = await claim(desk.indexer.connection, worker=desk.worker)
    assert len(tasks) == 1
    assert await claim(desk.indexer.connection, worker=desk.worker) == []
    await release(desk.indexer.connection, tasks)


async def test_a_change_that_comes_while_a_source_is_in_hand_is_indexed_afterwards(desk: Desk) -> None:
    desk = with_runtime(desk, Runtime())
    article = await desk.publish("Restart", BODY)
    tasks = await claim(desk.indexer.connection, worker=desk.worker)
    await edit(desk, article.id, "Something else entirely.")
    await index_batch(desk.indexer, tasks, now=NOW)
    assert await desk.status_of(article.id) == "pending"
    await desk.index_all()
    assert await desk.status_of(article.id) == "done"
    assert await chunk_texts(desk) == ["Something else entirely."]


async def test_a_worker_that_lost_its_lease_leaves_no_trace(desk: Desk) -> None:
    desk = with_runtime(desk, Runtime())
    article = await desk.publish("Restart", BODY)
    old = await claim(desk.indexer.connection, worker=desk.worker)
    assert await rescue(desk.indexer.connection, timeout_s=0) == 1
    new = await claim(desk.indexer.connection, worker=new_id())

    report = await index_batch(desk.indexer, old, now=NOW)
    assert (report.documents, report.lost) == (0, 1)
    assert await chunk_texts(desk) == []
    assert await release(desk.indexer.connection, old) == 0
    assert await fail(desk.indexer.connection, old[0], error="late") is None

    report = await index_batch(desk.indexer, new, now=NOW)
    assert (report.documents, report.lost) == (1, 0)
    assert await desk.status_of(article.id) == "done"


async def test_the_same_worker_is_fenced_from_its_own_former_lease(desk: Desk) -> None:
    desk = with_runtime(desk, Runtime())
    await desk.publish("Restart", BODY)
    old = await claim(desk.indexer.connection, worker=desk.worker)
    await release(desk.indexer.connection, old)
    again = await claim(desk.indexer.connection, worker=desk.worker)
    assert (await index_batch(desk.indexer, old, now=NOW)).lost == 1
    assert (await index_batch(desk.indexer, again, now=NOW)).documents == 1


async def test_a_source_that_kills_three_workers_is_set_aside(desk: Desk) -> None:
    article = await desk.publish("Restart", BODY)
    for _ in range(3):
        assert len(await claim(desk.indexer.connection, worker=new_id())) == 1
        await rescue(desk.indexer.connection, timeout_s=0)
    assert await desk.status_of(article.id) == "failed"
    await edit(desk, article.id, BODY + " Twice.")
    assert await desk.status_of(article.id) == "pending"


async def test_a_source_whose_worker_died_goes_alone_and_takes_no_other_with_it(desk: Desk) -> None:
    for number in range(4):
        await desk.publish(f"Guide {number}", BODY)
    assert len(await claim(desk.indexer.connection, worker=new_id())) == 4
    await rescue(desk.indexer.connection, timeout_s=-1)
    await desk.publish("Fresh", BODY)
    sizes = []
    while tasks := await claim(desk.indexer.connection, worker=new_id()):
        sizes.append(len(tasks))
    assert sizes == [1, 1, 1, 1, 1]


async def test_a_runtime_that_is_away_costs_no_try(desk: Desk) -> None:
    away = with_runtime(desk, Runtime(busy=True))
    article = await away.publish("Restart", BODY)
    [report] = await away.index_all()
    assert (report.handed_back, report.documents, report.retry_after_s) == (1, 0, 15)
    row = await row_of(desk, article.id)
    assert (row["status"], row["attempts"], row["last_error"]) == ("pending", 0, "the runtime is away")

    await desk.indexer.connection.fetch("UPDATE rag_index_queue SET run_after = now()")
    [report] = await with_runtime(desk, Runtime()).index_all()
    assert report.documents == 1


async def test_a_deletion_does_not_wait_for_the_runtime(desk: Desk) -> None:
    article = await desk.publish("Restart", BODY)
    await with_runtime(desk, Runtime()).index_all()
    async with desk.database.transaction(desk.organization_id) as session:
        await archive_article(session, organization_id=desk.organization_id, article_id=article.id, now=NOW)
    [report] = await with_runtime(desk, Runtime(busy=True)).index_all()
    assert report.deleted == 1
    assert await chunk_texts(desk) == []


async def test_a_passage_that_the_runtime_refuses_is_found_by_its_words(desk: Desk) -> None:
    desk = with_runtime(desk, Runtime(refuses="zzyzx"))
    bad = await desk.publish("zzyzx", "zzyzx " * 3)
    good = await desk.publish("Restart", BODY)
    [report] = await desk.index_all()
    assert (report.documents, report.embedded, report.failed) == (2, 1, 0)
    assert (await desk.find("zzyzx", by_words_only=True)).results[0].source_id == bad.id
    assert (await desk.find("restart laptop", by_words_only=True)).results[0].source_id == good.id


async def test_a_source_at_fault_fails_after_three_tries_and_the_batch_goes_on(desk: Desk) -> None:
    desk = with_runtime(desk, Runtime())
    bad = await desk.publish("Bad", BODY)
    good = await desk.publish("Good", BODY)
    # What no index entry can hold: a constraint of the table stands in for any fault of one source.
    async with desk.database.transaction(desk.organization_id, role="atum_owner") as session:
        await session.execute(text(f"ALTER TABLE rag_documents ADD CONSTRAINT no_bad CHECK (source_id <> '{bad.id}')"))
    for expected in ("pending", "pending", "failed"):
        await desk.indexer.connection.fetch("UPDATE rag_index_queue SET run_after = now()")
        [report] = await desk.index_all()
        assert report.failed == 1
        assert await desk.status_of(bad.id) == expected
    assert await desk.status_of(good.id) == "done"

    async with desk.database.transaction(desk.organization_id) as session:
        report = await index_report(session, organization_id=desk.organization_id, now=NOW)
    assert report.failed == 1
    assert report.failures[0].source_id == bad.id
    assert "no_bad" in str(report.failures[0].last_error)


async def test_half_a_batch_goes_to_others_while_one_organisation_imports(
    desk: Desk, other_organization_id: UUID
) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        for _ in range(100):
            await request_index(
                session, organization_id=desk.organization_id, source_type=SourceType.KB, source_id=new_id()
            )
    async with desk.database.transaction(other_organization_id) as session:
        for _ in range(7):
            await request_index(
                session, organization_id=other_organization_id, source_type=SourceType.KB, source_id=new_id()
            )

    owners = [task.organization_id for task in await claim(desk.indexer.connection, worker=desk.worker)]
    assert (owners.count(desk.organization_id), owners.count(other_organization_id)) == (5, 5)
    owners = [task.organization_id for task in await claim(desk.indexer.connection, worker=desk.worker)]
    assert (owners.count(desk.organization_id), owners.count(other_organization_id)) == (8, 2)


async def test_a_higher_priority_goes_first(desk: Desk) -> None:
    urgent = new_id()
    async with desk.database.transaction(desk.organization_id) as session:
        scope = {"organization_id": desk.organization_id, "source_type": SourceType.KB}
        for _ in range(12):
            await request_index(session, source_id=new_id(), priority=2, **scope)
        await request_index(session, source_id=urgent, **scope)
    [task] = await claim(desk.indexer.connection, worker=desk.worker, limit=1)
    assert task.source_id == urgent


async def test_what_is_done_is_forgotten_after_some_hours(desk: Desk) -> None:
    article = await desk.publish("Restart", BODY)
    await with_runtime(desk, Runtime()).index_all()
    assert await prune(desk.indexer.connection) == 0
    await desk.indexer.connection.fetch("UPDATE rag_index_queue SET updated_at = now() - interval '7 hours'")
    assert await prune(desk.indexer.connection) == 1
    assert await desk.status_of(article.id) is None


async def test_the_reconciler_queues_what_was_missed_behind_everything_else(desk: Desk) -> None:
    desk = with_runtime(desk, Runtime())
    missing = await desk.publish("Missing", BODY)
    left = await desk.publish("Left behind", BODY)
    old = await desk.publish("Old", BODY)
    await desk.index_all()
    connection = desk.indexer.connection
    await connection.fetch("DELETE FROM rag_index_queue")
    async with desk.database.transaction(desk.organization_id) as session:
        await session.execute(text("DELETE FROM rag_documents WHERE source_id = :id"), {"id": missing.id})
        await session.execute(text("DELETE FROM kb_articles WHERE id = :id"), {"id": left.id})
        await session.execute(text("UPDATE kb_articles SET version = version + 1 WHERE id = :id"), {"id": old.id})
    for queued in (3, 0):
        async with desk.database.transaction(desk.organization_id) as session:
            scope = {"organization_id": desk.organization_id, "open_tickets": True}
            assert await reconcile(session, **scope) == queued
    rows = await connection.fetch("SELECT source_id, action, priority FROM rag_index_queue")
    assert {(row["source_id"], row["action"]) for row in rows} == {
        (missing.id, "upsert"),
        (left.id, "delete"),
        (old.id, "upsert"),
    }
    assert {row["priority"] for row in rows} == {1}
    await desk.index_all()
    async with desk.database.transaction(desk.organization_id) as session:
        assert await reconcile(session, **scope) == 0


async def test_a_digest_that_changes_under_the_same_name_stops_writes(desk: Desk) -> None:
    first = with_runtime(desk, Runtime(digest="d1"))
    await first.publish("Restart", BODY)
    await first.index_all()
    changed = Runtime(digest="d2")
    article = await desk.publish("Another", "Quite another text.")
    [report] = await with_runtime(desk, changed).index_all()
    assert (report.handed_back, changed.texts) == (1, [])
    assert "another embedding model" in str(EmbeddingModelChanged.title())
    assert "scripted" in str(report.waits_for)
    assert await desk.status_of(article.id) == "pending"
    with pytest.raises(EmbeddingModelChanged):
        await vectors_for(desk.database, changed, organization_id=desk.organization_id, texts=["x"], now=NOW)


async def test_two_processes_register_the_first_model_once(desk: Desk) -> None:
    import asyncio

    models = await asyncio.gather(*(ensure_active_model(desk.database, Runtime()) for _ in range(4)))
    assert len({model.table_name for model in models}) == 1
    rows = await desk.indexer.connection.fetch("SELECT state FROM rag_embedding_models")
    assert [row["state"] for row in rows] == ["active"]


async def test_a_text_is_embedded_once_whoever_asks(desk: Desk) -> None:
    words = ticket_input("VPN drops", "It drops each hour.\n-- \nJim")
    scope = {"organization_id": desk.organization_id, "now": NOW}
    first = await vectors_for(desk.database, desk.embedder, texts=[words, "Other", words], **scope)
    count = len(desk.embedder.texts)
    second = await vectors_for(desk.database, desk.embedder, texts=["Other", words], **scope)
    assert len(desk.embedder.texts) == count
    assert first.shape == (3, 384)
    np.testing.assert_allclose(first[[1, 2]], second, atol=1e-3)
    assert (await vectors_for(desk.database, desk.embedder, texts=[], **scope)).shape == (0, 384)
