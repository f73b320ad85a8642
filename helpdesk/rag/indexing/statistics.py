"""Keep count of terms and passages, in the transaction that changes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType


@dataclass
class Delta:
    """How the counts change.

    Attributes:
        terms: by term, in how many passages more (or fewer) it stands.
        chunks, length: passages, and terms in them.
    """

    terms: Counter[int] = field(default_factory=Counter)
    chunks: int = 0
    length: int = 0

    def count(self, terms: Iterable[int], *, length: int, sign: int) -> None:
        """Add a passage with its different terms, or take it away with sign -1."""
        for term in terms:
            self.terms[term] += sign
        self.chunks += sign
        self.length += sign * length


# Hot rows: always in the order of terms, so that two documents of an organisation wait and never deadlock.
_TERMS = text("""
    INSERT INTO rag_term_stats AS s (organization_id, term, df)
    SELECT :organization_id, u.term, u.delta
      FROM unnest(CAST(:terms AS int[]), CAST(:deltas AS int[])) AS u (term, delta)
     ORDER BY u.term
        ON CONFLICT (organization_id, term) DO UPDATE SET df = greatest(0, s.df + excluded.df)
""")
_CORPUS = text("""
    INSERT INTO rag_corpus_stats AS s (organization_id, source_type, chunks, total_length)
    VALUES (:organization_id, :source_type, :chunks, :length)
        ON CONFLICT (organization_id, source_type) DO UPDATE SET
           chunks = greatest(0, s.chunks + excluded.chunks),
           total_length = greatest(0, s.total_length + excluded.total_length)
""")


async def apply_delta(session: AsyncSession, *, organization_id: UUID, source_type: SourceType, delta: Delta) -> None:
    """Write the changed counts."""
    changed = sorted((term, count) for term, count in delta.terms.items() if count)
    scope: dict[str, Any] = {"organization_id": organization_id}
    if changed:
        terms, deltas = zip(*changed, strict=True)
        await session.execute(_TERMS, scope | {"terms": list(terms), "deltas": list(deltas)})
    if delta.chunks or delta.length:
        counts = {"source_type": source_type, "chunks": delta.chunks, "length": delta.length}
        await session.execute(_CORPUS, scope | counts)
