"""The knowledge base: articles and their immutable versions."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Moment, Tenant, one_of
from helpdesk.models.values import ArticleState, ArticleVisibility


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
    review_at: Mapped[date | None]
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
