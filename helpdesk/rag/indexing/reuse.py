"""Vectors that an organisation has of equal texts already: the same greeting, macro or notice in many documents."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.rag.embedding.halfvec import read_vector
from helpdesk.rag.embedding.models import ActiveModel
from helpdesk.rag.indexing.sources import key_of

# {vectors} is the name of a model's table, made by the database itself. One vector a text, whichever: they are equal.
_EQUAL = """
    SELECT DISTINCT ON (c.input_key) c.input_key AS key, v.embedding::text AS vector
      FROM rag_chunks c JOIN {vectors} v ON v.chunk_id = c.id
     WHERE c.organization_id = :organization_id AND c.input_key = ANY(CAST(:keys AS uuid[]))
     ORDER BY c.input_key, c.id
"""


async def vectors_of_equal_texts(
    session: AsyncSession, *, organization_id: UUID, model: ActiveModel, texts: Collection[str]
) -> dict[str, NDArray[np.float32]]:
    """Return the vectors of those texts that a passage of the organisation was embedded from, by the text.

    Args:
        texts: what vectors are made from, without the model's prefix.
    """
    by_key = {key_of(words): words for words in texts}
    if not by_key:
        return {}
    rows = await session.execute(
        text(_EQUAL.format(vectors=model.table_name)), {"organization_id": organization_id, "keys": list(by_key)}
    )
    return {by_key[row.key]: read_vector(row.vector) for row in rows}
