"""What agents make of suggestions, and how good they are."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import ConfigDict, Field

from api.schemas.bodies import Body, View


class FeedbackBody(Body):
    """What an agent thinks of a suggested article."""

    model_config = ConfigDict(json_schema_extra={"example": {"verdict": "useful", "comment": "Step 3 did it."}})

    verdict: Literal["useful", "not_useful"]
    comment: str | None = Field(default=None, max_length=2000)


class FiguresView(View):
    """Counts of suggestions and the shares they make; a share of nothing is null."""

    tickets: int = Field(description="Tickets that articles were looked for.")
    abstained: int = Field(description="Tickets for which there was nothing suitable.")
    shown: int = Field(description="Articles offered, each once a ticket.")
    useful: int
    not_useful: int
    cited: int = Field(description="Offered articles that an agent's public reply named.")
    precision: float | None = Field(description="Share of useful or cited articles among those judged or cited.")
    acceptance: float | None = Field(description="Share of tickets with articles of which one was useful or cited.")
    abstain_rate: float | None = Field(description="Share of tickets for which there was nothing suitable.")


class WeekView(FiguresView):
    """The figures of one week."""

    starts_on: date = Field(description="Its Monday (UTC).")


class SuggestionStatsView(View):
    """How good the suggestions of a period are."""

    since: date
    until: date = Field(description="Exclusive.")
    total: FiguresView
    weeks: list[WeekView] = Field(description="Weeks with a ticket, the oldest first.")
