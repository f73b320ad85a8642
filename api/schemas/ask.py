"""Questions to the index and their answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, field_validator, model_validator

from api.schemas.bodies import Body, Made, View
from api.schemas.kb import LANGUAGE
from helpdesk.rag.retrieval.query import Audience

_Words = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
_Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_MOST_FORMER = 5


class AskFilters(Body):
    """What a source must have to be cited."""

    tags: list[_Label] = Field(default=[], max_length=20, description="At least one of them.")
    products: list[_Label] = Field(default=[], max_length=20, description="At least one of them.")
    category_id: UUID | None = Field(default=None, description="Exactly this category.")
    language: str | None = Field(
        default=None, pattern=LANGUAGE, max_length=20, description="ISO 639-1 code of the source, such as `de`."
    )


class AskBody(Body):
    """A question, and where the answer may come from."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"question": "HL-809 in a hotel, what can the customer change?", "types": ["kb"]}}
    )

    question: _Words
    types: list[Literal["kb", "ticket"]] = Field(
        default=["kb"], min_length=1, max_length=2, description="Published articles, and settled tickets."
    )
    audience: Audience = Field(
        default=Audience.AGENTS, description="Who is to read the answer: what they may not read is not cited."
    )
    filters: AskFilters = AskFilters()
    ticket_id: UUID | None = Field(
        default=None, description="The ticket it is asked for; its words complete a question that leans on them."
    )
    history: list[_Words] = Field(
        default=[],
        max_length=_MOST_FORMER,
        description="Former questions of the same conversation, oldest first; they complete a follow-up.",
    )

    @model_validator(mode="after")
    def _tickets_for_agents(self) -> Self:
        if "ticket" in self.types and self.audience is not Audience.AGENTS:
            raise ValueError("tickets are only cited for agents")
        return self


class SentenceView(View):
    """A sentence of an answer."""

    text: str
    cites: list[str] = Field(description="Ids of sources.", examples=[["S1"]])
    kind: str = Field(
        description="`own` for words of a text model that passed the checks; else word for word from the source: "
        "`sentence`, `step`, `item`, `row`, `command` or `warning`."
    )
    number: int | None = Field(description="Of a step, in its list.")


class SourceView(View):
    """A numbered source of an answer."""

    id: str = Field(examples=["S1"])
    type: Literal["kb", "ticket"]
    source_id: UUID
    title: str
    heading: str = Field(description="The section, empty above the first heading.")
    snippet: str
    relevance: float = Field(description="Probability that it answers the question.")
    language: str | None
    slug: str | None = Field(default=None, description="Of an article.")
    version: int | None = Field(default=None, description="Of an article, as it was read.")
    number: int | None = Field(default=None, description="Of a ticket.")
    chunk_ids: list[UUID] = Field(description="Its passages in the index.")
    url: str = Field(default="", description="Where to read it.")

    @model_validator(mode="before")
    @classmethod
    def _with_url(cls, value: Any) -> Any:
        if isinstance(value, dict):
            path = f"kb/articles/{value.get('slug')}" if value["type"] == "kb" else f"tickets/{value.get('number')}"
            return {**value, "url": f"/api/v1/{path}"}
        return value


class NearestView(View):
    """A source that came near without answering."""

    type: str
    source_id: UUID
    title: str
    relevance: float


class DroppedView(View):
    """What did not pass the checks."""

    text: str
    problem: str


class SourcesEvent(View):
    """`sources`: what the answer is made of; not every one need be cited."""

    sources: list[SourceView]
    degraded: bool = Field(description="The embedding model was away, so words alone decided.")


class AbstainedEvent(View):
    """`abstained`: there is no answer."""

    reason: str
    searched: dict[str, Any] = Field(description="Words, kinds of source, audience, filters, and by what.")
    nearest: list[NearestView]


class DoneEvent(View):
    """`done`: the answer is complete and kept."""

    id: UUID = Field(description="Of the kept question, for feedback.")
    run_ids: list[UUID] = Field(description="Of the calls of a text model.")
    method: Literal["model", "extractive", "none"]
    note: str = Field(description="What to know about the answer, such as that the text model was away.")
    degraded: bool
    language: str | None
    model: str | None = Field(description="The text model that was asked.")
    dropped: int = Field(description="Sentences that did not pass the checks.")
    took_ms: dict[str, float]


class QuestionSummary(Made):
    """A kept question."""

    question: str
    user_id: UUID | None
    ticket_id: UUID | None
    abstained: bool
    reason: str = Field(description="Why there is no answer; with one, what to know about it.")
    method: Literal["model", "extractive", "none"]
    degraded: bool
    language: str | None
    model: str | None
    helpful: bool | None
    comment: str | None
    judged_at: datetime | None


class QuestionView(QuestionSummary):
    """A kept question with its answer."""

    searched: dict[str, Any] = Field(
        validation_alias="scope", description="Words, kinds of source, audience, filters, and by what."
    )
    sentences: list[SentenceView]
    sources: list[SourceView]
    nearest: list[NearestView]
    dropped: list[DroppedView]
    run_ids: list[UUID]
    took_ms: dict[str, float]


class AnswerFeedback(Body):
    """A person's word on an answer."""

    helpful: bool
    comment: Annotated[str, StringConstraints(max_length=2000)] | None = None

    @field_validator("comment")
    @classmethod
    def _words_or_nothing(cls, comment: str | None) -> str | None:
        return comment or None
