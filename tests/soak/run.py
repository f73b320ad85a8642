"""A soak from its start to its verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.soak.ground import connect, open_ground
from tests.soak.load import Load, Request
from tests.soak.samples import Sample, Watch
from tests.soak.verdicts import Verdict, judge

_SAMPLES = 180


@dataclass(frozen=True)
class Soaked:
    """What a soak has found."""

    samples: list[Sample]
    requests: list[Request]
    verdicts: list[Verdict]

    @property
    def kept(self) -> bool:
        """Return whether nothing grew."""
        return all(verdict.kept for verdict in self.verdicts)


async def soak(
    *, minutes: float, visits_per_s: float, seed: int, settle_s: float, tell: Callable[[str], None]
) -> Soaked:
    """Keep a desk busy for so long, watch it, and judge.

    Args:
        visits_per_s: requests a second; a fifth of them open a ticket.
        settle_s: seconds that the demo's own past gets to be worked off before the load begins.
        tell: told in a line how far it is, ten times.
    """
    async with open_ground() as ground:
        connection = await connect(ground)
        watch = Watch(ground, connection, every_s=max(1.0, 60 * minutes / _SAMPLES))
        if settle_s:
            await _settle(watch, settle_s)
        load = Load(ground, visits_per_s, Random(seed))
        stopping = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(load.run(stopping))
                group.create_task(watch.run(stopping))
                for tenth in range(1, 11):
                    await asyncio.sleep(6 * minutes)
                    tell(f"{tenth * 10} %: {len(load.done):,} requests, {len(load.opened):,} tickets opened")
                stopping.set()
        finally:
            await connection.close()
    return Soaked(watch.samples, load.done, judge(watch.samples, load.done))


async def _settle(watch: Watch, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while (await watch.look()).waiting:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
