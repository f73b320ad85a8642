"""What buckets hold: slices, days of a zone, what a later taking replaces, and how long quarters stay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts.commands import create_company
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.metrics.backfill import Backfill, BackfillRefused, ask_for_backfill
from helpdesk.metrics.buckets import day_of, quarter_from
from helpdesk.metrics.catalogue import MOMENTARY
from helpdesk.metrics.slices import Figure
from helpdesk.metrics.snapshot import BUCKET, take_bucket, take_snapshot
from helpdesk.metrics.storing import lock_figures, store_figures
from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus
from helpdesk.settings import Settings
from helpdesk.tickets.commands import assign, change_status, open_ticket, reply
from helpdesk.tickets.requests import Actor, Requester
from tests.database.desk import NOW, open_a_desk, vpn_ticket

Kept = dict[tuple[str, str], tuple[float | None, int]]


class Desk:
    """A desk at which things are done at given times."""

    def __init__(self, database: Database, organization_id: UUID, settings: Settings, agent: Actor) -> None:
        self.database, self.organization_id, self.settings, self.agent = database, organization_id, settings, agent

    def _scope(self, **more: object) -> dict[str, object]:
        return {"organization_id": self.organization_id, **more}

    async def open(self, now: datetime, **changes: object) -> UUID:
        async with self.database.transaction(self.organization_id) as session:
            ticket = await open_ticket(
                session, **self._scope(new=vpn_ticket(**changes), actor=self.agent, now=now, settings=self.settings)
            )
        return ticket.id

    async def do(
        self, command: Callable[..., Awaitable[object]], ticket_id: UUID, now: datetime, **what: object
    ) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await command(session, **self._scope(ticket_id=ticket_id, now=now, **({"actor": self.agent} | what)))

    async def say(self, ticket_id: UUID, now: datetime, actor: Actor | None = None) -> None:
        await self.do(reply, ticket_id, now, body="So.", settings=self.settings, actor=actor or self.agent)

    async def solve(self, ticket_id: UUID, now: datetime) -> None:
        await self.do(change_status, ticket_id, now, to=TicketStatus.SOLVED)

    async def execute(self, statement: str) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await session.execute(text(statement))

    async def zone(self, name: str) -> None:
        async with self.database.transaction(self.organization_id, role="atum_owner") as session:
            await session.execute(
                text("UPDATE organizations SET timezone = :name WHERE id = :id"),
                {"name": name, "id": self.organization_id},
            )

    async def take(self, start: datetime, *, now: datetime | None = None, day: str = "") -> Kept:
        bucket = day_of(start, day) if day else quarter_from(start)
        async with self.database.transaction(self.organization_id) as session:
            await lock_figures(session, organization_id=self.organization_id)
            await take_bucket(session, organization_id=self.organization_id, bucket=bucket, now=now or bucket.ends)
        return await self.kept(bucket.starts, bucket.granularity)

    async def kept(self, start: datetime, granularity: str = "15m") -> Kept:
        async with self.database.transaction(self.organization_id) as session:
            rows = await session.execute(
                text(
                    "SELECT metric, dimension_key, value, count FROM metric_snapshots "
                    "WHERE bucket_start = :start AND granularity = :granularity"
                ),
                {"start": start, "granularity": granularity},
            )
            return {(metric, key): (value, count) for metric, key, value, count in rows}

    async def starts(self, granularity: str) -> list[datetime]:
        async with self.database.transaction(self.organization_id) as session:
            rows = await session.scalars(
                text("SELECT DISTINCT bucket_start FROM metric_snapshots WHERE granularity = :g ORDER BY 1"),
                {"g": granularity},
            )
            return [start.astimezone(UTC) for start in rows]


@pytest.fixture
async def desk(database: Database, organization_id: UUID, settings: Settings) -> Desk:
    return Desk(database, organization_id, settings, await open_a_desk(database, organization_id))


async def nothing_more(*_: object, **__: object) -> bool:
    return True


async def test_a_figure_is_kept_for_each_slice(desk: Desk) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        company = await create_company(
            session, organization_id=desk.organization_id, name="Initech", domains=["initech.example"]
        )
    bo = {"requester": Requester("bo@initech.example", "Bo"), "category": "network", "team": "network"}
    ticket = await desk.open(NOW, priority=TicketPriority.HIGH, channel="email", **bo)
    await desk.open(NOW - timedelta(days=9), priority=TicketPriority.LOW)
    await desk.do(assign, ticket, NOW, changes={"assignee": desk.agent.id})
    await desk.say(ticket, NOW + timedelta(minutes=5))
    await desk.solve(ticket, NOW + timedelta(minutes=10))

    found = await desk.take(NOW)

    for key in (
        "",
        f'{{"agent":"{desk.agent.id}"}}',
        '{"team":"network"}',
        f'{{"company":"{company.id}"}}',
        '{"priority":"high"}',
        '{"category":"network"}',
        '{"channel":"email"}',
    ):
        assert found["tickets_solved", key] == (1, 1), key
        assert found["resolution_minutes_p50", key] == (10, 1), key
        assert found["first_response_minutes_p90", key] == (5, 1), key
        assert found["first_response_business_minutes_p50", key] == (5, 1), key
        assert found["sla_met_share", key] == (1, 2), key
    assert found["backlog", ""] == (1, 1)
    assert found["backlog_age_hours_oldest", '{"priority":"low"}'] == (9 * 24 + 0.25, 1)
    assert found["backlog_older_than_7_days_share", ""] == (1, 1)
    assert ("backlog", '{"priority":"high"}') not in found


async def test_office_hours_count_for_business_time_only(desk: Desk) -> None:
    friday = datetime(2026, 3, 6, 15, 0, tzinfo=UTC)
    ticket = await desk.open(friday)
    monday = friday + timedelta(days=2, hours=17)
    await desk.say(ticket, monday)

    found = await desk.take(monday)

    assert found["first_response_minutes_p50", ""] == (65 * 60, 1)
    # Until five in Vienna, which is four here, and from nine on Monday, which is eight.
    assert found["first_response_business_minutes_p50", ""] == (60, 1)


async def test_a_next_response_answers_the_oldest_message_since_the_last_reply(desk: Desk) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        contact = await session.scalar(text("SELECT id FROM contacts LIMIT 1"))
    kim = Actor(AuthorKind.CUSTOMER, contact)
    ticket = await desk.open(NOW - timedelta(hours=2))
    await desk.say(ticket, NOW - timedelta(hours=1))
    for minutes in (0, 3):
        await desk.say(ticket, NOW + timedelta(minutes=minutes), kim)
    await desk.say(ticket, NOW + timedelta(minutes=8))
    await desk.say(ticket, NOW + timedelta(minutes=9))

    found = await desk.take(NOW)

    assert found["next_response_minutes_p50", ""] == (8, 1)
    assert found["next_response_business_minutes_p50", ""] == (8, 1)
    assert found["first_response_minutes_p50", ""] == (None, 0)


async def test_reopening_counts_again_and_leaves_the_bucket_of_the_solution(desk: Desk) -> None:
    ticket = await desk.open(NOW - timedelta(hours=1))
    await desk.solve(ticket, NOW)
    await desk.do(change_status, ticket, NOW + BUCKET, to=TicketStatus.OPEN)
    await desk.solve(ticket, NOW + BUCKET + timedelta(minutes=5))

    first, second = await desk.take(NOW), await desk.take(NOW + BUCKET)

    assert first["tickets_solved", ""] == second["tickets_solved", ""] == (1, 1)
    assert (first["reopen_rate", ""], second["reopen_rate", ""]) == ((0, 1), (1, 1))
    assert (first["resolution_minutes_p50", ""], second["resolution_minutes_p50", ""]) == ((60, 1), (80, 1))
    assert first["backlog", ""] == second["backlog", ""] == (0, 0)
    # Clocks go on when a ticket is opened again; its time in business hours is that of the last solution.
    assert first["resolution_business_minutes_p50", ""] == (None, 0)
    assert second["resolution_business_minutes_p50", ""][1] == 1


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 12, tzinfo=UTC), 23),
        ("Europe/Berlin", datetime(2026, 10, 25, 12, tzinfo=UTC), 25),
        ("Asia/Kolkata", datetime(2026, 3, 29, 12, tzinfo=UTC), 24),
    ],
)
async def test_a_day_has_what_happened_between_two_midnights(desk: Desk, zone: str, day: datetime, hours: int) -> None:
    await desk.zone(zone)
    bucket = day_of(day, zone)
    assert bucket.ends - bucket.starts == timedelta(hours=hours)
    second = timedelta(seconds=1)
    for moment in (bucket.starts - second, bucket.starts, bucket.ends - second, bucket.ends):
        await desk.open(moment)

    assert (await desk.take(day, day=zone))["tickets_created", ""] == (2, 2)
    walk = Backfill(
        desk.database,
        desk.organization_id,
        bucket.starts,
        bucket.ends,
        now=lambda: bucket.ends + timedelta(days=2),
        keep=nothing_more,
        complete=nothing_more,
    )
    assert (await walk.run())["quarters"] == hours * 4
    assert (await desk.kept(bucket.starts, "1d"))["tickets_created", ""] == (2, 2)
    assert bucket.starts.astimezone(ZoneInfo(zone)).hour == 0


async def test_the_tick_that_ends_a_day_takes_it_and_old_quarters_go(desk: Desk) -> None:
    await desk.zone("Asia/Kolkata")
    tick = day_of(NOW, "Asia/Kolkata").ends
    old = quarter_from(tick - timedelta(days=desk.settings.keep_quarter_figures_days, minutes=15))
    await desk.take(old.starts)
    await take_snapshot(
        desk.database,
        organization_id=desk.organization_id,
        bucket_start=tick - BUCKET,
        now=tick,
        complete=nothing_more,
    )
    assert await desk.starts("15m") == [tick - 2 * BUCKET, tick - BUCKET]
    assert await desk.starts("1d") == [tick - timedelta(days=1)]


async def test_what_is_recorded_late_is_in_the_bucket_when_the_next_one_is_taken(desk: Desk) -> None:
    await desk.take(NOW)
    await desk.open(NOW + timedelta(minutes=14))
    await take_snapshot(
        desk.database,
        organization_id=desk.organization_id,
        bucket_start=NOW + BUCKET,
        now=NOW + 2 * BUCKET,
        complete=nothing_more,
    )
    assert (await desk.kept(NOW))["tickets_created", ""] == (1, 1)


async def test_a_slice_that_is_gone_is_gone_when_the_bucket_is_taken_again(desk: Desk) -> None:
    await desk.open(NOW, team="network")
    assert ("tickets_created", '{"team":"network"}') in await desk.take(NOW)
    await desk.execute("DELETE FROM tickets")
    again = await desk.take(NOW)
    assert again["tickets_created", ""] == (0, 0)
    assert not [key for _, key in again if "team" in key]


async def test_days_of_another_zone_make_way(desk: Desk) -> None:
    await desk.take(NOW, day="America/St_Johns")
    await desk.take(NOW, day="UTC")
    await desk.take(NOW - timedelta(days=1), day="UTC")
    assert await desk.starts("1d") == [NOW.replace(hour=0) - timedelta(days=1), NOW.replace(hour=0)]


async def test_two_that_take_a_bucket_at_once_leave_one_set_of_figures(desk: Desk) -> None:
    await desk.open(NOW)
    taken = await asyncio.gather(*(desk.take(NOW, now=NOW + BUCKET) for _ in range(4)))
    without_lags = [{key: said for key, said in found.items() if key[0] not in MOMENTARY} for found in taken]
    assert all(found == without_lags[0] for found in without_lags)


async def test_of_many_companies_those_with_most_happening_are_kept(desk: Desk) -> None:
    figures = [Figure("tickets_created", {"company": f"c{number}"}, number, number) for number in range(1, 1301)]
    figures += [Figure("backlog", {"company": f"c{number}"}, 1, 1) for number in (1, 1300, 2000)]
    async with desk.database.transaction(desk.organization_id) as session:
        count = await store_figures(
            session,
            organization_id=desk.organization_id,
            bucket=day_of(NOW, "UTC"),
            figures=figures,
            now=NOW,
        )
    assert count == 1001
    assert ("backlog", '{"company":"c1300"}') in await desk.kept(NOW.replace(hour=0), "1d")


async def test_a_back_fill_goes_on_where_it_ended(desk: Desk) -> None:
    kept: list[dict[str, object]] = []

    async def keep(checkpoint, *, percent: float, message: str = "") -> bool:
        kept.append(dict(checkpoint))
        if len(kept) == 2:
            raise RuntimeError("lease lost")
        return True

    def walk(keeping: Callable[..., Awaitable[bool]]) -> Backfill:
        ends = NOW + timedelta(days=4)
        return Backfill(
            desk.database, desk.organization_id, NOW, ends, now=lambda: ends, keep=keeping, complete=nothing_more
        )

    with pytest.raises(RuntimeError, match="lease lost"):
        await walk(keep).run()
    await desk.execute("DELETE FROM metric_snapshots")
    result = await walk(nothing_more).run(kept[-1])
    assert result["days"] == 5
    assert await desk.starts("1d") == [NOW.replace(hour=0) + timedelta(days=day) for day in (2, 3, 4)]


async def test_a_back_fill_makes_no_quarters_that_would_be_removed(desk: Desk) -> None:
    long_ago = NOW - timedelta(days=300)
    walk = Backfill(
        desk.database,
        desk.organization_id,
        long_ago,
        long_ago + timedelta(hours=1),
        now=lambda: NOW,
        keep=nothing_more,
        complete=nothing_more,
    )
    assert (await walk.run())["quarters"] == 0
    assert await desk.starts("15m") == []


async def test_a_back_fill_is_asked_for_once(desk: Desk) -> None:
    async def ask(session: AsyncSession, since: datetime, until: datetime) -> UUID:
        return await ask_for_backfill(session, organization_id=desk.organization_id, since=since, until=until, now=NOW)

    async with desk.database.transaction(desk.organization_id) as session:
        first = await ask(session, NOW - timedelta(days=2), NOW)
        assert await ask(session, NOW - timedelta(days=2), NOW) == first
        for since, until in ((NOW, NOW), (NOW, NOW + BUCKET), (NOW - timedelta(days=800), NOW)):
            with pytest.raises(BackfillRefused):
                await ask(session, since, until)


async def test_figures_of_another_organisation_are_not_counted(desk: Desk) -> None:
    await desk.open(NOW)
    other = new_id()
    async with desk.database.transaction(other) as session:
        await session.execute(
            text("INSERT INTO organizations (id, slug, name) VALUES (:id, 'other', 'Other')"), {"id": other}
        )
        await take_bucket(session, organization_id=other, bucket=quarter_from(NOW), now=NOW + BUCKET)
        counted = await session.scalar(text("SELECT sum(count) FROM metric_snapshots WHERE metric = 'tickets_created'"))
    assert counted == 0
