"""What the jobs take. The API imports this: nothing here needs a worker, a network or a model."""

from __future__ import annotations

from typing import ClassVar

from pydantic import HttpUrl

from helpdesk.models.values import JobPriority, UserRole
from helpdesk.queue.args import JobArgs
from helpdesk.queue.decode import register


@register
class CheckLink(JobArgs):
    """Look whether a web address answers."""

    job_type: ClassVar = "CHECK_LINK"
    queue: ClassVar = "links"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 3
    timeout_s: ClassVar = 30
    backoff_steps_s: ClassVar = (60.0, 300.0, 900.0)
    enqueue_role: ClassVar = UserRole.AGENT
    limited_by: ClassVar = "type"
    slots: ClassVar = 5

    url: HttpUrl
