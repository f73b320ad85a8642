"""What runs the jobs. Only job workers import this."""

from __future__ import annotations

import httpx

from atum_desk_links.jobs import CheckLink
from helpdesk.queue.outcomes import Done, Outcome, Snooze
from workers.context import WorkerContext
from workers.registry import handlers


@handlers.handles(CheckLink)
async def check_link(args: CheckLink, _context: WorkerContext) -> Outcome:
    """Ask the address; whatever is raised, such as by a host that is away, means: try again later."""
    async with httpx.AsyncClient(timeout=20, follow_redirects=True) as client:
        answer = await client.head(str(args.url))
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return Snooze(60, "the server asks for patience")
    return Done({"status": answer.status_code, "url": str(answer.url)})
