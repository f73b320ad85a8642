"""Write articles as Markdown files, which an import takes over unchanged."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.kb.articles.queries import ArticleFilter, list_articles
from helpdesk.kb.articles.text import ArticleText
from helpdesk.kb.markdown.archives import add_to_zip
from helpdesk.kb.markdown.files import MarkdownArticle, write_article
from helpdesk.kb.markdown.names import Named, names_in

_AT_ONCE = 200


@dataclass(frozen=True)
class ExportedFile:
    """An article as a file.

    Attributes:
        name: its address and `.md`.
        at: when the article was last changed.
    """

    name: str
    text: str
    at: datetime


async def export_articles(
    session: AsyncSession, *, organization_id: UUID, wanted: ArticleFilter | None = None
) -> AsyncIterator[ExportedFile]:
    """Yield articles as files, the newest first: the published words, or the latest of what is not published."""
    names = await names_in(session, organization_id=organization_id)
    after: UUID | None = None
    while True:
        page = await list_articles(session, organization_id=organization_id, wanted=wanted, limit=_AT_ONCE, after=after)
        for article in page.items:
            yield _file_of(article, names)
        if (after := page.next_after) is None:
            return


async def export_article(session: AsyncSession, article: ArticleText, *, organization_id: UUID) -> ExportedFile:
    """Return one article as a file."""
    return _file_of(article, await names_in(session, organization_id=organization_id))


async def write_zip(
    session: AsyncSession, target: IO[bytes], *, organization_id: UUID, wanted: ArticleFilter | None = None
) -> int:
    """Write articles into a zip and return how many those are."""
    count = 0
    with zipfile.ZipFile(target, "w") as archive:
        async for file in export_articles(session, organization_id=organization_id, wanted=wanted):
            add_to_zip(archive, file.name, file.text, at=file.at)
            count += 1
    return count


def _file_of(article: ArticleText, names: Named) -> ExportedFile:
    said = MarkdownArticle(
        title=article.title,
        body=article.body,
        slug=article.slug,
        summary=article.summary,
        language=article.language,
        visibility=article.visibility,
        state=article.state,
        category=None if article.category_id is None else names.slugs.get(article.category_id),
        tags=article.tags,
        products=article.products,
        owner=None if article.owner_id is None else names.emails.get(article.owner_id),
        review_at=article.review_at,
        review_every_days=article.review_every_days,
        valid_until=article.valid_until,
        external_id=article.external_id,
        source_url=article.source_url,
    )
    return ExportedFile(f"{article.slug}.md", write_article(said), article.updated_at)
