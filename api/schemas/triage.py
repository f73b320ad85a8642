"""What triage thinks of a ticket, or would think of a text."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from api.schemas.bodies import Body, Made, View
from helpdesk.triage.deciding.verdict import Verdict

Decision = Literal["auto", "suggest", "none", "unknown"]
Stage = Literal["rules", "classifier", "model"]
_VALUE = "What triage thinks it is; null where nothing fits. Of `tags`, all that the ticket should have, with commas."
_THRESHOLD = "From which probability on it is set without asking; above 1 is never, null where it is only ever offered."
_DECISION = (
    "`auto`: sure enough to be set, unless a person has decided; `suggest`: offered; `none`: not likely enough, or "
    "the policy says not to; `unknown`: none of the labels fits."
)


class VerdictView(View):
    """What triage says of one field."""

    value: str | None = Field(description=_VALUE)
    probability: float
    alternatives: dict[str, float] = Field(description="The likeliest values with their probabilities, best first.")
    conformal_set: list[str] = Field(description="The values that the classifier cannot rule out.")
    familiar: float | None = Field(description="How likely the ticket is of a kind that the classifier knows.")
    stage: Stage = Field(description="How far it went: rules alone, the classifier, or a text model.")
    source: str = Field(description="All that had a say, such as `classifier+model`.")
    threshold: float | None = Field(description=_THRESHOLD)
    mode: Literal["off", "suggest", "auto"] = Field(description="What the policy lets be done with this value.")
    decision: Decision = Field(description=_DECISION)
    needs_human: bool = Field(description="Nothing was sure enough, or two disagreed: the value is a guess.")
    reason: str
    vote: str | None = Field(description="What the text model chose.")

    @classmethod
    def of(cls, verdict: Verdict) -> VerdictView:
        """Show a verdict that is not stored."""
        left = verdict.left_open
        return cls(
            value=verdict.value,
            probability=verdict.probability,
            alternatives=dict(verdict.alternatives),
            conformal_set=[] if left is None else list(left.conformal_set),
            familiar=None if left is None else left.familiar,
            stage=verdict.stage,
            source=verdict.source,
            threshold=verdict.threshold,
            mode=verdict.mode,
            decision=verdict.decision,
            needs_human=verdict.needs_human,
            reason=verdict.reason,
            vote=None if verdict.vote is None else verdict.vote.chosen,
        )


class PredictionView(Made):
    """What triage thinks of one field."""

    field: str
    value: str | None = Field(description=_VALUE)
    probability: float
    alternatives: dict[str, Any] = Field(description="The likeliest values with their probabilities, best first.")
    conformal_set: list[str] = Field(description="The values that the classifier cannot rule out.")
    familiar: float | None = Field(description="How likely the ticket is of a kind that the classifier knows.")
    stage: Stage = Field(description="How far it went: rules alone, the classifier, or a text model.")
    source: str = Field(description="All that had a say, such as `classifier+model`.")
    threshold: float | None = Field(description=_THRESHOLD)
    mode: Literal["off", "suggest", "auto"] = Field(description="What the policy let be done with this value.")
    decision: Decision = Field(description=_DECISION)
    needs_human: bool = Field(description="Nothing was sure enough, or two disagreed: the value is a guess.")
    reason: str
    vote: str | None = Field(description="What the text model chose.")
    injection_suspected: bool = Field(
        description="The text looks as if it gave orders to a model, so that none was asked."
    )
    applied_at: datetime | None = Field(description="When it was set on the ticket; null where it was not.")
    superseded_at: datetime | None = Field(description="Since when a later prediction stands in its place.")


class PreviewBody(Body):
    """Words to try triage out on."""

    subject: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    body: Annotated[str, StringConstraints(max_length=20_000)] = ""
    vip: bool = Field(default=False, description="As if a VIP had written it.")


class PreviewView(View):
    """What triage would say."""

    injection_suspected: bool = Field(description="The text looks as if it gave orders to a model.")
    asked_model: str | None = Field(description="The text model that was asked; null where none was.")
    fields: dict[str, VerdictView]
