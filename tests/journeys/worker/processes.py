"""What the tests of worker processes share."""

import asyncio
import subprocess
from collections.abc import Callable
from uuid import UUID

from helpdesk.database.engine import Database
from helpdesk.queue.args import JobArgs
from helpdesk.queue.enqueue import enqueue_many
from helpdesk.queue.link import Link

StartWorker = Callable[..., subprocess.Popen[bytes]]


async def add(database: Database, organization_id: UUID, *jobs: JobArgs) -> list[UUID]:
    async with database.transaction(organization_id) as session:
        return await enqueue_many(session, jobs, organization_id=organization_id)


async def marks_of(connection: Link) -> list[UUID]:
    return [mark["job"] for mark in await connection.fetch("SELECT job FROM marks ORDER BY job")]


async def exit_code(process: subprocess.Popen[bytes], *, within_s: float) -> int:
    async with asyncio.timeout(within_s):
        return await asyncio.to_thread(process.wait)
