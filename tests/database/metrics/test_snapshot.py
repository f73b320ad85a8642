from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.metrics.catalogue import METRICS
from helpdesk.metrics.queries import list_snapshots, metric_names
from helpdesk.metrics.snapshot import BUCKET, NotABucket, take_snapshot
from helpdesk.models.values import TicketPriority, TicketStatus
from helpdesk.settings import Settings
from helpdesk.tickets.commands import change_status, open_ticket, reply
from tests.database.desk import NOW, open_a_desk, vpn_ticket


async def nothing_more(_session: AsyncSession) -> None:
    """Stand where a job would be completed."""


async def figures(
    database: Database, organization_id: UUID, start: datetime = NOW
) -> dict[tuple[str, str], float | None]:
    async with database.transaction(organization_id) as session:
        rows = await list_snapshots(session, organization_id=organization_id, since=start, until=start + BUCKET)
    return {(row.metric, row.dimension_key): row.value for row in rows}


@pytest.fixture
async def busy_quarter(database: Database, organization_id: UUID, settings: Settings) -> None:
    agent = await open_a_desk(database, organization_id)
    for index, priority in enumerate((TicketPriority.HIGH, TicketPriority.HIGH, TicketPriority.LOW)):
        async with database.transaction(organization_id) as session:
            ticket = await open_ticket(
                session,
                organization_id=organization_id,
                new=vpn_ticket(priority=priority),
                actor=agent,
                now=NOW + timedelta(minutes=index),
                settings=settings,
            )
    async with database.transaction(organization_id) as session:
        await reply(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            body="Done.",
            actor=agent,
            now=NOW + timedelta(minutes=8),
            settings=settings,
        )
        await change_status(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            to=TicketStatus.SOLVED,
            actor=agent,
            now=NOW + timedelta(minutes=10),
        )


@pytest.mark.usefixtures("busy_quarter")
async def test_a_bucket_counts_what_happened_in_it(database: Database, organization_id: UUID) -> None:
    await take_snapshot(
        database, organization_id=organization_id, bucket_start=NOW, now=NOW + BUCKET, complete=nothing_more
    )
    found = await figures(database, organization_id)
    assert found["tickets_created", ""] == 3
    assert found["tickets_created", '{"priority":"high"}'] == 2
    assert found["tickets_solved", ""] == 1
    assert found["backlog", ""] == 2
    assert found["first_response_minutes_p50", ""] == 6
    assert found["resolution_minutes_p90", ""] == 8
    assert found["sla_met_share", '{"metric":"first_response"}'] == 1


@pytest.mark.usefixtures("busy_quarter")
async def test_taking_a_bucket_again_gives_the_same_rows(database: Database, organization_id: UUID) -> None:
    taken = []
    for minutes in (15, 20):
        await take_snapshot(
            database,
            organization_id=organization_id,
            bucket_start=NOW,
            now=NOW + timedelta(minutes=minutes),
            complete=nothing_more,
        )
        async with database.transaction(organization_id) as session:
            rows = await list_snapshots(session, organization_id=organization_id, since=NOW, until=NOW + BUCKET)
            taken.append([(row.id, row.metric, row.dimension_key, row.count) for row in rows])
    assert taken[0] == taken[1]
    async with database.transaction(organization_id) as session:
        assert "backlog" in await metric_names(session, organization_id=organization_id)


@pytest.mark.usefixtures("busy_quarter")
async def test_every_figure_is_documented(database: Database, organization_id: UUID) -> None:
    await take_snapshot(
        database, organization_id=organization_id, bucket_start=NOW, now=NOW + BUCKET, complete=nothing_more
    )
    assert {metric for metric, _ in await figures(database, organization_id)} <= METRICS.keys()


@pytest.mark.usefixtures("busy_quarter")
async def test_the_bucket_before_has_none_of_it(database: Database, organization_id: UUID) -> None:
    await take_snapshot(
        database, organization_id=organization_id, bucket_start=NOW - BUCKET, now=NOW, complete=nothing_more
    )
    found = await figures(database, organization_id, NOW - BUCKET)
    assert found["tickets_solved", ""] == 0
    assert found["first_response_minutes_p50", ""] is None


@pytest.mark.parametrize("start", [NOW + timedelta(minutes=1), NOW + timedelta(days=1)])
async def test_what_is_no_bucket_is_refused(database: Database, organization_id: UUID, start: datetime) -> None:
    with pytest.raises(NotABucket):
        await take_snapshot(
            database, organization_id=organization_id, bucket_start=start, now=NOW + BUCKET, complete=nothing_more
        )


async def test_a_snapshot_whose_job_is_lost_leaves_nothing(database: Database, organization_id: UUID) -> None:
    async def lost(_session: AsyncSession) -> None:
        raise RuntimeError("lease lost")

    with pytest.raises(RuntimeError, match="lease lost"):
        await take_snapshot(database, organization_id=organization_id, bucket_start=NOW, now=NOW, complete=lost)
    assert await figures(database, organization_id) == {}
