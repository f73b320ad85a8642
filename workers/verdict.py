"""How one run of a handler ended, and the statement that says so to the queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from helpdesk.queue.claim import JobInHand


@dataclass(frozen=True, slots=True)
class Finished:
    """The job is done; the queue has to be told."""

    job: JobInHand
    duration_s: float
    result: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class FinishedInside:
    """The job is done, and the handler's own transaction has told the queue."""

    job: JobInHand
    duration_s: float


@dataclass(frozen=True, slots=True)
class Failure:
    """The handler failed; the job is tried again later, or set aside when `fatal` or out of tries."""

    job: JobInHand
    duration_s: float
    error: str
    delay_s: float = 0
    fatal: bool = False
    cause: BaseException | None = None


@dataclass(frozen=True, slots=True)
class HandedBack:
    """The job goes back without counting a try: snoozed by its handler, or released by the worker."""

    job: JobInHand
    event: str = "released"
    after_s: float = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """The job is no longer wanted."""

    job: JobInHand
    duration_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The lease is gone: there is nothing left to say about the job."""

    job: JobInHand


Verdict = Finished | FinishedInside | Failure | HandedBack | Dropped | Lost
