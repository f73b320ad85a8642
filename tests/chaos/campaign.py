"""Every fault, one after another, over one PostgreSQL; each with its own crew and load, checked when it is over."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.checks import broken_promises, by_rescue, doubles
from tests.chaos.crew import hire
from tests.chaos.ground import Ground
from tests.chaos.ledger import asking
from tests.chaos.record import Record
from tests.chaos.scene import Fault, Scene, watching

_STRANDED = """
SELECT count(*) FILTER (WHERE status = 'running') AS running,
       count(*) FILTER (WHERE limit_slot IS NOT NULL AND status <> 'running') AS slots
  FROM job_queue
"""


@dataclass
class Outcome:
    """What came of one fault.

    Attributes:
        counts: figures by name, as in the report.
        broken: what is broken, by promise.
    """

    fault: str
    counts: dict[str, float]
    broken: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


async def run_fault(ground: Ground, fault: Fault) -> Outcome:
    """Hire a crew, ask for jobs, let the fault strike, wait until all has ended, and check every promise."""
    began = time.monotonic()
    if fault.prepare is not None:
        await fault.prepare(ground)
    async with (
        asking(ground, fault.name, limits=fault.limits) as asker,
        hire(
            ground,
            count=fault.workers,
            lease_s=fault.lease_s,
            beat_s=fault.beat_s,
            concurrency=fault.concurrency,
            **fault.settings,
        ) as crew,
    ):
        scene = Scene(fault, ground, crew, asker)
        async with watching(scene):
            await _strike(scene)
            settled = await scene.settle()
    # Read once the crew is gone: what a drain does to the jobs counts as well.
    record = await scene.record()
    broken = broken_promises(record)
    if not settled:
        broken["the queue gets done"] = [f"not within {fault.settle_s:.0f} s"]
    if special := await fault.look(scene, record):
        broken["what this fault is about"] = special
    if bad := [code for code in crew.stops if code != 0]:
        broken["asked to stop, workers end with success"] = [f"exit codes {bad}"]
    stranded = (await ground.fetch(_STRANDED))[0]
    if stranded["running"] or stranded["slots"]:
        broken["no slot and no lease is left behind"] = [str(dict(stranded))]
    counts = _counts(scene, record) | {"seconds": round(time.monotonic() - began, 1)}
    return Outcome(fault.name, counts, broken, _last_words(scene) if broken else [])


async def _strike(scene: Scene) -> None:
    """Ask for the load while the fault strikes."""
    fault = scene.fault
    striking = asyncio.create_task(fault.strike(scene))
    load = asyncio.create_task(scene.asker.keep_asking(fault.jobs, within_s=fault.seconds, longest_s=fault.longest_s))
    try:
        async with asyncio.timeout(3 * fault.seconds + fault.settle_s):
            # A strike that fails must not be mistaken for one that found nothing.
            done, _ = await asyncio.wait({load, striking}, return_when=asyncio.FIRST_COMPLETED)
            if striking in done or fault.to_the_end:
                await striking
            await load
    finally:
        for task in (striking, load):
            task.cancel()
        await asyncio.wait({striking, load})
        if scene.acts:
            await asyncio.wait(scene.acts)


def _counts(scene: Scene, record: Record) -> dict[str, float]:
    events = Counter(event.event for events in record.events.values() for event in events)
    status = Counter(job.status for job in record.jobs.values())
    lost = [event for events in record.events.values() for event in events if by_rescue(event)]
    twice = doubles(record)
    return {
        "struck": scene.struck,
        "jobs": len(record.jobs) + scene.asker.ledger.flooded,
        "completed": status["completed"] + scene.asker.ledger.flooded,
        "set_aside": status["dead_letter"],
        "replayed": scene.replayed,
        "rolled_back": len(scene.asker.ledger.never),
        "unsure": len(scene.asker.ledger.unsure),
        "died": len(scene.crew.deaths),
        "leases_lost": len(lost),
        "released": events["released"],
        "retried": events["retried"],
        "snoozed": events["snoozed"],
        "exact_effects": len(record.effects),
        "exact_twice": len(record.effects) - len({effect.job for effect in record.effects}),
        "done_twice": sum(twice.values()),
        **{name: round(value, 2) for name, value in scene.figures.items() if name != "clock_worker"},
    }


def _last_words(scene: Scene) -> list[str]:
    """Return the last warnings of the crew that are about more than one job, for whoever looks into what broke."""
    lines = [line for path in scene.crew.logs for line in path.read_text(errors="replace").splitlines()]
    return sorted(line for line in lines if "event=job_" not in line)[-40:]
