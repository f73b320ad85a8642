"""How complete and how fresh the index of an organisation is, and what keeps it from being so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType, TextState
from helpdesk.rag.embedding.models import ActiveModel, active_model
from helpdesk.rag.indexing.coverage import Coverage, coverage_of

# Indexing comes in bursts; a few minutes of it tell the pace.
RATE_WINDOW_S = 300
_SHOWN = 10

_TASKS = text("""
    SELECT count(*) FILTER (WHERE status = 'pending') AS pending,
           count(*) FILTER (WHERE status = 'running') AS running,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           min(waiting_since) FILTER (WHERE status IN ('pending', 'running')) AS oldest,
           CASE WHEN count(*) FILTER (WHERE status = 'pending' AND run_after <= now()) = 0
                THEN min(run_after) FILTER (WHERE status = 'pending') END AS next_try_at
      FROM rag_index_queue WHERE organization_id = :organization_id AND status <> 'done'
""")
_REASONS = text("""
    SELECT status, last_error AS reason, count(*) AS tasks, max(updated_at) AS last_at FROM rag_index_queue
     WHERE organization_id = :organization_id AND status IN ('pending', 'failed') AND last_error IS NOT NULL
     GROUP BY status, last_error ORDER BY tasks DESC, last_at DESC LIMIT :shown
""")
_RATE = text("""
    SELECT count(*) / CAST(:window AS float8) AS rate FROM rag_documents
     WHERE organization_id = :organization_id
       AND indexed_at > CAST(:now AS timestamptz) - make_interval(secs => :window)
""")
_FAILURES = text("""
    SELECT source_type, source_id, attempts, last_error, updated_at FROM rag_index_queue
     WHERE organization_id = :organization_id AND status = 'failed' ORDER BY updated_at DESC, id LIMIT :shown
""")
# {vectors} is the name of a model's table, made by the database itself.
_WITHOUT_VECTOR = """
    SELECT c.id AS chunk_id, d.source_type, d.source_id, d.title, c.heading_path, r.chunk_id IS NOT NULL AS refused
      FROM rag_chunks c JOIN rag_documents d ON d.id = c.document_id AND d.organization_id = :organization_id
      LEFT JOIN rag_refused_passages r ON r.chunk_id = c.id AND r.model_id = :model_id
     WHERE c.organization_id = :organization_id
       AND NOT EXISTS (SELECT FROM {vectors} v WHERE v.chunk_id = c.id AND v.organization_id = :organization_id)
     ORDER BY c.id LIMIT :shown
"""
_FILES = text("""
    SELECT text_state, count(*) AS files FROM attachments
     WHERE organization_id = :organization_id AND text_state <> 'none' GROUP BY text_state
""")


@dataclass(frozen=True)
class Failure:
    """A source that could not be indexed, and why."""

    source_type: SourceType
    source_id: UUID
    attempts: int
    last_error: str | None
    updated_at: datetime


@dataclass(frozen=True)
class Reason:
    """Why sources wait (`pending`) or were given up (`failed`), and how many for this reason."""

    status: str
    reason: str
    tasks: int
    last_at: datetime


@dataclass(frozen=True)
class WithoutVector:
    """A passage that is found by its words alone; `refused` where the model takes it in no length."""

    chunk_id: UUID
    source_type: SourceType
    source_id: UUID
    title: str
    heading_path: str
    refused: bool


@dataclass(frozen=True)
class IndexReport:
    """The state of an organisation's index.

    Attributes:
        lag_s: seconds that the oldest change which is not in the index yet has waited.
        rate_per_s: documents a second over the last five minutes.
        eta_s: seconds until nothing waits at this rate, None when nothing moves.
        waits_for: what keeps waiting changes from being indexed, such as a model runtime that is away.
        next_try_at: when the next of them is taken in hand, where all wait for a later time.
        last_error: what went wrong last with a source that waits or has failed.
        reasons: what went wrong with how many, the most frequent ones.
        without_vector: how many passages have no vector of the model; `unembedded` are some of them.
        files: attachments by what has become of their text: waiting, ready or unfit.
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
    next_try_at: datetime | None
    last_error: str | None
    reasons: list[Reason]
    failures: list[Failure]
    without_vector: int
    unembedded: list[WithoutVector]
    files: dict[TextState, int]


async def index_report(
    session: AsyncSession, *, organization_id: UUID, now: datetime, open_tickets: bool = True
) -> IndexReport:
    """Return how complete and how fresh the index is.

    Args:
        open_tickets: whether tickets that are not settled belong into the index.
    """
    scope: dict[str, Any] = {"organization_id": organization_id}
    model = await active_model(session)
    coverage = await coverage_of(session, organization_id=organization_id, model=model, open_tickets=open_tickets)
    tasks = (await session.execute(_TASKS, scope)).one()
    rate = float(await session.scalar(_RATE, scope | {"now": now, "window": RATE_WINDOW_S}) or 0.0)
    waiting = tasks.pending + tasks.running
    shown = scope | {"shown": _SHOWN}
    reasons = [Reason(**row) for row in (await session.execute(_REASONS, shown)).mappings()]
    without_vector = 0 if model is None else sum(max(0, each.chunks - each.vectors) for each in coverage)
    return IndexReport(
        model=model,
        coverage=coverage,
        pending=tasks.pending,
        running=tasks.running,
        failed=tasks.failed,
        lag_s=0.0 if tasks.oldest is None else max(0.0, (now - tasks.oldest).total_seconds()),
        rate_per_s=rate,
        eta_s=0.0 if not waiting else waiting / rate if rate else None,
        waits_for=next((each.reason for each in reasons if each.status == "pending"), None),
        next_try_at=tasks.next_try_at,
        last_error=max(reasons, key=lambda each: each.last_at).reason if reasons else None,
        reasons=reasons,
        failures=[Failure(**row) for row in (await session.execute(_FAILURES, shown)).mappings()],
        without_vector=without_vector,
        unembedded=await _unembedded(session, shown, model) if model is not None and without_vector else [],
        files={TextState(row.text_state): row.files for row in await session.execute(_FILES, scope)},
    )


async def _unembedded(session: AsyncSession, values: dict[str, Any], model: ActiveModel) -> list[WithoutVector]:
    statement = text(_WITHOUT_VECTOR.format(vectors=model.table_name))
    rows = await session.execute(statement, values | {"model_id": model.id})
    return [WithoutVector(**row) for row in rows.mappings()]
