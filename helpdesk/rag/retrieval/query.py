"""What a search is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, assert_never
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.spaces import model_of
from helpdesk.rag.retrieval.fusion_weights import RELEVANCE_FLOOR


class Audience(StrEnum):
    """Who is going to read what a search finds."""

    PUBLIC = "public"
    CUSTOMERS = "customers"
    AGENTS = "agents"


def visible_to(audience: Audience) -> tuple[str, ...]:
    """Return the visibilities of passages that an audience may read.

    Whatever lacks `internal` is searched in articles alone: a ticket or an asset is no business of other customers.
    """
    match audience:
        case Audience.PUBLIC:
            return ("public",)
        case Audience.CUSTOMERS:
            return ("public", "customers")
        case Audience.AGENTS:
            return ("public", "customers", "internal")
        case _:
            assert_never(audience)


@dataclass(frozen=True)
class SearchFilters:
    """What a source must have to be found; an empty filter lets everything pass.

    Attributes:
        tags, products: at least one of them.
        category_id: exactly this category.
        language: ISO 639-1 code of the source.
        settled: tickets only: whether they are solved or closed; sources of other kinds pass.
    """

    tags: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    category_id: UUID | None = None
    language: str | None = None
    settled: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the filters that are set, as the database reads them."""
        given = {
            "tags": list(self.tags),
            "products": list(self.products),
            "category_id": self.category_id and str(self.category_id),
            "language": self.language,
            "settled": self.settled,
        }
        return {name: value for name, value in given.items() if value not in (None, [])}


@dataclass(frozen=True)
class SearchQuery:
    """What is looked for, and where.

    Attributes:
        text: the words, as typed or as the subject and body of a ticket.
        vector: its query vector, float32 [dims]; None searches by words only.
        types: the kinds of source to look in.
        visibility: what may be read, see `visible_to`; without `internal` only articles are searched.
        limit: most results, one a source.
        offset: results passed over, for a further page.
        exclude_source: a source that is not to be found, such as the ticket that asks.
        floor: least relevance of a result; 0 shows everything that was found.
        model_id: whose vectors are compared, by default those of the model that made the vector; None stands for the
            active model.
        graph: whether what alike tickets point to is a list of its own.
    """

    text: str
    vector: NDArray[np.float32] | None = None
    types: tuple[SourceType, ...] = (SourceType.KB,)
    visibility: tuple[str, ...] = ("public",)
    limit: int = 5
    exclude_source: UUID | None = None
    floor: float = RELEVANCE_FLOOR
    filters: SearchFilters = field(default_factory=SearchFilters)
    model_id: int | None = None
    graph: bool = True
    offset: int = 0

    def __post_init__(self) -> None:
        """Stay with the model of the vector: another one may become active before the search runs."""
        if self.model_id is None:
            object.__setattr__(self, "model_id", model_of(self.vector))


@dataclass(frozen=True)
class SearchResult:
    """The best passage of one source.

    Attributes:
        relevance: calibrated probability that it answers the query, 0 to 1.
        snippet: the part that shows why; `highlights` are offsets (start, end) in it.
        char_start, char_end: where the passage stands in the cleaned source, in characters.
        signals: what the relevance comes from: sim, bm25, coverage (BM25 as a share of the most that the words could
            score), graph, and the ranks rank_v, rank_l and rank_g in the three lists.
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
class NearMiss:
    """A source that was found but is not relevant enough to be shown."""

    source_type: SourceType
    source_id: UUID
    title: str
    relevance: float


@dataclass(frozen=True)
class SearchAnswer:
    """What was found, best first.

    Attributes:
        abstained: nothing reached the floor; `reason` says so in a sentence.
        degraded: the query had no vector, so words alone decided.
        model: name of the embedding model whose vectors were compared.
        took_ms: milliseconds by part: sql, fuse.
        found: sources at or above the floor, those of other pages included.
        missed: the best sources below the floor.
        best_relevance: of the best source found, whether shown or not; None when nothing was found.
    """

    results: list[SearchResult]
    abstained: bool
    reason: str
    degraded: bool
    model: str | None
    took_ms: dict[str, float]
    found: int = 0
    missed: list[NearMiss] = field(default_factory=list)
    best_relevance: float | None = None
