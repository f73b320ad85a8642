"""Wait until the search index has taken in the demo organisation, and show how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from helpdesk.cli.run.output import Output
from helpdesk.database.engine import Database
from helpdesk.demo.loader import index_backlog

_LOOK_EVERY_S = 0.3
_WITHIN_S = 120.0
# An index that stands still waits for its model; tickets need not wait with it.
_STANDS_STILL_AFTER_S = 20.0


async def wait_for_index(database: Database, output: Output, *, slug: str) -> None:
    """Return when nothing of an organisation waits for the index any more, or when the index stands still."""
    total = await index_backlog(database, slug=slug)
    if total == 0:
        return
    with _progress(output, total) as show:
        async for left in _backlog(database, slug):
            show(total - left)
            if left == 0:
                return
    output.say("The search index goes on in the background.", "yellow")


async def _backlog(database: Database, slug: str) -> AsyncIterator[int]:
    """Yield the backlog from time to time, as long as it gets smaller."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + _WITHIN_S
    least, since = await index_backlog(database, slug=slug), clock()
    while clock() < min(deadline, since + _STANDS_STILL_AFTER_S):
        await asyncio.sleep(_LOOK_EVERY_S)
        left = await index_backlog(database, slug=slug)
        if left < least:
            least, since = left, clock()
        yield left


@contextmanager
def _progress(output: Output, total: int) -> Iterator[Callable[[int], None]]:
    title = "Indexing the knowledge base and past tickets"
    if not output.live:
        output.say(f"{title}: {total} to go ...")
        told = 0

        def tell(done: int) -> None:
            nonlocal told
            if done - told >= total / 5 or done == total > told:
                told = done
                output.say(f"{title}: {done} of {total}")

        yield tell
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    output.grave_only = True
    with Progress(*columns, console=output.console) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done: progress.update(task, completed=done)
    output.grave_only = False
