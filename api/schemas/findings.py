"""What the pipeline found for a ticket."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.schemas.bodies import Body, Made, Name, View
from api.schemas.drafts import DraftView
from api.schemas.sla import ClockView
from api.schemas.tickets import AssetLink, MessageView, TicketLink, TicketSummary
from api.schemas.triage import PredictionView


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
    highlights: list[tuple[int, int]] = Field(description="Where words of the ticket stand in the snippet: start, end.")
    why: str
    verdict: Literal["useful", "not_useful"] | None
    verdict_at: datetime | None
    comment: str | None
    cited_at: datetime | None = Field(description="When an agent's public reply first named the article.")


class NearMissView(View):
    """An article that came near, but is not relevant enough to be offered."""

    article_id: UUID
    title: str
    relevance: float


class DuplicateSolutionView(View):
    """An article that solved an alike ticket."""

    id: UUID
    slug: str
    title: str


class DuplicateView(View):
    """A ticket about the same or nearly the same."""

    ticket_id: UUID
    number: int
    subject: str
    status: str
    similarity: float | None = Field(
        description="How close the two are in meaning, at most 1; null where only words were compared."
    )
    same_as: bool = Field(description="So alike that what solved it should solve this one.")
    solved_by: list[DuplicateSolutionView]


class SuggestionsView(Made):
    """What the knowledge base has for a ticket; when it has nothing suitable, why."""

    abstained: bool
    reason: str
    degraded: bool = Field(description="Made without vectors, because the model runtime was away.")
    best_relevance: float | None
    floor: float | None = Field(description="From what relevance on an article is offered.")
    floor_reason: str = Field(description="Where the floor comes from: shipped, or what agents said of suggestions.")
    model: str | None
    items: list[SuggestionView]
    misses: list[NearMissView] = Field(description="What came nearest below the floor.")
    duplicates: list[DuplicateView] = Field(description="Alike tickets, the most alike first.")


class BreachView(Made):
    """How likely a running clock is to breach."""

    clock_id: UUID
    metric: str
    as_of: datetime
    probability: float
    reasons: list[dict[str, Any]]
    model: str
    ends_from: datetime | None = Field(description="Four of five clocks like it end from then on; null with few cases.")
    ends_until: datetime | None


class TicketView(TicketSummary):
    """A ticket with all that is known about it; what is null is still being worked on."""

    messages: list[MessageView]
    assets: list[AssetLink]
    merged_into: TicketLink | None = Field(description="The ticket that stands for this one.")
    absorbed: list[TicketLink] = Field(description="The tickets that were merged into this one.")
    sla: list[ClockView]
    triage: dict[str, PredictionView] | None = Field(description="What triage thinks, by field.")
    suggestions: SuggestionsView | None
    draft: DraftView | None
    prediction: list[BreachView] | None = Field(description="One for each running clock.")


class Enqueued(View):
    """Work that is stored and will be done."""

    job_id: UUID


class Correction(Body):
    """What the value should have been."""

    value: Name
