"""Drafts that come too late: somebody answered or settled the ticket while they were made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from helpdesk.events.conversation import TicketAnswered
from helpdesk.models.values import TicketStatus
from helpdesk.replies.drafting import Drafting
from helpdesk.replies.events import Event, SourcesFound
from helpdesk.replies.style import NOTHING_SPECIAL
from helpdesk.replies.telling import begin_telling, tell_draft
from helpdesk.tickets.commands import change_status, note
from helpdesk.tickets.lifecycle import TicketClosed
from tests.database.ai.desk import AiDesk
from tests.database.ai.test_drafts_decided import LATER, answer_by_hand, drafted, send
from tests.database.ai.test_replies import VPN_TICKET
from tests.database.desk import NOW

Meanwhile = Callable[[AiDesk, UUID], Awaitable[object]]


async def by_hand(desk: AiDesk, ticket_id: UUID) -> None:
    await answer_by_hand(desk, ticket_id, "Please come by with your laptop.")


async def with_the_draft(desk: AiDesk, ticket_id: UUID) -> None:
    await send(desk, (await desk.draft_of(ticket_id)).id)


async def settled(desk: AiDesk, ticket_id: UUID) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        await change_status(
            session,
            organization_id=desk.organization_id,
            ticket_id=ticket_id,
            to=TicketStatus.SOLVED,
            actor=desk.agent,
            now=LATER,
        )


async def noted(desk: AiDesk, ticket_id: UUID) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        await note(
            session,
            organization_id=desk.organization_id,
            ticket_id=ticket_id,
            body="I have a look.",
            actor=desk.agent,
            now=LATER,
        )


async def told(desk: AiDesk, ticket_id: UUID, meanwhile: Meanwhile) -> list[Event]:
    """Draft while somebody waits; something happens as soon as sources are found."""
    drafting = Drafting(desk.database, desk.models, desk.settings, desk.organization_id, NOW)
    async with desk.database.transaction(desk.organization_id) as session:
        setting = await begin_telling(session, drafting, ticket_id=ticket_id, wanted=NOTHING_SPECIAL)
    events: list[Event] = []
    async for event in tell_draft(drafting, setting):
        events.append(event)
        if isinstance(event, SourcesFound):
            await meanwhile(desk, ticket_id)
    return events


async def drafts_of(desk: AiDesk, ticket_id: UUID) -> list[Any]:
    return list(await desk.rows("SELECT * FROM reply_drafts WHERE ticket_id = :id", id=ticket_id))


@pytest.mark.parametrize(
    ("meanwhile", "refusal", "state"),
    [
        (with_the_draft, TicketAnswered, "sent"),
        (by_hand, TicketAnswered, "discarded"),
        (settled, TicketClosed, "drafted"),
    ],
)
async def test_a_draft_that_was_overtaken_does_not_take_the_place_of_the_one_before(
    desk: AiDesk, meanwhile: Meanwhile, refusal: type[Exception], state: str
) -> None:
    before = await drafted(desk)
    with pytest.raises(refusal):
        await told(desk, before.ticket_id, meanwhile)
    [kept] = await drafts_of(desk, before.ticket_id)
    assert (kept.id, kept.state, kept.superseded_at) == (before.id, state, None)


async def test_an_internal_note_and_an_answer_from_before_overtake_nothing(desk: AiDesk) -> None:
    before = await drafted(desk)
    await by_hand(desk, before.ticket_id)
    await told(desk, before.ticket_id, noted)
    assert len(await drafts_of(desk, before.ticket_id)) == 2


async def test_a_preliminary_draft_that_was_sent_stays_and_the_call_for_a_better_one_is_recorded(
    desk: AiDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from helpdesk.replies import pipeline

    ask = pipeline.ask_for_topic
    ticket_id = await desk.open(**VPN_TICKET)

    async def asked(*given: Any, **named: Any) -> Any:
        await with_the_draft(desk, ticket_id)
        await settled(desk, ticket_id)
        return await ask(*given, **named)

    monkeypatch.setattr(pipeline, "ask_for_topic", asked)
    await desk.draft(ticket_id)
    [kept] = await drafts_of(desk, ticket_id)
    assert (kept.state, kept.superseded_at) == ("sent", None)
    assert len(await desk.rows("SELECT 1 FROM ai_runs WHERE ticket_id = :id AND kind = 'reply'", id=ticket_id)) == 1
