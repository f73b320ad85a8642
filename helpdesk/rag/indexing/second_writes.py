"""Give passages their vectors of models besides the active one: only where there are none, and never in anyone's way.

A passage's words never change: another text is another passage. So a vector that comes late is as good as one that came
at once, and what fails here is left to the backfill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Unavailable
from helpdesk.rag.embedding.embed import Embedded
from helpdesk.rag.embedding.halfvec import write_vector
from helpdesk.rag.embedding.models import ActiveModel, models_in_service
from helpdesk.rag.embedding.vectors import hash_of_input, store_vectors
from helpdesk.rag.indexing.embed_changes import Making, embed_passages

log = structlog.get_logger(__name__)

# {vectors} is the name of a model's table, made by the database itself. The lock lets the passage's visibility not
# change between here and the commit; whoever is changing it now is passed over, never waited for.
_FILL = """
    INSERT INTO {vectors} (chunk_id, organization_id, source_type, visibility, embedding)
    SELECT c.id, c.organization_id, c.source_type, c.visibility, u.vector::halfvec
      FROM unnest(CAST(:ids AS uuid[]), CAST(:vectors AS text[])) AS u (id, vector)
      JOIN rag_chunks c ON c.id = u.id AND c.organization_id = :organization_id
       FOR SHARE OF c SKIP LOCKED
        ON CONFLICT (chunk_id) DO NOTHING
    RETURNING chunk_id
"""
_REFUSED = text("""
    INSERT INTO rag_refused_passages (model_id, chunk_id, organization_id)
    SELECT :model_id, c.id, c.organization_id
      FROM rag_chunks c WHERE c.id = ANY(CAST(:ids AS uuid[])) AND c.organization_id = :organization_id
       FOR SHARE SKIP LOCKED
        ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True)
class Lacking:
    """A passage that lacks a vector.

    Attributes:
        words: the text its vector is made from, without the model's prefix.
        of_ticket: whether it is what a ticket asks, whose vector is looked for as a query's, too.
    """

    organization_id: UUID
    chunk_id: UUID
    words: str
    of_ticket: bool = False


async def write_beside(making: Making, passages: Sequence[Lacking], *, written: int | None, now: datetime) -> None:
    """Write the vectors of new passages for every model in service but the one they were written with."""
    if not passages:
        return
    async with making.database.transaction(None) as session:
        others = [model for model in await models_in_service(session) if model.id != written]
    for model in others:
        try:
            embedded, _ = await embed_passages(making, model, {passage.words for passage in passages})
            await _fill_all(making, model, passages, embedded, now=now)
        except (Unavailable, DBAPIError) as error:
            # Away, or dropped at this moment. The index goes by the active model, which has its vectors.
            log.info("second_vectors_left_to_backfill", model=model.name, passages=len(passages), reason=str(error))


async def _fill_all(
    making: Making, model: ActiveModel, passages: Sequence[Lacking], embedded: Embedded, *, now: datetime
) -> None:
    own: defaultdict[UUID, list[Lacking]] = defaultdict(list)
    for passage in passages:
        own[passage.organization_id].append(passage)
    for organization_id, some in own.items():
        async with making.database.transaction(organization_id) as session:
            await fill_vectors(session, model, some, embedded, now=now)


async def fill_vectors(
    session: AsyncSession, model: ActiveModel, passages: Sequence[Lacking], embedded: Embedded, *, now: datetime
) -> int:
    """Write what came of embedding passages of one organisation; return how many have got a vector."""
    if not passages:
        return 0
    organization_id = passages[0].organization_id
    made = {
        passage.chunk_id: embedded.vectors[passage.words] for passage in passages if passage.words in embedded.vectors
    }
    filled: Sequence[UUID] = []
    if made:
        values = {
            "organization_id": organization_id,
            "ids": list(made),
            "vectors": [write_vector(vector) for vector in made.values()],
        }
        filled = (await session.scalars(text(_FILL.format(vectors=model.table_name)), values)).all()
        shared = _shared(model, passages, embedded.vectors)
        await store_vectors(session, organization_id=organization_id, model=model, vectors=shared, now=now)
    if refused := [passage.chunk_id for passage in passages if passage.words in embedded.refused]:
        await note_refused(session, organization_id=organization_id, model=model, chunks=refused)
    return len(filled)


async def note_refused(
    session: AsyncSession, *, organization_id: UUID, model: ActiveModel, chunks: Sequence[UUID]
) -> None:
    """Keep that passages will never have a vector of a model, so that nobody waits for them."""
    values = {"model_id": model.id, "organization_id": organization_id, "ids": list(chunks)}
    await session.execute(_REFUSED, values)


def _shared(
    model: ActiveModel, passages: Sequence[Lacking], vectors: Mapping[str, NDArray[np.float32]]
) -> dict[bytes, NDArray[np.float32]]:
    """Return what serves as the vector of a ticket's question as well: one text, where both prefixes are the same."""
    if model.query_prefix != model.doc_prefix:
        return {}
    return {
        hash_of_input(model.doc_prefix + passage.words): vectors[passage.words]
        for passage in passages
        if passage.of_ticket and passage.words in vectors
    }
