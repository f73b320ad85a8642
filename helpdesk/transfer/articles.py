"""Import articles: new ones are written, changed ones get a new version, and the others are left alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.kb.articles.commands import (
    ArticleChanges,
    NewArticle,
    create_article,
    publish_article,
    update_article,
)
from helpdesk.kb.articles.fields import would_change
from helpdesk.kb.articles.lifecycle import Editor
from helpdesk.kb.articles.queries import ArticleText, article_by_external_id
from helpdesk.models.values import ArticleDoer, ArticleState, SourceType
from helpdesk.transfer.article_rows import ArticleReader, ArticleRow
from helpdesk.transfer.directory import Directory, add_categories, read_directory
from helpdesk.transfer.index_order import index_after_others
from helpdesk.transfer.outcome import Outcome, Tally
from helpdesk.transfer.rows import Row

_EDITOR = Editor(through=ArticleDoer.IMPORT)


@dataclass
class ArticleWork:
    """Takes articles over.

    Attributes:
        now: when the import began (UTC).
        create_categories: whether categories that rows name are made where they are missing.
    """

    organization_id: UUID
    reader: ArticleReader
    now: datetime
    create_categories: bool = False
    _directory: Directory = field(default_factory=lambda: Directory({}, {}))
    _present: dict[str, ArticleText] = field(default_factory=dict)
    _written: list[UUID] = field(default_factory=list)
    _tally: Tally = field(default_factory=Tally)

    def read(self, row: Row) -> ArticleRow:
        """Return the article of a row, or raise RowRefused."""
        return self.reader.read(row)

    async def begin(self, session: AsyncSession, items: list[ArticleRow], *, dry_run: bool, tally: Tally) -> None:
        """Look up the categories."""
        self._written = []
        self._present = {}
        self._directory = await read_directory(session, organization_id=self.organization_id)
        self._tally = tally
        if self.create_categories:
            await add_categories(
                session,
                organization_id=self.organization_id,
                names=[item.category for item in items],
                directory=self._directory,
                dry_run=dry_run,
                made=tally.new_categories,
            )

    async def judge(self, session: AsyncSession, item: ArticleRow) -> Outcome:
        """Skip an article that is here in the same words, or that was archived here."""
        here = await article_by_external_id(session, organization_id=self.organization_id, external_id=item.external_id)
        if here is not None:
            self._present[item.external_id] = here
            unpublished = not item.is_draft and here.published_version != here.latest_version
            if here.state is ArticleState.ARCHIVED or not (unpublished or self._differs(item, here)):
                return Outcome.SKIPPED
        if item.category and not self.create_categories and self._category_id(item) is None:
            self._tally.unknown_categories[item.category] += 1
        return Outcome.CREATED if here is None else Outcome.UPDATED

    async def write(self, session: AsyncSession, item: ArticleRow) -> None:
        """Write the article or its new version, and publish it unless it is a draft."""
        here = self._present.get(item.external_id)
        article_id = await self._create(session, item) if here is None else await self._update(session, item, here)
        if not item.is_draft:
            await publish_article(
                session, organization_id=self.organization_id, article_id=article_id, now=self.now, editor=_EDITOR
            )
        self._written.append(article_id)

    async def end(self, session: AsyncSession) -> None:
        """Let the articles wait behind fresh changes in the index."""
        await index_after_others(
            session, organization_id=self.organization_id, source_type=SourceType.KB, source_ids=self._written
        )

    async def _create(self, session: AsyncSession, item: ArticleRow) -> UUID:
        new = NewArticle(
            title=item.title,
            body=item.body,
            summary=item.summary,
            language=item.language,
            visibility=item.visibility,
            category_id=self._category_id(item),
            tags=self._tags(item),
            products=item.products,
            external_id=item.external_id,
            source_url=item.source_url,
            review_at=item.review_at,
        )
        article = await create_article(
            session, organization_id=self.organization_id, new=new, author_id=None, now=self.now, editor=_EDITOR
        )
        return article.id

    async def _update(self, session: AsyncSession, item: ArticleRow, here: ArticleText) -> UUID:
        if self._differs(item, here):
            await update_article(
                session,
                organization_id=self.organization_id,
                article_id=here.id,
                changes=self._changes(item),
                author_id=None,
                now=self.now,
                editor=_EDITOR,
            )
        return here.id

    def _changes(self, item: ArticleRow) -> ArticleChanges:
        return ArticleChanges(
            title=item.title,
            body=item.body,
            summary=item.summary,
            language=item.language,
            visibility=item.visibility,
            category_id=self._category_id(item),
            tags=self._tags(item),
            products=item.products,
            source_url=item.source_url,
            review_at=item.review_at,
        )

    def _differs(self, item: ArticleRow, here: ArticleText) -> bool:
        """Tell whether a row says something else than what is here; what it does not say stays as it is."""
        return would_change(self._changes(item), here)

    def _category_id(self, item: ArticleRow) -> UUID | None:
        category = self._directory.category(item.category) if item.category else None
        return category.id if category else None

    def _tags(self, item: ArticleRow) -> tuple[str, ...]:
        """Return the tags, with the category among them that the organisation does not have."""
        if item.category and self._category_id(item) is None:
            return tuple(dict.fromkeys((*item.tags, item.category)))
        return item.tags
