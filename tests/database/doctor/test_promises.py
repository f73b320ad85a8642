"""Clocks that nobody watches are found, and those that cannot be computed."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from helpdesk.database.engine import Database
from tests.database.doctor.conftest import Examine
from tests.database.doctor.healthy import open_watched_ticket


async def test_promises_that_nobody_watches_or_can_compute_are_told(
    examine: Examine, database: Database, organization_id: UUID, superuser: asyncpg.Connection
) -> None:
    assert [each.state for each in await examine("sla.ticks")] == ["skipped"]
    await open_watched_ticket(database, organization_id)
    assert {each.state for each in [*await examine("sla.ticks"), *await examine("sla.failing")]} == {"ok"}
    # What ticks in place of an SLA worker, such as a timer, is seen by its ticks.
    assert [each.figures.get("kind") for each in await examine("workers.alive")] == ["job", "rag", None]

    await superuser.execute(
        "UPDATE sla_clocks SET next_threshold_at = now() - interval '1 hour', failing_since = now()"
    )
    [found] = await examine("sla.ticks")
    assert (found.state, found.figures["overdue"]) == ("warning", 1)
    [found] = await examine("sla.failing")
    assert (found.state, found.figures["tickets"]) == ("warning", 1)
    await superuser.execute("UPDATE sla_calendar_now SET as_of = now() - interval '1 hour'")
    [found] = await examine("sla.ticks")
    assert (found.state, "atum-desk sla tick" in found.remedy) == ("error", True)
