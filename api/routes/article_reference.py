"""Which article a path means, who acts on it, and how it is shown."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Response

from api.dependencies import CurrentUser, Transaction
from api.preconditions import entity_tag
from api.schemas.bodies import Slug
from api.schemas.kb import ArticleView
from helpdesk.accounts.queries import SignedIn
from helpdesk.accounts.roles import is_at_least
from helpdesk.kb.articles import queries
from helpdesk.kb.articles.lifecycle import Editor
from helpdesk.kb.articles.review_dates import today_of
from helpdesk.kb.articles.text import ArticleText
from helpdesk.kb.articles.votes import votes_of
from helpdesk.models.values import UserRole

ArticleReference = Annotated[UUID | Slug, Path(description="An article's id or its slug.")]


def sees_published_only(user: SignedIn) -> bool:
    """Tell whether a user reads what is published and nothing else: drafts are for those who write."""
    return not is_at_least(user.role, UserRole.AGENT)


async def article_named(
    session: Transaction, user: SignedIn, article: UUID | str, *, number: int | None = None
) -> ArticleText:
    """Return the article of an id or slug as far as the user may read it; raise ArticleNotFound."""
    published_only = sees_published_only(user)
    if (identifier := _identifier(article)) is not None:
        return await queries.article_by_id(
            session,
            organization_id=user.organization_id,
            article_id=identifier,
            number=number,
            published_only=published_only,
        )
    return await queries.article_by_slug(
        session,
        organization_id=user.organization_id,
        slug=str(article),
        number=number,
        published_only=published_only,
    )


def _identifier(article: UUID | str) -> UUID | None:
    """Return the id that a reference is; one could be a slug as well, and is taken for an id."""
    try:
        return article if isinstance(article, UUID) else UUID(article)
    except ValueError:
        return None


async def _article_id(article: ArticleReference, session: Transaction, user: CurrentUser) -> UUID:
    return (await article_named(session, user, article)).id


def _editor(user: CurrentUser) -> Editor:
    return Editor(user.id, user.role)


ArticleId = Annotated[UUID, Depends(_article_id, scope="function")]
ArticleEditor = Annotated[Editor, Depends(_editor, scope="function")]


async def view_of(
    session: Transaction, response: Response, user: SignedIn, article: UUID | str, number: int | None = None
) -> ArticleView:
    """Return an article as the API shows it, its version as the entity tag of the response."""
    found = await article_named(session, user, article, number=number)
    organization_id = user.organization_id
    today = await today_of(session, organization_id=organization_id, now=user.now)
    response.headers["ETag"] = entity_tag(found.version)
    votes = await votes_of(session, organization_id=organization_id, article_id=found.id)
    return ArticleView.with_votes(found, today, votes)
