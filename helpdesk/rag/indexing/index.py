"""Bring a batch of sources into the index: prepare, embed across documents, write each in a transaction of its own."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError

from helpdesk.ai.model import Embedder, ModelBusy
from helpdesk.database.engine import Database
from helpdesk.errors import Unavailable
from helpdesk.models.values import SourceType
from helpdesk.queue.link import CONNECTION_ERRORS, Runs
from helpdesk.queue.outcomes import LeaseLost
from helpdesk.rag.embedding.embed import Embedded
from helpdesk.rag.embedding.models import ActiveModel
from helpdesk.rag.indexing.apply import apply_change, apply_gone, apply_unchanged
from helpdesk.rag.indexing.claim import IndexTaskInHand, fail, release
from helpdesk.rag.indexing.embed_changes import Making, embed_changes
from helpdesk.rag.indexing.prepare import Change, Prepared, prepare
from helpdesk.rag.indexing.second_writes import Lacking, write_beside

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
        making = Making(indexer.database, indexer.embedder, indexer.embedding)
        model, embedded, report.embedded = await embed_changes(making, prepared.changes, now=now)
        written: list[Lacking] = []
        for change in sorted(prepared.changes, key=lambda change: change.source.id):
            written += await _finish_change(indexer, change, model, embedded, report, now=now)
        # By now everything is found; what another model needs comes after.
        await write_beside(making, written, written=None if model is None else model.id, now=now)
    return report


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
) -> list[Lacking]:
    """Write a document; return its new passages."""
    if embedded.interrupted is not None and not all(embedded.covers(words) for words in change.inputs):
        await _hand_back(indexer, change.task, embedded.interrupted, report)
        return []
    try:
        async with indexer.database.transaction(change.task.organization_id) as session:
            added = await apply_change(session, change, embedded=embedded, model=model, now=now)
    except LeaseLost:
        report.lost += 1
        return []
    except Exception as error:
        if _is_the_connections(error):
            raise
        # One source must not take the batch with it.
        await _fail(indexer, change.task, f"{type(error).__name__}: {error}", report)
        return []
    report.documents += 1
    log.debug(
        "source_indexed",
        organization_id=str(change.task.organization_id),
        source_type=change.task.source_type,
        source_id=str(change.task.source_id),
        ticket_id=_ticket_of(change.task),
        passages=len(change.composed.drafts),
    )
    report.chunks += len(change.composed.drafts)
    report.reused += sum(1 for kept in change.difference.kept if kept.chunk.has_vector)
    return [
        Lacking(change.task.organization_id, chunk_id, draft.embedded, of_ticket=draft is change.question)
        for chunk_id, draft in added
    ]


def _ticket_of(task: IndexTaskInHand) -> str | None:
    return str(task.source_id) if task.source_type is SourceType.TICKET else None


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
        organization_id=str(task.organization_id),
        source_type=task.source_type,
        source_id=str(task.source_id),
        ticket_id=_ticket_of(task),
        attempt=task.attempts + 1,
        status=status,
        error=error,
    )
