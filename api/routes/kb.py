"""Knowledge-base articles: drafted, published, archived; every change of words is a version."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response, status

from api.dependencies import CurrentUser, Now, ReadSession, Transaction
from api.paging import PageOf, Paging
from api.preconditions import ExpectedVersion, entity_tag
from api.schemas.bodies import Slug
from api.schemas.kb import (
    ArticleChangesBody,
    ArticleSummary,
    ArticleView,
    NewArticleBody,
    Publication,
    VersionView,
)
from helpdesk.kb import commands, queries
from helpdesk.models.values import ArticleState, ArticleVisibility
from helpdesk.tickets.rows import category_by_slug

router = APIRouter(prefix="/kb/articles", tags=["kb"])
_Reference = Annotated[UUID | Slug, Path(description="An article's id or its slug.")]
_Number = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The words of this version.")]


@router.get("", summary="List articles")
async def list_articles(
    *,
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    state: ArticleState | None = None,
    visibility: ArticleVisibility | None = None,
    category: Annotated[Slug | None, Query(description="Slug.")] = None,
    tag: Annotated[str | None, Query(max_length=200)] = None,
    q: Annotated[str | None, Query(max_length=200, description="Words of the title.")] = None,
) -> PageOf[ArticleSummary]:
    """Read articles, the newest first, with the words their readers see."""
    wanted = queries.ArticleFilter(
        state=state,
        visibility=visibility,
        category_id=await _category_id(session, user.organization_id, category),
        tag=tag,
        words=q,
    )
    found = await queries.list_articles(
        session, organization_id=user.organization_id, wanted=wanted, limit=page.limit, after=page.after_id()
    )
    last = None if found.next_after is None else (found.next_after,)
    return page.ending(found.items, ArticleSummary.model_validate, last)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Draft an article")
async def create_article(
    new: NewArticleBody, response: Response, session: Transaction, user: CurrentUser, now: Now
) -> ArticleView:
    """Store the first version of an article; it is not published yet."""
    article = await commands.create_article(
        session,
        organization_id=user.organization_id,
        new=commands.NewArticle(
            **new.model_dump(exclude={"category"}),
            category_id=await _category_id(session, user.organization_id, new.category),
        ),
        author_id=user.id,
        now=now,
    )
    response.headers["Location"] = f"/api/v1/kb/articles/{article.id}"
    return await _view(session, response, user.organization_id, article.id, article.latest_version)


@router.get("/{article}", summary="Read an article")
async def read_article(
    article: _Reference, response: Response, session: ReadSession, user: CurrentUser, version: _Number = None
) -> ArticleView:
    """Read an article with its published words, else its latest ones, or those of the version asked for."""
    if isinstance(article, UUID):
        return await _view(session, response, user.organization_id, article, version)
    found = await queries.article_by_slug(session, organization_id=user.organization_id, slug=article)
    return await _view(session, response, user.organization_id, found.id, version)


@router.patch("/{article_id}", summary="Change an article")
async def update_article(
    *,
    article_id: UUID,
    changes: ArticleChangesBody,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    now: Now,
) -> ArticleView:
    """Change an article; readers go on seeing the published words until the new ones are published."""
    category_id = await _category_id(session, user.organization_id, changes.category)
    article = await commands.update_article(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        changes=commands.ArticleChanges(**changes.without_category(), category_id=category_id),
        author_id=user.id,
        now=now,
        expected_version=expected,
    )
    return await _view(session, response, user.organization_id, article.id, article.latest_version)


@router.get("/{article_id}/versions", summary="List an article's versions")
async def list_versions(article_id: UUID, session: ReadSession, user: CurrentUser) -> list[VersionView]:
    """Read every version of an article, the newest first."""
    found = await queries.versions_of(session, organization_id=user.organization_id, article_id=article_id)
    if not found:
        raise commands.ArticleNotFound
    return [VersionView.model_validate(version) for version in found]


@router.post("/{article_id}/publish", summary="Publish an article")
async def publish_article(
    *,
    article_id: UUID,
    session: Transaction,
    user: CurrentUser,
    now: Now,
    response: Response,
    publication: Publication | None = None,
) -> ArticleView:
    """Let readers see the latest version, or the one named."""
    await commands.publish_article(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        now=now,
        number=publication.version if publication else None,
    )
    return await _view(session, response, user.organization_id, article_id, None)


@router.post("/{article_id}/archive", summary="Archive an article")
async def archive_article(
    article_id: UUID, response: Response, session: Transaction, user: CurrentUser, now: Now
) -> ArticleView:
    """Take an article away from readers and out of the search index; its versions stay."""
    await commands.archive_article(session, organization_id=user.organization_id, article_id=article_id, now=now)
    return await _view(session, response, user.organization_id, article_id, None)


async def _view(
    session: ReadSession, response: Response, organization_id: UUID, article_id: UUID, number: int | None
) -> ArticleView:
    found = await queries.article_by_id(session, organization_id=organization_id, article_id=article_id, number=number)
    response.headers["ETag"] = entity_tag(found.version)
    return ArticleView.model_validate(found)


async def _category_id(session: ReadSession, organization_id: UUID, slug: str | None) -> UUID | None:
    if slug is None:
        return None
    return (await category_by_slug(session, organization_id=organization_id, slug=slug)).id
