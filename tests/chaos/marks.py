"""What handlers leave behind outside the database: a line for each step of each run, that no rollback takes back."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

from helpdesk.queue.claim import JobInHand

FOLDER = "CHAOS_MARKS"

Step = Literal["began", "did", "stopped", "gave up"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One step of one run.

    Attributes:
        step: `began`, then `did` (the effect has happened), `stopped` (the handler was cancelled) or `gave up` (it asks
            for another run); a run whose process died has no second line.
        at: seconds of the clock that all processes of a machine share and nobody sets (CLOCK_MONOTONIC).
        wall: seconds of the clock the process believes in, which may have been stepped.
    """

    job: UUID
    lease: int
    attempt: int
    worker: UUID
    step: Step
    pid: int
    at: float
    wall: float


class Writer:
    """Appends to a file of this process's own; a line that is written outlives the process."""

    def __init__(self) -> None:
        self._file: int | None = None

    def mark(self, job: JobInHand, step: Step) -> None:
        """Write a line, unless marks are not asked for."""
        if self._file is None:
            if FOLDER not in os.environ:
                return
            path = Path(os.environ[FOLDER]) / f"{os.getpid()}-{time.monotonic_ns()}.jsonl"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        line = Mark(job.id, job.lease, job.attempt, job.locked_by, step, os.getpid(), time.monotonic(), time.time())
        # One write: never torn by a SIGKILL, and safe from any thread.
        os.write(self._file, (json.dumps(asdict(line), default=str) + "\n").encode())


def read_marks(folder: Path) -> list[Mark]:
    """Return the marks of every process, in the order of time."""
    marks = []
    for path in folder.glob("*.jsonl"):
        for line in path.read_text().splitlines():
            values = json.loads(line)
            marks.append(Mark(**values | {"job": UUID(values["job"]), "worker": UUID(values["worker"])}))
    return sorted(marks, key=lambda mark: mark.at)
