"""What changes in a document: passages that stay keep their rows and vectors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from helpdesk.rag.indexing.sources import Draft


@dataclass(frozen=True)
class StoredChunk:
    """A passage as it stands in the index; `has_vector` for the model whose vectors searches use."""

    id: UUID
    ordinal: int
    hash: bytes
    visibility: str
    start: int
    end: int
    has_vector: bool


@dataclass(frozen=True)
class Kept:
    """A passage that stays, at its new place."""

    chunk: StoredChunk
    ordinal: int
    draft: Draft

    @property
    def moved(self) -> bool:
        """Return whether anything but the words differs."""
        before = (self.chunk.ordinal, self.chunk.start, self.chunk.end, self.chunk.visibility)
        return before != (self.ordinal, self.draft.start, self.draft.end, self.draft.visibility)


@dataclass(frozen=True)
class Difference:
    """How to get from the stored passages to the new ones; `added` are pairs of ordinal and passage."""

    kept: Sequence[Kept]
    added: Sequence[tuple[int, Draft]]
    dropped: Sequence[StoredChunk]

    def to_embed(self) -> Iterator[Draft]:
        """Return the passages that have no vector yet."""
        yield from (draft for _, draft in self.added)
        yield from (kept.draft for kept in self.kept if not kept.chunk.has_vector)


def difference(stored: Sequence[StoredChunk], drafts: Sequence[Draft]) -> Difference:
    """Match passages by their hashes, each stored one at most once, the first ones first."""
    waiting: defaultdict[bytes, list[StoredChunk]] = defaultdict(list)
    for chunk in sorted(stored, key=lambda chunk: chunk.ordinal, reverse=True):
        waiting[chunk.hash].append(chunk)
    kept: list[Kept] = []
    added: list[tuple[int, Draft]] = []
    for ordinal, draft in enumerate(drafts):
        if waiting[draft.hash]:
            kept.append(Kept(waiting[draft.hash].pop(), ordinal, draft))
        else:
            added.append((ordinal, draft))
    return Difference(kept, added, [chunk for left in waiting.values() for chunk in left])
