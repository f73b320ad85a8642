"""How complete and how fresh the index of an organisation is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.models import ActiveModel, active_model

# Indexing comes in bursts; a few minutes of it tell the pace.
RATE_WINDOW_S = 300
_SHOWN_FAILURES = 10

_SOURCES = text("""
    SELECT 'kb' AS source_type, count(*) AS sources FROM kb_articles
     WHERE organization_id = :organization_id AND published_version IS NOT NULL AND state <> 'archived'
    UNION ALL SELECT 'ticket', count(*) FROM tickets WHERE organization_id = :organization_id
    UNION ALL SELECT 'asset', count(*) FROM assets WHERE organization_id = :organization_id
""")
_DOCUMENTS = text("""
    SELECT source_type, count(*) AS documents FROM rag_documents
     WHERE organization_id = :organization_id AND deleted_at IS NULL GROUP BY source_type
""")
_CHUNKS = text("SELECT source_type, chunks FROM rag_corpus_stats WHERE organization_id = :organization_id")
# {vectors} is the name of a model's table, made by the database itself.
_VECTORS = "SELECT source_type, count(*) AS vectors FROM {vectors} WHERE organization_id = :organization_id GROUP BY 1"
_TASKS = text("""
    SELECT count(*) FILTER (WHERE status = 'pending') AS pending,
           count(*) FILTER (WHERE status = 'running') AS running,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           min(updated_at) FILTER (WHERE status = 'pending') AS oldest,
           max(last_error) FILTER (WHERE status = 'pending') AS waits_for
      FROM rag_index_queue WHERE organization_id = :organization_id AND status <> 'done'
""")
_RATE = text("""
    SELECT count(*) / CAST(:window AS float8) AS rate FROM rag_documents
     WHERE organization_id = :organization_id
       AND indexed_at > CAST(:now AS timestamptz) - make_interval(secs => :window)
""")
_FAILURES = text("""
    SELECT source_type, source_id, attempts, last_error, updated_at FROM rag_index_queue
     WHERE organization_id = :organization_id AND status = 'failed' ORDER BY updated_at DESC, id LIMIT :limit
""")


@dataclass(frozen=True)
class Coverage:
    """How much of one kind of source is in the index.

    Attributes:
        sources: what is there to be indexed.
        documents: what is indexed; `chunks` are its passages, of which `vectors` have a vector.
    """

    source_type: SourceType
    sources: int
    documents: int
    chunks: int
    vectors: int

    @property
    def share(self) -> float:
        """Return the indexed share of the sources, 0 to 1."""
        return 1.0 if not self.sources else min(1.0, self.documents / self.sources)


@dataclass(frozen=True)
class Failure:
    """A source that could not be indexed, and why."""

    source_type: SourceType
    source_id: UUID
    attempts: int
    last_error: str | None
    updated_at: datetime


@dataclass(frozen=True)
class IndexReport:
    """The state of an organisation's index.

    Attributes:
        lag_s: seconds that the oldest waiting change has waited.
        rate_per_s: documents a second over the last five minutes.
        eta_s: seconds until nothing waits at this rate, None when nothing moves.
        waits_for: what keeps waiting changes from being indexed, such as a model runtime that is away.
    """

    model: ActiveModel | None
    coverage: list[Coverage]
    pending: int
    running: int
    failed: int
    lag_s: float
    rate_per_s: float
    eta_s: float | None
    waits_for: str | None
    failures: list[Failure]


async def index_report(session: AsyncSession, *, organization_id: UUID, now: datetime) -> IndexReport:
    """Return how complete and how fresh the index is."""
    scope: dict[str, Any] = {"organization_id": organization_id}
    model = await active_model(session)
    tasks = (await session.execute(_TASKS, scope)).one()
    rate = float(await session.scalar(_RATE, scope | {"now": now, "window": RATE_WINDOW_S}) or 0.0)
    waiting = tasks.pending + tasks.running
    failures = await session.execute(_FAILURES, scope | {"limit": _SHOWN_FAILURES})
    return IndexReport(
        model=model,
        coverage=await _coverage(session, scope, model),
        pending=tasks.pending,
        running=tasks.running,
        failed=tasks.failed,
        lag_s=0.0 if tasks.oldest is None else max(0.0, (now - tasks.oldest).total_seconds()),
        rate_per_s=rate,
        eta_s=0.0 if not waiting else waiting / rate if rate else None,
        waits_for=tasks.waits_for,
        failures=[Failure(**row) for row in failures.mappings()],
    )


async def _coverage(session: AsyncSession, scope: dict[str, Any], model: ActiveModel | None) -> list[Coverage]:
    sources = await _counts(session, _SOURCES, scope)
    documents = await _counts(session, _DOCUMENTS, scope)
    chunks = await _counts(session, _CHUNKS, scope)
    vectors: dict[str, int] = {}
    if model is not None:
        vectors = await _counts(session, text(_VECTORS.format(vectors=model.table_name)), scope)
    return [
        Coverage(kind, sources.get(kind, 0), documents.get(kind, 0), chunks.get(kind, 0), vectors.get(kind, 0))
        for kind in SourceType
    ]


async def _counts(session: AsyncSession, statement: TextClause, scope: dict[str, Any]) -> dict[str, int]:
    rows = await session.execute(statement, scope)
    return {str(kind): int(count) for kind, count in rows.all()}
