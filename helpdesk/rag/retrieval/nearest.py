"""The passages nearest to a vector."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.halfvec import write_vector

# Raw SQL: the function compares vectors, which the toolkit has no words for.
_NEAREST = text("""
    SELECT * FROM rag_nearest(:organization_id, CAST(:vector AS halfvec), CAST(:types AS text[]),
        CAST(:visibility AS text[]), :excluded, :k, CAST(:model AS smallint))
""")


@dataclass(frozen=True)
class Near:
    """A passage and how near it is; `similarity` is the cosine, since vectors have length one."""

    chunk_id: UUID
    document_id: UUID
    source_type: SourceType
    source_id: UUID
    similarity: float


async def nearest(
    session: AsyncSession,
    *,
    organization_id: UUID,
    vector: NDArray[np.float32],
    source_types: Collection[SourceType],
    k: int,
    visibility: tuple[str, ...],
    exclude_source: UUID | None = None,
    model_id: int | None = None,
) -> list[Near]:
    """Return the `k` nearest passages, nearest first: exactly, or by a graph index where there is one.

    The session must be in the organisation's scope; the database refuses any other.

    Args:
        vector: float32 [dims] of length one; of another model's size it is near to nothing.
        model_id: whose vectors are compared; None stands for the active model.
    """
    found = await session.execute(
        _NEAREST,
        {
            "organization_id": organization_id,
            "vector": write_vector(vector),
            "types": list(source_types),
            "visibility": list(visibility),
            "excluded": exclude_source,
            "k": k,
            "model": model_id,
        },
    )
    return [Near(**(dict(row) | {"source_type": SourceType(row["source_type"])})) for row in found.mappings()]
