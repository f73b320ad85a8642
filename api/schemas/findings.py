"""What the pipeline found for a ticket."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.schemas.bodies import Body, Made, Name, View
from api.schemas.sla import ClockView
from api.schemas.tickets import AssetLink, MessageView, TicketLink, TicketSummary


class PredictionView(Made):
    """What triage thinks of one field."""

    field: str
    value: str | None
    probability: float
    alternatives: dict[str, Any]
    source: str = Field(description="What came to it: `classifier`, `model`, `rule` or another part.")
    reason: str
    decision: Literal["auto", "suggest", "none"]
    applied_at: datetime | None


class SuggestionView(View):
    """An article offered for a ticket."""

    id: UUID
    article_id: UUID
    article_version: int
    chunk_id: UUID | None
    rank: int
    relevance: float = Field(description="Probability that the article answers the ticket.")
    title: str
    heading_path: str
    snippet: str
    why: str
    verdict: str | None


class SuggestionsView(Made):
    """What the knowledge base has for a ticket; when it has nothing suitable, why."""

    abstained: bool
    reason: str
    degraded: bool = Field(description="Made without vectors, because the model runtime was away.")
    best_relevance: float | None
    model: str | None
    items: list[SuggestionView]


class DraftView(Made):
    """A reply for an agent to check, or the reason why there is none."""

    state: Literal["drafted", "abstained", "sent", "discarded"]
    body: str
    sentences: list[dict[str, Any]]
    sources: list[dict[str, Any]]
    checks: dict[str, Any]
    abstain_reason: str | None
    language: str | None
    method: str
    model: str | None


class BreachView(Made):
    """How likely a running clock is to breach."""

    clock_id: UUID
    metric: str
    as_of: datetime
    probability: float
    reasons: list[dict[str, Any]]
    model: str


class TicketView(TicketSummary):
    """A ticket with all that is known about it; what is null is still being worked on."""

    messages: list[MessageView]
    assets: list[AssetLink]
    merged_into: TicketLink | None = Field(description="The ticket that stands for this one.")
    absorbed: list[TicketLink] = Field(description="The tickets that were merged into this one.")
    sla: list[ClockView]
    triage: dict[str, PredictionView] | None = Field(description="By field: priority, category, team, type.")
    suggestions: SuggestionsView | None
    draft: DraftView | None
    prediction: list[BreachView] | None = Field(description="One for each running clock.")


class Enqueued(View):
    """Work that is stored and will be done."""

    job_id: UUID


class Correction(Body):
    """What the value should have been."""

    value: Name
