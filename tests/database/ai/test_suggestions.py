from __future__ import annotations

import socket

import pytest

from helpdesk.ai.model import ModelBusy
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.kb.suggestions.suggesting import TicketSettled
from helpdesk.models.values import TicketStatus
from helpdesk.tickets.commands import change_status
from tests.database.ai.desk import AiDesk
from tests.database.desk import NOW

BATTERY_TICKET = {
    "subject": "swollen battery",
    "body": "The battery of my laptop is swollen, the case is bulging and it gets hot. Can I go on charging it?",
}


async def test_the_article_that_answers_is_suggested_first_with_the_reason_why(desk: AiDesk) -> None:
    ticket_id = await desk.open(**BATTERY_TICKET)

    await desk.suggest(ticket_id)

    [made] = await desk.rows("SELECT * FROM kb_suggestion_sets WHERE ticket_id = :id", id=ticket_id)
    assert not made.abstained
    rows = await desk.rows("SELECT * FROM kb_suggestions WHERE set_id = :id ORDER BY rank", id=made.id)
    assert rows[0].title == "Swollen laptop battery: stop and act"
    assert rows[0].relevance == made.best_relevance
    assert "battery" in rows[0].why.lower()
    assert rows[0].article_version == 1


async def test_agents_are_also_shown_what_only_they_may_read(desk: AiDesk) -> None:
    ticket_id = await desk.open(subject="HL-809 for everybody", body="VPN gateway outage, HL-809 hits everybody")

    await desk.suggest(ticket_id)

    titles = {
        row.title for row in await desk.rows("SELECT title FROM kb_suggestions WHERE ticket_id = :id", id=ticket_id)
    }
    assert "Runbook: VPN outage HL-809" in titles


async def test_nothing_suitable_is_an_answer_with_a_reason(desk: AiDesk) -> None:
    ticket_id = await desk.open(subject="canteen", body="Which days is there fish in the canteen this month?")

    await desk.suggest(ticket_id)

    [made] = await desk.rows("SELECT * FROM kb_suggestion_sets WHERE ticket_id = :id", id=ticket_id)
    assert made.abstained
    assert made.reason
    assert await desk.rows("SELECT 1 FROM kb_suggestions WHERE ticket_id = :id", id=ticket_id) == []


async def test_a_later_look_supersedes_the_earlier_one(desk: AiDesk) -> None:
    ticket_id = await desk.open(**BATTERY_TICKET)
    await desk.suggest(ticket_id)
    await desk.suggest(ticket_id)

    rows = await desk.rows("SELECT superseded_at FROM kb_suggestion_sets WHERE ticket_id = :id", id=ticket_id)
    assert sorted(row.superseded_at is None for row in rows) == [False, True]


async def test_the_job_waits_while_there_are_no_vectors(desk: AiDesk) -> None:
    ticket_id = await desk.open(body="Words that nobody has embedded yet.")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{taken.getsockname()[1]}"
        away = connect_models(desk.settings.model_copy(update={"ollama_host": host}))
        with pytest.raises(ModelBusy):
            await desk.suggest(ticket_id, models=away)
        await away.close()


async def test_a_settled_ticket_gets_no_suggestions(desk: AiDesk) -> None:
    ticket_id = await desk.open()
    async with desk.database.transaction(desk.organization_id) as session:
        await change_status(
            session,
            organization_id=desk.organization_id,
            ticket_id=ticket_id,
            to=TicketStatus.SOLVED,
            actor=desk.agent,
            now=NOW,
        )
    with pytest.raises(TicketSettled):
        await desk.suggest(ticket_id)
