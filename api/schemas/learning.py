"""What the product has learnt, and how it is watched."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.schemas.bodies import Body, Made, Name, View


class ModelVersionView(Made):
    """One version of a model that the product trained by itself."""

    kind: str = Field(description="What it is for: `triage`, `breach`, or `relevance/` and the embedding model's id.")
    version: int
    state: Literal["champion", "challenger", "retired"] = Field(
        description="In use; put aside, or still being trained; or in use before."
    )
    training: bool = Field(description="Whether it is still being trained.")
    reason: str = Field(description="Why it is in its state, in a sentence.")
    metrics: dict[str, Any] = Field(description="Its figures; of triage by field, and those of the comparison.")
    trained_on: int = Field(description="Labels there were to learn from.")
    state_since: datetime
    rolled_back_at: datetime | None = Field(description="When somebody put another version in its place.")
    size: int = Field(description="Bytes of its weights; 0 where only its figures are kept.")


class GateView(View):
    """Whether triage may set a field, or one value of it, by itself."""

    field: str
    value: str | None = Field(description="null for the field as such.")
    state: Literal["open", "fallen_back"]
    reason: str
    judged: float = Field(description="Predictions judged lately; those left untouched count by half.")
    running_accuracy: float | None = Field(description="Share of them that was right.")
    floor: float | None = Field(description="Share that had to be right.")
    counted_from: datetime | None = Field(description="Only what was predicted since then counts.")
    changed_at: datetime
    reviewed_at: datetime


class GateChangeView(Made):
    """A gate that fell back or was opened again."""

    field: str
    value: str | None
    state: Literal["open", "fallen_back"]
    reason: str
    judged: float
    running_accuracy: float | None
    floor: float | None
    user_id: UUID | None = Field(description="Who opened it, where somebody did.")


class GateReopening(Body):
    """Which gate to open again."""

    field: Name
    value: Name | None = Field(default=None, description="null for the field as such.")


class FieldDriftView(View):
    """How the predictions of one field drifted."""

    act: bool = Field(description="Whether somebody should look.")
    sentence: str = Field(description="What is the case, and what to do.")
    figures: dict[str, Any] = Field(description="Of the week, of the weeks before, and how far they are apart.")


class DriftReportView(Made):
    """How a week's predictions differ from those of the four weeks before."""

    since: datetime
    until: datetime
    reference_since: datetime
    alarm: bool
    summary: str
    fields: dict[str, FieldDriftView]
