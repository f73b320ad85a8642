"""What a job must be after each operation: the rules of the queue once more, in plain Python and without a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

CRASHES_ALLOWED = 3
LAST_CHANCE_AT = CRASHES_ALLOWED - 1
LIVE = ("pending", "running")


@dataclass(frozen=True)
class Hand:
    """One claim, as its worker remembers it for ever."""

    job: UUID
    worker: UUID
    lease: int


@dataclass
class ModelJob:
    """A job as it must be.

    Attributes:
        due: whether it may be taken now.
        silent: whether its lease is over, for want of heartbeats.
        overdue: whether its handler has outlived its timeout.
        history: the events, in order.
    """

    id: UUID
    job_type: str
    unique_key: str | None
    max_retries: int
    due: bool
    status: str = "pending"
    lease: int = 0
    attempts: int = 0
    retry_count: int = 0
    crash_count: int = 0
    worker: UUID | None = None
    cancel_asked: bool = False
    silent: bool = False
    overdue: bool = False
    history: list[str] = field(default_factory=lambda: ["enqueued"])

    @property
    def live(self) -> bool:
        return self.status in LIVE

    def waits(self, *, alone: bool) -> bool:
        """Return whether a claim may take it: the ordinary one, or the one for jobs that have to run alone."""
        return self.status == "pending" and self.due and (self.crash_count >= LAST_CHANCE_AT) == alone

    def held_by(self, hand: Hand) -> bool:
        """Return whether what a worker says about the job counts."""
        return self.status == "running" and (self.worker, self.lease) == (hand.worker, hand.lease)

    def start(self, worker: UUID) -> Hand:
        self.status, self.worker = "running", worker
        self.lease += 1
        self.attempts += 1
        self.silent = self.overdue = False
        self.history.append("started")
        return Hand(self.id, worker, self.lease)

    def complete(self) -> None:
        self._leave("completed", "completed")

    def fail(self, *, fatal: bool) -> None:
        self.retry_count += 1
        if self.cancel_asked:
            self._leave("cancelled", "cancelled")
        elif fatal or self.retry_count > self.max_retries:
            self._leave("dead_letter", "dead_lettered")
        else:
            self._leave("pending", "retried")
        self.due = False

    def hand_back(self, *, event: str, later: bool) -> None:
        self.attempts -= 1
        if self.cancel_asked:
            self._leave("cancelled", "cancelled")
        else:
            self._leave("pending", event)
        if later:
            self.due = False

    def cancel_by_worker(self) -> None:
        self._leave("cancelled", "cancelled")

    def ask_to_cancel(self) -> None:
        self.cancel_asked = True
        if self.status == "pending":
            self._leave("cancelled", "cancelled")
        else:
            self.history.append("cancel_requested")

    def rescue(self) -> None:
        self.crash_count += 1
        self.lease += 1
        if self.cancel_asked:
            self._leave("cancelled", "cancelled")
        elif self.crash_count >= CRASHES_ALLOWED:
            self._leave("dead_letter", "dead_lettered")
        else:
            self._leave("pending", "rescued")
        self.due = False

    def replay(self) -> None:
        self.retry_count = self.crash_count = 0
        self.cancel_asked, self.due = False, True
        self._leave("pending", "replayed")

    def _leave(self, status: str, event: str) -> None:
        self.status, self.worker = status, None
        self.silent = self.overdue = False
        self.history.append(event)
