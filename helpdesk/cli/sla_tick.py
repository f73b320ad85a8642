"""One minute of the SLA engine, for hosts that run it by a timer."""

from __future__ import annotations

from helpdesk.cli.connection import run
from helpdesk.database.engine import Database
from helpdesk.sla.clocks.minute import Minute
from helpdesk.sla.clocks.ticking import Skipped, Tick


def tick_everywhere() -> None:
    """Work off every organisation's due clocks, and print what was done in one line."""
    done, skipped = run(_tick_all)
    more = {"warned_other": done.warned_other, "failed": done.failed}
    print(
        f"processed={done.processed} skipped_null_sla={skipped.null_sla} skipped_paused={skipped.paused} "
        f"warned_75={done.warned_75} warned_90={done.warned_90} breached={done.breached}"
        + "".join(f" {name}={count}" for name, count in more.items() if count)
    )


async def _tick_all(database: Database) -> tuple[Tick, Skipped]:
    minute = Minute(database)
    return await minute.tick(), await minute.skipped()
