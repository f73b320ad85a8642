"""What a handler is given besides its arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Models
from helpdesk.database.engine import Database
from helpdesk.queue import settle
from helpdesk.queue.claim import JobInHand
from helpdesk.settings import Settings

Report = Callable[[JobInHand, Mapping[str, Any]], Awaitable[bool]]


@dataclass
class WorkerContext:
    """The worker's resources and the job in hand.

    Attributes:
        database: open a transaction with `database.transaction(context.organization_id)`.
        models: the model runtime.
        completed: whether `complete_in` has been called.
    """

    database: Database
    models: Models
    settings: Settings
    job: JobInHand
    report: Report = field(repr=False)
    completed: bool = False

    @property
    def organization_id(self) -> UUID:
        """Return the organisation the job belongs to."""
        return self.job.organization_id

    def now(self) -> datetime:
        """Return the present time (UTC)."""
        return datetime.now(UTC)

    async def complete_in(self, session: AsyncSession) -> None:
        """Complete the job in the handler's own transaction: its effects and its completion are one.

        Raises:
            LeaseLost: when another worker has the job by now; let it pass, so that the transaction rolls back.
        """
        await settle.complete_in(session, self.job)
        self.completed = True

    async def progress(self, progress: Mapping[str, Any]) -> None:
        """Store how far the job is, for whoever watches it; not kept when the lease is lost."""
        await self.report(self.job, progress)
