"""What is suggested for a ticket, why, and what is said where there is nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.ai.model import ModelBusy
from helpdesk.database.base import new_id
from helpdesk.kb.suggestions.floor import floor_for
from helpdesk.rag.retrieval.fusion_weights import RELEVANCE_FLOOR
from tests.database.desk import NOW
from tests.database.kb.suggesting import Desk, Open, embedding_server, open_desk

__all__ = ["embedding_server", "open_desk"]

STEPS = "1. Quit the VPN client.\n2. Choose the gateway by hand.\n3. Restart the laptop if HL-809 comes back."


class _Away:
    """A runtime that does not answer."""

    async def identify(self, *, fresh: bool = False) -> Any:
        raise ModelBusy("The model runtime is away.", retry_after=5)

    async def embed(self, texts: Any) -> Any:
        raise ModelBusy("The model runtime is away.", retry_after=5)


async def test_each_suggestion_says_why_which_version_and_where(open_desk: Open) -> None:
    desk = await open_desk(None)
    article = await desk.publish("VPN error HL-809: the tunnel drops", STEPS, products=("VPN client",))
    ticket_id, _ = await desk.open(body="The VPN client shows HL-809 and the tunnel drops.")
    await desk.suggest(ticket_id)
    found = await desk.suggestions(ticket_id)
    first = found.items[0]
    assert (first.article_id, first.article_version, first.verdict) == (article, 1, None)
    assert "the code “HL-809”" in first.why
    assert "“VPN client”" in first.why
    assert first.highlights
    assert all("".join(first.snippet[start:end].split()) for start, end in first.highlights)
    assert (found.of.floor, found.of.abstained) == (RELEVANCE_FLOOR, False)
    assert found.of.floor_reason.startswith("The shipped floor of 0.30: 0 of the 30")
    assert await desk.rows("SELECT 1 AS one FROM kb_unanswered") == []


async def test_at_most_five_articles_are_suggested(open_desk: Open) -> None:
    desk = await open_desk(None)
    for number in range(7):
        await desk.publish(f"VPN error HL-809 at site {number}", STEPS)
    ticket_id, _ = await desk.open(body="HL-809: the VPN tunnel drops, I quit the client and restarted the laptop.")
    await desk.suggest(ticket_id)
    found = await desk.suggestions(ticket_id)
    assert [item.rank for item in found.items] == [1, 2, 3, 4, 5]


async def test_where_nothing_fits_it_says_so_names_the_nearest_and_remembers_the_question(open_desk: Open) -> None:
    desk = await open_desk(None)
    await desk.publish("Order a new keyboard", "Keyboards are ordered in the store. Delivery takes two days.")
    ticket_id, _ = await desk.open(subject="Parking", body="Where may visitors park? Call me at +43 660 1234567.")
    await desk.suggest(ticket_id)
    found = await desk.suggestions(ticket_id)
    assert (list(found.items), found.of.abstained) == ([], True)
    assert "below 0.30" in found.of.reason
    kept = await desk.rows("SELECT origin, text, ticket_id, times, best_relevance FROM kb_unanswered")
    assert [(row["origin"], row["ticket_id"], row["times"]) for row in kept] == [("ticket", ticket_id, 1)]
    assert "[phone]" in kept[0]["text"]
    assert [miss["title"] for miss in found.of.misses] == ["Order a new keyboard"]
    assert kept[0]["best_relevance"] == pytest.approx(found.of.misses[0]["relevance"], abs=1e-3)

    await desk.suggest(ticket_id)
    assert len(await desk.rows("SELECT 1 AS one FROM kb_unanswered")) == 1
    await desk.publish("Where visitors may park", "Visitors park on deck 2. Reception opens the barrier.")
    await desk.suggest(ticket_id)
    assert await desk.rows("SELECT 1 AS one FROM kb_unanswered") == []


async def test_a_ticket_that_waits_for_its_vector_gets_what_words_find_and_later_the_rest(open_desk: Open) -> None:
    desk = await open_desk(None)
    await desk.publish("VPN error HL-809: the tunnel drops", STEPS)
    ticket_id, _ = await desk.open()
    real, desk.embedder.inner = desk.embedder.inner, _Away()  # type: ignore[assignment]
    with pytest.raises(ModelBusy):
        await desk.suggest(ticket_id, asked_at=NOW - timedelta(seconds=5))
    assert await desk.rows("SELECT 1 AS one FROM kb_suggestion_sets") == []
    for seconds in (15, 45):
        with pytest.raises(ModelBusy):
            await desk.suggest(ticket_id, asked_at=NOW - timedelta(seconds=seconds))
    by_words = await desk.suggestions(ticket_id)
    assert (by_words.of.degraded, by_words.items[0].title) == (True, "VPN error HL-809: the tunnel drops")
    assert len(await desk.rows("SELECT 1 AS one FROM kb_suggestion_sets")) == 1

    desk.embedder.inner = real
    await desk.suggest(ticket_id, asked_at=NOW - timedelta(seconds=75))
    found = await desk.suggestions(ticket_id)
    assert (found.of.degraded, found.items[0].title) == (False, "VPN error HL-809: the tunnel drops")
    assert len(await desk.rows("SELECT 1 AS one FROM kb_suggestion_sets")) == 2


async def test_nothing_found_by_words_alone_is_no_gap(open_desk: Open) -> None:
    desk = await open_desk(None)
    ticket_id, _ = await desk.open()
    desk.embedder.inner = _Away()  # type: ignore[assignment]
    with pytest.raises(ModelBusy):
        await desk.suggest(ticket_id, asked_at=NOW - timedelta(minutes=1))
    found = await desk.suggestions(ticket_id)
    assert found.of.reason.startswith("Only words were searched")
    assert await desk.rows("SELECT 1 AS one FROM kb_unanswered") == []


async def test_an_alike_ticket_is_offered_with_the_article_that_solved_it(open_desk: Open) -> None:
    desk = await open_desk(None)
    article = await desk.publish("VPN error HL-809: the tunnel drops", STEPS)
    words = {"subject": "Tunnel drops", "body": "Since this morning the VPN tunnel drops every few minutes, HL-809."}
    earlier, _ = await desk.open(**words)
    await desk.reply(earlier, "Please see /kb/vpn-error-hl-809-the-tunnel-drops")
    await desk.solve(earlier)
    await desk.index()
    ticket_id, _ = await desk.open(**words)
    await desk.suggest(ticket_id)
    found = await desk.suggestions(ticket_id)
    same = found.duplicates[0]
    assert (same.ticket_id, same.status, same.same_as) == (earlier, "solved", True)
    assert [solution.id for solution in same.solved_by] == [article]
    assert f"solved #{same.number}" in found.items[0].why

    await desk.rows("DELETE FROM tickets WHERE id = :id", id=earlier)
    assert list((await desk.suggestions(ticket_id)).duplicates) == []


async def test_the_floor_of_an_organisation_comes_from_what_its_agents_judged(open_desk: Open) -> None:
    desk = await open_desk(None)
    article = await desk.publish("VPN error HL-809", STEPS)
    await _judge_many(desk, article, [(0.62 + number / 100, number >= 20) for number in range(30)])
    other = await open_desk(None)
    for asking, model, expected in ((desk, "all-minilm", 0.8), (desk, None, 0.3), (other, "all-minilm", 0.3)):
        async with asking.database.transaction(asking.organization_id) as session:
            floor = await floor_for(session, organization_id=asking.organization_id, model=model, wanted=0.8, now=NOW)
        assert floor.value == pytest.approx(expected)
    ticket_id, _ = await desk.open()
    await desk.suggest(ticket_id)
    assert (await desk.suggestions(ticket_id)).of.floor == pytest.approx(0.8)


async def _judge_many(desk: Desk, article: UUID, judged: list[tuple[float, bool]]) -> None:
    for relevance, useful in judged:
        ticket_id, _ = await desk.open()
        async with desk.database.transaction(desk.organization_id) as session:
            values = {"org": desk.organization_id, "ticket": ticket_id, "set": new_id(), "now": NOW}
            await session.execute(
                text("""
                    INSERT INTO kb_suggestion_sets (id, organization_id, ticket_id, abstained, model, created_at)
                    VALUES (:set, :org, :ticket, false, 'all-minilm', :now)
                """),
                values,
            )
            await session.execute(
                text("""
                    INSERT INTO kb_suggestions (id, organization_id, set_id, ticket_id, article_id, article_version,
                           rank, relevance, title, snippet, why, verdict, verdict_at, created_at)
                    VALUES (:id, :org, :set, :ticket, :article, 1, 1, :relevance, 't', 's', 'w', :verdict, :now, :now)
                """),
                values
                | {
                    "id": new_id(),
                    "article": article,
                    "relevance": relevance,
                    "verdict": "useful" if useful else "not_useful",
                },
            )
