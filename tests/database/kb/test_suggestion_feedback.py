"""What agents make of suggestions is kept, learnt from and counted."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from helpdesk.kb.suggestions.feedback import SuggestionNotFound, give_feedback
from helpdesk.kb.suggestions.stats import Figures, in_total, suggestion_stats
from helpdesk.tickets.commands import note
from tests.database.desk import NOW
from tests.database.kb.suggesting import Desk, Open, embedding_server, open_desk

__all__ = ["embedding_server", "open_desk"]

SLUG = "vpn-error-hl-809-the-tunnel-drops"
STEPS = "1. Quit the VPN client.\n2. Choose the gateway by hand.\n3. Restart the laptop if HL-809 comes back."
JUDGED = "SELECT source_id, relevant, origin, ticket_id, user_id FROM rag_judgements ORDER BY created_at, origin"


async def _suggested(open_desk: Open) -> tuple[Desk, UUID, UUID]:
    """Return a desk, the article it suggests for a ticket, and the ticket."""
    desk = await open_desk(None)
    article = await desk.publish("VPN error HL-809: the tunnel drops", STEPS)
    ticket_id, _ = await desk.open()
    await desk.suggest(ticket_id)
    return desk, article, ticket_id


async def _say(desk: Desk, suggestion_id: UUID, verdict: Any, comment: str | None = None) -> None:
    assert desk.agent.id is not None
    async with desk.database.transaction(desk.organization_id) as session:
        await give_feedback(
            session,
            organization_id=desk.organization_id,
            suggestion_id=suggestion_id,
            verdict=verdict,
            comment=comment,
            user_id=desk.agent.id,
            now=NOW,
        )


async def test_a_verdict_can_be_changed_is_learnt_from_and_holds_for_the_next_set(open_desk: Open) -> None:
    desk, article, ticket_id = await _suggested(open_desk)
    suggestion = (await desk.suggestions(ticket_id)).items[0]
    await _say(desk, suggestion.id, "useful")
    await _say(desk, suggestion.id, "not_useful", "It is another error.")
    judged = await desk.rows(JUDGED)
    assert [(row["source_id"], row["relevant"], row["origin"], row["user_id"]) for row in judged] == [
        (article, False, "feedback", desk.agent.id)
    ]
    await desk.suggest(ticket_id)
    again = (await desk.suggestions(ticket_id)).items[0]
    assert again.id != suggestion.id
    assert (again.verdict, again.comment, again.verdict_by) == ("not_useful", "It is another error.", desk.agent.id)


async def test_nobody_judges_a_suggestion_of_another_organisation(open_desk: Open) -> None:
    desk, _, ticket_id = await _suggested(open_desk)
    suggestion = (await desk.suggestions(ticket_id)).items[0]
    other = await open_desk(None)
    with pytest.raises(SuggestionNotFound):
        await _say(other, suggestion.id, "useful")
    assert (await desk.suggestions(ticket_id)).items[0].verdict is None


async def test_a_public_reply_that_links_the_article_counts_as_accepting_it(open_desk: Open) -> None:
    desk, article, ticket_id = await _suggested(open_desk)
    unlinked = await desk.publish("Choose the gateway by hand", "The gateway is chosen under Settings.")
    await desk.reply(ticket_id, f"Please see https://desk.example/kb/{SLUG} and /kb/choose-the-gateway-by-hand")
    found = await desk.suggestions(ticket_id)
    assert next(item for item in found.items if item.article_id == article).cited_at == NOW
    judged = {(row["source_id"], row["relevant"], row["origin"]) for row in await desk.rows(JUDGED)}
    assert judged == {(article, True, "citation"), (unlinked, True, "citation")}
    await desk.reply(ticket_id, f"Once more: /kb/{SLUG}")
    assert len(await desk.rows(JUDGED)) == 2


async def test_notes_quotes_and_what_the_requester_writes_are_no_citations(open_desk: Open) -> None:
    desk, _, ticket_id = await _suggested(open_desk)
    async with desk.database.transaction(desk.organization_id) as session:
        await note(
            session,
            organization_id=desk.organization_id,
            ticket_id=ticket_id,
            body=f"Is it /kb/{SLUG}?",
            actor=desk.agent,
            now=NOW,
        )
    await desk.reply(ticket_id, f"No, that is not it.\n\nOn Sun, 22 Nov 2026, Kim wrote:\n> Is it /kb/{SLUG}?")
    assert (await desk.suggestions(ticket_id)).items[0].cited_at is None
    assert await desk.rows(JUDGED) == []


async def test_a_reply_that_is_rolled_back_cites_nothing(open_desk: Open) -> None:
    desk, _, ticket_id = await _suggested(open_desk)
    await desk.solve(ticket_id)
    await desk.rows("UPDATE tickets SET status = 'closed' WHERE id = :id", id=ticket_id)
    with pytest.raises(Exception, match="closed"):
        await desk.reply(ticket_id, f"See /kb/{SLUG}")
    assert await desk.rows(JUDGED) == []


async def test_an_article_that_an_agent_found_takes_the_ticket_out_of_what_is_unanswered(open_desk: Open) -> None:
    desk = await open_desk(None)
    await desk.publish("Order a new keyboard", "Keyboards are ordered in the store.")
    ticket_id, _ = await desk.open(subject="Parking", body="Where may visitors park?")
    await desk.suggest(ticket_id)
    assert len(await desk.rows("SELECT 1 AS one FROM kb_unanswered")) == 1
    await desk.reply(ticket_id, "See /kb/order-a-new-keyboard")
    assert await desk.rows("SELECT 1 AS one FROM kb_unanswered") == []


async def test_a_verdict_and_a_citation_at_once_both_hold(open_desk: Open) -> None:
    desk, _, ticket_id = await _suggested(open_desk)
    suggestion = (await desk.suggestions(ticket_id)).items[0]
    for _ in range(3):
        await asyncio.gather(
            *(_say(desk, suggestion.id, "useful") for _ in range(2)),
            *(desk.reply(ticket_id, f"See /kb/{SLUG}") for _ in range(2)),
        )
    found = (await desk.suggestions(ticket_id)).items[0]
    assert (found.verdict, found.cited_at) == ("useful", NOW)
    assert len(await desk.rows(JUDGED)) == 2


async def test_figures_count_each_article_of_a_ticket_once(open_desk: Open) -> None:
    desk, _, ticket_id = await _suggested(open_desk)
    second, _ = await desk.open()
    third, _ = await desk.open(subject="Parking", body="Where may visitors park?")
    for ticket in (ticket_id, second, third):
        await desk.suggest(ticket, now=NOW + timedelta(minutes=1))
    await _say(desk, (await desk.suggestions(ticket_id)).items[0].id, "useful")
    await _say(desk, (await desk.suggestions(second)).items[0].id, "not_useful")
    await desk.reply(ticket_id, f"See /kb/{SLUG}")
    figures = await _figures(desk)
    assert figures == Figures(
        tickets=3,
        abstained=1,
        shown=2,
        useful=1,
        not_useful=1,
        cited=1,
        judged=2,
        good=1,
        tickets_shown=2,
        tickets_accepted=1,
    )
    assert (figures.precision, figures.acceptance, figures.abstain_rate) == (0.5, 0.5, 0.3333)


async def test_an_organisation_without_suggestions_has_no_figures(open_desk: Open) -> None:
    _, _, _ = await _suggested(open_desk)
    figures = await _figures(await open_desk(None))
    assert figures == Figures()
    assert (figures.precision, figures.acceptance, figures.abstain_rate) == (None, None, None)


async def _figures(desk: Desk) -> Figures:
    async with desk.database.transaction(desk.organization_id) as session:
        weeks = await suggestion_stats(
            session,
            organization_id=desk.organization_id,
            since=NOW - timedelta(days=30),
            until=NOW + timedelta(days=1),
        )
    return in_total(weeks)
