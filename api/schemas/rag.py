"""Search and the state of its index."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from api.schemas.bodies import Body, View
from api.schemas.kb import LANGUAGE
from api.schemas.rag_index import ReasonView, UnembeddedView
from helpdesk.models.values import SourceType, TextState
from helpdesk.rag.retrieval.query import Audience


class FiltersBody(Body):
    """What a source must have to be found."""

    tags: list[str] = Field(default=[], max_length=50, description="At least one of these tags.")
    products: list[str] = Field(default=[], max_length=50, description="At least one of these products.")
    category_id: UUID | None = Field(default=None, description="Exactly this category.")
    language: str | None = Field(
        default=None, pattern=LANGUAGE, max_length=20, description="ISO 639-1 code of the source, such as `de`."
    )
    settled: bool | None = Field(default=None, description="Of tickets: only solved and closed ones, or only others.")


class SearchBody(Body):
    """What is looked for, and where: words, or a ticket whose like is wanted."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"query": "vpn error HL-809", "types": ["kb"], "limit": 5, "explain": True}}
    )

    query: str | None = Field(default=None, min_length=1, max_length=8000)
    ticket_id: UUID | None = Field(
        default=None,
        description="A ticket in place of words: what was stored of it is compared, nothing is sent to a model. It is "
        "not among the results itself.",
    )
    types: list[SourceType] = Field(default=[SourceType.KB], min_length=1, max_length=3)
    audience: Audience = Field(
        default=Audience.AGENTS,
        description="Who is going to read the results: `public` finds what anybody may read, `customers` what "
        "signed-in requesters may, `agents` everything. The first two find articles only.",
    )
    filters: FiltersBody = Field(default_factory=FiltersBody)
    limit: int = Field(default=5, ge=1, le=50)
    offset: int = Field(default=0, ge=0, le=100, description="Results passed over, for a further page.")
    exclude_source: UUID | None = Field(default=None, description="A source not to be found.")
    everything: bool = Field(default=False, description="Show results below the relevance floor, too.")
    explain: bool = Field(default=False, description="Say of each result why it was found, and name the near misses.")

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.query is None) == (self.ticket_id is None):
            raise ValueError("give either query, the words to search for, or ticket_id")
        if self.audience is not Audience.AGENTS and set(self.types) != {SourceType.KB}:
            raise ValueError("tickets and assets are for agents; the other audiences search articles (kb) only")
        return self


class FoundView(View):
    """The best passage of one source."""

    source_type: SourceType
    source_id: UUID
    chunk_id: UUID
    title: str
    heading_path: str
    content: str
    snippet: str
    highlights: list[tuple[int, int]] = Field(description="Offsets (start, end) in the snippet, in characters.")
    char_start: int
    char_end: int
    relevance: float = Field(description="Probability that it answers the query.")
    language: str | None
    signals: dict[str, Any] = Field(
        description="What the relevance comes from: `sim` (cosine), `bm25`, `coverage` (BM25 as a share of the most "
        "that the words could score), `graph` (what alike tickets point to), and the places `rank_v`, `rank_l` and "
        "`rank_g` in the lists of meaning, words and graph."
    )
    why: str | None = Field(default=None, description="The signals in a sentence, where `explain` was asked for.")


class NearMissView(View):
    """A source that was found but is not relevant enough."""

    source_type: SourceType
    source_id: UUID
    title: str
    relevance: float


class SearchAnswerView(View):
    """What was found, best first."""

    results: list[FoundView]
    more: bool = Field(description="Whether a further page has results.")
    abstained: bool = Field(description="Nothing was relevant enough; `reason` says so.")
    reason: str
    degraded: bool = Field(description="There was no vector to compare, so words and graph alone decided.")
    model: str | None
    took_ms: dict[str, float] = Field(description="Milliseconds by part: embed, sql, fuse.")
    missed: list[NearMissView] = Field(
        default=[], description="The nearest sources below the relevance floor, where `explain` was asked for."
    )


class VectorIndexView(View):
    """A graph index over the vectors of one kind of source; where there is none, vectors are scanned exactly."""

    model: str
    source_type: SourceType
    state: Literal["building", "ready", "rebuilding", "dropping"]
    vectors: int | None = Field(description="How many it was built from.")
    built_at: datetime | None
    build_s: float | None
    recall: float | None = Field(description="Share of the really nearest passages that it found when last probed.")
    probed_at: datetime | None
    recall_low: bool = Field(description="It misses more than it should: fewer than 95 % were found.")


class IndexModelView(View):
    """An embedding model that has vectors in the index."""

    id: int
    name: str
    dims: int
    state: str = Field(description="`active` is searched, `building` is on its way, `retired` can be gone back to.")


class CoverageView(View):
    """How much of one kind of source is in the index."""

    source_type: SourceType
    sources: int
    documents: int
    chunks: int
    vectors: int
    share: float = Field(description="Indexed share of the sources, 0 to 1.")


class FailureView(View):
    """A source that could not be indexed, and why."""

    source_type: SourceType
    source_id: UUID
    attempts: int
    last_error: str | None
    updated_at: datetime


class IndexStatusView(View):
    """How complete and how fresh the organisation's index is."""

    model: str | None = Field(description="The embedding model whose vectors are searched.")
    coverage: list[CoverageView]
    pending: int
    running: int
    failed: int
    lag_s: float = Field(description="Seconds the oldest waiting change has waited.")
    rate_per_s: float = Field(description="Documents a second over the last five minutes.")
    eta_s: float | None = Field(description="Seconds until nothing waits at this rate; null when nothing moves.")
    waits_for: str | None = Field(description="What keeps waiting changes from being indexed.")
    next_try_at: datetime | None = Field(description="When it is tried again, where all that waits has to wait.")
    last_error: str | None = Field(description="What went wrong last with a source that waits or has failed.")
    reasons: list[ReasonView] = Field(description="What went wrong with how many, the most frequent first.")
    failures: list[FailureView]
    without_vector: int = Field(description="Passages that are found by their words alone.")
    unembedded: list[UnembeddedView] = Field(description="Some of them.")
    files: dict[TextState, int] = Field(description="Attachments by what has become of their text.")
    models: list[IndexModelView] = Field(default=[], description="The models that have vectors, the active one first.")
    vector_indexes: list[VectorIndexView] = Field(
        default=[], description="Graph indexes of this organisation; none where everything is scanned exactly."
    )
