"""The faults, at the length of a campaign and in the short form."""

from __future__ import annotations

from dataclasses import replace

from tests.chaos import looks, probes, strikes
from tests.chaos.record import Record
from tests.chaos.scene import Fault, Scene

# Missed minutes, at each of which every scheduler looks.
_TICKS = 300
# Wake-ups only: a poll comes too late for the probes.
_SLOW_POLL = {"poll_interval": "30"}
_WOKEN_WITHIN_S = 8.0
# Leases as in production: only a heartbeat from another thread keeps them through two minutes.
_BLOCKED_S = 120.0


async def _nothing_to_see(_scene: Scene, _record: Record) -> list[str]:
    return []


def _faults(*, flood: int, ticks: int, blocked_s: float) -> list[Fault]:
    """Return every fault; `jobs` are shares."""
    return [
        Fault("all is well", strikes.nothing, _nothing_to_see, jobs=8, seconds=10, workers=2),
        Fault(
            "workers killed", strikes.kill_workers, looks.some_died, jobs=24, seconds=45, longest_s=0.5, replays=True
        ),
        Fault(
            "connections cut",
            strikes.cut_connections,
            looks.some_struck,
            jobs=14,
            seconds=40,
            longest_s=0.2,
            replays=True,
        ),
        Fault(
            "PostgreSQL killed",
            strikes.kill_postgres,
            looks.some_struck,
            jobs=14,
            seconds=50,
            longest_s=0.5,
            replays=True,
        ),
        Fault(
            "PostgreSQL restarted",
            strikes.restart_postgres,
            looks.some_struck,
            jobs=8,
            seconds=30,
            longest_s=0.5,
            replays=True,
        ),
        Fault(
            "listeners cut",
            probes.cut_listeners_and_probe,
            looks.woken_within(_WOKEN_WITHIN_S),
            jobs=6,
            seconds=20,
            settings=_SLOW_POLL,
            to_the_end=True,
        ),
        Fault("clock stepped", strikes.step_a_clock, looks.the_clock_was_stepped, jobs=8, seconds=25, to_the_end=True),
        Fault(
            "workers frozen",
            strikes.freeze_workers,
            looks.zombies_woke_up,
            jobs=12,
            seconds=40,
            longest_s=0.8,
            # What a frozen worker runs and what is run in its stead overlap, as nobody can prevent.
            limits=False,
            replays=True,
        ),
        Fault("workers stopped", strikes.stop_workers, looks.drains_were_graceful, jobs=10, seconds=40, longest_s=0.5),
        Fault("poison", strikes.poison, looks.poison_struck, jobs=4, seconds=15, longest_s=0.3, lease_s=4),
        Fault(
            "ten schedulers",
            probes.tick_and_kill(ticks),
            looks.each_tick_made_one_job,
            prepare=probes.miss_ticks(ticks),
            jobs=2,
            seconds=30,
            workers=10,
            concurrency=2,
            to_the_end=True,
            replays=True,
        ),
        Fault(
            "loop blocked",
            strikes.block_a_loop(blocked_s),
            looks.the_blocked_loop_was_noticed,
            jobs=2,
            seconds=30,
            workers=2,
            concurrency=4,
            lease_s=90,
            beat_s=30,
            to_the_end=True,
        ),
        Fault(
            "all together",
            strikes.all_together,
            looks.some_died,
            jobs=14,
            seconds=60,
            longest_s=0.3,
            limits=False,
            replays=True,
        ),
        Fault(
            "tenant flood",
            probes.flood(flood),
            looks.the_flood_held_nobody_up,
            jobs=1,
            seconds=20,
            settle_s=400,
            to_the_end=True,
        ),
    ]


def campaign(*, jobs: int, flood: int = 100_000, minutes: float | None = None) -> list[Fault]:
    """Return every fault for a campaign over at least so many jobs.

    Args:
        flood: jobs of one organisation besides.
        minutes: about how long the faults strike, all together.
    """
    faults = _faults(flood=flood, ticks=_TICKS, blocked_s=_BLOCKED_S)
    shares, seconds = sum(fault.jobs for fault in faults), sum(fault.seconds for fault in faults)
    slower = 1.0 if minutes is None else minutes * 60 / seconds
    return [replace(fault, jobs=-(-jobs * fault.jobs // shares), seconds=fault.seconds * slower) for fault in faults]


def short_form() -> list[Fault]:
    """Return every fault for a minute in all, several to a crew: what takes leases away, and what must not."""
    faults = [
        Fault(
            "workers and connections lost",
            strikes.in_turn((strikes.kill_workers, 4), (strikes.cut_connections, 2), (strikes.kill_postgres, 4.5)),
            looks.some_died,
            jobs=400,
            seconds=12,
            longest_s=0.2,
            to_the_end=True,
            replays=True,
        ),
        Fault(
            "workers stopped, listeners cut, clock stepped",
            strikes.in_turn(
                (strikes.stop_workers, 3), (probes.cut_listeners_and_probe, None), (strikes.step_a_clock, None)
            ),
            looks.all_of(looks.woken_within(_WOKEN_WITHIN_S), looks.the_clock_was_stepped, looks.drains_were_graceful),
            jobs=150,
            seconds=3,
            longest_s=0.2,
            workers=2,
            settings=_SLOW_POLL,
            to_the_end=True,
        ),
        Fault(
            "workers frozen, many schedulers",
            strikes.in_turn((probes.tick_and_kill(60), None), (strikes.freeze_workers, 3)),
            looks.all_of(looks.each_tick_made_one_job, looks.zombies_woke_up),
            prepare=probes.miss_ticks(60),
            jobs=250,
            seconds=7,
            longest_s=0.8,
            workers=4,
            limits=False,
            to_the_end=True,
            replays=True,
        ),
        Fault("poison", strikes.poison, looks.poison_struck, jobs=60, seconds=1.5, longest_s=0.3, workers=2),
        Fault(
            "tenant flood, loop blocked",
            strikes.in_turn((probes.flood(5000), None), (strikes.block_a_loop(4), None)),
            looks.all_of(looks.the_flood_held_nobody_up, looks.the_blocked_loop_was_noticed),
            jobs=60,
            seconds=2,
            workers=2,
            concurrency=4,
            to_the_end=True,
        ),
    ]
    return [replace(fault, lease_s=3.5, beat_s=0.8, settle_s=60.0) for fault in faults]
