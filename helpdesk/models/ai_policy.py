"""What an organisation lets the models do, as it is kept in `organizations.ai_policy`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from helpdesk.models.values import TicketPriority

Mode = Literal["off", "suggest", "auto"]
# Where there are no fixed words in a language, a draft is in English and says so.
LanguageCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$")]
_PLACE = re.compile(r"\{(\w+)\}")
# What triage predicts; impact and urgency only where a matrix makes a priority of them.
TriageField = Literal[
    "category",
    "priority",
    "team",
    "type",
    "impact",
    "urgency",
    "tags",
    "language",
    "sentiment",
    "duplicate_of",
    "summary",
]
# The fields that triage may set without asking; everything else is there to be read or accepted by a person.
SETTABLE: frozenset[str] = frozenset({"category", "priority", "team", "type", "tags", "language"})
_USUAL_MODES: dict[TriageField, Mode] = {
    "category": "auto",
    "priority": "auto",
    "team": "auto",
    "type": "auto",
    "impact": "suggest",
    "urgency": "suggest",
    "tags": "suggest",
    "language": "auto",
    "sentiment": "suggest",
    "duplicate_of": "suggest",
    "summary": "suggest",
}
USUAL_ACCURACY = 0.95

Level = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldPolicy(_Section):
    """What triage may do with one field of a ticket."""

    mode: Mode | None = Field(
        default=None,
        description="Stay silent, offer a value, or set it where it is sure enough; null is the field's usual mode.",
    )
    wanted_accuracy: float = Field(
        default=USUAL_ACCURACY, ge=0.5, le=1, description="Share of the values set without asking that should be right."
    )
    values: dict[str, Mode] = Field(
        default_factory=dict, max_length=500, description="Another mode for single values, such as one category."
    )


class TriagePolicy(_Section):
    """What triage may do."""

    fields: dict[TriageField, FieldPolicy] = Field(
        default_factory=dict, description="By field; those that are not named have their usual mode."
    )
    ask_model: bool = Field(default=True, description="Whether a text model is asked where the classifier is unsure.")
    summary: bool = Field(default=True, description="Whether a text model sums a ticket up in one line.")
    # priority_matrix[impact][urgency] is a priority; empty where impact and urgency are not in use.
    priority_matrix: dict[Level, dict[Level, TicketPriority]] = Field(
        default_factory=dict,
        max_length=10,
        description="The priority by impact and urgency, as {impact: {urgency: priority}}; empty where it is not used.",
    )

    def mode_of(self, field: str, value: str | None = None) -> Mode:
        """Return what may be done with a value of a field, or with the field as such."""
        usual = _USUAL_MODES[field]  # type: ignore[index]
        own = self.fields.get(field)  # type: ignore[call-overload]
        if own is None:
            return usual
        mode: Mode = own.values.get(value, own.mode or usual) if value is not None else own.mode or usual
        return mode

    def accuracy_of(self, field: str) -> float:
        """Return the share of a field's values set without asking that should be right."""
        own: FieldPolicy | None = self.fields.get(field)  # type: ignore[call-overload]
        return USUAL_ACCURACY if own is None else own.wanted_accuracy

    def in_full(self) -> TriagePolicy:
        """Return the same with every field named and every mode said."""
        fields = {
            name: self.fields.get(name, FieldPolicy()).model_copy(update={"mode": self.mode_of(name)})
            for name in _USUAL_MODES
        }
        return self.model_copy(update={"fields": fields})

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, own in self.fields.items():
            if name not in SETTABLE and "auto" in {own.mode, *own.values.values()}:
                raise ValueError(f"{name} is only ever offered: its mode is off or suggest")
        rows = list(self.priority_matrix.values())
        if any(set(row) != set(rows[0]) or not row for row in rows):
            raise ValueError("priority_matrix needs a priority for each pair: every impact with the same urgencies")
        return self


class ReplyPolicy(_Section):
    """How drafts are written."""

    tone: Literal["neutral", "friendly", "formal"] = "neutral"
    length: Literal["short", "medium", "long"] = "medium"
    greeting: str = Field(default="", max_length=200, description="Instead of the usual one; {name} is filled in.")
    signature: str = Field(
        default="", max_length=1000, description="Below the regards; {agent} and {team} are filled in."
    )
    languages: list[LanguageCode] = Field(
        default_factory=list, max_length=20, description="Languages replied in; empty: all."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, known in (("greeting", {"name"}), ("signature", {"agent", "team"})):
            text = getattr(self, name)
            unknown = sorted(set(_PLACE.findall(text)) - known)
            if unknown:
                places = ", ".join(f"{{{place}}}" for place in sorted(known))
                raise ValueError(f"{name} names {{{unknown[0]}}}, where only {places} is filled in")
        return self


class ModelPolicy(_Section):
    """Which models may see the organisation's text."""

    off_host: bool = Field(
        default=False, description="Whether redacted text may leave this host for a model that the operator set up."
    )


class BudgetPolicy(_Section):
    """How much of the text model an organisation may use in 24 hours; None is no bound."""

    tokens_a_day: int | None = Field(default=None, ge=0)
    seconds_a_day: float | None = Field(default=None, ge=0)


class RecordPolicy(_Section):
    """What is kept of the calls of models."""

    keep_days: int | None = Field(
        default=None, ge=1, le=3650, description="Days that calls of models are kept; at most as long as the operator."
    )
    raw_input: bool = Field(default=False, description="Whether texts are kept as they were before redaction, too.")


class AiPolicy(_Section):
    """All that an organisation lets the models do."""

    triage: TriagePolicy = TriagePolicy()
    replies: ReplyPolicy = ReplyPolicy()
    models: ModelPolicy = ModelPolicy()
    budget: BudgetPolicy = BudgetPolicy()
    records: RecordPolicy = RecordPolicy()

    def in_full(self) -> AiPolicy:
        """Return the same with everything said that is otherwise understood."""
        return self.model_copy(update={"triage": self.triage.in_full()})
