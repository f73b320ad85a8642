"""What the product learns from people, and how it watches what it has learnt."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Double, ForeignKey, Index, Integer, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Moment, OrganizationId, Tenant, one_of


class TriageFeedback(Tenant, Base):
    """A person's latest word on a prediction: a label to learn from.

    It comes from a verdict, or from the field being set by hand; a person who takes back what they set takes back the
    word, too.
    """

    __tablename__ = "triage_feedback"
    __table_args__ = (
        one_of("verdict", ("accept", "correct", "reject")),
        one_of("origin", ("verdict", "edit")),
        Index(
            "uq_triage_feedback_prediction_id",
            "prediction_id",
            unique=True,
            postgresql_where=text("prediction_id IS NOT NULL"),
        ),
        Index("ix_triage_feedback_organization_id", "organization_id", "created_at"),
    )

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    prediction_id: Mapped[UUID | None] = mapped_column(ForeignKey("triage_predictions.id", ondelete="CASCADE"))
    field: Mapped[str]
    predicted: Mapped[str | None]
    final_value: Mapped[str | None]
    verdict: Mapped[str]
    origin: Mapped[str] = mapped_column(server_default="verdict")
    # What the field held before a person first set it after the prediction, as its column has it.
    value_before: Mapped[str | None]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class MlModel(Tenant, Base):
    """A model the product trained by itself: arrays and figures, never code.

    While `claimed_at` is set, somebody is training it. Of a version kept for its figures alone, `weights` is empty.
    """

    __tablename__ = "ml_models"
    __table_args__ = (
        UniqueConstraint("organization_id", "kind", "version"),
        Index(
            "uq_ml_models_champion",
            "organization_id",
            "kind",
            unique=True,
            postgresql_where=text("state = 'champion'"),
        ),
        Index(
            "uq_ml_models_claim",
            "organization_id",
            "kind",
            unique=True,
            postgresql_where=text("claimed_at IS NOT NULL"),
        ),
        one_of("state", ("champion", "challenger", "retired")),
    )

    kind: Mapped[str]
    version: Mapped[int] = mapped_column(Integer)
    weights: Mapped[bytes] = mapped_column(LargeBinary)
    metrics: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    trained_on: Mapped[int] = mapped_column(Integer)
    state: Mapped[str]
    # Why it is in the state it is in, in a sentence.
    reason: Mapped[str] = mapped_column(server_default="")
    # Since when it is in that state; in use, retired or put aside.
    state_since: Mapped[Moment]
    claimed_at: Mapped[datetime | None]
    # When somebody put an earlier version in its place.
    rolled_back_at: Mapped[datetime | None]


class _Judged:
    """Counts judged predictions, those settled untouched by half, and how many were right, or had to be."""

    judged: Mapped[float] = mapped_column(Double)
    correct: Mapped[float] = mapped_column(Double)
    floor: Mapped[float | None] = mapped_column(Double)

    @property
    def accuracy(self) -> float | None:
        """Return the share that was right, None of none."""
        return self.correct / self.judged if self.judged else None


class TriageGate(_Judged, Base):
    """Whether triage may set a field, or one value of it, by itself: what its running accuracy says.

    The row of a whole field has the empty text for its value.
    """

    __tablename__ = "triage_gates"
    __table_args__ = (one_of("state", ("open", "fallen_back")),)

    organization_id: Mapped[OrganizationId] = mapped_column(primary_key=True)
    field: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[Literal["open", "fallen_back"]] = mapped_column(Text)
    reason: Mapped[str]
    # Only predictions made since then count.
    counted_from: Mapped[datetime | None]
    changed_at: Mapped[datetime]
    reviewed_at: Mapped[datetime]


class TriageGateChange(_Judged, Tenant, Base):
    """A gate that fell or was opened again, and why."""

    __tablename__ = "triage_gate_changes"
    __table_args__ = (
        Index("ix_triage_gate_changes_organization_id", "organization_id", "created_at"),
        one_of("state", ("open", "fallen_back")),
    )

    field: Mapped[str]
    value: Mapped[str]
    state: Mapped[Literal["open", "fallen_back"]] = mapped_column(Text)
    reason: Mapped[str]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class DriftReport(Tenant, Base):
    """How a week's predictions differ from those of the weeks before."""

    __tablename__ = "drift_reports"
    __table_args__ = (UniqueConstraint("organization_id", "until"),)

    since: Mapped[datetime]
    until: Mapped[datetime]
    reference_since: Mapped[datetime]
    alarm: Mapped[bool]
    summary: Mapped[str]
    # By field: counts, shares and shifts, and a sentence.
    fields: Mapped[dict[str, Any]]
