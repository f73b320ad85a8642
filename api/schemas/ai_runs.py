"""Calls of models, and what came of making one again."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.schemas.bodies import Body, View

Decision = Literal["accepted", "abstained", "escalated", "error"]


class RunSummary(View):
    """A call of a model."""

    id: UUID
    created_at: datetime
    kind: str = Field(description="What it was for, such as `triage`, `reply`, `ask`, `embed` or `replay`.")
    ticket_id: UUID | None
    model: str
    digest: str | None = Field(description="Which model exactly; a name can move to another one.")
    prompt_id: str | None
    prompt_version: int | None
    decision: Decision = Field(description="What became of the answer.")
    error_class: str | None = Field(description="Why there is no answer, or why it was not used.")
    unsafe: str | None = Field(description="What the answer gave away that was meant for the model alone.")
    prompt_tokens: int | None
    output_tokens: int | None
    total_ms: float | None
    replay_of: UUID | None = Field(description="The call that this one made again.")


class RunView(RunSummary):
    """All that is kept of a call; texts are as the model saw them, that is, redacted."""

    job_id: UUID | None
    trace_id: str | None
    prompt_sha: str | None = Field(description="Hash of the prompt's file.")
    schema_sha: str | None
    answer_schema: dict[str, Any] | None = Field(description="The JSON schema that the answer had to fit.")
    options: dict[str, Any]
    seed: int | None
    system_text: str | None = Field(description="The instructions as they were filled in.")
    input_hash: str
    input_redacted: str | None = Field(description="What the model was shown besides its instructions.")
    input_raw: dict[str, Any] | None = Field(
        description="The same texts before redaction, by name, where the organisation keeps them."
    )
    exact: bool = Field(description="Whether the texts are, to the letter, those that the model saw.")
    output: str | None
    citations: list[str]
    retrieval_trace: dict[str, Any] | None
    parse_ok: bool | None
    retries: int
    done_reason: str | None
    load_ms: float | None
    eval_ms: float | None


class ReplayBody(Body):
    """How to make a call again."""

    model: str | None = Field(
        default=None, min_length=1, max_length=200, description="Another model of the same runtime."
    )


class DifferenceView(View):
    """A part that is not the same."""

    part: str
    before: str
    after: str


class ReplayView(View):
    """What came of making a call again."""

    run_id: UUID
    made_id: UUID = Field(description="The call that this made, of the kind `replay`.")
    model: str
    exact: bool = Field(description="Whether the model was shown, to the letter, what it saw then.")
    same: bool = Field(description="Whether the output is the same to the letter.")
    fields_same: int
    fields: int
    error: str | None = Field(description="Why there is no answer this time.")
    differences: list[DifferenceView]
