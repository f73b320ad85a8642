"""What a job takes: a typed class per job type, apart from the code that runs it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from helpdesk.models.values import JobPriority


class JobArgs(BaseModel):
    """The arguments of a job, and how jobs of its type are treated.

    Class attributes:
        job_type: name in `job_queue.job_type`.
        queue: the named set of job types it belongs to.
        max_retries: handled failures after which a job becomes a dead letter.
        timeout_s: seconds after which its handler is cancelled.
        backoff_base_s, backoff_cap_s: exponential wait between tries, before jitter.
        backoff_steps_s: fixed waits instead, the last one repeated.
        from_api: whether outside code may enqueue it.
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
    from_api: ClassVar[bool] = False
