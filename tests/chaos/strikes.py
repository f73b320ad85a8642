"""What goes wrong."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from tests.chaos.crew import Member
from tests.chaos.job_types import Blocking, Plain
from tests.chaos.scene import Scene, Strike

# Every back end but the suite's own.
_STORM = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE backend_type = 'client backend' AND application_name LIKE 'atum-desk-%'
   AND application_name <> 'atum-desk-chaos-watch' AND random() < $1
"""
_LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'atum-desk-job-worker-listen'
"""


async def nothing(_scene: Scene) -> None:
    """Let all be well."""


async def kill_workers(scene: Scene) -> None:
    """SIGKILL a random worker every second or two."""
    while True:
        await asyncio.sleep(random.uniform(1, 2.5))
        scene.crew.kill(await scene.busy())
        scene.struck += 1


async def cut_connections(scene: Scene) -> None:
    """Terminate most connections, in gusts."""
    while True:
        await asyncio.sleep(random.uniform(0.5, 2))
        with scene.everybody():
            for _ in range(random.randint(1, 5)):
                await scene.ground.look(_STORM, random.uniform(0.3, 1))
                await asyncio.sleep(0.1)


async def kill_postgres(scene: Scene) -> None:
    """Kill PostgreSQL with all it has not written down, and start it again."""
    await _down_and_up(scene, scene.ground.kill_postgres)


async def restart_postgres(scene: Scene) -> None:
    """Stop PostgreSQL as an operator does, and start it again."""
    await _down_and_up(scene, scene.ground.stop_postgres)


async def _down_and_up(scene: Scene, down: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(random.uniform(2, 4))
        # Whole or not at all: nobody else would start it again.
        await scene.whole(_once_down_and_up(scene, down))


async def _once_down_and_up(scene: Scene, down: Callable[[], Awaitable[None]]) -> None:
    with scene.everybody():
        await down()
        # Now and then for so long that every lease is over, and workers have to give up what they hold.
        long = scene.struck % 3 == 0
        await asyncio.sleep(1.2 * scene.fault.lease_s if long else random.uniform(0, 1.5))
        await scene.ground.start_postgres()


async def cut_listeners(scene: Scene) -> None:
    """Terminate the connections that wait for wake-ups, and only those."""
    while True:
        scene.struck += len(await scene.ground.look(_LISTENERS))
        await asyncio.sleep(1.5)


def faketime_library() -> Path | None:
    """Return the library that gives a process a clock of its own, None where it is not installed."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


async def step_a_clock(scene: Scene) -> None:
    """Run one more worker whose wall clock jumps an hour forward and an hour back."""
    library = faketime_library()
    assert library is not None, "libfaketime is not installed"
    clock = scene.ground.home / f"clock-{time.monotonic_ns()}"
    _set_clock(clock, "+0")
    member = scene.crew.start(
        LD_PRELOAD=str(library),
        FAKETIME_TIMESTAMP_FILE=str(clock),
        FAKETIME_NO_CACHE="1",
        # A step of the wall clock, as by an administrator or a bad time server.
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )
    await scene.crew.until_started()
    for offset in ("+1h", "-1h", "+0", "-1h", "+1h"):
        _set_clock(clock, offset)
        scene.struck += 1
        # More than the others can claim ahead, so that this worker gets its share.
        await scene.asker.ask([Plain(fault=scene.asker.ledger.fault, seconds=0.2) for _ in range(80)])
        await asyncio.sleep(scene.fault.seconds / 6)
    scene.figures["clock_worker"] = member.process.pid


def _set_clock(clock: Path, offset: str) -> None:
    new = clock.with_suffix(".new")
    new.write_text(offset + "\n")
    new.replace(clock)


def block_a_loop(seconds: float) -> Strike:
    """Return a strike that blocks one worker's event loop."""

    async def strike(scene: Scene) -> None:
        await asyncio.sleep(1)
        await scene.asker.ask([Blocking(fault=scene.asker.ledger.fault, seconds=seconds)])
        scene.struck += 1
        await asyncio.sleep(seconds)

    return strike


async def poison(scene: Scene) -> None:
    """Enqueue jobs that kill the worker they run in, among others."""
    await asyncio.sleep(0.5)
    scene.struck += len(await scene.asker.ask_for_poison())


async def freeze_workers(scene: Scene) -> None:
    """Stop a worker's process for longer than its leases, and let it go on as a zombie."""
    while True:
        await asyncio.sleep(0.5)
        # Not cut short: a process that stands still must go on.
        await scene.whole(_freeze(scene, await scene.busy()))


async def _freeze(scene: Scene, member: Member) -> None:
    begins = time.time()
    os.kill(member.process.pid, signal.SIGSTOP)
    await asyncio.sleep(scene.fault.lease_s * 1.7)
    if member.alive:
        os.kill(member.process.pid, signal.SIGCONT)
    scene.freeze(member, begins)


async def stop_workers(scene: Scene) -> None:
    """Send SIGTERM to random workers, and start others in their place."""
    while True:
        await asyncio.sleep(random.uniform(0.5, 1.5))
        scene.struck += 1
        await scene.whole(scene.crew.replace(await scene.busy()))


def in_turn(*steps: tuple[Strike, float | None]) -> Strike:
    """Return a strike made of others, each for so many seconds, or (None) until it ends by itself."""

    async def strike(scene: Scene) -> None:
        for step, seconds in steps:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await step(scene)

    return strike


async def all_together(scene: Scene) -> None:
    """Let everything go wrong at once."""
    async with asyncio.TaskGroup() as group:
        for strike in (kill_workers, cut_connections, kill_postgres, freeze_workers, stop_workers):
            group.create_task(strike(scene))
