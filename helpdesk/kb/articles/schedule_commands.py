"""Plan when an article is published and when it is archived, and carry that out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.kb.articles.lifecycle import Editor, Step, check
from helpdesk.kb.articles.publishing_commands import archive_article, publish_article
from helpdesk.kb.articles.rows import keep, locked, standing_of, touch, version_of
from helpdesk.kb.articles.schedule_jobs import ask, drop_archiving, drop_publication, plan_archiving, plan_publication
from helpdesk.models.kb import Article
from helpdesk.models.values import ArticleDoer, ArticleEventKind

# A plan whose job is gone, such as after it was cancelled by hand, is taken up again once it is this late.
LATE = timedelta(minutes=10)
_MOST_LATE = 500


class PlanRefused(Invalid):
    """An article cannot be planned like this."""


async def plan_article(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    editor: Editor,
    now: datetime,
    publish_at: datetime | None = None,
    number: int | None = None,
    archive_at: datetime | None = None,
    note: str = "",
    expected_version: int | None = None,
) -> Article:
    """Plan when an article is published and archived, in place of all that was planned for it; None plans nothing.

    Args:
        number: the version to publish then, the latest one of now when left out; newer words do not change it.

    Raises:
        ArticleNotFound, ArticleChanged
        PlanRefused: a time that has passed, an end before the beginning, or an end of what never begins.
        StepForbidden, StepRefused: not by this role, or it is archived.
    """
    article = await locked(
        session, organization_id=organization_id, article_id=article_id, expected_version=expected_version
    )
    version = await version_of(session, article=article, number=number or article.latest_version)
    if publish_at is not None:
        check(Step.PUBLISH, standing_of(article, editor, number=version.number), editor)
    if archive_at is not None:
        check(Step.ARCHIVE, standing_of(article, editor), editor)
    _refuse_senseless(article, publish_at=publish_at, archive_at=archive_at, now=now)
    await drop_publication(session, article)
    await drop_archiving(session, article)
    if publish_at is not None:
        await plan_publication(session, article, at=publish_at, number=version.number)
    if archive_at is not None:
        await plan_archiving(session, article, at=archive_at)
    planned = {"publish_at": publish_at, "archive_at": archive_at}
    data = {name: at.isoformat() for name, at in planned.items() if at is not None}
    kind = ArticleEventKind.SCHEDULED if data else ArticleEventKind.UNSCHEDULED
    number = version.number if publish_at is not None else None
    keep(session, article, kind, editor=editor, now=now, number=number, note=note, data=data)
    await touch(session, article, now=now)
    return article


def _refuse_senseless(
    article: Article, *, publish_at: datetime | None, archive_at: datetime | None, now: datetime
) -> None:
    if any(at is not None and at <= now for at in (publish_at, archive_at)):
        raise PlanRefused("A time to come is needed; to do it now, publish or archive the article.")
    if archive_at is not None and publish_at is not None and archive_at <= publish_at:
        raise PlanRefused("An article is archived after it is published, not before.")
    if archive_at is not None and publish_at is None and article.published_version is None:
        raise PlanRefused("The article is not published and is not planned to be.")


async def carry_out_plan(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    action: Literal["publish", "archive"],
    at: datetime,
    now: datetime,
) -> bool:
    """Do what was planned for a time, and return whether it was still planned; a second time, it is not.

    Raises:
        ArticleNotFound: the article is gone.
    """
    article = await locked(session, organization_id=organization_id, article_id=article_id)
    editor = Editor(through=ArticleDoer.SCHEDULE)
    scope: dict[str, Any] = {
        "organization_id": organization_id,
        "article_id": article_id,
        "now": now,
        "editor": editor,
    }
    if action == "publish" and article.publish_at == at:
        number, article.publish_at, article.publish_version = article.publish_version, None, None
        await session.flush()
        await publish_article(session, **scope, number=number)
        return True
    if action == "archive" and article.archive_at == at:
        article.archive_at = None
        await session.flush()
        await archive_article(session, **scope)
        return True
    return False


async def ask_for_late(session: AsyncSession, *, organization_id: UUID, now: datetime) -> int:
    """Enqueue anew what was planned and is late, and return how many plans that are; harmless where a job waits."""
    late = now - LATE
    articles = await session.scalars(
        select(Article)
        .where(
            Article.organization_id == organization_id,
            (Article.publish_at < late) | (Article.archive_at < late),
        )
        .order_by(Article.id)
        .limit(_MOST_LATE)
    )
    asked = 0
    for article in articles:
        if article.publish_at is not None and article.publish_at < late:
            await ask(session, article, action="publish", at=article.publish_at)
            asked += 1
        if article.archive_at is not None and article.archive_at < late:
            await ask(session, article, action="archive", at=article.archive_at)
            asked += 1
    return asked
