"""Predictions that are kept beside their clocks, and made anew as time passes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

import workers.handlers  # noqa: F401 (registers them)
from helpdesk.accounts.commands import create_organization
from helpdesk.database.engine import Database
from helpdesk.models.values import TicketPriority, TicketStatus
from helpdesk.queue.catalog import CleanUp
from helpdesk.queue.enqueue import enqueue
from helpdesk.settings import Settings
from helpdesk.sla.clocks.list_queries import ClockFilter, list_clocks, list_predicted
from helpdesk.sla.clocks.queries import ClockView, clocks_of
from helpdesk.sla.prediction import commands
from helpdesk.sla.prediction.commands import Refreshed, predict_breaches, predict_due
from helpdesk.sla.prediction.surroundings import RecentSurroundings, Surroundings, read_surroundings
from helpdesk.sla.rules.risk import Risk
from helpdesk.tickets.commands import change_status, open_ticket
from helpdesk.tickets.fields import set_fields
from helpdesk.tickets.requests import Actor
from tests.database.desk import NOW, open_a_desk, vpn_ticket
from tests.database.queue.jobs import link, until, working
from tests.database.ticks import tick
from workers.registry import handlers

HOUR = timedelta(hours=1)


@dataclass
class Desk:
    """Opens tickets, lets time pass and predicts."""

    database: Database
    settings: Settings
    organization_id: UUID
    agent: Actor

    async def open(self, now: datetime = NOW, **changes: object) -> UUID:
        async with self.database.transaction(self.organization_id) as session:
            ticket = await open_ticket(
                session,
                organization_id=self.organization_id,
                new=vpn_ticket(**changes),
                actor=self.agent,
                now=now,
                settings=self.settings,
            )
            # The product's clock is the database's; these tickets are of another day.
            await session.execute(text("UPDATE sla_clocks SET predict_again_at = start_at WHERE predicted_at IS NULL"))
        return ticket.id

    async def due(self, now: datetime, *, limit: int = 200) -> int:
        async with self.database.transaction(self.organization_id) as session:
            return (await predict_due(session, organization_id=self.organization_id, now=now, limit=limit)).made

    async def clocks(self, ticket_id: UUID) -> dict[str, ClockView]:
        async with self.database.transaction(self.organization_id) as session:
            found = await clocks_of(session, organization_id=self.organization_id, ticket_ids=[ticket_id])
        return {clock.metric: clock for clock in found[ticket_id]}

    async def move(self, ticket_id: UUID, to: TicketStatus, now: datetime) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await change_status(
                session, organization_id=self.organization_id, ticket_id=ticket_id, to=to, actor=self.agent, now=now
            )


async def nothing_more(_session: AsyncSession) -> None:
    """Stand where a job would be completed."""


@pytest.fixture
async def desk(database: Database, settings: Settings, organization_id: UUID) -> Desk:
    return Desk(database, settings, organization_id, await open_a_desk(database, organization_id))


async def test_a_clock_is_predicted_at_once_and_again_at_each_step(desk: Desk) -> None:
    ticket = await desk.open()
    assert (await desk.clocks(ticket))["first_response"].prediction is None
    assert await desk.due(NOW) == 2
    assert await desk.due(NOW) == 0
    # A tenth of four hours is used 24 minutes later.
    assert await desk.due(NOW + timedelta(minutes=23)) == 0
    assert await desk.due(NOW + timedelta(minutes=24)) == 2
    first = (await desk.clocks(ticket))["first_response"]
    assert first.prediction is not None
    assert (first.prediction.as_of, first.prediction.stale) == (NOW + timedelta(minutes=24), False)
    assert first.risk == first.prediction.risk == Risk.LOW
    assert await desk.due(NOW + 4 * HOUR - timedelta(minutes=20)) == 2
    assert (await desk.clocks(ticket))["first_response"].risk == Risk.HIGH


async def test_a_prediction_is_stale_once_its_clock_has_changed(desk: Desk) -> None:
    ticket = await desk.open()
    await desk.due(NOW)
    async with desk.database.transaction(desk.organization_id) as session:
        await session.execute(text("UPDATE sla_clocks SET updated_at = :now"), {"now": NOW + HOUR})
    clock = (await desk.clocks(ticket))["resolution"]
    assert clock.prediction is not None
    assert clock.prediction.stale
    await desk.due(NOW + 2 * HOUR)
    assert (await desk.clocks(ticket))["resolution"].prediction.stale is False  # type: ignore[union-attr]


async def test_a_clock_with_another_due_time_is_predicted_at_once(desk: Desk) -> None:
    ticket = await desk.open()
    assert await desk.due(NOW) == 2
    minute = timedelta(minutes=1)
    await desk.move(ticket, TicketStatus.PENDING, NOW + minute)
    # Only the resolution stands still, and what stands still is not predicted.
    assert await desk.due(NOW + minute) == 0
    await desk.move(ticket, TicketStatus.OPEN, NOW + 2 * minute)
    assert await desk.due(NOW + 2 * minute) == 2
    assert await desk.due(NOW + 2 * minute) == 0
    async with desk.database.transaction(desk.organization_id) as session:
        await set_fields(
            session,
            organization_id=desk.organization_id,
            ticket_id=ticket,
            changes={"priority": TicketPriority.URGENT},
            actor=desk.agent,
            now=NOW + 3 * minute,
        )
    assert await desk.due(NOW + 3 * minute) == 2


async def test_only_a_clock_that_runs_and_can_still_be_met_is_predicted(desk: Desk) -> None:
    held, late = await desk.open(), await desk.open(priority=TicketPriority.URGENT)
    await desk.due(NOW)
    await desk.move(held, TicketStatus.PENDING, NOW + timedelta(minutes=5))
    now = NOW + 2 * HOUR
    async with desk.database.transaction(desk.organization_id) as session:
        while (await tick(session, organization_id=desk.organization_id, now=now)).processed:
            pass
    waiting = (await desk.clocks(held))["resolution"]
    assert (waiting.state, waiting.risk, waiting.prediction) == ("paused", None, None)
    missed = (await desk.clocks(late))["first_response"]
    assert (missed.risk, missed.prediction) == (Risk.BREACHED, None)
    # The first response of the held ticket, and the resolution of the late one.
    assert await desk.due(now) == 2
    async with desk.database.transaction(desk.organization_id) as session:
        listed = await list_predicted(session, organization_id=desk.organization_id, wanted=ClockFilter())
        breached = await list_clocks(
            session, organization_id=desk.organization_id, wanted=ClockFilter(risks=[Risk.BREACHED])
        )
    assert {(clock.ticket_id, clock.metric) for _, clock in listed} == {
        (held, "first_response"), (late, "resolution"),
    }  # fmt: skip
    assert [clock.id for clock in breached] == [missed.id]


async def test_an_ended_clock_keeps_its_history_and_shows_no_risk(desk: Desk) -> None:
    ticket = await desk.open()
    await desk.due(NOW)
    await desk.move(ticket, TicketStatus.SOLVED, NOW + HOUR)
    assert {(clock.risk, clock.prediction) for clock in (await desk.clocks(ticket)).values()} == {(None, None)}
    assert await desk.due(NOW + 20 * HOUR) == 0
    async with desk.database.transaction(desk.organization_id) as session:
        assert await session.scalar(text("SELECT count(*) FROM breach_predictions")) == 2


async def test_two_runs_at_once_share_the_work_and_a_bound_holds(desk: Desk) -> None:
    for _ in range(4):
        await desk.open()
    async with desk.database.transaction(desk.organization_id) as session:
        first = (await predict_due(session, organization_id=desk.organization_id, now=NOW, limit=4)).made
        # What the open transaction holds is passed over.
        second = await asyncio.wait_for(desk.due(NOW), 10)
    assert first >= 2
    assert first + second == 8
    async with desk.database.transaction(desk.organization_id) as session:
        made = await session.scalar(text("SELECT count(*) FROM breach_predictions"))
    assert made == 8


async def test_risk_lists_hold_still_between_pages(desk: Desk) -> None:
    for minute in range(3):
        await desk.open(NOW + timedelta(minutes=minute))
    await desk.due(NOW + HOUR)
    scope = {"organization_id": desk.organization_id, "wanted": ClockFilter(metrics=["first_response"])}
    async with desk.database.transaction(desk.organization_id) as session:
        whole = await list_predicted(session, **scope)
        probability, clock = whole[0]
        rest = await list_predicted(session, **scope, after=(probability, clock.id))
    assert len(whole) == 3
    assert [one.id for _, one in rest] == [one.id for _, one in whole[1:]]
    assert [probability for probability, _ in whole] == sorted((p for p, _ in whole), reverse=True)


async def test_the_clean_up_removes_old_predictions_and_keeps_each_clock_s_newest(desk: Desk) -> None:
    ticket = await desk.open()
    for passed in (timedelta(), timedelta(minutes=24), HOUR):
        assert await desk.due(NOW + passed) == 2
    aged = text("UPDATE breach_predictions SET as_of = as_of - CAST(:now AS timestamptz) + now() - interval '91 days'")
    async with desk.database.transaction(desk.organization_id) as session:
        await session.execute(aged, {"now": NOW})
        job = await enqueue(session, CleanUp(), organization_id=desk.organization_id)
    fast = desk.settings.model_copy(update={"poll_interval": 0.05})
    async with working(fast, handlers, types=["CLEAN_UP"]), link(desk.settings) as connection:
        done = await until(connection, job, "completed", within_s=20)
    assert '"predictions": 4' in done["result"]
    left = text("SELECT clock_id, CAST(features ->> 'used' AS float8) FROM breach_predictions")
    async with desk.database.transaction(desk.organization_id) as session:
        kept = [tuple(row) for row in await session.execute(left)]
    newest = [(clock.id, 3600 / clock.target_s) for clock in (await desk.clocks(ticket)).values()]
    assert sorted(kept) == sorted(newest)


async def test_a_clock_that_is_only_put_off_was_looked_at_nevertheless(desk: Desk) -> None:
    """What comes after clocks whose log tells otherwise than their row must not wait for another run."""
    await desk.open()
    async with desk.database.transaction(desk.organization_id) as session:
        await session.execute(text("UPDATE sla_clocks SET metric = 'unknown' || metric"))
        found = await predict_due(session, organization_id=desk.organization_id, now=NOW)
        again = await predict_due(session, organization_id=desk.organization_id, now=NOW)
        await session.rollback()
    assert (found, again) == (Refreshed(looked_at=1, made=0), Refreshed(looked_at=0, made=0))


async def test_a_ticket_is_seen_as_it_is_though_the_desk_was_read_before(desk: Desk) -> None:
    ticket = await desk.open()
    recent = RecentSurroundings()
    scope: dict[str, Any] = {"organization_id": desk.organization_id}

    async def predicted(at: datetime) -> dict[str, Any]:
        common = scope | {"ticket_id": ticket, "now": at, "complete": nothing_more, "recent": recent}
        await predict_breaches(desk.database, **common)
        newest = text("SELECT features FROM breach_predictions WHERE as_of = :at AND metric = 'resolution'")
        async with desk.database.transaction(desk.organization_id) as session:
            return dict(await session.scalar(newest, {"at": at}) or {})

    first = await predicted(NOW + timedelta(seconds=10))
    await desk.open(NOW + timedelta(seconds=15))
    async with desk.database.transaction(desk.organization_id) as session:
        changes = {"category": "hardware"}
        at = NOW + timedelta(seconds=20)
        await set_fields(session, **scope, ticket_id=ticket, changes=changes, actor=desk.agent, now=at)
    second, third = await predicted(NOW + timedelta(seconds=30)), await predicted(NOW + timedelta(seconds=61))
    assert (second["category"], third["category"]) == ("hardware", "hardware")
    assert first["category"] != "hardware"
    # The load of the desk is that of the last full minute.
    assert [one["backlog"] for one in (first, second, third)] == [1, 1, 2]
    assert [datetime.fromisoformat(one["desk_as_of"]) for one in (first, second, third)] == [
        NOW, NOW, NOW + timedelta(minutes=1),
    ]  # fmt: skip


async def test_what_was_read_for_a_minute_does_not_answer_for_an_earlier_one_or_for_others(desk: Desk) -> None:
    recent = RecentSurroundings()
    async with desk.database.transaction(None) as session:
        other = await create_organization(session, slug="other", name="Other")
    await desk.open()
    scope: dict[str, Any] = {"organization_id": desk.organization_id}
    late = await recent.at(desk.database, **scope, now=NOW + timedelta(minutes=5, seconds=59))
    assert late.as_of == NOW + timedelta(minutes=5)
    assert late is await recent.at(desk.database, **scope, now=NOW + timedelta(minutes=5))
    early = await recent.at(desk.database, **scope, now=NOW - timedelta(seconds=1))
    others = await recent.at(desk.database, organization_id=other.id, now=NOW + timedelta(minutes=5))
    load = [one.desk.load(team="", agent="", at=NOW + timedelta(minutes=6)).inflow for one in (late, early, others)]
    assert (load, early.as_of) == ([1, 0, 0], NOW - timedelta(minutes=1))


async def test_nobody_waits_for_the_desk_to_be_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tickets are locked only once all that takes long is there."""
    ticket = await desk.open()
    seen: list[str] = []

    async def read(session: AsyncSession, **scope: Any) -> Surroundings:
        async with desk.database.transaction(desk.organization_id) as another:
            await another.execute(text("SELECT FROM tickets WHERE id = :id FOR UPDATE NOWAIT"), {"id": ticket})
        seen.append("free")
        return await read_surroundings(session, **scope)

    monkeypatch.setattr(commands, "read_surroundings", read)
    assert await desk.due(NOW) == 2
    common: dict[str, Any] = {"ticket_id": ticket, "now": NOW, "complete": nothing_more}
    assert await predict_breaches(desk.database, organization_id=desk.organization_id, **common) == 2
    assert seen == ["free", "free"]
