"""Vectors of texts, made once: whoever needs the vector of a ticket first stores it for the others."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Embedder, InputRefused, ModelBusy, ModelIdentity
from helpdesk.ai.runs.record import record_embedding
from helpdesk.database.engine import Database, transaction_time
from helpdesk.errors import Unavailable
from helpdesk.rag.embedding.halfvec import read_vector, write_vector
from helpdesk.rag.embedding.models import ActiveModel, active_model, ensure_active_model, runtime_of
from helpdesk.rag.embedding.spaces import made_by
from helpdesk.rag.embedding.vector_claims import claimed
from helpdesk.rag.text.cleaning import clean_message, clean_text

log = structlog.get_logger(__name__)

# The runtimes take at most 32 inputs a call well; more would keep an interactive query waiting.
BATCH_INPUTS = 32
# Enough to know what a ticket is about, and within what small models read.
TICKET_INPUT_CHARS = 900
_REMEMBERED_QUERIES = 512
# A pasted log, or a language that the model spells out letter by letter, fills it with fewer characters.
_SHORTER = (0.5, 0.25)
# How long to look for a vector that somebody else is making: about as long as a batch takes.
_PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0)

_LOOK_UP = text("""
    SELECT input_hash, embedding::text AS vector FROM rag_input_vectors
     WHERE organization_id = :organization_id AND model_id = :model_id AND input_hash = ANY(CAST(:hashes AS bytea[]))
""")
# Two jobs may embed the same ticket at once; either vector will do.
_STORE = text("""
    INSERT INTO rag_input_vectors (organization_id, model_id, input_hash, embedding, created_at)
    SELECT :organization_id, :model_id, u.hash, u.vector::halfvec, :now
      FROM unnest(CAST(:hashes AS bytea[]), CAST(:vectors AS text[])) AS u (hash, vector)
     ORDER BY u.hash
        ON CONFLICT DO NOTHING
""")


class EmbeddedElsewhere(ModelBusy):
    """Another process is still embedding the same text."""


def ticket_input(subject: str, body: str) -> str:
    """Return the text that a ticket's vector is made from: its subject and the cleaned start of its first message."""
    return f"{clean_text(subject)}\n\n{clean_message(body)}".strip()[:TICKET_INPUT_CHARS]


def hash_of_input(embedded: str) -> bytes:
    """Return the key under which the vector of an embedded text (prefix included) is kept."""
    return hashlib.sha256(embedded.encode()).digest()


async def vectors_for(
    database: Database,
    embedder: Embedder,
    *,
    organization_id: UUID,
    texts: Sequence[str],
    now: datetime,
    as_passages: bool = False,
    model: ActiveModel | None = None,
) -> NDArray[np.float32]:
    """Return one query vector a text, float32 [n, dims]; only texts that nobody has embedded before cost a call.

    All of them are of one model, the active one as the call begins. A text that another process is embedding at this
    moment is waited for. No transaction is open while the runtime works.

    Args:
        as_passages: whether the index will want the texts too; a model that reads queries and passages differently
            then makes both vectors in the same call, and both are kept.
        model: another one than the active, such as one that is to take its place.

    Raises:
        EmbeddedElsewhere: another process has taken a text in hand and does not come back with its vector.
        ModelBusy, ModelMissing, EmbeddingModelChanged: no vectors for now.
        InputRefused: the runtime refuses one of the texts.
    """
    if model is None:
        async with database.transaction(None) as session:
            model = await active_model(session)
    if model is None:
        model = await ensure_active_model(database, embedder)
    making = _Making(database, embedder, model, organization_id, now)
    inputs = {hash_of_input(model.query_prefix + words): model.query_prefix + words for words in texts}
    known = await making.look_up(inputs)
    if as_passages:
        unknown = [words for words in texts if hash_of_input(model.query_prefix + words) not in known]
        inputs |= {hash_of_input(model.doc_prefix + words): model.doc_prefix + words for words in unknown}
    for pause_s in _PAUSES_S:
        missing = {key: words for key, words in inputs.items() if key not in known}
        if not missing:
            break
        made = await making.make(missing)
        known.update(made)
        if len(made) < len(missing):
            await asyncio.sleep(pause_s)
            known.update(await making.look_up(inputs))
    if any(key not in known for key in inputs):
        raise EmbeddedElsewhere("Another process is still embedding the same text.", retry_after=5)
    rows = [known[hash_of_input(model.query_prefix + words)] for words in texts]
    return made_by(model.id, np.stack(rows) if rows else np.zeros((0, model.dims), np.float32))


@dataclass(frozen=True)
class _Making:
    """The vectors of one organisation's texts in the making, with one model."""

    database: Database
    embedder: Embedder
    model: ActiveModel
    organization_id: UUID
    now: datetime

    async def look_up(self, hashes: Iterable[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors that are kept."""
        async with self.database.transaction(self.organization_id) as session:
            return await stored_vectors(
                session, organization_id=self.organization_id, model=self.model, hashes=list(hashes)
            )

    async def make(self, inputs: Mapping[bytes, str]) -> dict[bytes, NDArray[np.float32]]:
        """Embed what nobody else is embedding; return those vectors, kept for the others."""
        runtime = await runtime_of(self.database, self.embedder, self.model)
        async with claimed(
            self.database, organization_id=self.organization_id, model_id=self.model.id, hashes=inputs
        ) as mine:
            if not mine:
                return {}
            texts = [inputs[key] for key in mine]
            started = time.perf_counter()
            made = await _embed_in_batches(runtime, texts)
            took_ms = 1000 * (time.perf_counter() - started)
            # As it will be read back: whoever embeds first sees the same numbers as who comes after.
            kept = [vector.astype(np.float16).astype(np.float32) for vector in made]
            fresh = dict(zip(mine, kept, strict=True))
            await self._keep(fresh, texts, took_ms)
        return fresh

    async def _keep(self, fresh: Mapping[bytes, NDArray[np.float32]], texts: Sequence[str], took_ms: float) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await store_vectors(
                session, organization_id=self.organization_id, model=self.model, vectors=fresh, now=self.now
            )
            await record_embedding(
                session,
                organization_id=self.organization_id,
                identity=ModelIdentity(self.model.name, self.model.digest),
                texts=texts,
                total_ms=took_ms,
                now=self.now,
            )


async def _embed_in_batches(embedder: Embedder, inputs: Sequence[str]) -> list[NDArray[np.float32]]:
    vectors: list[NDArray[np.float32]] = []
    for start in range(0, len(inputs), BATCH_INPUTS):
        vectors.extend(await embedder.embed(inputs[start : start + BATCH_INPUTS]))
    return vectors


async def _embed_start(embedder: Embedder, prefix: str, words: str) -> tuple[str, NDArray[np.float32]]:
    """Embed as much of a text's beginning as the model takes; return what was embedded as well."""
    for share in (1.0, *_SHORTER):
        embedded = prefix + words[: int(len(words) * share)]
        try:
            return embedded, (await embedder.embed([embedded]))[0]
        except InputRefused:
            if share == _SHORTER[-1]:
                raise
    raise AssertionError("the last share returns or raises")


async def stored_vectors(
    session: AsyncSession, *, organization_id: UUID, model: ActiveModel, hashes: Sequence[bytes]
) -> dict[bytes, NDArray[np.float32]]:
    """Return the kept vectors among those asked for, by the hash of their text."""
    if not hashes:
        return {}
    rows = await session.execute(
        _LOOK_UP, {"organization_id": organization_id, "model_id": model.id, "hashes": list(hashes)}
    )
    return {row.input_hash: read_vector(row.vector) for row in rows}


async def store_vectors(
    session: AsyncSession,
    *,
    organization_id: UUID,
    model: ActiveModel,
    vectors: Mapping[bytes, NDArray[np.float32]],
    now: datetime,
) -> None:
    """Keep vectors by the hash of their text; those already there stay as they are."""
    if not vectors:
        return
    await session.execute(
        _STORE,
        {
            "organization_id": organization_id,
            "model_id": model.id,
            "hashes": list(vectors),
            "vectors": [write_vector(vector) for vector in vectors.values()],
            "now": now,
        },
    )


class QueryVectors:
    """Vectors of typed queries: the last few hundred are remembered, and a runtime that is away is an answer."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._remembered: OrderedDict[tuple[int, str], NDArray[np.float32]] = OrderedDict()

    async def vector_of(self, database: Database, query: str, *, organization_id: UUID) -> NDArray[np.float32] | None:
        """Return the vector of a query, or None when there is none to be had; the search then goes by words."""
        words = clean_text(query)[:TICKET_INPUT_CHARS]
        try:
            async with database.transaction(None) as session:
                model = await active_model(session)
            if model is None:
                # Nothing has been indexed yet, so there is nothing a vector could find.
                return None
            return await self._recall(database, model, words, organization_id=organization_id)
        except (Unavailable, InputRefused) as away:
            log.warning("query_not_embedded", reason=away.detail)
            return None

    async def _recall(
        self, database: Database, model: ActiveModel, words: str, *, organization_id: UUID
    ) -> NDArray[np.float32]:
        key = (model.id, words)
        if key not in self._remembered:
            runtime = await runtime_of(database, self._embedder, model)
            started = time.perf_counter()
            embedded, vector = await _embed_start(runtime, model.query_prefix, words)
            self._remembered[key] = made_by(model.id, vector)
            took_ms = 1000 * (time.perf_counter() - started)
            if len(self._remembered) > _REMEMBERED_QUERIES:
                self._remembered.popitem(last=False)
            async with database.transaction(organization_id) as session:
                await record_embedding(
                    session,
                    organization_id=organization_id,
                    identity=ModelIdentity(model.name, model.digest),
                    texts=[embedded],
                    total_ms=took_ms,
                    now=await transaction_time(session),
                )
        self._remembered.move_to_end(key)
        return self._remembered[key]
