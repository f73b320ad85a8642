"""Follow the pipeline after an import, until all of an organisation's work is through."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from rich.console import Console
from rich.live import Live
from rich.table import Table

from helpdesk.database.engine import Database
from helpdesk.transfer.pipeline import Pace, Pipeline, read_pipeline

_LOOK_EVERY_S = 1.0
_PLAIN_INTERVAL_S = 10.0

_Show = Callable[[Pipeline, float | None], None]


async def wait_for_pipeline(database: Database, *, organization_id: UUID, since: datetime) -> bool:
    """Show the pipeline until it is through, and print the time each stage took; return whether nothing was given up.

    Args:
        since: when the import began, on the database's clock.
    """
    pace = Pace()
    with _shown() as show:
        while True:
            async with database.transaction(organization_id) as session:
                pipeline = await read_pipeline(session, organization_id=organization_id, since=since)
            show(pipeline, pace.seconds_left(pipeline.stages, at=time.monotonic()))
            if pipeline.waiting == 0:
                break
            await asyncio.sleep(_LOOK_EVERY_S)
    Console(highlight=False).print(_times(pipeline, since))
    if pipeline.dead:
        print(f"{pipeline.dead} pieces of work were given up; `atum-desk jobs list` shows them.")
    return pipeline.dead == 0


@contextmanager
def _shown() -> Iterator[_Show]:
    if not sys.stderr.isatty():
        yield _plain_lines()
        return
    with Live(console=Console(stderr=True), refresh_per_second=2, transient=True) as live:
        yield lambda pipeline, left: live.update(_progress(pipeline, left))


def _plain_lines() -> _Show:
    last = -_PLAIN_INTERVAL_S

    def show(pipeline: Pipeline, left: float | None) -> None:
        nonlocal last
        if (now := time.monotonic()) - last < _PLAIN_INTERVAL_S:
            return
        last = now
        stages = ", ".join(
            f"{stage.name} {stage.ended}/{stage.ended + stage.waiting}" for stage in pipeline.stages if stage.waiting
        )
        dead = f"; {pipeline.dead} given up" if pipeline.dead else ""
        print(f"pipeline: {stages or 'all through'}{dead}; {_remark(pipeline, left)}", file=sys.stderr, flush=True)

    return show


def _progress(pipeline: Pipeline, left: float | None) -> Table:
    table = Table(
        "stage", title="pipeline", title_justify="left", caption=_remark(pipeline, left), caption_justify="left"
    )
    for name in ("waiting", "running", "done", "cancelled", "given up"):
        table.add_column(name, justify="right")
    for stage in pipeline.stages:
        counts = (stage.pending, stage.running, stage.completed, stage.cancelled, stage.dead)
        table.add_row(stage.name, *map(str, counts))
    return table


def _remark(pipeline: Pipeline, left: float | None) -> str:
    if pipeline.missing_workers:
        kinds = " and no ".join(pipeline.missing_workers)
        return f"no {kinds} worker is running: start `atum-desk run`"
    return "the time left is not known yet" if left is None else f"about {_said(left)} left"


def _said(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _times(pipeline: Pipeline, since: datetime) -> Table:
    """Return how long after the import began each stage finished its first and its last piece of work."""
    table = Table("stage", title="time from the start of the import", title_justify="left")
    for name in ("done", "cancelled", "given up", "first after", "last after"):
        table.add_column(name, justify="right")
    for stage in pipeline.stages:
        counts = map(str, (stage.completed, stage.cancelled, stage.dead))
        table.add_row(stage.name, *counts, _after(stage.first_at, since), _after(stage.last_at, since))
    return table


def _after(moment: datetime | None, since: datetime) -> str:
    return "-" if moment is None else f"{(moment - since).total_seconds():.1f} s"
