"""What the knowledge base lacks."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.bodies import Body, Made, View
from helpdesk.models.values import GapState, UnansweredOrigin


class GapQuestionView(View):
    """One question of a gap."""

    id: UUID
    origin: UnansweredOrigin
    ticket_id: UUID | None
    number: int | None = Field(description="Of the ticket.")
    text: str = Field(description="Without addresses and numbers of people; of a ticket its subject and beginning.")
    sample: int | None = Field(description="Place among the typical questions, from 1.")
    times: int = Field(description="How often it was put.")
    first_at: datetime
    last_at: datetime


class GapView(Made):
    """A subject that people ask about and the knowledge base has nothing on."""

    label: str = Field(description="The words that tell it from the other questions.")
    terms: list[str]
    state: GapState
    version: int
    updated_at: datetime = Field(description="When questions were last looked through.")
    questions: int = Field(description="Different questions.")
    asked: int = Field(description="How often they were put altogether; lists are ordered by it.")
    tickets: int
    searches: int
    asks: int
    recent: int = Field(description="How often in the last 30 days before `updated_at`.")
    earlier: int = Field(description="How often in the 30 days before those.")
    trend: Literal["rising", "steady", "falling"] = Field(description="Twice as often as before, or half as often.")
    first_at: datetime
    last_at: datetime
    samples: list[GapQuestionView] = Field(description="The typical questions, the most typical first.")
    draft_article_id: UUID | None
    answered_by: UUID | None = Field(description="The article that answers its typical questions.")
    reason: str = Field(description="Why it is in its state.")
    decided_by: UUID | None
    decided_at: datetime | None


class GapDetail(GapView):
    """A gap with its questions."""

    members: list[GapQuestionView] = Field(description="The typical ones first, then the newest; at most 200.")


class Dismissal(Body):
    """Why no article is wanted."""

    model_config = ConfigDict(json_schema_extra={"example": {"reason": "The canteen has a page of its own."}})

    reason: str = Field(min_length=1, max_length=1000)


class GapDraft(View):
    """The draft that was made for a gap."""

    article_id: UUID
    slug: str
    title: str


class GapSearch(Body):
    """How far back questions count."""

    days: int | None = Field(default=None, ge=1, le=180, description="The installation's setting when left out.")
