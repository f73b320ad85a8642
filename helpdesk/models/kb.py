"""The knowledge base: articles and their immutable versions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Moment, Tenant, one_of
from helpdesk.models.values import ArticleDoer, ArticleEventKind, ArticleState, ArticleVisibility


class Article(Tenant, Base):
    """An article; its words are in its versions."""

    __tablename__ = "kb_articles"
    __table_args__ = (
        UniqueConstraint("organization_id", "slug"),
        Index(
            "uq_kb_articles_organization_id_external_id",
            "organization_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        one_of("state", ArticleState),
        one_of("visibility", ArticleVisibility),
        CheckConstraint("review_every_days BETWEEN 1 AND 3650", name="review_every_days"),
        CheckConstraint("(publish_at IS NULL) = (publish_version IS NULL)", name="publish_schedule"),
        Index("ix_kb_articles_review_at", "organization_id", "review_at"),
    )

    slug: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=ArticleState.DRAFT)
    visibility: Mapped[str] = mapped_column(server_default=ArticleVisibility.PUBLIC)
    category_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id", ondelete="SET NULL"), index=True)
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    products: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    external_id: Mapped[str | None]
    source_url: Mapped[str | None]
    # The version readers see; a newer draft may exist beside it.
    published_version: Mapped[int | None] = mapped_column(Integer)
    latest_version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    # When its owner is to look whether it still holds, how long after that again, and for which day that was told.
    review_at: Mapped[date | None]
    review_every_days: Mapped[int | None] = mapped_column(Integer)
    review_told: Mapped[date | None]
    # The last day on which it holds; afterwards it is flagged, not hidden.
    valid_until: Mapped[date | None]
    expiry_told: Mapped[date | None]
    # The version that waits for a verdict, and who was asked for it; the one that may be published by any agent.
    review_version: Mapped[int | None] = mapped_column(Integer)
    reviewer_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    approved_version: Mapped[int | None] = mapped_column(Integer)
    publish_at: Mapped[datetime | None]
    publish_version: Mapped[int | None] = mapped_column(Integer)
    archive_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    updated_at: Mapped[Moment] = mapped_column(onupdate=func.now())


class ArticleVersion(Tenant, Base):
    """The words of an article at one time; never changed."""

    __tablename__ = "kb_article_versions"
    __table_args__ = (UniqueConstraint("article_id", "number"),)

    article_id: Mapped[UUID] = mapped_column(ForeignKey("kb_articles.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    title: Mapped[str]
    summary: Mapped[str] = mapped_column(server_default="")
    body: Mapped[str]
    language: Mapped[str] = mapped_column(server_default="en")
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    published_at: Mapped[datetime | None]


class ArticleEvent(Tenant, Base):
    """One step in the history of an article; never changed."""

    __tablename__ = "kb_article_events"
    __table_args__ = (
        one_of("kind", ArticleEventKind),
        one_of("through", ArticleDoer),
        Index("ix_kb_article_events_article_id", "article_id", "id"),
    )

    article_id: Mapped[UUID] = mapped_column(ForeignKey("kb_articles.id", ondelete="CASCADE"))
    kind: Mapped[str]
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    through: Mapped[str] = mapped_column(server_default=ArticleDoer.USER)
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    # The version of the words that the step is about.
    number: Mapped[int | None] = mapped_column(Integer)
    note: Mapped[str] = mapped_column(server_default="")
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class ArticleVote(Tenant, Base):
    """What one reader says of an article; their latest word counts."""

    __tablename__ = "kb_article_votes"
    __table_args__ = (UniqueConstraint("article_id", "user_id"),)

    article_id: Mapped[UUID] = mapped_column(ForeignKey("kb_articles.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    # The version that was read.
    number: Mapped[int] = mapped_column(Integer)
    helpful: Mapped[bool]
    comment: Mapped[str] = mapped_column(server_default="")
    updated_at: Mapped[Moment] = mapped_column(onupdate=func.now())
