"""A walk over the open tickets whose worker is killed in the middle."""

import asyncio
from uuid import UUID

from helpdesk.database.engine import Database
from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from tests.database.desk import open_a_desk
from tests.database.queue.jobs import history, row, until
from tests.database.sla.changing_desk import Desk
from tests.journeys.worker.processes import StartWorker

TICKETS = 450
ARGUMENTS = ("--types", "RETARGET_CLOCKS")


async def test_another_worker_goes_on_where_a_killed_one_was_and_each_ticket_is_moved_once(
    database: Database, organization_id: UUID, settings: Settings, connection: Link, start_worker: StartWorker
) -> None:
    desk = Desk(database, organization_id, settings, await open_a_desk(database, organization_id))
    for _ in range(TICKETS):
        await desk.open()
    await desk.change("standard", targets={"normal": {"first_response": 9_000}})
    (job,) = await desk.walks()
    victim = start_worker(*ARGUMENTS)
    async with asyncio.timeout(60):
        while '"after": "' not in str((await row(connection, job))["progress"]):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    victim.kill()
    at_the_kill = len(await desk.moves())
    start_worker(*ARGUMENTS)
    done = await until(connection, job, "completed", within_s=60)

    moves = await desk.moves()
    assert 0 < at_the_kill < TICKETS
    assert (len(moves), set(moves.values())) == (TICKETS, {1})
    # What the first run had kept is counted in; what it did after that is not done again.
    assert f'"looked_at": {TICKETS}' in done["result"]
    assert (done["crash_count"], (await history(connection, job)).count("completed")) == (1, 1)
