"""The workers and their queue."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from helpdesk.settings.names import also_bare


class WorkingSettings(BaseSettings):
    """The workers and their queue."""

    max_concurrent_jobs: int = Field(
        default=10,
        ge=1,
        le=1000,
        validation_alias=also_bare("MAX_CONCURRENT_JOBS"),
        description="Jobs one job worker runs at a time.",
    )
    job_type_limits: str = Field(
        default="",
        description="Jobs of a type that one job worker runs at a time, as TYPE=NUMBER,TYPE=NUMBER; it stands before "
        "what the type itself says.",
    )
    worker_queues: str = Field(
        default="",
        validation_alias=also_bare("WORKER_QUEUES"),
        description="Queues or job types the job worker serves, separated by commas; empty serves all.",
    )
    poll_interval: float = Field(
        default=1.0,
        ge=0.05,
        le=60,
        validation_alias=also_bare("POLL_INTERVAL"),
        description="Seconds between looks at the queue when no wake-up arrives.",
    )
    lease_heartbeat_s: float = Field(default=30, gt=0, description="Seconds between heartbeats of running jobs.")
    lease_timeout_s: float = Field(default=90, gt=0, description="Seconds without a heartbeat until a job is rescued.")
    most_stuck_handlers: int = Field(
        default=0,
        ge=0,
        description="Handlers that may ignore their timeout before the job worker drains and exits with code 70, for "
        "its supervisor to start it anew; 0 stands for half of its slots.",
    )
    schedule_file: Path | None = Field(
        default=None, description="A TOML file that edits the schedule, see infra/schedule.toml.example."
    )
    transaction_age_alarm_s: float = Field(
        default=600, gt=0, description="Age in seconds from which an open transaction is warned of in the log."
    )
    drain_timeout_s: float = Field(default=25, ge=0, description="Seconds running jobs get to finish at a stop.")
    sla_tick_s: float = Field(default=60, gt=0, description="Seconds between two ticks of the SLA worker.")
