"""Who is making the vector of a text right now: nobody else then asks the model runtime for it.

A row stands for a call under way. It belongs to no transaction, so that none is open during the call, and it runs out:
a process that dies leaves its texts to the next one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database

# Longer than a runtime that works gives a batch; a text claimed longer ago is anybody's.
LEASE_S = 120

# In the order of hashes, so that two who want the same texts wait and never deadlock.
_CLAIM = text("""
    INSERT INTO rag_vector_claims AS c (organization_id, model_id, input_hash, claimed_by, claimed_at)
    SELECT :organization_id, :model_id, u.hash, :claimed_by, now()
      FROM unnest(CAST(:hashes AS bytea[])) AS u (hash)
     WHERE NOT EXISTS (SELECT FROM rag_input_vectors v
                        WHERE v.organization_id = :organization_id AND v.model_id = :model_id
                          AND v.input_hash = u.hash)
     ORDER BY u.hash
        ON CONFLICT (organization_id, model_id, input_hash) DO UPDATE SET
           claimed_by = excluded.claimed_by, claimed_at = excluded.claimed_at
     WHERE c.claimed_at < now() - make_interval(secs => :lease_s)
    RETURNING c.input_hash
""")
_RELEASE = text("""
    DELETE FROM rag_vector_claims
     WHERE organization_id = :organization_id
       AND (claimed_by = :claimed_by OR claimed_at < now() - make_interval(secs => :lease_s))
""")


@asynccontextmanager
async def claimed(
    database: Database, *, organization_id: UUID, model_id: int, hashes: Iterable[bytes]
) -> AsyncIterator[list[bytes]]:
    """Claim texts by their hashes; the value is those that are the caller's to embed, in the order given.

    The others have a vector by now or are in somebody else's hands. Store the vectors inside the block: at its end,
    whatever came of it, the texts are let go.
    """
    claimed_by = new_id()
    mine = await _claim(
        database, organization_id=organization_id, model_id=model_id, hashes=list(hashes), claimed_by=claimed_by
    )
    try:
        yield mine
    finally:
        if mine:
            async with database.transaction(organization_id) as session:
                await session.execute(
                    _RELEASE, {"organization_id": organization_id, "claimed_by": claimed_by, "lease_s": LEASE_S}
                )


async def _claim(
    database: Database, *, organization_id: UUID, model_id: int, hashes: Sequence[bytes], claimed_by: UUID
) -> list[bytes]:
    if not hashes:
        return []
    async with database.transaction(organization_id) as session:
        mine = set(
            await session.scalars(
                _CLAIM,
                {
                    "organization_id": organization_id,
                    "model_id": model_id,
                    "hashes": list(hashes),
                    "claimed_by": claimed_by,
                    "lease_s": LEASE_S,
                },
            )
        )
    return [key for key in hashes if key in mine]
