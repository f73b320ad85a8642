"""Fitting an organisation's own estimator, and predicting by it from nothing but what was known."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Mapping
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
from helpdesk.learned_models.store import claim_version
from helpdesk.learned_models.versions import champion_of, list_versions
from helpdesk.models.values import TicketPriority, TicketStatus
from helpdesk.queue.catalog import FitBreachRisk
from helpdesk.queue.enqueue import enqueue
from helpdesk.settings import Settings
from helpdesk.sla.prediction import champion
from helpdesk.sla.prediction.commands import predict_breaches, predict_due
from helpdesk.sla.prediction.judging import judge_tickets
from helpdesk.sla.prediction.learning import FitReport, Fitting
from helpdesk.sla.prediction.model import KIND, HazardModel
from helpdesk.tickets.commands import assign, change_status, open_ticket, reply
from helpdesk.tickets.fields import set_fields
from helpdesk.tickets.requests import Actor
from tests import warm
from tests.database.desk import NOW, open_a_desk, vpn_ticket
from tests.database.queue.jobs import link, until, working
from tests.database.sla.past import add_past
from workers.registry import handlers

HOUR = timedelta(hours=1)
PAST = 150


@dataclass
class Desk:
    database: Database
    settings: Settings
    organization_id: UUID
    agent: Actor

    async def fit(self, *, now: datetime = NOW, least: int = 100) -> FitReport:
        async def run(function: Callable[..., Any], *arguments: Any) -> Any:
            return await asyncio.to_thread(function, *arguments)

        async def tell(_percent: float, _message: str) -> None:
            """Tell nobody."""

        async def complete(_session: AsyncSession, result: Mapping[str, Any]) -> None:
            json.dumps(result, allow_nan=False)

        return await Fitting(
            self.database, self.organization_id, now, run=run, tell=tell, complete=complete, least_clocks=least
        ).fit()

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
        return ticket.id

    async def judge(self, ticket: UUID, now: datetime) -> dict[tuple[str, int], Any]:
        async with self.database.transaction(self.organization_id) as session:
            return await judged(session, self.organization_id, ticket, now)


Clocks = dict[tuple[str, int], Any]


async def judged(session: AsyncSession, organization_id: UUID, ticket: UUID, now: datetime) -> Clocks:
    """Return (probability, reasons, features, interval) of each running clock."""
    found = await judge_tickets(session, organization_id=organization_id, ticket_ids=[ticket], now=now)
    return {
        (one.seen.metric, one.seen.instance): (
            one.estimate.probability,
            one.estimate.reasons,
            vars(one.seen.features),
            one.ends_from,
            one.ends_until,
        )
        for one in found.clocks
    }


@pytest.fixture
async def desk(database: Database, settings: Settings, organization_id: UUID) -> Desk:
    return Desk(database, settings, organization_id, await open_a_desk(database, organization_id))


@pytest.fixture
async def old_desk(desk: Desk) -> Desk:
    await add_past(desk.database, desk.organization_id, desk.agent, tickets=PAST)
    return desk


async def test_with_few_ended_clocks_nothing_is_fitted_and_the_report_says_so(desk: Desk) -> None:
    await add_past(desk.database, desk.organization_id, desk.agent, tickets=3)
    report = await desk.fit(least=500)
    assert (report.clocks, report.promoted) == (6, False)
    assert report.reason == "6 clocks have ended; from 500 on there is enough to learn from."
    async with desk.database.transaction(desk.organization_id) as session:
        model = await champion.current_model(session, organization_id=desk.organization_id, ended=())
    assert isinstance(model, HazardModel)


async def test_an_estimator_is_fitted_promoted_and_predicts_by_category(old_desk: Desk) -> None:
    report = await old_desk.fit()
    assert report.promoted, report.reason
    assert report.figures["auc"] > 0.8
    slow, quick = await old_desk.open(category="hardware"), await old_desk.open(category="network")
    now = NOW + HOUR
    likely, reasons, *_ = (await old_desk.judge(slow, now))["resolution", 1]
    unlikely, *_ = (await old_desk.judge(quick, now))["resolution", 1]
    assert likely > 0.6 > 0.4 > unlikely
    assert any("category" in reason["sentence"] for reason in reasons), reasons


async def test_predictions_name_their_model_and_the_interval_is_in_the_future(old_desk: Desk) -> None:
    await old_desk.fit()
    ticket = await old_desk.open(category="hardware")

    async def nothing_more(_session: AsyncSession) -> None:
        """Stand where a job would be completed."""

    now = NOW + timedelta(minutes=10)
    await predict_breaches(
        old_desk.database, organization_id=old_desk.organization_id, ticket_id=ticket, now=now, complete=nothing_more
    )
    stored = text("SELECT metric, model, model_version, ends_from, ends_until FROM breach_predictions ORDER BY metric")
    async with old_desk.database.transaction(old_desk.organization_id) as session:
        rows = (await session.execute(stored)).all()
    assert [(row.metric, row.model, row.model_version) for row in rows] == [
        ("first_response", "breach-1 (lightgbm)", 1),
        ("resolution", "breach-1 (lightgbm)", 1),
    ]
    assert all(now <= row.ends_from <= row.ends_until for row in rows)


async def test_a_clock_at_risk_is_predicted_again_within_a_quarter_of_an_hour(old_desk: Desk) -> None:
    await old_desk.fit()
    now = NOW + HOUR
    tickets = {name: await old_desk.open(category=name) for name in ("hardware", "network")}
    planned = text(
        "SELECT ticket_id, predict_again_at FROM sla_clocks WHERE metric = 'resolution' AND predicted_at = :at"
    )
    async with old_desk.database.transaction(old_desk.organization_id) as session:
        await session.execute(text("UPDATE sla_clocks SET predict_again_at = start_at WHERE predicted_at IS NULL"))
        await predict_due(session, organization_id=old_desk.organization_id, now=now)
        again = {row.ticket_id: row.predict_again_at - now for row in await session.execute(planned, {"at": now})}
    assert again[tickets["hardware"]] == timedelta(minutes=15)
    assert again[tickets["network"]] > timedelta(minutes=15)


async def live_through(desk: Desk, ticket: UUID, opened_at: datetime) -> list[datetime]:
    """Let all sorts of things happen to a ticket, and return when."""
    scope: dict[str, Any] = {"organization_id": desk.organization_id, "ticket_id": ticket}
    steps: list[Callable[[AsyncSession, datetime], Any]] = [
        lambda s, at: set_fields(s, **scope, changes={"category": "hardware"}, actor=desk.agent, now=at),
        lambda s, at: reply(
            s, **scope, body="Have you tried another cable?", actor=desk.agent, now=at, settings=desk.settings
        ),
        lambda s, at: assign(s, **scope, changes={"assignee": desk.agent.id}, actor=desk.agent, now=at),
        lambda s, at: set_fields(s, **scope, changes={"priority": TicketPriority.HIGH}, actor=desk.agent, now=at),
        lambda s, at: change_status(s, **scope, to=TicketStatus.PENDING, actor=desk.agent, now=at),
        lambda s, at: change_status(s, **scope, to=TicketStatus.OPEN, actor=desk.agent, now=at),
        lambda s, at: set_fields(s, **scope, changes={"team": "network", "type": "request"}, actor=desk.agent, now=at),
        lambda s, at: change_status(s, **scope, to=TicketStatus.SOLVED, actor=desk.agent, now=at),
        lambda s, at: change_status(s, **scope, to=TicketStatus.OPEN, actor=desk.agent, now=at),
    ]
    times = []
    for number, step in enumerate(steps, start=1):
        at = opened_at + number * timedelta(minutes=25)
        async with desk.database.transaction(desk.organization_id) as session:
            await step(session, at)
        times.append(at)
    return times


# Everything that happened after a moment, in every table that predictions could look at.
FORGET = """
    DELETE FROM ticket_events WHERE occurred_at > :at;
    DELETE FROM messages WHERE created_at > :at;
    DELETE FROM tickets WHERE created_at > :at;
    DELETE FROM sla_clocks WHERE start_at > :at;
    DELETE FROM sla_events;
    DELETE FROM breach_predictions;
    DELETE FROM triage_predictions;
"""
# Columns that tell how things stand now, spoilt where they may have changed since.
SPOIL = """
    UPDATE tickets SET priority = 'low', type = 'problem', status = 'closed', category_id = NULL, team_id = NULL,
           assignee_id = NULL, company_id = NULL, tags = '{spoilt}', solved_at = :at + interval '1 day',
           reopen_count = 77, first_public_reply_at = :at + interval '1 hour', resolution = 'spoilt', subject = 'spoilt'
     WHERE id = :ticket;
    UPDATE sla_clocks SET state = 'stopped', outcome = 'breached', breached = true,
           breached_at = :at + interval '1 hour', stopped_at = :at + interval '2 hours', elapsed_s = 1, remaining_s = 1,
           target_s = 1, due_open_s = 0, due_at = :at - interval '1 day', breach_probability = 1
     WHERE coalesce(stopped_at, 'infinity') > :at AND coalesce(breached_at, 'infinity') > :at;
    UPDATE tickets SET status = 'closed', solved_at = :at + interval '1 day', team_id = NULL, assignee_id = NULL,
           category_id = NULL, priority = 'low', type = 'problem', reopen_count = 77
     WHERE updated_at > :at;
"""


async def test_what_happened_later_changes_no_score(old_desk: Desk) -> None:
    """Forget and spoil all that came after several moments, and get the same features, scores, reasons and interval."""
    await old_desk.fit(now=NOW - timedelta(days=1))
    opened_at = NOW
    ticket = await old_desk.open(opened_at)
    for minutes in (5, 40, 90):
        await old_desk.open(opened_at + timedelta(minutes=minutes), category="hardware", team="network")
    times = await live_through(old_desk, ticket, opened_at)
    draw = random.Random(4)
    moments = [opened_at, *(at + timedelta(minutes=draw.randrange(0, 25)) for at in times)]
    for at in moments:
        before = await old_desk.judge(ticket, at)
        async with old_desk.database.transaction(old_desk.organization_id) as session:
            for statement in [*FORGET.split(";")[:-1], *SPOIL.split(";")[:-1]]:
                names = {"at": at, "ticket": ticket}
                used = {name: value for name, value in names.items() if f":{name}" in statement}
                await session.execute(text(statement.replace(":at", "CAST(:at AS timestamptz)")), used)
            after = await judged(session, old_desk.organization_id, ticket, at)
            await session.rollback()
        assert after == before, at


async def test_the_moments_learnt_from_know_only_what_was_known(old_desk: Desk) -> None:
    """What the log said later of an open ticket does not reach the rows of an earlier moment."""
    ticket = await old_desk.open(NOW - timedelta(days=2))
    early = await old_desk.judge(ticket, NOW - timedelta(days=2) + timedelta(minutes=5))
    await live_through(old_desk, ticket, NOW - timedelta(days=2) + timedelta(hours=1))
    assert await old_desk.judge(ticket, NOW - timedelta(days=2) + timedelta(minutes=5)) == early


# As logs were written before they told how a ticket was opened, and what an assignment changed.
OLD_FORM = """
    UPDATE ticket_events SET data = data - 'type' - 'category' - 'team' - 'company' WHERE kind = 'ticket.opened';
    UPDATE ticket_events SET data = data - 'from' WHERE kind = 'ticket.assigned';
"""


@pytest.mark.parametrize("old_assignments", [False, True])
async def test_an_older_log_does_not_tell_an_earlier_moment_of_later_changes(desk: Desk, old_assignments: bool) -> None:
    """What the opening leaves out is what the first later change found, and unknown where that does not say."""
    opened_at = NOW - timedelta(days=2)
    at = opened_at + timedelta(minutes=5)
    ticket = await desk.open(opened_at, category="network", team="network", type="incident")
    names = ("priority", "type", "category", "team")

    async def known() -> dict[tuple[str, int], dict[str, str]]:
        found = await desk.judge(ticket, at)
        return {clock: {name: features[name] for name in names} for clock, (_, _, features, *_) in found.items()}

    async def forget() -> None:
        async with desk.database.transaction(desk.organization_id) as session:
            for statement in OLD_FORM.split(";")[: 1 + old_assignments]:
                await session.execute(text(statement))

    told = await known()
    opening = {"type": "incident", "category": "network", "team": "network"}
    assert [one | opening for one in told.values()] == list(told.values())
    assert len(told) == 2
    await forget()
    # Nothing has changed yet: it is what the ticket says.
    assert await known() == told
    await live_through(desk, ticket, opened_at)
    await forget()
    unknown = {"team": ""} if old_assignments else {}
    assert await known() == {clock: one | unknown for clock, one in told.items()}


async def test_a_second_fit_keeps_what_is_in_use_where_nothing_was_learnt_since(old_desk: Desk) -> None:
    assert (await old_desk.fit()).promoted
    again = await old_desk.fit(now=NOW + HOUR)
    assert (again.promoted, again.reason) == (False, "Hardly anything has been learnt since.")
    async with old_desk.database.transaction(old_desk.organization_id) as session:
        versions = await list_versions(session, organization_id=old_desk.organization_id, kind=KIND)
    assert [(one.version, one.state) for one in versions] == [(1, "champion")]


async def test_after_a_week_the_same_trees_are_set_right_by_the_last_weeks(old_desk: Desk) -> None:
    assert (await old_desk.fit()).promoted
    report = await old_desk.fit(now=NOW + timedelta(days=8))
    assert report.promoted, report.reason
    assert report.reason.startswith("The same trees")
    async with old_desk.database.transaction(old_desk.organization_id) as session:
        in_use = await champion_of(session, organization_id=old_desk.organization_id, kind=KIND)
    assert in_use is not None
    assert (in_use.version, in_use.metrics["calibrated"] > in_use.metrics["until"]) == (2, True)


async def test_a_fit_by_two_workers_is_done_by_one(old_desk: Desk) -> None:
    async with old_desk.database.transaction(old_desk.organization_id) as session:
        claim = await claim_version(session, organization_id=old_desk.organization_id, kind=KIND, now=NOW)
    assert claim is not None
    assert (await old_desk.fit()).reason == "Another worker is at it."


async def test_a_model_of_a_library_that_is_not_here_leaves_the_table_of_hazards(
    old_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await old_desk.fit()
    champion._loaded.clear()
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    ticket = await old_desk.open()
    async with old_desk.database.transaction(old_desk.organization_id) as session:
        judged = await judge_tickets(
            session, organization_id=old_desk.organization_id, ticket_ids=[ticket], now=NOW + HOUR
        )
    assert isinstance(judged.model, HazardModel)
    assert judged.model.reason == "Version 1 cannot be read here: LightGBM is not installed."
    assert len(judged.clocks) == 2


async def test_one_organisation_s_model_and_past_are_not_another_s(old_desk: Desk) -> None:
    await old_desk.fit()
    async with old_desk.database.transaction(None) as session:
        other = await create_organization(session, slug="other", name="Other")
    async with old_desk.database.transaction(other.id) as session:
        model = await champion.current_model(session, organization_id=other.id, ended=())
        ticket = await old_desk.open()
        judged = await judge_tickets(session, organization_id=other.id, ticket_ids=[ticket], now=NOW + HOUR)
    assert isinstance(model, HazardModel)
    assert judged.clocks == []


async def test_a_worker_fits_and_says_what_came_of_it(desk: Desk) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        job = await enqueue(session, FitBreachRisk(), organization_id=desk.organization_id)
    fast = desk.settings.model_copy(update={"poll_interval": 0.05})
    async with working(fast, handlers, types=["FIT_BREACH_RISK"]), link(desk.settings) as connection:
        done = await until(connection, job, "completed", within_s=20)
    result = json.loads(done["result"])
    assert (result["clocks"], result["promoted"], result["library"]) == (0, False, "lightgbm")


def command(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return warm.run(
        "helpdesk.cli",
        "sla",
        *arguments,
        environment=os.environ | {"ATUM_DATABASE_URL": settings.database_url},
        timeout=120,
    )


async def test_the_command_line_tells_what_predicts_and_what_it_says(old_desk: Desk) -> None:
    before = await asyncio.to_thread(command, old_desk.settings, "risk")
    assert before.returncode == 0, before.stderr
    assert before.stdout.startswith("hazard-table-1 predicts. No estimator has been fitted yet.\nlightgbm grows trees")
    assert "300 clocks have ended; an estimator is fitted from 500 on." in before.stdout
    await old_desk.fit()
    await old_desk.open(category="hardware")
    after = json.loads((await asyncio.to_thread(command, old_desk.settings, "risk", "--json")).stdout)
    assert (after["model"], after["versions"][0]["state"], after["versions"][0]["trained_on"] > 300) == (
        "breach-1 (lightgbm)",
        "champion",
        True,
    )
    number = str(PAST + 1)
    said = await asyncio.to_thread(command, old_desk.settings, "predict", number, "--as-of", "2026-03-03T10:00:00Z")
    assert said.returncode == 0, said.stderr
    assert "by breach-1 (lightgbm)" in said.stdout
    assert "likely to breach" in said.stdout
    foretold = command(old_desk.settings, "predict", number, "--as-of", "2026-03-03T10:00:00Z", "--json")
    first, _ = json.loads(foretold.stdout)["clocks"]
    assert (first["metric"], first["as_of"]) == ("first_response", "2026-03-03T10:00:00Z")
    unknown = await asyncio.to_thread(command, old_desk.settings, "predict", "99999")
    assert (unknown.returncode, unknown.stdout) == (1, "")
