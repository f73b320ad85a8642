"""Bring a batch of sources into the index: prepare, embed across documents, write each in a transaction of its own."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError

from helpdesk.ai.model import Embedder, ModelBusy, ModelIdentity
from helpdesk.ai.runs import record_embedding
from helpdesk.database.engine import Database
from helpdesk.errors import Unavailable
from helpdesk.queue.link import CONNECTION_ERRORS, Runs
from helpdesk.queue.outcomes import LeaseLost
from helpdesk.rag.embedding.embed import Embedded, embed_all
from helpdesk.rag.embedding.models import ActiveModel, active_model, ensure_active_model
from helpdesk.rag.embedding.vectors import hash_of_input, stored_vectors
from helpdesk.rag.indexing.apply import apply_change, apply_gone, apply_unchanged
from helpdesk.rag.indexing.claim import IndexTaskInHand, fail, release
from helpdesk.rag.indexing.prepare import Change, Prepared, prepare

log = structlog.get_logger(__name__)


@dataclass
class BatchReport:
    """What came of a batch of tasks.

    Attributes:
        documents: written or found to be as they should be; `unchanged` and `deleted` are among them.
        chunks: passages of the written documents; `embedded` got a new vector, `reused` kept theirs.
        handed_back: tasks that wait for the model runtime, no try counted.
        failed: tasks with a fault of their own.
        lost: tasks that went to another worker meanwhile.
        waits_for: why tasks were handed back.
        retry_after_s: seconds until it is worth another try.
    """

    documents: int = 0
    unchanged: int = 0
    deleted: int = 0
    chunks: int = 0
    embedded: int = 0
    reused: int = 0
    handed_back: int = 0
    failed: int = 0
    lost: int = 0
    waits_for: str | None = None
    retry_after_s: float = 0.0


@dataclass(frozen=True)
class Indexer:
    """What indexing needs of its process.

    Attributes:
        connection: runs short statements across organisations, as the worker role.
        embedding: one call to the runtime at a time, however many batches are under way.
    """

    database: Database
    embedder: Embedder
    connection: Runs
    embedding: asyncio.Lock


async def index_batch(indexer: Indexer, tasks: Sequence[IndexTaskInHand], *, now: datetime) -> BatchReport:
    """Index the sources of claimed tasks and settle every one of them: done, failed, or handed back.

    No transaction is open while the model runtime works. A task whose lease is lost leaves no trace.
    """
    report = BatchReport()
    prepared = await prepare(indexer.database, tasks)
    await _finish_unchanged(indexer, prepared, report, now=now)
    for task, error in prepared.faulty:
        await _fail(indexer, task, error, report)
    for task in sorted(prepared.gone, key=lambda task: task.source_id):
        await _finish_gone(indexer, task, report, now=now)
    if prepared.changes:
        model, embedded = await _embed(indexer, prepared.changes, report, now=now)
        for change in sorted(prepared.changes, key=lambda change: change.source.id):
            await _finish_change(indexer, change, model, embedded, report, now=now)
    return report


async def _embed(
    indexer: Indexer, changes: Sequence[Change], report: BatchReport, *, now: datetime
) -> tuple[ActiveModel | None, Embedded]:
    """Return the vectors of all passages that lack one, by their text without the model's prefix."""
    wanted = {words for change in changes for words in change.inputs}
    async with indexer.database.transaction(None) as session:
        model = await active_model(session)
    if not wanted:
        return model, Embedded()
    try:
        model = await ensure_active_model(indexer.database, indexer.embedder)
        known = await _known_vectors(indexer.database, changes, model)
        prefix = model.doc_prefix
        async with indexer.embedding:
            started = time.perf_counter()
            made = await embed_all(
                indexer.embedder,
                [prefix + words for words in wanted if words not in known.vectors],
                chars_per_token=model.chars_per_token,
            )
            took_ms = 1000 * (time.perf_counter() - started)
    except Unavailable as away:
        return model, Embedded(interrupted=away)
    await _record(indexer.database, changes, model, sent=made.vectors.keys(), took_ms=took_ms, now=now)
    report.embedded += len(made.vectors)
    known.vectors.update({words.removeprefix(prefix): vector for words, vector in made.vectors.items()})
    known.refused.update(words.removeprefix(prefix) for words in made.refused)
    known.interrupted = made.interrupted
    return model, known


async def _record(
    database: Database,
    changes: Sequence[Change],
    model: ActiveModel,
    *,
    sent: Collection[str],
    took_ms: float,
    now: datetime,
) -> None:
    """Record the calls of a batch with each organisation that had a text in them, at its share of the time."""
    texts: defaultdict[UUID, list[str]] = defaultdict(list)
    for change in changes:
        texts[change.task.organization_id] += [
            model.doc_prefix + words for words in change.inputs if model.doc_prefix + words in sent
        ]
    for organization_id, own in texts.items():
        if not own:
            continue
        async with database.transaction(organization_id) as session:
            await record_embedding(
                session,
                organization_id=organization_id,
                identity=ModelIdentity(model.name, model.digest),
                texts=own,
                total_ms=took_ms * len(own) / max(len(sent), 1),
                now=now,
            )


async def _known_vectors(database: Database, changes: Sequence[Change], model: ActiveModel) -> Embedded:
    """Return the vectors that somebody else has made of the same texts in the same organisation."""
    known = Embedded()
    inputs: defaultdict[UUID, dict[bytes, str]] = defaultdict(dict)
    for change in changes:
        hashed = {hash_of_input(model.doc_prefix + words): words for words in change.inputs}
        inputs[change.task.organization_id].update(hashed)
    for organization_id, by_hash in inputs.items():
        if not by_hash:
            continue
        async with database.transaction(organization_id) as session:
            found = await stored_vectors(session, organization_id=organization_id, model=model, hashes=list(by_hash))
        known.vectors.update({by_hash[key]: vector for key, vector in found.items()})
    return known


async def _finish_unchanged(indexer: Indexer, prepared: Prepared, report: BatchReport, *, now: datetime) -> None:
    by_organization: defaultdict[UUID, list[tuple[IndexTaskInHand, int]]] = defaultdict(list)
    for task, version in prepared.unchanged:
        by_organization[task.organization_id].append((task, version))
    for organization_id, unchanged in by_organization.items():
        async with indexer.database.transaction(organization_id) as session:
            settled = await apply_unchanged(session, unchanged, now=now)
        report.documents += len(settled)
        report.unchanged += len(settled)
        report.lost += len(unchanged) - len(settled)


async def _finish_gone(indexer: Indexer, task: IndexTaskInHand, report: BatchReport, *, now: datetime) -> None:
    try:
        async with indexer.database.transaction(task.organization_id) as session:
            await apply_gone(session, task, now=now)
    except LeaseLost:
        report.lost += 1
        return
    except Exception as error:
        if _is_the_connections(error):
            raise
        # One source must not take the batch with it.
        await _fail(indexer, task, f"{type(error).__name__}: {error}", report)
        return
    report.documents += 1
    report.deleted += 1


async def _finish_change(
    indexer: Indexer,
    change: Change,
    model: ActiveModel | None,
    embedded: Embedded,
    report: BatchReport,
    *,
    now: datetime,
) -> None:
    if embedded.interrupted is not None and not all(embedded.covers(words) for words in change.inputs):
        await _hand_back(indexer, change.task, embedded.interrupted, report)
        return
    try:
        async with indexer.database.transaction(change.task.organization_id) as session:
            await apply_change(session, change, vectors=embedded.vectors, model=model, now=now)
    except LeaseLost:
        report.lost += 1
        return
    except Exception as error:
        if _is_the_connections(error):
            raise
        # One source must not take the batch with it.
        await _fail(indexer, change.task, f"{type(error).__name__}: {error}", report)
        return
    report.documents += 1
    report.chunks += len(change.composed.drafts)
    report.reused += sum(1 for kept in change.difference.kept if kept.chunk.has_vector)


def _is_the_connections(error: Exception) -> bool:
    return isinstance(error, CONNECTION_ERRORS) or (isinstance(error, DBAPIError) and error.connection_invalidated)


async def _hand_back(indexer: Indexer, task: IndexTaskInHand, away: Unavailable, report: BatchReport) -> None:
    wait = away.retry_after if isinstance(away, ModelBusy) else 60.0
    await release(indexer.connection, [task], reason=away.detail, after_s=wait)
    report.handed_back += 1
    report.waits_for, report.retry_after_s = away.detail, wait


async def _fail(indexer: Indexer, task: IndexTaskInHand, error: str, report: BatchReport) -> None:
    status = await fail(indexer.connection, task, error=error)
    report.failed += 1
    log.warning(
        "source_not_indexed",
        source_type=task.source_type,
        source_id=str(task.source_id),
        attempt=task.attempts + 1,
        status=status,
        error=error,
    )
