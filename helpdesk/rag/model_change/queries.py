"""How embedding models stand: what each has vectors of, and what is still missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.errors import NotFound

# How long the model of before is kept and written, so that going back loses nothing.
KEPT_AFTER_CHANGE = timedelta(days=7)

_MODELS = text("""
    SELECT m.id, m.name, m.digest, m.dims, m.state, m.query_prefix, m.doc_prefix, m.max_input_tokens,
           m.chars_per_token, m.table_name, m.created_at, m.activated_at, m.retired_at, m.paused_at, m.moved_to,
           m.moved_at, m.texts_per_s, m.gate, coalesce(pg_total_relation_size(to_regclass(m.table_name)), 0) AS bytes
      FROM rag_embedding_models m WHERE m.table_name <> ''
     ORDER BY m.state <> 'active', m.state, m.id DESC
""")
# {vectors} is the name of a model's table, made by the database itself.
_COUNTS = """
    SELECT (SELECT count(*) FROM {vectors}) AS vectors, (SELECT count(*) FROM rag_chunks) AS passages,
           (SELECT count(*) FROM rag_refused_passages WHERE model_id = :model_id) AS refused,
           (SELECT count(*) FROM rag_chunks c
             WHERE NOT EXISTS (SELECT FROM {vectors} v WHERE v.chunk_id = c.id)
               AND NOT EXISTS (SELECT FROM rag_refused_passages r WHERE r.model_id = :model_id AND r.chunk_id = c.id))
               AS missing
"""


_ORGANIZATIONS = text("SELECT id FROM organizations ORDER BY id")


class NoSuchModel(NotFound):
    """No such embedding model is registered."""


@dataclass(frozen=True)
class ModelReport:
    """An embedding model and how far its vectors cover the index, over all organisations.

    Attributes:
        state: active (searched), building (on its way to be) or retired (searched before, kept to go back to).
        missing: passages that should have a vector and have none; `refused` ones the model takes in no length.
        moved_to: the digest that the runtime has under this name now, where it is another one.
        texts_per_s: how fast its vectors are made.
        bytes: size of its table with all indexes.
        gate: how it compared with the active model when it was to take its place.
    """

    id: int
    name: str
    digest: str
    dims: int
    state: str
    query_prefix: str
    doc_prefix: str
    max_input_tokens: int
    chars_per_token: float
    table_name: str
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None
    paused_at: datetime | None
    moved_to: str | None
    moved_at: datetime | None
    texts_per_s: float | None
    gate: Mapping[str, Any] | None
    bytes: int
    vectors: int
    passages: int
    refused: int
    missing: int

    @property
    def coverage(self) -> float:
        """Return the share of the passages that need nothing more from this model, 0 to 1."""
        return 1.0 if not self.passages else 1 - self.missing / self.passages

    @property
    def eta_s(self) -> float | None:
        """Return the seconds until nothing is missing, None while nothing is made or nobody knows how fast."""
        if not self.missing:
            return 0.0
        return None if self.paused_at or not self.texts_per_s else self.missing / self.texts_per_s

    @property
    def dropped_after(self) -> datetime | None:
        """Return when its table goes, None while it is needed."""
        return None if self.retired_at is None else self.retired_at + KEPT_AFTER_CHANGE


async def model_reports(database: Database) -> list[ModelReport]:
    """Return every model that has a table, the active one first; for operators: the counts are of all organisations."""
    async with database.transaction(None, role="atum_owner") as session:
        rows = (await session.execute(_MODELS)).mappings().all()
        return [ModelReport(**{**row, **await _counts(session, row["id"], row["table_name"])}) for row in rows]


async def model_report(database: Database, model_id: int) -> ModelReport:
    """Return one of them; raise NoSuchModel."""
    for report in await model_reports(database):
        if report.id == model_id:
            return report
    raise NoSuchModel(f"There is no embedding model {model_id}.")


async def organization_ids(session: AsyncSession) -> list[UUID]:
    """Return every organisation, in a lasting order."""
    return list(await session.scalars(_ORGANIZATIONS))


async def count_missing(session: AsyncSession, *, model_id: int, table_name: str) -> int:
    """Return how many passages lack a vector of a model; the session acts as the owner, who sees all of them."""
    return int((await _counts(session, model_id, table_name))["missing"])


async def _counts(session: AsyncSession, model_id: int, table_name: str) -> dict[str, int]:
    rows = await session.execute(text(_COUNTS.format(vectors=table_name)), {"model_id": model_id})
    return dict(rows.mappings().one())
