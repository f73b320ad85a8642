"""Which function runs which job type: complete and unique, checked at start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar, cast

from helpdesk.errors import Conflict, Invalid
from helpdesk.queue.args import JobArgs
from helpdesk.queue.outcomes import Outcome
from workers.context import WorkerContext

Args = TypeVar("Args", bound=JobArgs)
Handler = Callable[[JobArgs, WorkerContext], Awaitable[Outcome]]


class HandlerTwice(Conflict):
    """A job type has two handlers."""


class HandlerMissing(Invalid):
    """A job type has no handler."""


class Handlers:
    """The handlers of a process, by job type."""

    def __init__(self) -> None:
        self._by_type: dict[str, Handler] = {}

    def handles(
        self, args: type[Args]
    ) -> Callable[[Callable[[Args, WorkerContext], Awaitable[Outcome]]], Callable[..., Awaitable[Outcome]]]:
        """Register the decorated function for a job type.

        It returns an Outcome; whatever it raises means: try again later.
        """

        def add(handler: Callable[[Args, WorkerContext], Awaitable[Outcome]]) -> Callable[..., Awaitable[Outcome]]:
            if args.job_type in self._by_type:
                raise HandlerTwice(f"{args.job_type} is handled by {self._by_type[args.job_type]} and by {handler}.")
            self._by_type[args.job_type] = cast("Handler", handler)
            return handler

        return add

    def get(self, job_type: str) -> Handler | None:
        """Return the handler of a job type, if there is one."""
        return self._by_type.get(job_type)

    def check(self, job_types: Iterable[str]) -> None:
        """Raise HandlerMissing unless each of the job types has a handler."""
        if missing := sorted(set(job_types) - self._by_type.keys()):
            raise HandlerMissing(f"There is no handler for {', '.join(missing)}.")


handlers = Handlers()
