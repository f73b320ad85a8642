"""Reply drafts: how they are asked for, what they say, and what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from api.schemas.bodies import Body, LongText, Made, View
from api.schemas.kb import LANGUAGE
from api.schemas.tickets import MessageView
from helpdesk.models.values import TicketStatus
from helpdesk.replies.phrases import Tone
from helpdesk.replies.style import Length


class DraftBody(Body):
    """How a draft is wanted; what is left out is left to the organisation's policy and the ticket."""

    model_config = ConfigDict(json_schema_extra={"example": {"tone": "friendly", "length": "short"}})

    tone: Tone | None = None
    length: Length | None = Field(
        default=None, description="`short` is the steps and warnings alone, `long` the next section as well."
    )
    language: str | None = Field(
        default=None, pattern=LANGUAGE, max_length=20, description="ISO 639-1 code; default: the requester's."
    )
    instruction: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        default=None,
        description="What the reply should dwell on. It is no source: facts come from articles all the same.",
    )


class SendBody(Body):
    """What to send of a draft."""

    body: LongText | None = Field(default=None, description="Instead of the draft's own words.")
    status: TicketStatus | None = Field(default=None, description="Where the ticket goes, such as `pending`.")


class DiscardBody(Body):
    """Why a draft was of no use."""

    reason: Annotated[str, StringConstraints(max_length=500)] | None = None


class DraftView(Made):
    """A reply for an agent to check, or the reason why there is none."""

    ticket_id: UUID
    state: Literal["drafted", "abstained", "sent", "discarded"]
    body: str
    sentences: list[dict[str, Any]] = Field(
        description="`text`, `cites` (ids of sources, `T` for the ticket) and `kind`: `own` and `opening` for words of "
        "a text model that passed the checks, else word for word from the source."
    )
    sources: list[dict[str, Any]] = Field(description="What is cited, each with its article and the section's words.")
    checks: dict[str, Any] = Field(description="How many sentences stand, and what did not, each with its problem.")
    abstain_reason: str | None
    note: str = Field(description="What to know about it, such as that the text model was away.")
    searched: dict[str, Any] = Field(description="Words, audience, and by what was searched.")
    nearest: list[dict[str, Any]] = Field(description="The articles that came nearest where nothing answers.")
    language: str | None
    tone: Tone
    length: Length
    instruction: str | None
    requested_by: UUID | None
    method: str = Field(description="`model` where a text model had a part in it, else `extractive`.")
    model: str | None
    prompt_id: str | None
    prompt_version: int | None
    run_id: UUID | None = Field(description="The call of the text model.")
    outcome: Literal["accepted", "edited", "discarded"] | None
    outcome_at: datetime | None
    outcome_by: UUID | None
    discard_reason: str | None
    edit_distance: float | None = Field(description="From 0, sent as drafted, to 1, nothing of it was sent.")
    sent_message_id: UUID | None
    superseded_at: datetime | None = Field(description="When a later draft took its place.")


class SentDraft(View):
    """A draft that was sent, and the message it became."""

    draft: DraftView
    message: MessageView


class DraftFiguresView(View):
    """What became of some drafts."""

    key: dict[str, Any] = Field(description="What they have in common; empty for all.")
    made: int
    abstained: int
    accepted: int = Field(description="Sent word for word.")
    edited: int = Field(description="Sent with changes.")
    discarded: int
    superseded: int = Field(description="Replaced by a later draft before anybody decided.")
    waiting: int
    acceptance: float | None = Field(description="Share sent, edited or not, of those that somebody decided on.")
    median_edit_distance: float | None = Field(description="Of those sent, 0 to 1.")


class DraftStatsView(View):
    """What became of the drafts of a period."""

    since: datetime
    until: datetime
    total: DraftFiguresView
    by_method: list[DraftFiguresView]
    by_model: list[DraftFiguresView]
    by_prompt: list[DraftFiguresView]
    by_category: list[DraftFiguresView]


class StartedEvent(View):
    """`started`: under this id the draft can be read, whatever becomes of the connection."""

    draft_id: UUID
    tone: Tone
    length: Length
    language: str


class SearchedEvent(View):
    """`searched`: where was searched for what."""

    searched: dict[str, Any]
    found: int = Field(description="Articles that answer.")
    degraded: bool = Field(description="The embedding model was away, so words alone decided.")


class SourcesEvent(View):
    """`sources`: what the draft is made of; not every one need be cited."""

    sources: list[dict[str, Any]]


class SentenceEvent(View):
    """`sentence`: one that has passed the checks."""

    text: str
    cites: list[str]
    kind: str


class AbstainedEvent(View):
    """`abstained`: there is no draft."""

    reason: str
    searched: dict[str, Any]
    nearest: list[dict[str, Any]]


class DoneEvent(View):
    """`done`: the draft is complete and kept."""

    id: UUID
    state: Literal["drafted", "abstained"]
    body: str
    method: str
    model: str | None
    note: str
    language: str
    dropped: int = Field(description="Sentences that did not pass the checks.")
    took_ms: dict[str, float]
