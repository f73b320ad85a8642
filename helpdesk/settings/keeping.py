"""How long data is kept."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class KeepingSettings(BaseSettings):
    """How long data is kept."""

    keep_completed_days: float = Field(default=7, gt=0, description="Days that completed jobs are kept.")
    keep_failed_days: float = Field(
        default=90,
        gt=0,
        description="Days that dead letters, cancelled jobs, the record of what people were told and predictions are "
        "kept.",
    )
    keep_job_events_days: float = Field(
        default=30, gt=0, description="Days that the history of jobs is kept; it goes by whole days."
    )
    keep_ai_runs_days: float = Field(
        default=365, gt=0, description="Days that calls of models are kept with what the models saw and said."
    )
    keep_questions_days: float = Field(
        default=90, gt=0, description="Days that questions of agents are kept with their answers."
    )
    keep_quarter_figures_days: int = Field(
        default=35, ge=1, le=1000, description="Days that figures of quarters of an hour are kept."
    )
    keep_vectors_days: float = Field(
        default=365,
        gt=0,
        description="Days that vectors of tickets and quoted sentences are kept; one needed again is made again.",
    )
    keep_unanswered_days: float = Field(
        default=180, gt=0, description="Days that questions which nothing answered are kept."
    )
