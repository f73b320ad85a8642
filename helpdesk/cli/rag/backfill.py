"""`atum-desk rag backfill`: begin, pause, resume and follow the making of vectors."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from helpdesk.ai.model import Embedder
from helpdesk.cli.connection import run
from helpdesk.cli.jobs.output import AsJson, print_json, span
from helpdesk.cli.rag.models import as_values, remarks_on
from helpdesk.cli.rag.runtime import now, run_with_models
from helpdesk.database.engine import Database
from helpdesk.rag.indexing.embed_changes import Making
from helpdesk.rag.model_change import commands
from helpdesk.rag.model_change.backfill import Backfill
from helpdesk.rag.model_change.commands import NothingBuilding
from helpdesk.rag.model_change.queries import ModelReport, model_reports
from helpdesk.rag.model_change.registering import ask_to_backfill

_LOOK_S = 1.0
_PLAIN_EVERY_S = 5.0
# A model runtime that is away for longer than this is not waited for.
_PATIENCE_S = 300.0
_ONE_RUN_S = 3600.0

# Takes how a model stands, and how many vectors a second were made since the command began, None before the first.
Show = Callable[[ModelReport, float | None], None]


def backfill(
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show how far it is until nothing is missing.")
    ] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Let it rest; what is new still gets its vectors.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Let it go on.")] = False,
    here: Annotated[bool, typer.Option("--here", help="Do it in this process, without a worker.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have the vectors made that passages lack, by a worker, behind everything that people wait for.

    It goes on by itself after a restart, and costs nothing where nothing is missing. The exit code is 1 when something
    is still missing at the end of --follow or --here.
    """
    if pause and resume:
        raise typer.BadParameter("--pause and --resume exclude each other")
    if pause or resume:
        run(lambda database: _set_paused(database, paused=pause))
    if not pause:
        run_with_models(_make_here) if here else run(ask_to_backfill)
    if follow:
        run(_follow)
    report = _of_interest(run(model_reports))
    if as_json:
        print_json(None if report is None else as_values(report))
    else:
        print(_summary(report))
    if (follow or here) and report is not None and report.missing:
        raise typer.Exit(1)


async def _set_paused(database: Database, *, paused: bool) -> None:
    report = _of_interest(await model_reports(database))
    if report is None or report.state == "active":
        raise NothingBuilding
    if paused:
        await commands.pause(database, report.id, now=now())
    else:
        await commands.resume(database, report.id)


async def _make_here(database: Database, embedder: Embedder) -> None:
    began, until = time.monotonic(), time.monotonic() + _PATIENCE_S
    first = _of_interest(await model_reports(database))
    with _showing(first) as show:

        async def tell(percent: float, _words: str) -> None:
            nonlocal until
            until = time.monotonic() + _PATIENCE_S
            if first is not None:
                missing = round(first.passages * (1 - percent / 100))
                show(replace(first, missing=missing), (first.missing - missing) / (time.monotonic() - began))

        while True:
            making = Making(database, embedder, asyncio.Lock())
            done = await Backfill(making, now=now, tell=tell, most_s=_ONE_RUN_S).run()
            if not done.waits or time.monotonic() > until:
                return
            print(f"waiting {span(done.retry_s)}: {done.waits}", file=sys.stderr)
            await asyncio.sleep(done.retry_s)


async def _follow(database: Database) -> None:
    began, first = time.monotonic(), _of_interest(await model_reports(database))
    report, took = first, time.monotonic() - began
    with _showing(first) as show:
        while report is not None and report.missing and not report.paused_at:
            # Counting what is missing takes seconds in a large index.
            await asyncio.sleep(max(_LOOK_S, 5 * took))
            asked = time.monotonic()
            report = next((each for each in await model_reports(database) if each.id == report.id), None)
            took = time.monotonic() - asked
            if report is not None and first is not None:
                made = first.missing - report.missing
                show(report, made / (time.monotonic() - began) if made > 0 else None)


@contextmanager
def _showing(report: ModelReport | None) -> Iterator[Show]:
    """Give a function that shows how far a model is: a bar on a terminal, else a line now and then."""
    if report is None or not sys.stderr.isatty():
        yield _plain_lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(report.name, total=max(report.passages, 1), left="")

        def show(now: ModelReport, rate: float | None) -> None:
            done = now.passages - now.missing
            progress.update(task, completed=done, total=max(now.passages, 1), left=_left(now, rate).removeprefix(", "))

        yield show


def _plain_lines() -> Show:
    last = 0.0

    def show(report: ModelReport, rate: float | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _PLAIN_EVERY_S:
            last = time.monotonic()
            done = report.passages - report.missing
            print(f"{report.name}: {done} of {report.passages} passages{_left(report, rate)}", file=sys.stderr)

    return show


def _left(report: ModelReport, rate: float | None) -> str:
    if not report.missing:
        return ""
    return f", {rate:.1f}/s, {span(report.missing / rate)} to go" if rate else ", waiting for a worker"


def _of_interest(reports: list[ModelReport]) -> ModelReport | None:
    """Return the model that is being built, else one that lacks something, else the active one."""
    for wanted in (lambda report: report.state == "building", lambda report: bool(report.missing)):
        if found := next(filter(wanted, reports), None):
            return found
    return next(iter(reports), None)


def _summary(report: ModelReport | None) -> str:
    if report is None:
        return "No embedding model yet."
    remarks = remarks_on(report)
    if not report.missing:
        whole = f"{report.name}: all {report.passages} passages have what they need."
        ready = " It may take over: `atum-desk rag flip`." if report.state == "building" else ""
        return "\n".join([whole + ready, *remarks])
    return "\n".join(remarks)
