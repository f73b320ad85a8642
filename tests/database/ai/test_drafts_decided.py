"""What becomes of drafts: sent as they are, edited, discarded, passed over, replaced."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from helpdesk.database.base import new_id
from helpdesk.models.values import AuthorKind, TicketStatus
from helpdesk.rag.questions import read_question
from helpdesk.replies.commands import (
    PASSED_OVER,
    DraftSettled,
    DraftSuperseded,
    NothingDrafted,
    discard_draft,
    note_reply,
    send_draft,
)
from helpdesk.replies.drafting import Drafting
from helpdesk.replies.pipeline import draft_for
from helpdesk.replies.queries import DraftNotFound, draft_stats, get_draft
from helpdesk.tickets.commands import reply
from helpdesk.tickets.lifecycle import IllegalMove, TicketClosed
from helpdesk.tickets.requests import Actor
from tests.database.ai.desk import AiDesk
from tests.database.ai.test_replies import VPN_TICKET
from tests.database.desk import NOW
from tests.scripted_ollama import says

CANTEEN: dict[str, object] = {"subject": "canteen", "body": "Which days is there fish in the canteen this month?"}
LATER = NOW + timedelta(minutes=5)


async def drafted(desk: AiDesk, ticket: dict[str, object] = VPN_TICKET) -> Any:
    ticket_id = await desk.open(**ticket)
    await desk.draft(ticket_id)
    return await desk.draft_of(ticket_id)


async def send(desk: AiDesk, draft_id: UUID, **given: Any) -> Any:
    async with desk.database.transaction(desk.organization_id) as session:
        sent = await send_draft(
            session,
            organization_id=desk.organization_id,
            draft_id=draft_id,
            actor=desk.agent,
            now=LATER,
            settings=desk.settings,
            **given,
        )
        return sent.message.id


async def discard(desk: AiDesk, draft_id: UUID, reason: str | None = None) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        await discard_draft(
            session,
            organization_id=desk.organization_id,
            draft_id=draft_id,
            actor=desk.agent,
            now=LATER,
            reason=reason,
        )


async def answer_by_hand(desk: AiDesk, ticket_id: UUID, body: str, actor: Actor | None = None) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        message = await reply(
            session,
            organization_id=desk.organization_id,
            ticket_id=ticket_id,
            body=body,
            actor=actor or desk.agent,
            now=LATER,
            settings=desk.settings,
        )
        await note_reply(
            session, organization_id=desk.organization_id, message=message, actor=actor or desk.agent, now=LATER
        )


async def replies_on(desk: AiDesk, ticket_id: UUID) -> list[str]:
    rows = await desk.rows(
        "SELECT body FROM messages WHERE ticket_id = :id AND author_kind = 'agent' ORDER BY created_at, id",
        id=ticket_id,
    )
    return [row.body for row in rows]


async def test_a_draft_sent_as_it_is_counts_as_accepted_and_moves_the_ticket(desk: AiDesk) -> None:
    desk.ollama.always("/api/chat", says({"title": "HL-809 in the hotel", "cites": ["T"]}))
    draft = await drafted(desk)

    message_id = await send(desk, draft.id, status=TicketStatus.PENDING)

    kept = await desk.draft_of(draft.ticket_id)
    assert (kept.state, kept.outcome, kept.edit_distance) == ("sent", "accepted", 0)
    assert (kept.sent_body, kept.sent_message_id, kept.outcome_by) == (draft.body, message_id, desk.agent.id)
    assert await replies_on(desk, draft.ticket_id) == [draft.body]
    [ticket] = await desk.rows("SELECT status FROM tickets WHERE id = :id", id=draft.ticket_id)
    assert ticket.status == "pending"
    [word] = await desk.rows("SELECT * FROM ai_feedback WHERE run_id = :id", id=draft.run_id)
    assert (word.action, word.edit_distance, word.user_id) == ("accept", 0, desk.agent.id)


async def test_a_draft_sent_with_other_words_counts_as_edited_by_their_distance(desk: AiDesk) -> None:
    draft = await drafted(desk)
    body = draft.body.replace("Hello Kim,", "Good morning Kim,")
    await send(desk, draft.id, body=body)
    kept = await desk.draft_of(draft.ticket_id)
    assert (kept.state, kept.outcome, kept.sent_body, kept.body) == ("sent", "edited", body, draft.body)
    assert 0 < kept.edit_distance < 0.1


async def test_sending_twice_sends_once_and_other_words_afterwards_are_refused(desk: AiDesk) -> None:
    draft = await drafted(desk)
    first = await send(desk, draft.id)
    assert await send(desk, draft.id) == first
    assert await send(desk, draft.id, body=draft.body) == first
    assert len(await replies_on(desk, draft.ticket_id)) == 1
    with pytest.raises(DraftSettled):
        await send(desk, draft.id, body="Something else.")
    with pytest.raises(DraftSettled):
        await discard(desk, draft.id)


async def test_of_two_who_send_at_the_same_moment_one_message_comes(desk: AiDesk) -> None:
    draft = await drafted(desk)
    sent = await asyncio.gather(send(desk, draft.id), send(desk, draft.id))
    assert sent[0] == sent[1]
    assert len(await replies_on(desk, draft.ticket_id)) == 1


async def test_of_sending_and_discarding_at_the_same_moment_one_wins(desk: AiDesk) -> None:
    draft = await drafted(desk)
    outcomes = await asyncio.gather(send(desk, draft.id), discard(desk, draft.id), return_exceptions=True)
    assert [isinstance(one, DraftSettled) for one in outcomes].count(True) == 1
    kept = await desk.draft_of(draft.ticket_id)
    assert len(await replies_on(desk, draft.ticket_id)) == (1 if kept.state == "sent" else 0)


async def test_a_draft_that_cannot_move_the_ticket_is_not_sent_at_all(desk: AiDesk) -> None:
    draft = await drafted(desk)
    await send(desk, draft.id, status=TicketStatus.SOLVED)
    other = await drafted(desk)
    with pytest.raises(IllegalMove):
        await send(desk, other.id, status=TicketStatus.NEW)
    assert await replies_on(desk, other.ticket_id) == []
    assert (await desk.draft_of(other.ticket_id)).state == "drafted"


async def test_a_discarded_draft_keeps_the_reason_and_is_not_sent(desk: AiDesk) -> None:
    draft = await drafted(desk)
    await discard(desk, draft.id, "wrong hotel")
    await discard(desk, draft.id, "another reason")
    kept = await desk.draft_of(draft.ticket_id)
    assert (kept.state, kept.outcome, kept.discard_reason) == ("discarded", "discarded", "wrong hotel")
    with pytest.raises(DraftSettled):
        await send(desk, draft.id)


async def test_a_draft_that_a_later_one_replaced_is_refused(desk: AiDesk) -> None:
    draft = await drafted(desk)
    await desk.draft(draft.ticket_id)
    with pytest.raises(DraftSuperseded):
        await send(desk, draft.id)
    with pytest.raises(DraftSuperseded):
        await discard(desk, draft.id)


async def test_an_abstention_cannot_be_sent(desk: AiDesk) -> None:
    draft = await drafted(desk, CANTEEN)
    with pytest.raises(NothingDrafted):
        await send(desk, draft.id, body="There is fish on Fridays.")
    assert await replies_on(desk, draft.ticket_id) == []


async def test_a_closed_ticket_takes_no_draft(desk: AiDesk) -> None:
    draft = await drafted(desk)
    await desk.execute("UPDATE tickets SET status = 'closed' WHERE id = :id", id=draft.ticket_id)
    with pytest.raises(TicketClosed):
        await send(desk, draft.id)


async def test_a_reply_by_hand_that_is_close_to_the_draft_counts_as_the_draft_edited(desk: AiDesk) -> None:
    draft = await drafted(desk)
    await answer_by_hand(desk, draft.ticket_id, draft.body + "\n\nCall me if it does not work.")
    kept = await desk.draft_of(draft.ticket_id)
    assert (kept.state, kept.outcome) == ("sent", "edited")
    assert 0 < kept.edit_distance < 0.5


async def test_another_reply_by_hand_passes_the_draft_over(desk: AiDesk) -> None:
    draft = await drafted(desk)
    await answer_by_hand(desk, draft.ticket_id, "Please come by with your laptop.")
    kept = await desk.draft_of(draft.ticket_id)
    assert (kept.state, kept.outcome, kept.discard_reason, kept.sent_body) == (
        "discarded",
        "discarded",
        PASSED_OVER,
        None,
    )


async def test_what_the_customer_writes_decides_nothing(desk: AiDesk) -> None:
    draft = await drafted(desk)
    await answer_by_hand(desk, draft.ticket_id, "It works by now.", Actor(AuthorKind.CUSTOMER))
    assert (await desk.draft_of(draft.ticket_id)).state == "drafted"


async def test_figures_tell_what_became_of_drafts_by_model_prompt_and_category(desk: AiDesk) -> None:
    desk.ollama.always("/api/chat", says({"title": "HL-809 in the hotel", "cites": ["T"]}))
    accepted, edited, discarded = [await drafted(desk) for _ in range(3)]
    waiting = await drafted(desk)
    await desk.draft(waiting.ticket_id)
    await drafted(desk, CANTEEN)
    await send(desk, accepted.id)
    await send(desk, edited.id, body=edited.body + " Call me.")
    await discard(desk, discarded.id)

    async with desk.database.transaction(desk.organization_id) as session:
        span = {"since": NOW - timedelta(days=1), "until": NOW + timedelta(days=1)}
        stats = await draft_stats(session, organization_id=desk.organization_id, **span)
        none = await draft_stats(
            session, organization_id=desk.organization_id, since=NOW - timedelta(days=9), until=NOW - timedelta(days=8)
        )

    total = stats.total
    assert (total.made, total.abstained, total.accepted, total.edited, total.discarded) == (6, 1, 1, 1, 1)
    assert (total.superseded, total.waiting) == (1, 1)
    assert total.acceptance == 0.6667
    assert total.median_edit_distance is not None
    assert 0 < total.median_edit_distance < 0.1
    prompts = {(one.key["prompt_id"], one.key["prompt_version"]): one.made for one in stats.by_prompt}
    assert prompts == {("reply-topic", 1): 5, (None, None): 1}
    assert {one.key["method"]: one.made for one in stats.by_method} == {"model": 5, "extractive": 1}
    assert sum(one.made for one in stats.by_model) == sum(one.made for one in stats.by_category) == 6
    assert (none.total.made, none.total.acceptance, none.by_model) == (0, None, [])


async def test_another_organisation_neither_reads_nor_decides(desk: AiDesk) -> None:
    draft = await drafted(desk)
    stranger = new_id()
    async with desk.database.transaction(stranger) as session:
        with pytest.raises(DraftNotFound):
            await get_draft(session, organization_id=stranger, draft_id=draft.id)
        with pytest.raises(DraftNotFound):
            await send_draft(
                session,
                organization_id=stranger,
                draft_id=draft.id,
                actor=desk.agent,
                now=LATER,
                settings=desk.settings,
            )
        stats = await draft_stats(
            session, organization_id=stranger, since=NOW - timedelta(days=1), until=NOW + timedelta(days=1)
        )
    assert stats.total.made == 0
    assert (await desk.draft_of(draft.ticket_id)).state == "drafted"


async def test_a_draft_for_evaluation_is_the_same_and_leaves_nothing(desk: AiDesk) -> None:
    stored = await drafted(desk)
    async with desk.database.transaction(desk.organization_id) as session:
        question = await read_question(session, organization_id=desk.organization_id, ticket_id=stored.ticket_id)
    before = await desk.rows("SELECT count(*) FROM reply_drafts UNION ALL SELECT count(*) FROM ai_runs")
    drafting = Drafting(desk.database, desk.models, desk.settings, desk.organization_id, NOW)
    made = await draft_for(drafting, question)
    assert [sentence["text"] for sentence in made.sentences] == [sentence["text"] for sentence in stored.sentences]
    assert await desk.rows("SELECT count(*) FROM reply_drafts UNION ALL SELECT count(*) FROM ai_runs") == before
