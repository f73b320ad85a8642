"""A bucket taken again later, or back-filled, is what it was when it was taken at its time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts.commands import create_category, create_team, create_user
from helpdesk.database.engine import Database
from helpdesk.metrics.backfill import Backfill
from helpdesk.metrics.buckets import Granularity, day_of, quarter_from
from helpdesk.metrics.catalogue import BY_NAME, MOMENTARY, Change
from helpdesk.metrics.snapshot import BUCKET, take_bucket
from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus, UserRole
from helpdesk.settings import Settings
from helpdesk.tickets.commands import assign, change_status, open_ticket, reply
from helpdesk.tickets.fields import set_fields
from helpdesk.tickets.merging import merge
from helpdesk.tickets.requests import Actor, NewTicket, Requester
from tests.database.desk import NOW, open_a_desk

CUSTOMER = Actor(AuthorKind.CUSTOMER)
STEPS = 90
Figures = dict[tuple[str, str], tuple[float | None, int]]


class History:
    """Random things happen to a few tickets, one after the other."""

    def __init__(self, database: Database, organization_id: UUID, settings: Settings, seed: int) -> None:
        self.database, self.organization_id, self.settings = database, organization_id, settings
        self.random = random.Random(seed)
        self.tickets: list[UUID] = []
        self.agents: list[Actor] = []

    async def furnish(self) -> None:
        self.agents = [await open_a_desk(self.database, self.organization_id)]
        async with self.database.transaction(self.organization_id) as session:
            await create_team(session, organization_id=self.organization_id, slug="desk", name="Desk")
            await create_category(
                session, organization_id=self.organization_id, slug="printing", name="Printing", team_id=None
            )
            user = await create_user(
                session,
                organization_id=self.organization_id,
                email="grace@desk.example",
                name="Grace",
                role=UserRole.AGENT,
            )
        self.agents.append(Actor(AuthorKind.AGENT, user.id))

    async def happen(self, now: datetime) -> None:
        """Let one thing happen; what a ticket's state does not allow does not."""
        async with self.database.transaction(self.organization_id) as session:
            if len(self.tickets) < 2 or self.random.random() < 0.15:
                self.tickets.append(await self._open(session, now))
                return
            ticket_id = self.random.choice(self.tickets)
            status = await session.scalar(text("SELECT status FROM tickets WHERE id = :id"), {"id": ticket_id})
            if status == TicketStatus.CLOSED:
                return
            step = self.random.choice((self._say, self._say, self._move, self._move, self._assign, self._set))
            if self.random.random() < 0.04:
                step = self._merge
            await step(session, ticket_id, TicketStatus(status), now)

    async def _open(self, session: AsyncSession, now: datetime) -> UUID:
        new = NewTicket(
            subject="It is broken",
            body="All of it.",
            requester=Requester(f"kim{self.random.randrange(3)}@customer.example", "Kim"),
            priority=self.random.choice(list(TicketPriority)),
            category=self.random.choice((None, "network", "printing")),
            team=self.random.choice((None, "network", "desk")),
        )
        ticket = await open_ticket(
            session,
            organization_id=self.organization_id,
            new=new,
            actor=self.random.choice(self.agents),
            now=now,
            settings=self.settings,
        )
        return ticket.id

    def _of(self, ticket_id: UUID, now: datetime, actor: Actor | None = None) -> dict[str, object]:
        return {
            "organization_id": self.organization_id,
            "ticket_id": ticket_id,
            "actor": actor or self.random.choice(self.agents),
            "now": now,
        }

    async def _say(self, session, ticket_id, status, now) -> None:
        actor = self.random.choice((CUSTOMER, *self.agents))
        await reply(session, **self._of(ticket_id, now, actor), body="Well?", settings=self.settings)

    async def _move(self, session, ticket_id, status, now) -> None:
        wanted = self.random.choice(
            (TicketStatus.OPEN, TicketStatus.CLOSED)
            if status is TicketStatus.SOLVED
            else (TicketStatus.OPEN, TicketStatus.PENDING, TicketStatus.SOLVED, TicketStatus.SOLVED)
        )
        if wanted is TicketStatus.CLOSED and self.random.random() < 0.5:
            wanted = TicketStatus.OPEN
        await change_status(session, **self._of(ticket_id, now), to=wanted)

    async def _assign(self, session, ticket_id, status, now) -> None:
        changes: dict[str, object] = {"assignee": self.random.choice((None, *(agent.id for agent in self.agents)))}
        if self.random.random() < 0.5:
            changes["team"] = self.random.choice((None, "network", "desk"))
        await assign(session, **self._of(ticket_id, now), changes=changes)

    async def _set(self, session, ticket_id, status, now) -> None:
        changes = self.random.choice(
            (
                {"priority": self.random.choice(list(TicketPriority))},
                {"category": self.random.choice(("network", "printing"))},
                {"team": self.random.choice(("network", "desk"))},
            )
        )
        await set_fields(session, **self._of(ticket_id, now), changes=changes)

    async def _merge(self, session, ticket_id, status, now) -> None:
        others = [other for other in self.tickets if other != ticket_id]
        rows = await session.scalars(
            text("SELECT id FROM tickets WHERE id = ANY (:ids) AND status <> 'closed'"), {"ids": others}
        )
        if found := rows.all():
            await merge(session, **self._of(ticket_id, now), into=found[0])


async def read(database: Database, organization_id: UUID) -> dict[tuple[str, datetime], Figures]:
    """Read every figure kept, by bucket; those known at the moment apart."""
    async with database.transaction(organization_id) as session:
        rows = await session.execute(
            text("SELECT granularity, bucket_start, metric, dimension_key, value, count FROM metric_snapshots")
        )
        found: dict[tuple[str, datetime], Figures] = {}
        for granularity, start, metric, key, value, count in rows:
            if metric not in MOMENTARY:
                found.setdefault((granularity, start), {})[metric, key] = (value and round(value, 6), count)
    return found


def lasting(figures: Figures) -> Figures:
    """Leave out what clocks say: a clock that goes on after a reopening has not ended any more."""
    return {key: said for key, said in figures.items() if BY_NAME[key[0]].change is not Change.CLOCKS}


async def never_mind(*_: object, **__: object) -> bool:
    return True


@pytest.mark.parametrize("seed", range(4))
async def test_a_back_filled_bucket_equals_the_one_taken_at_its_time(
    database: Database, organization_id: UUID, settings: Settings, seed: int
) -> None:
    history = History(database, organization_id, settings, seed)
    await history.furnish()
    # Over midnight of the organisation's zone, which is UTC here.
    begins = datetime(2026, 3, 3, 20, 0, tzinfo=UTC)
    now, quarter = begins, begins
    ends = begins + timedelta(hours=7)
    while quarter < ends:
        for _ in range(history.random.randrange(8)):
            now += timedelta(seconds=history.random.randrange(0, 110))
            await history.happen(now)
        quarter += BUCKET
        now = quarter
        async with database.transaction(organization_id) as session:
            taken = [quarter_from(quarter - BUCKET)]
            if quarter == day_of(quarter, "UTC").starts or quarter >= ends:
                taken.append(day_of(quarter - BUCKET, "UTC"))
            for bucket in taken:
                await take_bucket(session, organization_id=organization_id, bucket=bucket, now=quarter)
    live = await read(database, organization_id)
    assert len([key for key in live if key[0] == Granularity.DAY]) == 2

    async with database.transaction(organization_id) as session:
        await session.execute(text("DELETE FROM metric_snapshots"))
    walk = Backfill(
        database,
        organization_id,
        since=begins,
        until=ends,
        now=lambda: ends + timedelta(days=1),
        keep=never_mind,
        complete=never_mind,
    )
    result = await walk.run()
    filled = await read(database, organization_id)

    assert result["days"] == 2
    assert result["quarters"] == 28
    assert filled.keys() == live.keys()
    for bucket, figures in live.items():
        assert lasting(filled[bucket]) == lasting(figures), bucket
    check_the_balance(filled)


def check_the_balance(kept: dict[tuple[str, datetime], Figures]) -> None:
    """What is open at the end was open before, or was opened meanwhile, and has not been solved."""
    quarters = sorted((start, figures) for (granularity, start), figures in kept.items() if granularity == "15m")
    before = 0.0
    for start, figures in quarters:
        came = figures["tickets_created", ""][1] + figures["tickets_reopened", ""][1]
        went = figures["tickets_solved", ""][1] + figures["tickets_merged", ""][1]
        assert figures["backlog", ""][0] == before + came - went, start
        before = figures["backlog", ""][0] or 0.0


async def test_what_can_only_be_known_at_the_moment_is_not_made_up(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    await open_a_desk(database, organization_id)
    day = day_of(NOW, "UTC")

    async def kept(granularity: str) -> set[str]:
        async with database.transaction(organization_id) as session:
            rows = await session.scalars(
                text("SELECT metric FROM metric_snapshots WHERE granularity = :granularity"),
                {"granularity": granularity},
            )
            return set(rows) & MOMENTARY

    walk = Backfill(
        database,
        organization_id,
        since=NOW,
        until=NOW + BUCKET,
        now=lambda: day.ends,
        keep=never_mind,
        complete=never_mind,
    )
    await walk.run()
    assert await kept("15m") == set()
    assert await kept("1d") == set()

    async with database.transaction(organization_id) as session:
        await take_bucket(session, organization_id=organization_id, bucket=quarter_from(NOW), now=NOW + BUCKET)
    await walk.run()
    assert await kept("15m") == MOMENTARY, "what was seen at the time stays when the bucket is taken again"
    assert await kept("1d") == MOMENTARY, "a day has what was seen in it"
