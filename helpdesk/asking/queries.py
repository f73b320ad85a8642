"""Read kept questions."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import NotFound
from helpdesk.models.questions import AskedQuestion


class QuestionNotFound(NotFound):
    """There is no such question."""


async def list_questions(
    session: AsyncSession,
    *,
    organization_id: UUID,
    user_id: UUID | None,
    limit: int,
    after: UUID | None = None,
    abstained: bool | None = None,
) -> Sequence[AskedQuestion]:
    """Return questions, the newest first.

    Args:
        user_id: whose; None stands for everybody's.
        after: the last one of the page before.
        abstained: only those without an answer, or only those with one.
    """
    statement = select(AskedQuestion).where(AskedQuestion.organization_id == organization_id)
    if user_id is not None:
        statement = statement.where(AskedQuestion.user_id == user_id)
    if after is not None:
        statement = statement.where(AskedQuestion.id < after)
    if abstained is not None:
        statement = statement.where(AskedQuestion.abstained.is_(abstained))
    return (await session.scalars(statement.order_by(AskedQuestion.id.desc()).limit(limit))).all()


async def get_question(
    session: AsyncSession, *, organization_id: UUID, question_id: UUID, user_id: UUID | None
) -> AskedQuestion:
    """Return a question; raise QuestionNotFound, also for one of somebody else.

    Args:
        user_id: whose it must be; None lets everybody's pass.
    """
    found = await session.scalar(
        select(AskedQuestion).where(AskedQuestion.organization_id == organization_id, AskedQuestion.id == question_id)
    )
    if found is None or user_id not in (None, found.user_id):
        raise QuestionNotFound
    return found
