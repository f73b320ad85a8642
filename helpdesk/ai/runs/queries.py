"""Read what models were asked, and what they said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import NotFound
from helpdesk.models.ai import AiRun


class RunGone(NotFound):
    """There is no such run of a model."""


@dataclass(frozen=True)
class RunFilter:
    """Which runs are asked for; None is any.

    Attributes:
        since: made at this time or later.
        embeddings: whether runs of the embedding model are among them, which are many and hold no text.
    """

    kind: str | None = None
    ticket_id: UUID | None = None
    decision: str | None = None
    prompt_id: str | None = None
    model: str | None = None
    replay_of: UUID | None = None
    since: datetime | None = None
    embeddings: bool = False


async def list_runs(
    session: AsyncSession,
    *,
    organization_id: UUID,
    wanted: RunFilter,
    limit: int,
    after: tuple[datetime, UUID] | None = None,
) -> Sequence[AiRun]:
    """Return runs, the newest first.

    Args:
        after: time and id of the last run seen.
    """
    query = select(AiRun).where(AiRun.organization_id == organization_id)
    for name in ("kind", "ticket_id", "decision", "prompt_id", "model", "replay_of"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(getattr(AiRun, name) == value)
    if wanted.since is not None:
        query = query.where(AiRun.created_at >= wanted.since)
    if not wanted.embeddings and wanted.kind is None:
        query = query.where(AiRun.kind != "embed")
    if after is not None:
        query = query.where(tuple_(AiRun.created_at, AiRun.id) < after)
    return list(await session.scalars(query.order_by(AiRun.created_at.desc(), AiRun.id.desc()).limit(limit)))


async def get_run(session: AsyncSession, *, organization_id: UUID, run_id: UUID) -> AiRun:
    """Return one run; raise RunGone."""
    found = await session.scalars(select(AiRun).where(AiRun.organization_id == organization_id, AiRun.id == run_id))
    run = found.one_or_none()
    if run is None:
        raise RunGone(f"There is no run {run_id}.")
    return run
