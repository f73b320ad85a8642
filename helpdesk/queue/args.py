"""What a job takes: a typed class per job type, apart from the code that runs it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from helpdesk.models.values import JobPriority, UserRole


class JobArgs(BaseModel):
    """The arguments of a job, and how jobs of its type are treated.

    Class attributes:
        job_type: name in `job_queue.job_type`.
        queue: the named set of job types it belongs to.
        max_retries: handled failures after which a job becomes a dead letter.
        timeout_s: seconds after which its handler is cancelled.
        backoff_base_s, backoff_cap_s: exponential wait between tries, before jitter.
        backoff_steps_s: fixed waits instead, the last one repeated.
        enqueue_role: the least role that may enqueue it over the API; None keeps it to the product.
        limited_by: what its global limit counts: one for all jobs of the `type`, one each `tenant`, or a name of its
            own such as `text-model`, which several types can share; None leaves it unlimited.
        slots: how many jobs under that limit run at a time, over all workers, unless `job_limits` says otherwise.
        most_per_worker: how many of this type one worker process runs at a time; None means as many as it has slots.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    job_type: ClassVar[str]
    queue: ClassVar[str] = "default"
    priority: ClassVar[JobPriority] = JobPriority.NORMAL
    max_retries: ClassVar[int] = 5
    timeout_s: ClassVar[int] = 120
    backoff_base_s: ClassVar[float] = 5.0
    backoff_cap_s: ClassVar[float] = 3600.0
    backoff_steps_s: ClassVar[tuple[float, ...]] = ()
    enqueue_role: ClassVar[UserRole | None] = None
    limited_by: ClassVar[str | None] = None
    slots: ClassVar[int] = 1
    most_per_worker: ClassVar[int | None] = None

    @classmethod
    def limit_key(cls, organization_id: UUID) -> str | None:
        """Return the key under which the jobs of an organisation are counted together, None where nothing limits."""
        match cls.limited_by:
            case None:
                return None
            case "type":
                return f"type:{cls.job_type}"
            case "tenant":
                return f"tenant:{cls.job_type}:{organization_id}"
            case name:
                return name

    @classmethod
    def for_tick(cls, tick: datetime, payload: Mapping[str, Any]) -> Self:  # noqa: ARG003 (each type takes what it needs)
        """Return the arguments of a scheduled job.

        Args:
            tick: when it was due (UTC).
            payload: what the schedule's entry says.
        """
        return cls.model_validate({**payload})
