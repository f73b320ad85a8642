"""Knowledge-base articles: listed, drafted, read and changed; every change of words is a version."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status
from fastapi.responses import HTMLResponse, PlainTextResponse

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, Transaction
from api.paging import PageOf, Paging
from api.preconditions import ExpectedVersion, entity_tag
from api.routes.article_reference import (
    ArticleEditor,
    ArticleId,
    ArticleReference,
    article_named,
    sees_published_only,
    view_of,
)
from api.schemas.bodies import Slug
from api.schemas.kb import LANGUAGE, ArticleChangesBody, ArticleSummary, ArticleView, NewArticleBody
from helpdesk.kb.articles import commands, queries
from helpdesk.kb.articles.rendering import html_of
from helpdesk.kb.articles.review_dates import today_of
from helpdesk.kb.markdown.exporting import export_article
from helpdesk.models.values import ArticleState, ArticleVisibility
from helpdesk.tickets.rows import category_by_slug

router = APIRouter(prefix="/kb/articles", tags=["kb"])
_Number = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The words of this version.")]
# Whatever was written, a browser that shows it runs none of it, and fetches no more than its pictures.
_CAGE = {"Content-Security-Policy": "sandbox; default-src 'none'; img-src https: data:; style-src 'unsafe-inline'"}


@router.get("", summary="List articles", dependencies=[FROM_REPLICA])
async def list_articles(
    *,
    session: ReadSession,
    user: CurrentUser,
    now: Now,
    page: Paging,
    state: ArticleState | None = None,
    visibility: ArticleVisibility | None = None,
    category: Annotated[Slug | None, Query(description="Slug.")] = None,
    tag: Annotated[str | None, Query(max_length=200)] = None,
    product: Annotated[str | None, Query(max_length=200)] = None,
    language: Annotated[str | None, Query(pattern=LANGUAGE, max_length=20)] = None,
    owner_id: Annotated[UUID | None, Query(description="Who looks after it.")] = None,
    review_due: Annotated[
        bool, Query(description="Only published ones whose review date has come, or that hold no longer.")
    ] = False,
    in_review: Annotated[bool | None, Query(description="Whether a version waits for review.")] = None,
    q: Annotated[str | None, Query(max_length=200, description="Words of the title, the summary or the body.")] = None,
) -> PageOf[ArticleSummary]:
    """Read articles, the newest first, with the words their readers see. The role viewer sees published ones only."""
    today = await today_of(session, organization_id=user.organization_id, now=now)
    wanted = queries.ArticleFilter(
        state=state,
        visibility=visibility,
        category_id=await _category_id(session, user.organization_id, category),
        tag=tag,
        product=product,
        language=language,
        owner_id=owner_id,
        words=q,
        due_on=today if review_due else None,
        in_review=in_review,
        published_only=sees_published_only(user),
    )
    found = await queries.list_articles(
        session, organization_id=user.organization_id, wanted=wanted, limit=page.limit, after=page.after_id()
    )
    last = None if found.next_after is None else (found.next_after,)
    return page.ending(found.items, lambda article: ArticleSummary.of(article, today), last)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Draft an article")
async def create_article(
    *,
    new: NewArticleBody,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    editor: ArticleEditor,
    now: Now,
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
        editor=editor,
    )
    response.headers["Location"] = f"/api/v1/kb/articles/{article.id}"
    return await view_of(session, response, user, article.id, article.latest_version)


# These before the article itself, whose path would take the ending for a part of the slug.
@router.get("/{article}.md", summary="Read an article as a Markdown file", response_class=PlainTextResponse)
async def read_markdown(article: ArticleReference, session: ReadSession, user: CurrentUser) -> PlainTextResponse:
    """Read an article as the file that an import takes: front matter, and its words as Markdown."""
    found = await article_named(session, user, article)
    file = await export_article(session, found, organization_id=user.organization_id)
    return PlainTextResponse(
        file.text,
        media_type="text/markdown; charset=utf-8",
        headers={"ETag": entity_tag(found.version), "Content-Disposition": f'inline; filename="{file.name}"'},
    )


@router.get("/{article}.html", summary="Read an article as HTML", response_class=HTMLResponse)
async def read_html(
    article: ArticleReference, session: ReadSession, user: CurrentUser, version: _Number = None
) -> HTMLResponse:
    """Read the words of an article as a fragment of HTML; HTML that was written into them is shown as text."""
    found = await article_named(session, user, article, number=version)
    # Markup made to be slow keeps nobody else waiting.
    html = await asyncio.to_thread(html_of, found.body)
    return HTMLResponse(html, headers={"ETag": entity_tag(found.version), **_CAGE})


@router.get("/{article}", summary="Read an article")
async def read_article(
    article: ArticleReference, response: Response, session: ReadSession, user: CurrentUser, version: _Number = None
) -> ArticleView:
    """Read an article with its published words, else its latest ones, or those of the version asked for."""
    return await view_of(session, response, user, article, version)


@router.patch("/{article}", summary="Change an article")
async def update_article(
    *,
    article_id: ArticleId,
    changes: ArticleChangesBody,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    editor: ArticleEditor,
    now: Now,
) -> ArticleView:
    """Change an article; readers go on seeing the published words until the new ones are published.

    Who may read a published article takes the role lead to change.
    """
    category_id = await _category_id(session, user.organization_id, changes.category)
    article = await commands.update_article(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        changes=commands.ArticleChanges(**changes.without_category(), category_id=category_id, clear=changes.cleared()),
        author_id=user.id,
        now=now,
        expected_version=expected,
        editor=editor,
    )
    return await view_of(session, response, user, article.id, article.latest_version)


@router.delete("/{article}", status_code=status.HTTP_204_NO_CONTENT, summary="Delete a draft")
async def delete_article(
    *,
    article_id: ArticleId,
    expected: ExpectedVersion,
    session: Transaction,
    user: CurrentUser,
    editor: ArticleEditor,
) -> None:
    """Remove an article that was never published: one's own, or any with the role lead."""
    await commands.delete_draft(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        editor=editor,
        expected_version=expected,
    )


async def _category_id(session: ReadSession, organization_id: UUID, slug: str | None) -> UUID | None:
    if slug is None:
        return None
    return (await category_by_slug(session, organization_id=organization_id, slug=slug)).id
