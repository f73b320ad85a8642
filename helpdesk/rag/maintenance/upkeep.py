"""One round of maintenance: what was left behind, what is too many, what is missing, what has grown stale."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import structlog

from helpdesk.rag.maintenance.connection import open_maintenance
from helpdesk.rag.maintenance.holdings import Place, holding_of, places
from helpdesk.rag.maintenance.recall import probe_all
from helpdesk.rag.maintenance.recount import recount_all
from helpdesk.rag.maintenance.thresholds import Limits, Step, next_step
from helpdesk.rag.maintenance.vector_indexes import build, drop, rebuild, sweep
from helpdesk.settings import Settings

log = structlog.get_logger(__name__)

Tell = Callable[[float, str], Awaitable[None]]


@dataclass
class Upkeep:
    """What a round did.

    Attributes:
        swept: half-made indexes of killed runs that were dropped.
        corrected: counts of terms and passages that were wrong.
        low_recall: indexes that miss too many neighbours.
    """

    built: list[str] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)
    corrected: int = 0
    low_recall: list[str] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Return it as a job's result: how many of each."""
        return {name: value if isinstance(value, int) else len(value) for name, value in vars(self).items()}


@dataclass
class Round:
    """One round over all organisations.

    Attributes:
        now: the present time (UTC).
        tell: takes how far the round is, 0 to 100, and at what.
        checks: whether to count terms and passages anew and to probe what the graph indexes find, too.
    """

    settings: Settings
    now: Callable[[], datetime]
    tell: Tell
    limits: Limits = field(default_factory=Limits)
    checks: bool = False
    done: Upkeep = field(default_factory=Upkeep)

    async def run(self) -> Upkeep:
        """Bring the graph indexes over vectors into line with how many vectors there are, one after the other.

        Raises:
            MaintenanceRunning, NoWayPastPooler: it cannot be done now.
        """
        async with open_maintenance(self.settings) as connection:
            self.done.swept = await sweep(connection)
            found = await places(connection, self.limits)
            for number, (place, passages) in enumerate(found):
                await self._fit(connection, place, passages, f"index {number + 1} of {len(found)}", number / len(found))
            if self.checks:
                await self.tell(80.0, "counting terms")
                self.done.corrected = await recount_all(connection)
                await self.tell(90.0, "probing recall")
                self.done.low_recall = await probe_all(connection, now=self.now())
        await self.tell(100.0, "done")
        return self.done

    async def _fit(self, connection: asyncpg.Connection, place: Place, passages: int, which: str, share: float) -> None:
        holding = await holding_of(connection, place, passages=passages)
        step = next_step(holding, self.limits)
        if step is Step.NOTHING or (place.model_state == "retired" and step is not Step.DROP):
            # A retired model may come back, and then serves with what it has.
            return
        await self.tell(75.0 * share, f"{step} {which}, {holding.vectors:,} vectors")
        if step is Step.DROP:
            await drop(connection, place.index_name)
            self.done.dropped.append(place.index_name)
            return
        make, noted = (build, self.done.built) if step is Step.BUILD else (rebuild, self.done.rebuilt)
        memory_mb = self.settings.index_build_memory_mb
        await make(connection, place, vectors=holding.vectors, memory_mb=memory_mb, now=self.now())
        noted.append(place.index_name)
