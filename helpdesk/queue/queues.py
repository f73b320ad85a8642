"""Queues as people see them: named sets of job types, paused or not, with what waits in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from helpdesk.errors import NotFound
from helpdesk.models.jobs import JobPause
from helpdesk.models.values import JobStatus
from helpdesk.queue.catalog import JOB_TYPES

Kind = Literal["type", "queue"]


class QueueNotFound(NotFound):
    """There is no such queue."""


class JobTypeNotFound(NotFound):
    """There is no such job type."""


@dataclass(frozen=True)
class TypeState:
    """A job type or a whole queue: why it is paused, if it is, and how many of its jobs wait and run."""

    name: str
    pause: JobPause | None
    pending: int
    running: int

    @property
    def paused(self) -> bool:
        """Return whether no worker takes from it, whatever its queue says."""
        return self.pause is not None


@dataclass(frozen=True)
class QueueState(TypeState):
    """A queue and its job types, by name."""

    types: list[TypeState]


def check_known(kind: Kind, name: str) -> None:
    """Raise JobTypeNotFound or QueueNotFound, naming those there are, unless this process knows the name."""
    if kind == "type" and name not in JOB_TYPES:
        raise JobTypeNotFound(f"There is no job type {name!r}; known are {', '.join(sorted(JOB_TYPES))}.")
    if kind == "queue" and name not in (known := {args.queue for args in JOB_TYPES.values()}):
        raise QueueNotFound(f"There is no queue {name!r}; known are {', '.join(sorted(known))}.")


def queue_states(pauses: Iterable[JobPause], by_type: Mapping[str, Mapping[str, int]]) -> list[QueueState]:
    """Return every queue by name.

    Args:
        by_type: jobs by type and status.
    """
    paused = {(pause.kind, pause.name): pause for pause in pauses}
    queues: dict[str, list[TypeState]] = {}
    for job_type, args in sorted(JOB_TYPES.items()):
        counts = by_type.get(job_type, {})
        state = TypeState(
            job_type,
            paused.get(("type", job_type)),
            counts.get(JobStatus.PENDING, 0),
            counts.get(JobStatus.RUNNING, 0),
        )
        queues.setdefault(args.queue, []).append(state)
    return [
        QueueState(
            name,
            paused.get(("queue", name)),
            sum(state.pending for state in types),
            sum(state.running for state in types),
            types,
        )
        for name, types in sorted(queues.items())
    ]
