"""What a search is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from helpdesk.models.values import SourceType
from helpdesk.rag.retrieval.fusion_weights import RELEVANCE_FLOOR


@dataclass(frozen=True)
class SearchQuery:
    """What is looked for, and where.

    Attributes:
        text: the words, as typed or as the subject and body of a ticket.
        vector: its query vector, float32 [dims]; None searches by words only.
        types: the kinds of source to look in.
        visibility: `("public",)` for what a customer may read, `("public", "internal")` for agents.
        limit: most results, one a source.
        exclude_source: a source that is not to be found, such as the ticket that asks.
        floor: least relevance of a result; 0 shows everything that was found.
    """

    text: str
    vector: NDArray[np.float32] | None = None
    types: tuple[SourceType, ...] = (SourceType.KB,)
    visibility: tuple[str, ...] = ("public",)
    limit: int = 5
    exclude_source: UUID | None = None
    floor: float = RELEVANCE_FLOOR


@dataclass(frozen=True)
class SearchResult:
    """The best passage of one source.

    Attributes:
        relevance: calibrated probability that it answers the query, 0 to 1.
        snippet: the part that shows why; `highlights` are offsets (start, end) in it.
        char_start, char_end: where the passage stands in the cleaned source, in characters.
        signals: what the relevance comes from: sim, bm25, coverage, rank_v, rank_l, graph.
    """

    source_type: SourceType
    source_id: UUID
    document_id: UUID
    chunk_id: UUID
    title: str
    heading_path: str
    content: str
    snippet: str
    highlights: tuple[tuple[int, int], ...]
    char_start: int
    char_end: int
    relevance: float
    role: str
    language: str | None
    signals: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SearchAnswer:
    """What was found, best first.

    Attributes:
        abstained: nothing reached the floor; `reason` says so in a sentence.
        degraded: the query had no vector, so words alone decided.
        model: name of the embedding model whose vectors were compared.
        took_ms: milliseconds by part: sql, fuse.
    """

    results: list[SearchResult]
    abstained: bool
    reason: str
    degraded: bool
    model: str | None
    took_ms: dict[str, float]
