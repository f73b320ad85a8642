"""What a handler is given besides its arguments."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Models
from helpdesk.database.engine import Database
from helpdesk.models.values import JobPriority
from helpdesk.queue import settle
from helpdesk.queue.args import JobArgs
from helpdesk.queue.children import Children, children_of
from helpdesk.queue.claim import JobInHand
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.queries import get_job
from helpdesk.settings import Settings
from workers.progress import Progress, Report
from workers.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class WorkerContext:
    """The worker's resources and the job in hand.

    Attributes:
        database: open a transaction with `database.transaction(context.organization_id)`.
        models: the model runtime.
        completed: whether `complete_in` has been called.
        going: calls of `in_thread` whose thread works.
    """

    database: Database
    models: Models
    settings: Settings
    job: JobInHand
    threads: Threads = field(repr=False)
    report: Report = field(repr=False)
    completed: bool = False
    going: set[Future[Any]] = field(default_factory=set, repr=False)
    # Made when first asked for: most jobs need neither.
    _given_up: threading.Event | None = field(default=None, repr=False)
    _reported: Progress | None = field(default=None, repr=False)

    @property
    def organization_id(self) -> UUID:
        """Return the organisation the job belongs to."""
        return self.job.organization_id

    @property
    def given_up(self) -> threading.Event:
        """Return what is set once nobody waits for `in_thread` any more.

        Because of the timeout, a cancel, a lost lease or the end of the process; long work in a thread does well to
        look at it now and then.
        """
        if self._given_up is None:
            self._given_up = threading.Event()
        return self._given_up

    def now(self) -> datetime:
        """Return the present time (UTC)."""
        return datetime.now(UTC)

    async def complete_in(self, session: AsyncSession, *, result: dict[str, Any] | None = None) -> None:
        """Complete the job in the handler's own transaction: its effects and its completion are one.

        Raises:
            LeaseLost: when another worker has the job by now; let it pass, so that the transaction rolls back.
            ResultTooLarge: when the result is more than a job keeps.
        """
        await settle.complete_in(session, self.job, result=result)
        self.completed = True

    async def progress(self, percent: float, message: str = "") -> None:
        """Tell how far the job is, for whoever watches it: 0 to 100, never less than before.

        Cheap to call often: at most one a second is stored, the last one in any case when it says 100.

        Raises:
            LeaseLost: when another worker has the job by now.
        """
        await self._progress().tell(percent, message)

    async def keep_checkpoint(self, checkpoint: Mapping[str, Any], *, percent: float, message: str = "") -> bool:
        """Store at once where another run of the job can go on; False when PostgreSQL was away.

        Raises:
            LeaseLost: when another worker has the job by now.
        """
        return await self._progress().keep(checkpoint, percent=percent, message=message)

    async def earlier_checkpoint(self) -> dict[str, Any] | None:
        """Return what an earlier run of the job has kept, None when this one begins; JSON of the product's own."""
        async with self.database.transaction(self.organization_id) as session:
            found = await get_job(session, organization_id=self.organization_id, job_id=self.job.id)
        checkpoint: dict[str, Any] | None = (found.job.progress or {}).get("checkpoint")
        return checkpoint

    async def in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a plain function in a thread and return what it returns, so that the event loop goes on.

        For code that blocks or computes, above all C code that drops the GIL, such as scaling an image. The function
        has no database: read before, write afterwards. It cannot be stopped from outside, see `given_up`; one that
        goes on after its job's timeout keeps the job's slot, and the job may meanwhile be tried elsewhere.
        """
        given_up = self.given_up  # made before the thread may ask for it
        try:
            return await self.threads.run(self.going, function, *arguments, **named)
        except asyncio.CancelledError:
            given_up.set()
            raise

    async def enqueue_child(
        self,
        session: AsyncSession,
        args: JobArgs,
        *,
        run_after: datetime | None = None,
        priority: JobPriority | None = None,
        unique_key: str | None = None,
        max_retries: int | None = None,
    ) -> UUID:
        """Enqueue a job that this one asks for, see `enqueue`; it carries on this one's trace."""
        return await enqueue(
            session,
            args,
            organization_id=self.organization_id,
            run_after=run_after,
            priority=priority,
            unique_key=unique_key,
            max_retries=max_retries,
            parent_id=self.job.id,
            trace_parent=self.job.trace_parent,
        )

    async def children(self, session: AsyncSession) -> Children:
        """Count the jobs that this one has asked for, by how they stand.

        To wait for them without keeping a slot, return `Snooze` until `children.ended`.
        """
        return await children_of(session, organization_id=self.organization_id, parent_id=self.job.id)

    def _progress(self) -> Progress:
        if self._reported is None:
            self._reported = Progress(self.job, self.report)
        return self._reported
