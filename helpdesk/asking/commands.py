"""Take a person's word on an answer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.asking.queries import get_question
from helpdesk.errors import Conflict
from helpdesk.models.questions import AskedQuestion
from helpdesk.models.values import SourceType
from helpdesk.rag.retrieval.judgements import judge


class NothingToJudge(Conflict):
    """The question had no answer that could be helpful or not."""


async def judge_answer(
    session: AsyncSession,
    *,
    organization_id: UUID,
    question_id: UUID,
    user_id: UUID,
    whose: UUID | None,
    helpful: bool,
    comment: str | None,
    now: datetime,
) -> AskedQuestion:
    """Keep whether an answer helped, and judge the sources it cites by it; a second word replaces the first.

    Args:
        whose: whose question it must be; None lets everybody's pass.

    Raises:
        QuestionNotFound, NothingToJudge.
    """
    question = await get_question(session, organization_id=organization_id, question_id=question_id, user_id=whose)
    if question.abstained:
        raise NothingToJudge("Nothing was answered; the question is counted as one that the index has no answer to.")
    question.helpful, question.comment = helpful, comment
    question.judged_by, question.judged_at = user_id, now
    for source_type, source_id in cited_sources(question):
        await judge(
            session,
            organization_id=organization_id,
            query=question.searched,
            source_type=source_type,
            source_id=source_id,
            relevant=helpful,
            origin="feedback",
            user_id=user_id,
            now=now,
        )
    return question


def cited_sources(question: AskedQuestion) -> list[tuple[SourceType, UUID]]:
    """Return the articles and tickets that an answer cites, each once, in order."""
    cited = {cite for sentence in question.sentences for cite in sentence["cites"]}
    found = (
        (SourceType(source["type"]), UUID(source["source_id"])) for source in question.sources if source["id"] in cited
    )
    return list(dict.fromkeys(found))
