"""Dates on which articles are to be looked at again: told to their owners, and moved on once that is done."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.kb.articles.lifecycle import Editor
from helpdesk.kb.articles.notices import tell
from helpdesk.kb.articles.rows import keep, locked, touch
from helpdesk.models.accounts import Organization
from helpdesk.models.kb import Article, ArticleVersion
from helpdesk.models.values import ArticleEventKind, ArticleState, NoticeKind

# Until the next look, for an article that does not say.
USUAL_REVIEW_DAYS = 180

_MOST_AT_ONCE = 200


class DatePassed(Invalid):
    """The next review is on a day to come."""


async def today_of(session: AsyncSession, *, organization_id: UUID, now: datetime) -> date:
    """Return the day it is where the organisation is."""
    name = await session.scalar(select(Organization.timezone).where(Organization.id == organization_id))
    try:
        return now.astimezone(ZoneInfo(name or "UTC")).date()
    except (ZoneInfoNotFoundError, ValueError):
        return now.date()


def is_due(today: date) -> ColumnElement[bool]:
    """Return the condition that an article which readers see is to be looked at: its day has come, or its last went."""
    return and_(Article.state == ArticleState.PUBLISHED, or_(Article.review_at <= today, Article.valid_until < today))


async def mark_reviewed(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    editor: Editor,
    now: datetime,
    next_at: date | None = None,
    note: str = "",
    expected_version: int | None = None,
) -> Article:
    """Note that somebody looked at an article and it holds, and when to look again.

    Args:
        next_at: None takes the article's own interval, or half a year.

    Raises:
        ArticleNotFound, ArticleChanged
        DatePassed: the next day is not to come.
    """
    article = await locked(
        session, organization_id=organization_id, article_id=article_id, expected_version=expected_version
    )
    today = await today_of(session, organization_id=organization_id, now=now)
    due = next_at or today + timedelta(days=article.review_every_days or USUAL_REVIEW_DAYS)
    if due <= today:
        raise DatePassed(f"The next review is on a day after {today}.")
    data = {"was_due": article.review_at and str(article.review_at), "next": str(due)}
    article.review_at = due
    number = article.published_version or article.latest_version
    keep(session, article, ArticleEventKind.REVIEWED, editor=editor, now=now, number=number, note=note, data=data)
    await touch(session, article, now=now)
    return article


async def remind_owners(session: AsyncSession, *, organization_id: UUID, now: datetime) -> int:
    """Tell owners of at most some articles that are due and for whose date nobody was told; return how many those are.

    Where the owner is gone or not active, those who lead the desk are told. Call again until it returns 0.
    """
    today = await today_of(session, organization_id=organization_id, now=now)
    # A lock that is held means that somebody is changing the dates right now; the next run sees what comes of it.
    rows = await session.execute(
        select(Article, ArticleVersion.title)
        .join(
            ArticleVersion,
            (ArticleVersion.article_id == Article.id) & (ArticleVersion.number == Article.published_version),
        )
        .where(Article.organization_id == organization_id, Article.state == ArticleState.PUBLISHED)
        .where(or_(_untold_review(today), _untold_expiry(today)))
        .order_by(Article.id)
        .limit(_MOST_AT_ONCE)
        .with_for_update(of=Article, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    told = 0
    for article, title in rows.all():
        await _remind(session, article, title, today=today)
        told += 1
    return told


def _untold_review(today: date) -> ColumnElement[bool]:
    return and_(Article.review_at <= today, Article.review_told.is_distinct_from(Article.review_at))


def _untold_expiry(today: date) -> ColumnElement[bool]:
    return and_(Article.valid_until < today, Article.expiry_told.is_distinct_from(Article.valid_until))


async def _remind(session: AsyncSession, article: Article, title: str, *, today: date) -> None:
    is_over = article.valid_until is not None and article.valid_until < today
    if is_over and article.expiry_told != article.valid_until:
        sentence, key = f"“{title}” was valid until {article.valid_until}.", f"valid-until:{article.valid_until}"
    else:
        sentence, key = f"“{title}” is due for review since {article.review_at}.", f"review:{article.review_at}"
    kind = NoticeKind.ARTICLE_REVIEW_DUE
    await tell(session, article=article, kind=kind, sentence=sentence, title=title, people=(article.owner_id,), key=key)
    # Not a change of the article: its version and its time stay. One notice tells of both dates.
    values: dict[str, Any] = {"updated_at": Article.updated_at}
    if article.review_at is not None and article.review_at <= today:
        values["review_told"] = Article.review_at
    if is_over:
        values["expiry_told"] = Article.valid_until
    await session.execute(
        update(Article)
        .where(Article.organization_id == article.organization_id, Article.id == article.id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
