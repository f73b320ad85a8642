from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.asking.commands import NothingToJudge, judge_answer
from helpdesk.asking.queries import QuestionNotFound, get_question, list_questions
from helpdesk.asking.retention import PRUNE_QUESTIONS
from helpdesk.database.base import new_id
from helpdesk.queue.clean_up import clean_up
from helpdesk.queue.retention import Retention
from helpdesk.storage import Storage
from tests.database.asking.asker import Asker
from tests.database.desk import NOW

QUESTION = "What does HL-809 mean?"


@pytest.fixture
def quoting(asker: Asker) -> Asker:
    asker.settings = {"ask_phrasing": "never"}
    asker.user_id = asker.desk.agent.id
    return asker


async def _judge(asker: Asker, question_id: UUID, *, helpful: bool, **changed: Any) -> None:
    assert asker.user_id is not None
    wanted = {"user_id": asker.user_id, "whose": asker.user_id, "comment": None} | changed
    async with asker.desk.database.transaction(asker.desk.organization_id) as session:
        await judge_answer(
            session,
            organization_id=asker.desk.organization_id,
            question_id=question_id,
            helpful=helpful,
            now=NOW,
            **wanted,
        )


async def _judgements(asker: Asker) -> list[Any]:
    return list(await asker.desk.rows("SELECT query, source_id, relevant, origin, user_id FROM rag_judgements"))


async def test_a_word_on_an_answer_judges_each_source_it_cites_once(quoting: Asker) -> None:
    told = await quoting.ask(QUESTION)
    await _judge(quoting, told.done.id, helpful=True, comment="just right")

    judged = await _judgements(quoting)
    assert {str(one.source_id) for one in judged} == told.cited("source_id")
    assert {(one.query, one.relevant, one.origin, one.user_id) for one in judged} == {
        (QUESTION, True, "feedback", quoting.user_id)
    }
    [row] = await quoting.desk.rows("SELECT helpful, comment, judged_by FROM rag_questions")
    assert (row.helpful, row.comment, row.judged_by) == (True, "just right", quoting.user_id)


async def test_a_second_word_replaces_the_first(quoting: Asker) -> None:
    told = await quoting.ask(QUESTION)
    await _judge(quoting, told.done.id, helpful=True)
    before = len(await _judgements(quoting))
    await _judge(quoting, told.done.id, helpful=False)
    judged = await _judgements(quoting)
    assert len(judged) == before
    assert not any(one.relevant for one in judged)


async def test_what_was_not_answered_cannot_be_judged(quoting: Asker) -> None:
    told = await quoting.ask("Which days is there fish in the canteen this month?")
    with pytest.raises(NothingToJudge):
        await _judge(quoting, told.done.id, helpful=False)


async def test_the_questions_of_others_are_not_there_for_an_agent_and_are_for_an_administrator(quoting: Asker) -> None:
    told = await quoting.ask(QUESTION)
    desk, stranger = quoting.desk, new_id()
    scope = {"organization_id": desk.organization_id, "question_id": told.done.id}
    async with desk.database.transaction(desk.organization_id) as session:
        with pytest.raises(QuestionNotFound):
            await get_question(session, **scope, user_id=stranger)
        assert (await get_question(session, **scope, user_id=None)).question == QUESTION
        listed = {"organization_id": desk.organization_id, "limit": 10}
        assert await list_questions(session, **listed, user_id=stranger) == []
        assert [each.id for each in await list_questions(session, **listed, user_id=None)] == [told.done.id]
        assert await list_questions(session, **listed, user_id=None, abstained=True) == []
    async with desk.database.transaction(new_id()) as session:
        with pytest.raises(QuestionNotFound):
            await get_question(session, **scope, user_id=None)
    with pytest.raises(QuestionNotFound):
        await _judge(quoting, told.done.id, helpful=True, whose=stranger)


async def test_old_questions_are_cleaned_up_and_young_ones_stay(quoting: Asker) -> None:
    desk = quoting.desk
    old, young = await quoting.ask(QUESTION), await quoting.ask(QUESTION)
    async with desk.database.transaction(desk.organization_id) as session:
        for told, days in ((old, 91), (young, 89)):
            await session.execute(
                text("UPDATE rag_questions SET created_at = now() - make_interval(days => :days) WHERE id = :id"),
                {"days": days, "id": told.done.id},
            )

    async def tell(percent: float, words: str) -> None:
        pass

    swept = await clean_up(
        desk.database,
        Storage(desk.settings),
        kept=Retention.of(desk.settings),
        now=NOW,
        most_s=30,
        tell=tell,
        also=[("questions", PRUNE_QUESTIONS, timedelta(days=desk.settings.keep_questions_days))],
    )

    assert swept.removed["questions"] == 1
    assert [row.id for row in await desk.rows("SELECT id FROM rag_questions")] == [young.done.id]
