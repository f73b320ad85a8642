"""What is asked in vain is put together, named, drafted, dismissed, and closed once an article answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from helpdesk.ai.model import ModelBusy
from helpdesk.kb.articles.queries import article_by_id
from helpdesk.kb.gaps.commands import GapDecided, dismiss_gap, draft_from_gap, reopen_gap
from helpdesk.kb.gaps.queries import GapNotFound, GapRow, gap_by_id, list_gaps, questions_of
from helpdesk.kb.gaps.retention import PRUNE_GAP_MEMBERS, PRUNE_UNANSWERED
from helpdesk.models.values import ArticleState, ArticleVisibility, GapState
from helpdesk.rag.retrieval.unanswered import note_unanswered
from tests.database.desk import NOW
from tests.database.kb.suggesting import Desk, Open, embedding_server, open_desk

__all__ = ["embedding_server", "open_desk"]

PARKING = [
    "Where can visitors park their car?",
    "Is there a parking space for visitors?",
    "Visitor parking, where and how?",
    "How do guests get a parking place?",
]
PAYSLIP = [
    "Where do I find my payslip?",
    "I cannot find my payslip for October",
    "How can I download the payslip of last month?",
    "payslip download",
]
NOISE = ["The coffee machine leaks", "Which projector cable fits room 12?", "Rename my laptop please"]
ANSWER = """Visitors park on deck 2 of the garage.

## Where visitors and guests park

Each visitor gets a parking space on deck 2. Book the parking place for your guest at the reception.
"""


async def _ask(desk: Desk, texts: Sequence[str], *, origin: str = "search", now: datetime = NOW) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        for words in texts:
            await note_unanswered(session, organization_id=desk.organization_id, text=words, origin=origin, now=now)


async def _gaps(desk: Desk, state: GapState | None = GapState.OPEN, **page: Any) -> list[GapRow]:
    async with desk.database.transaction(desk.organization_id) as session:
        return await list_gaps(session, organization_id=desk.organization_id, state=state, **page)


async def _do(desk: Desk, command: Any, gap: GapRow, **more: Any) -> Any:
    async with desk.database.transaction(desk.organization_id) as session:
        return await command(
            session, organization_id=desk.organization_id, gap_id=gap.id, user_id=desk.agent.id, now=NOW, **more
        )


def _about(gaps: Sequence[GapRow], word: str) -> GapRow:
    return next(gap for gap in gaps if word in gap.label)


async def test_tickets_of_characters_that_nobody_sees_are_no_question(open_desk: Open) -> None:
    desk = await open_desk(None)
    for _ in range(3):
        ticket_id, _ = await desk.open(subject="\u200b", body="\u200b")
        await desk.solve(ticket_id)
    assert (await desk.find_gaps())["questions"] == 0
    assert await _gaps(desk) == []


async def test_different_subjects_are_different_gaps_and_single_questions_are_none(open_desk: Open) -> None:
    desk = await open_desk(None)
    await _ask(desk, [*PARKING, *PAYSLIP, *NOISE])
    await _ask(desk, PARKING[:1], origin="ask", now=NOW + timedelta(days=1))
    result = await desk.find_gaps(NOW + timedelta(days=1))
    gaps = await _gaps(desk)
    assert (result["questions"], result["by_words"], result["new"]) == (11, False, 2)
    assert len(gaps) == 2
    parking, payslip = _about(gaps, "park"), _about(gaps, "payslip")
    assert [gaps[0].id, gaps[1].id] == [parking.id, payslip.id]
    assert (parking.questions, parking.asked, parking.tickets) == (4, 5, 0)
    assert {sample.text for sample in parking.samples} == set(PARKING)
    assert (payslip.questions, payslip.asked, payslip.searches, payslip.asks) == (4, 4, 4, 0)
    assert (payslip.recent, payslip.earlier, payslip.trend) == (4, 0, "rising")
    assert [sample.sample for sample in payslip.samples] == [1, 2, 3, 4]


async def test_without_a_model_questions_are_compared_by_their_words(open_desk: Open) -> None:
    desk = await open_desk(None)
    await _ask(desk, [*PAYSLIP, *NOISE])
    desk.embedder.inner = _Away()  # type: ignore[assignment]
    result = await desk.find_gaps()
    assert result["by_words"] is True
    gaps = await _gaps(desk)
    assert [gap.label.split(",")[0] for gap in gaps] == ["payslip"]


async def test_nothing_asked_and_hardly_anything_asked_are_no_gaps(open_desk: Open) -> None:
    desk = await open_desk(None)
    assert (await desk.find_gaps())["questions"] == 0
    await _ask(desk, PARKING[:2])
    await desk.find_gaps()
    assert await _gaps(desk, None) == []


async def test_the_same_words_count_up_within_a_day_and_are_a_gap_after_three(open_desk: Open) -> None:
    desk = await open_desk(None)
    await _ask(desk, ["Where can visitors park?", "where can  visitors PARK?", " ?! 12"])
    rows = await desk.rows("SELECT text, times FROM kb_unanswered")
    assert [(row["text"], row["times"]) for row in rows] == [("Where can visitors park?", 2)]
    await desk.find_gaps()
    assert await _gaps(desk) == []
    for day in (1, 2):
        await _ask(desk, ["Where can visitors park?"], now=NOW + timedelta(days=day))
    await desk.find_gaps(NOW + timedelta(days=2))
    gaps = await _gaps(desk)
    assert [(gap.questions, gap.asked) for gap in gaps] == [(1, 4)]


async def test_a_dismissed_gap_stays_dismissed_whatever_comes_anew(open_desk: Open) -> None:
    desk = await open_desk(None)
    await _ask(desk, PARKING)
    await desk.find_gaps()
    gap = (await _gaps(desk))[0]
    await _do(desk, dismiss_gap, gap, reason="The reception tells visitors.")
    later = NOW + timedelta(days=100)
    await _ask(desk, ["Where can our visitors park the car?", "parking for a visitor"], now=later)
    await desk.find_gaps(later)
    assert await _gaps(desk) == []
    dismissed = (await _gaps(desk, GapState.DISMISSED))[0]
    assert (dismissed.id, dismissed.reason) == (gap.id, "The reception tells visitors.")
    assert dismissed.questions == 6

    await _do(desk, reopen_gap, gap)
    assert [one.id for one in await _gaps(desk)] == [gap.id]
    with pytest.raises(GapDecided):
        await _do(desk, reopen_gap, gap)


async def test_a_gap_keeps_its_name_from_run_to_run_and_goes_when_nobody_asks_any_more(open_desk: Open) -> None:
    desk = await open_desk(None)
    await _ask(desk, PARKING)
    await desk.find_gaps()
    before = (await _gaps(desk))[0]
    await _ask(desk, ["Can a visitor park near the entrance?"], now=NOW + timedelta(days=40))
    await desk.find_gaps(NOW + timedelta(days=40))
    after = (await _gaps(desk))[0]
    assert (after.id, after.questions, after.recent, after.earlier) == (before.id, 5, 1, 4)
    assert after.trend == "falling"
    assert (await desk.find_gaps(NOW + timedelta(days=200)))["gone"] == 1
    assert await _gaps(desk, None) == []


async def test_a_gap_closes_when_an_article_answers_it_and_opens_when_it_no_longer_does(open_desk: Open) -> None:
    desk = await open_desk(None)
    await _ask(desk, PARKING)
    await desk.find_gaps()
    article = await desk.publish("Where visitors park", ANSWER)
    result = await desk.find_gaps()
    closed = (await _gaps(desk, GapState.CLOSED))[0]
    assert (result["closed"], closed.answered_by) == (1, article)
    assert (await desk.find_gaps())["kept"] == 1
    await desk.rows("UPDATE kb_articles SET state = 'archived', published_version = NULL WHERE id = :id", id=article)
    await desk.rows(
        "UPDATE rag_index_queue SET status = 'pending', version = version + 1 WHERE source_id = :id", id=article
    )
    await desk.index()
    assert (await desk.find_gaps())["reopened"] == 1
    assert [gap.id for gap in await _gaps(desk)] == [closed.id]


async def test_what_an_article_answers_already_never_becomes_a_gap(open_desk: Open) -> None:
    desk = await open_desk(None)
    await desk.publish("Where visitors park", ANSWER)
    await _ask(desk, PARKING)
    assert (await desk.find_gaps())["answered"] == 1
    assert await _gaps(desk, None) == []


async def test_solved_tickets_without_an_article_are_a_gap_and_those_with_one_are_not(open_desk: Open) -> None:
    desk = await open_desk(None)
    await desk.publish("Order a new keyboard", "Keyboards are ordered in the store.")
    tickets = [(await desk.open(subject=words, body=f"{words} Kim"))[0] for words in PARKING]
    await desk.reply(tickets[0], "Deck 2, call +43 660 1234567 for the barrier. ![x](https://evil.example/x.png)")
    for ticket_id in tickets:
        await desk.solve(ticket_id, "Opened the barrier, told ann@desk.example.")
    payslips = [(await desk.open(subject=words, body=words))[0] for words in PAYSLIP]
    for ticket_id in payslips:
        await desk.reply(ticket_id, "See /kb/order-a-new-keyboard")
        await desk.solve(ticket_id)
    await desk.find_gaps()
    gaps = await _gaps(desk)
    assert [(gap.tickets, gap.searches) for gap in gaps] == [(4, 0)]
    stored = await desk.rows("SELECT text FROM kb_gap_members")
    assert {row["text"] for row in stored} == {""}

    drafted = await _do(desk, draft_from_gap, gaps[0])
    async with desk.database.transaction(desk.organization_id) as session:
        article = await article_by_id(session, organization_id=desk.organization_id, article_id=drafted.article_id)
    assert (article.state, article.visibility) == (ArticleState.DRAFT, ArticleVisibility.AGENTS)
    assert article.title == drafted.title
    assert "> Opened the barrier, told \\[email\\]." in article.body
    assert "call \\[phone\\] for the barrier" in article.body
    assert "![x]" not in article.body
    assert (await _gaps(desk, GapState.DRAFTED))[0].draft_article_id == article.id

    await desk.rows("DELETE FROM tickets WHERE id = ANY(:ids)", ids=tickets[:3])
    left = (await _gaps(desk, GapState.DRAFTED))[0]
    assert (left.questions, len(left.samples)) == (1, 1)
    await desk.rows("DELETE FROM tickets WHERE id = :id", id=tickets[3])
    assert await _gaps(desk, None) == []


async def test_two_who_draft_at_once_make_one_article(open_desk: Open) -> None:
    desk = await open_desk(None)
    await _ask(desk, PARKING)
    await desk.find_gaps()
    gap = (await _gaps(desk))[0]
    outcomes = await asyncio.gather(*(_do(desk, draft_from_gap, gap) for _ in range(2)), return_exceptions=True)
    assert sorted(isinstance(outcome, GapDecided) for outcome in outcomes) == [False, True]
    assert len(await desk.rows("SELECT 1 AS one FROM kb_articles")) == 1
    await desk.rows("UPDATE kb_articles SET state = 'archived'")
    await _do(desk, draft_from_gap, gap)
    with pytest.raises(GapDecided):
        await _do(desk, reopen_gap, gap)


async def test_two_searches_for_gaps_at_once_leave_each_gap_once(open_desk: Open) -> None:
    desk = await open_desk(None)
    await _ask(desk, [*PARKING, *PAYSLIP])
    await asyncio.gather(desk.find_gaps(), desk.find_gaps())
    assert len(await _gaps(desk, None)) == 2


async def test_no_organisation_sees_or_decides_the_gaps_of_another(open_desk: Open) -> None:
    desk, other = await open_desk(None), await open_desk(None)
    await _ask(desk, PARKING)
    await desk.find_gaps()
    await other.find_gaps()
    gap = (await _gaps(desk))[0]
    assert await _gaps(other, None) == []
    for command, more in ((draft_from_gap, {}), (dismiss_gap, {"reason": "no"}), (reopen_gap, {})):
        with pytest.raises(GapNotFound):
            await _do(other, command, gap, **more)
    async with other.database.transaction(other.organization_id) as session:
        with pytest.raises(GapNotFound):
            await gap_by_id(session, organization_id=other.organization_id, gap_id=gap.id)
        assert await questions_of(session, organization_id=other.organization_id, gap_id=gap.id) == []


async def test_gaps_come_in_pages_by_how_often_they_were_asked(open_desk: Open) -> None:
    desk = await open_desk(None)
    await _ask(desk, [*PARKING, *PAYSLIP[:3]])
    await desk.find_gaps()
    first = await _gaps(desk, limit=1)
    second = await _gaps(desk, limit=1, after=(first[0].asked, first[0].id))
    assert [gap.asked for gap in first + second] == [4, 3]
    assert await _gaps(desk, limit=1, after=(second[0].asked, second[0].id)) == []


async def test_old_questions_are_removed_with_their_place_in_gaps(open_desk: Open) -> None:
    desk = await open_desk(None)
    await _ask(desk, PARKING)
    await desk.find_gaps()
    for table in ("kb_unanswered", "kb_gap_members"):
        await desk.rows(f"UPDATE {table} SET last_at = now() - interval '179 days'")
        await desk.rows(f"UPDATE {table} SET last_at = now() - interval '181 days' WHERE text = :old", old=PARKING[0])
    for statement in (PRUNE_UNANSWERED, PRUNE_GAP_MEMBERS):
        async with desk.database.transaction(None, role="atum_worker") as session:
            connection = await session.connection()
            found = await connection.exec_driver_sql(statement, (timedelta(days=180), 10))
            assert found.rowcount == 1
    assert (await _gaps(desk))[0].questions == 3


class _Away:
    async def identify(self, *, fresh: bool = False) -> Any:
        raise ModelBusy("away")

    async def embed(self, texts: Any) -> Any:
        raise ModelBusy("away")
