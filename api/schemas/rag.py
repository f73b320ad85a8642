"""Search and the state of its index."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.bodies import Body, View
from helpdesk.models.values import SourceType


class SearchBody(Body):
    """What is looked for, and where."""

    model_config = ConfigDict(json_schema_extra={"example": {"query": "vpn error HL-809", "types": ["kb"], "limit": 5}})

    query: str = Field(min_length=1, max_length=8000)
    types: list[SourceType] = Field(default=[SourceType.KB], min_length=1, max_length=3)
    audience: Literal["agents", "customers"] = Field(
        default="agents", description="`customers` leaves out whatever a customer may not read."
    )
    limit: int = Field(default=5, ge=1, le=50)
    exclude_source: UUID | None = Field(
        default=None, description="A source not to be found, such as the ticket asking."
    )
    everything: bool = Field(default=False, description="Show results below the relevance floor, too.")


class FoundView(View):
    """The best passage of one source."""

    source_type: SourceType
    source_id: UUID
    chunk_id: UUID
    title: str
    heading_path: str
    content: str
    snippet: str
    highlights: list[tuple[int, int]] = Field(description="Offsets (start, end) in the snippet.")
    char_start: int
    char_end: int
    relevance: float = Field(description="Probability that it answers the query.")
    language: str | None
    signals: dict[str, Any]


class SearchAnswerView(View):
    """What was found, best first."""

    results: list[FoundView]
    abstained: bool = Field(description="Nothing was relevant enough; `reason` says so.")
    reason: str
    degraded: bool = Field(description="The model runtime was away, so words alone decided.")
    model: str | None
    took_ms: dict[str, float]


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
    failures: list[FailureView]
