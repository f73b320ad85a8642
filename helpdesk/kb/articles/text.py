"""An article as it is read: what it is, with the words of one of its versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from helpdesk.models.kb import Article, ArticleVersion
from helpdesk.models.values import ArticleState, ArticleVisibility


@dataclass(frozen=True)
class ArticleText:
    """An article with the words of one of its versions.

    Attributes:
        version: of the article as a whole; rises with every change.
        number: of the version whose words these are.
        review_version: the one that waits for a verdict.
        approved_version: the one that any agent may publish.
    """

    id: UUID
    slug: str
    state: ArticleState
    visibility: ArticleVisibility
    category_id: UUID | None
    owner_id: UUID | None
    tags: tuple[str, ...]
    products: tuple[str, ...]
    external_id: str | None
    source_url: str | None
    review_at: date | None
    version: int
    published_version: int | None
    latest_version: int
    created_at: datetime
    updated_at: datetime
    number: int
    title: str
    summary: str
    body: str
    language: str
    author_id: UUID | None
    published_at: datetime | None
    review_every_days: int | None = None
    valid_until: date | None = None
    review_version: int | None = None
    reviewer_id: UUID | None = None
    approved_version: int | None = None
    publish_at: datetime | None = None
    publish_version: int | None = None
    archive_at: datetime | None = None

    @property
    def has_newer_words(self) -> bool:
        """Tell whether readers see a version that is not the latest one."""
        return self.published_version is not None and self.published_version != self.latest_version

    def is_due(self, today: date) -> bool:
        """Tell whether it is to be looked at on a day: readers see it, and its date has come or it holds no longer."""
        is_over = self.valid_until is not None and self.valid_until < today
        return self.state is ArticleState.PUBLISHED and (
            is_over or (self.review_at is not None and self.review_at <= today)
        )


def text_of(article: Article, version: ArticleVersion) -> ArticleText:
    """Return an article with the words of a version."""
    return ArticleText(
        id=article.id,
        slug=article.slug,
        state=ArticleState(article.state),
        visibility=ArticleVisibility(article.visibility),
        category_id=article.category_id,
        owner_id=article.owner_id,
        tags=tuple(article.tags),
        products=tuple(article.products),
        external_id=article.external_id,
        source_url=article.source_url,
        review_at=article.review_at,
        version=article.version,
        published_version=article.published_version,
        latest_version=article.latest_version,
        created_at=article.created_at,
        updated_at=article.updated_at,
        number=version.number,
        title=version.title,
        summary=version.summary,
        body=version.body,
        language=version.language,
        author_id=version.author_id,
        published_at=version.published_at,
        review_every_days=article.review_every_days,
        valid_until=article.valid_until,
        review_version=article.review_version,
        reviewer_id=article.reviewer_id,
        approved_version=article.approved_version,
        publish_at=article.publish_at,
        publish_version=article.publish_version,
        archive_at=article.archive_at,
    )
