"""People at work on a desk while something happens to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.systemd.desk import Desk


@dataclass
class Load:
    """What came of the requests: the status codes or errors, and the jobs that were accepted."""

    answers: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[str]:
        """Return whatever was not a success."""
        return [answer for answer in self.answers if answer not in {"200", "201"}]


@contextmanager
def load(desk: Desk, *, people: int = 3, seconds: float = 0.2) -> Iterator[Load]:
    """Keep people reading tickets and asking for jobs until the block is left, each request on a new connection.

    Args:
        seconds: how long each of the jobs takes.
    """
    came, over = Load(), threading.Event()

    def person() -> None:
        while not over.is_set():
            try:
                came.answers.append(str(desk.call("GET", "/tickets?limit=5").status_code))
                asked = {"job_type": "BOX_MARK", "payload": {"seconds": seconds}}
                answer = desk.call("POST", "/jobs", asked)
                came.answers.append(str(answer.status_code))
                if answer.status_code == 201:
                    came.jobs.append(answer.json()["id"])
            except httpx.HTTPError as error:
                came.answers.append(repr(error))
            over.wait(0.05)

    with ThreadPoolExecutor(people) as crowd:
        working = [crowd.submit(person) for _ in range(people)]
        try:
            desk.box.wait(lambda: len(came.answers) >= 2 * people, what="the load to begin")
            yield came
        finally:
            over.set()
    for each in working:
        each.result()
