"""The job that keeps predictions in step with time, run by a worker."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

import workers.handlers  # noqa: F401 (registers them)
from helpdesk.database.engine import Database
from helpdesk.database.engine import transaction_time as time_of
from helpdesk.models.values import TicketPriority
from helpdesk.queue.catalog import RefreshPredictions
from helpdesk.queue.enqueue import enqueue
from helpdesk.settings import Settings
from helpdesk.sla.clocks.queries import clocks_of
from helpdesk.sla.prediction.commands import predict_due
from helpdesk.tickets.commands import open_ticket
from tests.database.desk import open_a_desk, vpn_ticket
from tests.database.queue.jobs import link, until, working
from workers.handlers import refresh_predictions
from workers.registry import handlers


async def test_the_job_predicts_what_is_due_up_to_a_bound(
    database: Database, organization_id: UUID, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await open_a_desk(database, organization_id)
    async with database.transaction(organization_id) as session:
        ticket = await open_ticket(
            session,
            organization_id=organization_id,
            new=vpn_ticket(priority=TicketPriority.LOW),
            actor=agent,
            now=await time_of(session),
            settings=settings,
        )
    async with link(settings) as connection, working(settings, handlers, types=["REFRESH_PREDICTIONS"]):
        for bound, predicted in ((1, 2), (50, 0)):
            monkeypatch.setattr(refresh_predictions, "_MOST_ROUNDS", bound)
            async with database.transaction(organization_id) as session:
                job = await enqueue(session, RefreshPredictions(), organization_id=organization_id)
            done = await until(connection, job, "completed")
            assert json.loads(done["result"]) == {"predicted": predicted}
    async with database.transaction(organization_id) as session:
        clocks = await clocks_of(session, organization_id=organization_id, ticket_ids=[ticket.id])
    assert {clock.prediction is not None for clock in clocks[ticket.id]} == {True}


async def test_the_job_goes_on_after_a_round_that_only_put_clocks_off(
    database: Database, organization_id: UUID, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await open_a_desk(database, organization_id)
    async with database.transaction(organization_id) as session:
        now = await time_of(session)
        scope: dict[str, Any] = {"organization_id": organization_id, "actor": agent, "now": now, "settings": settings}
        odd = await open_ticket(session, new=vpn_ticket(), **scope)
        await open_ticket(session, new=vpn_ticket(), **scope)
        # Its log tells of no such clocks; and it comes first.
        await session.execute(
            text(
                "UPDATE sla_clocks SET metric = 'odd_' || metric, predict_again_at = predict_again_at - interval '1 h'"
                " WHERE ticket_id = :odd"
            ),
            {"odd": odd.id},
        )
    monkeypatch.setattr(refresh_predictions, "predict_due", partial(predict_due, limit=1))
    async with link(settings) as connection, working(settings, handlers, types=["REFRESH_PREDICTIONS"]):
        async with database.transaction(organization_id) as session:
            job = await enqueue(session, RefreshPredictions(), organization_id=organization_id)
        done = await until(connection, job, "completed")
    assert json.loads(done["result"]) == {"predicted": 2}
