"""What has to be true besides the promises; above all, that the fault struck."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from itertools import pairwise

from tests.chaos.checks import by_rescue, doubles
from tests.chaos.record import Record
from tests.chaos.scene import Look, Scene

# Batches of a flood that each worker may claim before a single job of another organisation: they work side by side.
_MOST_BATCHES = 1
_FLOOD = "SELECT status, count(*) AS jobs FROM job_queue WHERE job_type = 'CHAOS_FLOOD' GROUP BY status"
_TICKS = """
SELECT organization_id::text AS organization, payload ->> 'tick' AS tick, count(*) AS jobs
  FROM job_queue WHERE job_type = 'CHAOS_TICK' GROUP BY 1, 2
"""


def all_of(*looks: Look) -> Look:
    """Return a look that is all of these."""

    async def look(scene: Scene, record: Record) -> list[str]:
        found = [what for one in looks for what in await one(scene, record)]
        return list(dict.fromkeys(found))

    return look


async def some_struck(scene: Scene, _record: Record) -> list[str]:
    """Look only whether the fault struck."""
    return [] if scene.struck else ["the fault never struck"]


async def all_was_well(scene: Scene, record: Record) -> list[str]:
    """Look for leases lost or work done twice: a fault of this kind costs neither."""
    lost = sum(by_rescue(event) for events in record.events.values() for event in events)
    found = await some_struck(scene, record)
    if lost:
        found.append(f"{lost} leases were lost")
    if twice := doubles(record):
        found.append(f"{len(twice)} jobs were done twice")
    if scene.crew.deaths:
        found.append(f"{len(scene.crew.deaths)} workers died: {[death.code for death in scene.crew.deaths]}")
    return found


async def some_died(scene: Scene, record: Record) -> list[str]:
    """Look whether processes died, and jobs were rescued from them."""
    rescued = any(by_rescue(event) for events in record.events.values() for event in events)
    return [] if scene.crew.deaths and rescued else ["nothing was rescued from the dead"]


async def zombies_woke_up(scene: Scene, record: Record) -> list[str]:
    """Look whether jobs were taken from workers that stood still, and whether one of those went on with its own."""
    found = await some_struck(scene, record)
    if not any(by_rescue(event) for events in record.events.values() for event in events):
        found.append("nothing was rescued from a worker that stood still")
    return found


async def the_clock_was_stepped(scene: Scene, record: Record) -> list[str]:
    """Look whether handlers of that one worker saw both steps, and whether it cost nothing."""
    found = await all_was_well(scene, record)
    truth = time.time() - time.monotonic()
    pid = scene.figures.get("clock_worker")
    off = [mark.wall - mark.at - truth for marks in record.marks.values() for mark in marks if mark.pid == pid]
    if not (any(step > 3000 for step in off) and any(step < -3000 for step in off)):
        found.append(f"the worker's clock was not stepped both ways: {sorted({round(step) for step in off})}")
    return found


async def the_blocked_loop_was_noticed(scene: Scene, record: Record) -> list[str]:
    """Look whether the worker said that its loop was blocked, and lost no lease by it."""
    found = await all_was_well(scene, record)
    if not scene.crew.said("event=event_loop_blocked"):
        found.append("no worker noticed that its event loop was blocked")
    return found


async def poison_struck(scene: Scene, record: Record) -> list[str]:
    """Look whether each poison killed three workers, and no more."""
    found = []
    codes = Counter(death.code for death in scene.crew.deaths)
    if sorted(codes) != [-11, -9]:
        found.append(f"workers did not die of both poisons: {dict(codes)}")
    if len(scene.crew.deaths) > 3 * scene.struck:
        found.append(f"{len(scene.crew.deaths)} workers died of {scene.struck} poisons")
    return found


async def drains_were_graceful(scene: Scene, record: Record) -> list[str]:
    """Look whether every worker asked to stop did so with success, and nothing was lost or done twice by it."""
    found = await all_was_well(scene, record)
    if bad := [code for code in scene.crew.stops if code != 0]:
        found.append(f"workers that were asked to stop ended with {bad}")
    return found


def woken_within(seconds: float) -> Look:
    """Return a look whether wake-ups reached the workers after their listeners were cut."""

    async def look(scene: Scene, record: Record) -> list[str]:
        found = await all_was_well(scene, record)
        if scene.figures["longest_wait_s"] > seconds:
            found.append(f"a job waited {scene.figures['longest_wait_s']:.1f} s for a poll: nobody was listening")
        return found

    return look


async def the_flood_held_nobody_up(scene: Scene, record: Record) -> list[str]:
    """Look how long another organisation's single jobs waited, and whether the flood itself was worked off."""
    found = await all_was_well(scene, record)
    by_status = {row["status"]: row["jobs"] for row in await scene.ground.fetch(_FLOOD)}
    if by_status != {"completed": scene.asker.ledger.flooded}:
        found.append(f"of {scene.asker.ledger.flooded} flood jobs there are {by_status}")
    if scene.figures.get("probes", 0) < 3:
        found.append("the flood was over before it could hold anybody up")
    if scene.figures.get("most_batches", 0) > _MOST_BATCHES:
        found.append(f"{scene.figures['most_batches']} batches of one worker went before a single job of another")
    return found


async def each_tick_made_one_job(scene: Scene, record: Record) -> list[str]:
    """Look whether there is one job for each organisation and tick, and no tick was left out."""
    found = await some_struck(scene, record)
    rows = await scene.ground.fetch(_TICKS)
    found += [f"tick {row['tick']} made {row['jobs']} jobs" for row in rows if row["jobs"] != 1]
    by_organization: dict[str, list[datetime]] = {}
    for row in rows:
        by_organization.setdefault(row["organization"], []).append(datetime.fromisoformat(row["tick"]))
    if len(by_organization) != len(scene.ground.organizations):
        found.append(f"{len(by_organization)} of {len(scene.ground.organizations)} organisations had ticks")
    for ticks in by_organization.values():
        ticks.sort()
        gaps = {(after - before).total_seconds() for before, after in pairwise(ticks)}
        if gaps != {60.0} or len(ticks) < scene.figures["missed_ticks"]:
            found.append(f"{len(ticks)} of {scene.figures['missed_ticks']} ticks, {sorted(gaps)} s apart")
    return found
