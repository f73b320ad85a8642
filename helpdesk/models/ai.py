"""What models said, why, and what people made of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Double, ForeignKey, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Moment, OrganizationId, PrimaryKey, Tenant, one_of


class AiRun(Base):
    """One call of a model, with all that is needed to make it again.

    Attributes:
        prompt_sha: hash of the prompt's template; `system_text` is what it was filled to.
        input_redacted: what the model was shown besides its instructions.
        input_raw: the texts before they were cleaned and redacted, by name, where the organisation keeps them.
        exact: whether the texts kept are, to the letter, those that the model saw.
        answer_schema: the JSON schema that the answer had to fit.
        unsafe: what the answer gave away that was meant for the model alone.
        replay_of: the run that this one made again.
    """

    __tablename__ = "ai_runs"
    __table_args__ = (
        Index("ix_ai_runs_ticket_id", "ticket_id", "created_at"),
        Index("ix_ai_runs_organization_id", "organization_id", "created_at"),
        Index(
            "ix_ai_runs_use",
            "organization_id",
            "created_at",
            postgresql_include=["prompt_tokens", "output_tokens", "total_ms"],
            postgresql_where=text("kind <> 'embed'"),
        ),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )

    id: Mapped[PrimaryKey]
    created_at: Mapped[Moment] = mapped_column(primary_key=True)
    organization_id: Mapped[OrganizationId]
    kind: Mapped[str]
    job_id: Mapped[UUID | None]
    ticket_id: Mapped[UUID | None]
    model: Mapped[str]
    digest: Mapped[str | None]
    prompt_id: Mapped[str | None]
    prompt_version: Mapped[int | None] = mapped_column(Integer)
    prompt_sha: Mapped[str | None]
    schema_sha: Mapped[str | None]
    options: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    input_hash: Mapped[str]
    input_redacted: Mapped[str | None]
    output: Mapped[str | None]
    citations: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    retrieval_trace: Mapped[dict[str, Any] | None]
    parse_ok: Mapped[bool | None]
    retries: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    done_reason: Mapped[str | None]
    prompt_tokens: Mapped[int | None] = mapped_column(Integer)
    output_tokens: Mapped[int | None] = mapped_column(Integer)
    load_ms: Mapped[float | None] = mapped_column(Double)
    eval_ms: Mapped[float | None] = mapped_column(Double)
    total_ms: Mapped[float | None] = mapped_column(Double)
    decision: Mapped[str]
    error_class: Mapped[str | None]
    trace_id: Mapped[str | None]
    system_text: Mapped[str | None]
    input_raw: Mapped[dict[str, Any] | None]
    exact: Mapped[bool] = mapped_column(server_default=text("false"))
    answer_schema: Mapped[dict[str, Any] | None]
    seed: Mapped[int | None]
    unsafe: Mapped[str | None]
    replay_of: Mapped[UUID | None]


class TriagePrediction(Tenant, Base):
    """What triage thinks of one field of a ticket; a later one supersedes it."""

    __tablename__ = "triage_predictions"
    __table_args__ = (
        Index(
            "uq_triage_predictions_current",
            "ticket_id",
            "field",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
        Index("ix_triage_predictions_ticket_id", "ticket_id", "created_at"),
        Index("ix_triage_predictions_organization_id", "organization_id", "created_at"),
        one_of("decision", ("auto", "suggest", "none", "unknown")),
        one_of("stage", ("rules", "classifier", "model")),
        one_of("mode", ("off", "suggest", "auto")),
    )

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    run_id: Mapped[UUID | None]
    field: Mapped[str]
    value: Mapped[str | None]
    probability: Mapped[float] = mapped_column(Double)
    alternatives: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    source: Mapped[str]
    stage: Mapped[str] = mapped_column(server_default="classifier")
    reason: Mapped[str] = mapped_column(server_default="")
    decision: Mapped[str]
    # From which probability on the value would be set; above 1 is never, none where it is not set at all.
    threshold: Mapped[float | None] = mapped_column(Double)
    mode: Mapped[str] = mapped_column(server_default="auto")
    needs_human: Mapped[bool] = mapped_column(server_default=text("false"))
    # What the classifier left open, and whether the ticket is of a kind it knows.
    conformal_set: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    familiar: Mapped[float | None] = mapped_column(Double)
    # What the stacker is fitted on: the classifier's own probabilities, what was offered, and what the model chose.
    chances: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    offered: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    vote: Mapped[str | None]
    injection_suspected: Mapped[bool] = mapped_column(server_default=text("false"))
    applied_at: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None]


class AiPolicyVersion(Tenant, Base):
    """What an organisation let the models do from one change of its policy to the next, and who changed it."""

    __tablename__ = "ai_policy_versions"
    __table_args__ = (UniqueConstraint("organization_id", "number"),)

    number: Mapped[int] = mapped_column(Integer)
    policy: Mapped[dict[str, Any]]
    changed: Mapped[dict[str, Any]]
    made_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class KbSuggestionSet(Tenant, Base):
    """What the knowledge base has for a ticket; an empty set says why it is empty."""

    __tablename__ = "kb_suggestion_sets"
    __table_args__ = (
        Index(
            "uq_kb_suggestion_sets_current", "ticket_id", unique=True, postgresql_where=text("superseded_at IS NULL")
        ),
        Index("ix_kb_suggestion_sets_organization_id", "organization_id", "created_at"),
    )

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    abstained: Mapped[bool]
    reason: Mapped[str] = mapped_column(server_default="")
    degraded: Mapped[bool] = mapped_column(server_default=text("false"))
    best_relevance: Mapped[float | None] = mapped_column(Double)
    # From what relevance on an article was shown, and where that comes from.
    floor: Mapped[float | None] = mapped_column(Double)
    floor_reason: Mapped[str] = mapped_column(server_default="")
    # Articles that came nearest where none was shown.
    misses: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    # Tickets about the same, and the articles that solved them.
    duplicates: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    model: Mapped[str | None]
    superseded_at: Mapped[datetime | None]


class KbSuggestion(Tenant, Base):
    """One article offered for a ticket, and why."""

    __tablename__ = "kb_suggestions"
    __table_args__ = (
        UniqueConstraint("set_id", "rank"),
        Index(
            "ix_kb_suggestions_judged",
            "organization_id",
            "created_at",
            postgresql_where=text("verdict IS NOT NULL OR cited_at IS NOT NULL"),
        ),
        one_of("verdict", ("useful", "not_useful")),
    )

    set_id: Mapped[UUID] = mapped_column(ForeignKey("kb_suggestion_sets.id", ondelete="CASCADE"))
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    article_id: Mapped[UUID] = mapped_column(ForeignKey("kb_articles.id", ondelete="CASCADE"))
    article_version: Mapped[int] = mapped_column(Integer)
    chunk_id: Mapped[UUID | None]
    rank: Mapped[int] = mapped_column(Integer)
    relevance: Mapped[float] = mapped_column(Double)
    title: Mapped[str]
    heading_path: Mapped[str] = mapped_column(server_default="")
    snippet: Mapped[str]
    why: Mapped[str]
    signals: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    verdict: Mapped[str | None]
    verdict_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    verdict_at: Mapped[datetime | None]
    comment: Mapped[str | None]
    # When an agent's public reply first named the article.
    cited_at: Mapped[datetime | None]

    @property
    def highlights(self) -> list[list[int]]:
        """Return where words of the ticket stand in the snippet, pairs of character offsets."""
        spans: list[list[int]] = self.signals.get("highlights", [])
        return spans


class ReplyDraft(Tenant, Base):
    """A reply for an agent to check, or the reason why there is none."""

    __tablename__ = "reply_drafts"
    __table_args__ = (
        Index("uq_reply_drafts_current", "ticket_id", unique=True, postgresql_where=text("superseded_at IS NULL")),
        Index("ix_reply_drafts_organization_id", "organization_id", "created_at"),
        Index("ix_reply_drafts_outcome_at", "organization_id", "outcome_at"),
        one_of("state", ("drafted", "abstained", "sent", "discarded")),
        one_of("outcome", ("accepted", "edited", "discarded")),
        one_of("tone", ("neutral", "friendly", "formal")),
        one_of("length", ("short", "medium", "long")),
    )

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    run_id: Mapped[UUID | None]
    state: Mapped[str]
    body: Mapped[str] = mapped_column(server_default="")
    sentences: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    sources: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    checks: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    abstain_reason: Mapped[str | None]
    language: Mapped[str | None]
    tone: Mapped[str] = mapped_column(server_default="neutral")
    length: Mapped[str] = mapped_column(server_default="medium")
    instruction: Mapped[str | None]
    requested_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    # What to know about the draft, such as that the language wanted is not there.
    note: Mapped[str] = mapped_column(server_default="")
    # Words, audience and ways of the search, and what came near where nothing answers.
    searched: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    nearest: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    method: Mapped[str]
    model: Mapped[str | None]
    prompt_id: Mapped[str | None]
    prompt_version: Mapped[int | None] = mapped_column(Integer)
    sent_message_id: Mapped[UUID | None] = mapped_column(ForeignKey("messages.id", ondelete="SET NULL"), index=True)
    sent_body: Mapped[str | None]
    # What became of it; None while nobody has decided, and for a draft that a later one replaced.
    outcome: Mapped[str | None]
    outcome_at: Mapped[datetime | None]
    outcome_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    discard_reason: Mapped[str | None]
    # From 0, sent as drafted, to 1, nothing of it was sent.
    edit_distance: Mapped[float | None] = mapped_column(Double)
    superseded_at: Mapped[datetime | None]


class BreachPrediction(Tenant, Base):
    """How likely a running clock is to breach, and what speaks for it."""

    __tablename__ = "breach_predictions"
    __table_args__ = (
        Index("ix_breach_predictions_clock_id", "clock_id", "as_of"),
        Index("ix_breach_predictions_as_of", "as_of"),
        Index("ix_breach_predictions_ticket_id", "ticket_id", "created_at"),
    )

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    clock_id: Mapped[UUID] = mapped_column(ForeignKey("sla_clocks.id", ondelete="CASCADE"))
    metric: Mapped[str]
    as_of: Mapped[datetime]
    probability: Mapped[float] = mapped_column(Double)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    features: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    model: Mapped[str]
    # Which version of the organisation's estimator; none for the table of hazards.
    model_version: Mapped[int | None] = mapped_column(Integer)
    # Between which times four of five clocks like it end; none where too few tell.
    ends_from: Mapped[datetime | None]
    ends_until: Mapped[datetime | None]


class AiFeedback(Tenant, Base):
    """What somebody did with what a model gave."""

    __tablename__ = "ai_feedback"
    __table_args__ = (one_of("action", ("accept", "edit", "reject")),)

    run_id: Mapped[UUID] = mapped_column(index=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    action: Mapped[str]
    final_value: Mapped[str | None]
    edit_distance: Mapped[float | None] = mapped_column(Double)


class ModelCaller(Base):
    """A call of a text model that a person waits for; while it is here, calls that nobody waits for give way."""

    __tablename__ = "model_callers"

    id: Mapped[PrimaryKey]
    process: Mapped[UUID]
    waits_until: Mapped[datetime]
