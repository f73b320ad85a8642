"""Knowledge-base articles and their versions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.bodies import Body, LongText, Made, Name, Slug
from helpdesk.models.values import ArticleState, ArticleVisibility

_LANGUAGE = Field(default="en", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$", max_length=20)


class NewArticleBody(Body):
    """A draft; nobody but agents sees it until it is published."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "title": "VPN error HL-809",
                "body": "# What it means\nThe gateway did not answer.\n\n# What to do\n1. Restart the client.",
                "visibility": "customers",
                "tags": ["vpn"],
            }
        }
    )

    title: str = Field(min_length=1, max_length=300)
    body: LongText = Field(description="Markdown.")
    summary: str = Field(default="", max_length=1000)
    language: str = _LANGUAGE
    visibility: ArticleVisibility = ArticleVisibility.PUBLIC
    slug: Slug | None = Field(default=None, description="Its address; made from the title when left out.")
    category: Slug | None = None
    tags: tuple[Name, ...] = Field(default=(), max_length=50)
    products: tuple[Name, ...] = Field(default=(), max_length=50)
    external_id: Name | None = None
    source_url: str | None = Field(default=None, pattern=r"^https?://", max_length=2000)
    review_at: date | None = None


class ArticleChangesBody(Body):
    """What changes; changed words wait as a new version until they are published."""

    title: str | None = Field(default=None, min_length=1, max_length=300)
    body: LongText | None = None
    summary: str | None = Field(default=None, max_length=1000)
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$", max_length=20)
    visibility: ArticleVisibility | None = None
    category: Slug | None = None
    tags: tuple[Name, ...] | None = Field(default=None, max_length=50)
    products: tuple[Name, ...] | None = Field(default=None, max_length=50)
    source_url: str | None = Field(default=None, pattern=r"^https?://", max_length=2000)
    review_at: date | None = None

    def without_category(self) -> dict[str, Any]:
        """Return what was given under the product's names, the category apart."""
        return self.model_dump(include=self.model_fields_set - {"category"})


class Publication(Body):
    """Which version readers are to see."""

    version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="The latest one when left out.")


class ArticleSummary(Made):
    """An article as a list shows it."""

    slug: str
    state: ArticleState
    visibility: ArticleVisibility
    category_id: UUID | None
    owner_id: UUID | None
    tags: list[str]
    products: list[str]
    external_id: str | None
    source_url: str | None
    review_at: date | None
    version: int = Field(description="Rises with every change; the entity tag.")
    published_version: int | None
    latest_version: int
    updated_at: datetime
    number: int = Field(description="Which version the words are of.")
    title: str
    summary: str
    language: str


class ArticleView(ArticleSummary):
    """An article with the words of one version."""

    body: str
    author_id: UUID | None
    published_at: datetime | None


class VersionView(Made):
    """The words of an article at one time."""

    number: int
    title: str
    summary: str
    body: str
    language: str
    author_id: UUID | None
    published_at: datetime | None
