"""Take articles over from Markdown files: new ones are written, changed ones changed, the others left alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import HelpdeskError
from helpdesk.kb.articles.commands import create_article, update_article
from helpdesk.kb.articles.fields import ArticleChanges, NewArticle, would_change
from helpdesk.kb.articles.lifecycle import Editor
from helpdesk.kb.articles.publishing_commands import archive_article, publish_article
from helpdesk.kb.articles.queries import article_by_external_id, article_by_id, latest_by_slug
from helpdesk.kb.articles.review_commands import request_review
from helpdesk.kb.articles.text import ArticleText
from helpdesk.kb.markdown.archives import MarkdownFile
from helpdesk.kb.markdown.files import MarkdownArticle, read_article
from helpdesk.kb.markdown.front_matter import FileRefused
from helpdesk.kb.markdown.names import Named, names_in
from helpdesk.models.values import ArticleState, ArticleVisibility
from helpdesk.rag.text.language import detect_language

_LANGUAGE_READ_CHARS = 600
_CLEARS = {
    "category": "category_id",
    "owner": "owner_id",
    "source_url": "source_url",
    "review_at": "review_at",
    "review_every_days": "review_every_days",
    "valid_until": "valid_until",
}


class FileOutcome(StrEnum):
    """What became of a file."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True)
class FileReport:
    """What became of a file, and why.

    Attributes:
        slug: the address of its article.
        reason: why it was refused.
        notes: what of it could not be taken over.
    """

    file: str
    outcome: FileOutcome
    slug: str | None = None
    article_id: UUID | None = None
    reason: str | None = None
    line: int | None = None
    field: str | None = None
    notes: tuple[str, ...] = ()


@dataclass
class MarkdownImport:
    """An import under way: the files of one go, in as many transactions as the caller likes.

    Attributes:
        default_state: of articles whose file says none: whether their words wait as a draft or are published.
    """

    organization_id: UUID
    editor: Editor
    now: datetime
    default_state: ArticleState = ArticleState.DRAFT

    def __post_init__(self) -> None:
        self._taken: dict[UUID, str] = {}

    async def take(
        self, session: AsyncSession, files: Iterable[MarkdownFile], *, dry_run: bool = False
    ) -> list[FileReport]:
        """Take files over, each by itself, and return what became of each; a dry run takes all of it back."""
        async with session.begin_nested() as whole:
            names = await names_in(session, organization_id=self.organization_id)
            reports = [await self._take(session, file, names) for file in files]
            if dry_run:
                await whole.rollback()
        return reports

    async def _take(self, session: AsyncSession, file: MarkdownFile, names: Named) -> FileReport:
        try:
            if file.refusal is not None:
                raise file.refusal
            wanted = read_article(file.name, file.data)
            async with session.begin_nested():
                return await self._write(session, file.name, wanted, names)
        except HelpdeskError as error:
            line, field = (error.line, error.field) if isinstance(error, FileRefused) else (None, None)
            return FileReport(file.name, FileOutcome.REFUSED, reason=error.detail, line=line, field=field)

    async def _write(self, session: AsyncSession, name: str, wanted: MarkdownArticle, names: Named) -> FileReport:
        here = await self._find(session, wanted)
        ids, notes = names.ids_of(wanted)
        if here is None:
            slug, article_id = await self._create(session, wanted, ids)
            outcome = FileOutcome.CREATED
        else:
            slug, article_id = here.slug, here.id
            if (other := self._taken.get(article_id)) is not None:
                raise FileRefused(f"The file {other} is the same article.")
            outcome = await self._update(session, wanted, here, ids)
        self._taken[article_id] = name
        return FileReport(name, outcome, slug, article_id, notes=tuple(notes))

    async def _find(self, session: AsyncSession, wanted: MarkdownArticle) -> ArticleText | None:
        """Return the article that a file is about: by its external id, or else by its address."""
        scope = {"organization_id": self.organization_id}
        if wanted.external_id is not None:
            here = await article_by_external_id(session, **scope, external_id=wanted.external_id)
            if here is not None:
                if wanted.slug is not None and wanted.slug != here.slug:
                    raise FileRefused(f"The article has the address {here.slug}, which stays.", field="slug")
                return here
        if wanted.slug is None:
            return None
        here = await latest_by_slug(session, **scope, slug=wanted.slug)
        if here is not None and wanted.external_id is not None:
            # It has another external id, or none: whether it is the same article is not ours to guess.
            raise FileRefused(f"Another article has the address {here.slug}.", field="slug")
        return here

    async def _create(self, session: AsyncSession, wanted: MarkdownArticle, ids: dict[str, Any]) -> tuple[str, UUID]:
        language = wanted.language or detect_language(f"{wanted.title}. {wanted.body[:_LANGUAGE_READ_CHARS]}") or "en"
        new = NewArticle(
            title=wanted.title,
            body=wanted.body,
            summary=wanted.summary or "",
            language=language,
            visibility=wanted.visibility or ArticleVisibility.PUBLIC,
            slug=wanted.slug,
            tags=wanted.tags or (),
            products=wanted.products or (),
            external_id=wanted.external_id,
            source_url=wanted.source_url,
            review_at=wanted.review_at,
            review_every_days=wanted.review_every_days,
            valid_until=wanted.valid_until,
            **ids,
        )
        article = await create_article(
            session,
            organization_id=self.organization_id,
            new=new,
            author_id=self.editor.user_id,
            now=self.now,
            editor=self.editor,
        )
        await self._bring_to(session, article.id, wanted.state or self.default_state, ArticleState.DRAFT)
        return article.slug, article.id

    async def _update(
        self, session: AsyncSession, wanted: MarkdownArticle, here: ArticleText, ids: dict[str, Any]
    ) -> FileOutcome:
        if here.state is ArticleState.ARCHIVED and wanted.state not in {None, ArticleState.ARCHIVED}:
            raise FileRefused("The article is archived here; restore it first.", field="state")
        changes = ArticleChanges(
            title=wanted.title,
            body=wanted.body,
            summary=wanted.summary,
            language=wanted.language,
            visibility=wanted.visibility,
            tags=wanted.tags,
            products=wanted.products,
            source_url=wanted.source_url,
            review_at=wanted.review_at,
            review_every_days=wanted.review_every_days,
            valid_until=wanted.valid_until,
            clear=frozenset(_CLEARS[field] for field in wanted.cleared & _CLEARS.keys()),
            **ids,
        )
        # What readers see may be what the file says although a newer draft waits beside it, which is then left alone.
        shown = await self._shown(session, here)
        is_shown = wanted.state in {None, ArticleState.PUBLISHED} and not would_change(changes, shown)
        changed = not is_shown and would_change(changes, here)
        if changed:
            await update_article(
                session,
                organization_id=self.organization_id,
                article_id=here.id,
                changes=changes,
                author_id=self.editor.user_id,
                now=self.now,
                editor=self.editor,
            )
        if is_shown and here.has_newer_words:
            return FileOutcome.UNCHANGED
        state = wanted.state or (here.state if here.state is ArticleState.ARCHIVED else self.default_state)
        moved = await self._bring_to(session, here.id, state, here.state, published=here.published_version)
        return FileOutcome.UPDATED if changed or moved else FileOutcome.UNCHANGED

    async def _shown(self, session: AsyncSession, here: ArticleText) -> ArticleText:
        if not here.has_newer_words:
            return here
        return await article_by_id(session, organization_id=self.organization_id, article_id=here.id)

    async def _bring_to(
        self,
        session: AsyncSession,
        article_id: UUID,
        state: ArticleState,
        before: ArticleState,
        *,
        published: int | None = None,
    ) -> bool:
        """Take the step to a state, and return whether there was one to take; a draft takes no reader anything away."""
        scope: dict[str, Any] = {
            "organization_id": self.organization_id,
            "article_id": article_id,
            "now": self.now,
            "editor": self.editor,
        }
        match state:
            case ArticleState.PUBLISHED:
                article = await publish_article(session, **scope)
                return article.published_version != published
            case ArticleState.ARCHIVED:
                await archive_article(session, **scope)
                return before is not ArticleState.ARCHIVED
            case ArticleState.REVIEW if before is ArticleState.DRAFT:
                await request_review(session, **scope)
                return True
            case _:
                return False
