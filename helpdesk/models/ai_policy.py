"""What an organisation lets the models do, as it is kept in `organizations.ai_policy`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Mode = Literal["off", "suggest", "auto"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldPolicy(_Section):
    """What triage may do with one field of a ticket."""

    mode: Mode = Field(default="auto", description="Stay silent, offer a value, or set it where it is sure enough.")
    wanted_accuracy: float = Field(
        default=0.95, ge=0.5, le=1, description="Share of the values set without asking that should be right."
    )
    values: dict[str, Mode] = Field(default_factory=dict, description="Another mode for single values.")


class TriagePolicy(_Section):
    """What triage may do."""

    fields: dict[str, FieldPolicy] = Field(default_factory=dict, description="By field; others stay with the defaults.")
    ask_model: bool = Field(default=True, description="Whether a text model is asked where the classifier is unsure.")
    summary: bool = Field(default=True, description="Whether a text model sums a ticket up in one line.")
    # priority_matrix[impact][urgency] is a priority; empty where impact and urgency are not in use.
    priority_matrix: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="The priority by impact and urgency, as {impact: {urgency: priority}}."
    )


class ReplyPolicy(_Section):
    """How drafts are written."""

    tone: Literal["neutral", "friendly", "formal"] = "neutral"
    length: Literal["short", "medium", "long"] = "medium"
    greeting: str = Field(default="", max_length=200, description="Instead of the usual one; {name} is filled in.")
    signature: str = Field(
        default="", max_length=1000, description="Below the regards; {agent} and {team} are filled in."
    )
    languages: list[str] = Field(default_factory=list, max_length=20, description="Languages replied in; empty: all.")


class ModelPolicy(_Section):
    """Which models may see the organisation's text."""

    off_host: bool = Field(
        default=False, description="Whether redacted text may leave this host for a model that the operator set up."
    )


class BudgetPolicy(_Section):
    """How much of the text model an organisation may use in 24 hours; None is no bound."""

    tokens_a_day: int | None = Field(default=None, ge=0)
    seconds_a_day: float | None = Field(default=None, ge=0)


class AiPolicy(_Section):
    """All that an organisation lets the models do."""

    triage: TriagePolicy = TriagePolicy()
    replies: ReplyPolicy = ReplyPolicy()
    models: ModelPolicy = ModelPolicy()
    budget: BudgetPolicy = BudgetPolicy()
