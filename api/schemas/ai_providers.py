"""Providers of models and their budgets."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.schemas.bodies import View
from helpdesk.ai.providers.budget import Budget
from helpdesk.ai.providers.describing import ProviderState


class UseView(View):
    """What was used of something in the last 24 hours."""

    limit: float | None = Field(description="Null is no bound.")
    used: float
    left: float | None


class BudgetView(View):
    """The budget of the text model."""

    tokens: UseView = Field(description="Tokens of prompts and answers.")
    seconds: UseView = Field(description="Seconds that the model worked.")
    spent: bool
    spent_until: datetime | None = Field(description="When enough of the last 24 hours is past that something is left.")

    @classmethod
    def of(cls, budget: Budget) -> BudgetView:
        """Return the view of a budget."""
        seconds_left = budget.seconds_left
        return cls(
            tokens=UseView(limit=budget.bounds.tokens, used=budget.tokens, left=budget.tokens_left),
            seconds=UseView(
                limit=budget.bounds.seconds,
                used=round(budget.seconds, 1),
                left=None if seconds_left is None else round(seconds_left, 1),
            ),
            spent=budget.spent_until is not None,
            spent_until=budget.spent_until,
        )


class BreakerView(View):
    """Whether calls are made, or spared a runtime that was away."""

    state: Literal["closed", "open", "half_open"]
    failures: int = Field(description="In a row.")
    retry_in_s: float
    last_failure: str | None = Field(description="The last one since the process began, over or not.")
    last_failure_ago_s: float | None


class ProviderView(View):
    """A model behind an endpoint."""

    kind: Literal["embedding", "text"]
    protocol: Literal["ollama", "openai"]
    endpoint: str
    own: bool = Field(description="Whether text sent there stays with the operator.")
    serves: Literal["all", "opted_in", "none"] = Field(
        description="Which organisations: all, or those whose policy lets text leave the host."
    )
    state: Literal["ok", "away", "missing"]
    problem: str
    model: str | None
    digest: str | None
    per_second: float | None = Field(description="Texts or tokens a second over the last calls of this process.")
    breaker: BreakerView

    @classmethod
    def of(cls, state: ProviderState) -> ProviderView:
        """Return the view of a provider."""
        provider = state.provider
        return cls(
            kind=provider.kind,
            protocol=provider.protocol,
            endpoint=provider.endpoint,
            own=provider.stays_here,
            serves=provider.serves,
            state=state.state,
            problem=state.problem,
            model=state.model,
            digest=state.digest,
            per_second=state.per_second,
            breaker=BreakerView.model_validate(state.breaker),
        )
