"""The jobs that a job has asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.jobs import Job
from helpdesk.models.values import JobStatus

_LIVE = (JobStatus.PENDING, JobStatus.RUNNING)


@dataclass(frozen=True)
class Children:
    """How many jobs a job has asked for, by status; a status without any is left out."""

    by_status: Mapping[str, int]

    @property
    def total(self) -> int:
        """Return how many there are."""
        return sum(self.by_status.values())

    @property
    def ended(self) -> bool:
        """Return whether none is pending or running, as it is when there are none."""
        return not any(self.by_status.get(status) for status in _LIVE)

    @property
    def succeeded(self) -> bool:
        """Return whether every one is completed."""
        return self.total == self.by_status.get(JobStatus.COMPLETED, 0)


async def children_of(session: AsyncSession, *, organization_id: UUID, parent_id: UUID) -> Children:
    """Count the jobs that a job has asked for."""
    counts = (
        select(Job.status, func.count())
        .where(Job.organization_id == organization_id, Job.parent_id == parent_id)
        .group_by(Job.status)
    )
    return Children({status: int(count) for status, count in await session.execute(counts)})
