"""Knowledge-base articles and their versions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from api.schemas.bodies import Body, LongText, Made, Name, Slug, View
from helpdesk.kb.articles.text import ArticleText
from helpdesk.kb.articles.votes import Votes
from helpdesk.models.values import ArticleDoer, ArticleEventKind, ArticleState, ArticleVisibility

LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$"
_LANGUAGE = Field(default="en", pattern=LANGUAGE, max_length=20)
_INTERVAL = Field(default=None, ge=1, le=3650, description="Days from one review to the next.")
_VALID_UNTIL = Field(default=None, description="The last day on which it holds; afterwards it is flagged.")
_VERSION = Field(default=None, ge=1, le=2**31 - 1, description="The latest one when left out.")
_NOTE = Field(default="", max_length=2000, description="For the history.")
# What may be taken away, and the name that the product has for it.
_CLEARABLE = {
    "category": "category_id",
    "owner_id": "owner_id",
    "source_url": "source_url",
    "review_at": "review_at",
    "review_every_days": "review_every_days",
    "valid_until": "valid_until",
}


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
    owner_id: UUID | None = Field(default=None, description="Who looks after it; its author when left out.")
    tags: tuple[Name, ...] = Field(default=(), max_length=50)
    products: tuple[Name, ...] = Field(default=(), max_length=50)
    external_id: Name | None = None
    source_url: str | None = Field(default=None, pattern=r"^https?://", max_length=2000)
    review_at: date | None = None
    review_every_days: int | None = _INTERVAL
    valid_until: date | None = _VALID_UNTIL


class ArticleChangesBody(Body):
    """What changes; changed words wait as a new version until they are published.

    `null` takes away a category, an owner, a source, an interval or a date; what is left out stays.
    """

    title: str | None = Field(default=None, min_length=1, max_length=300)
    body: LongText | None = None
    summary: str | None = Field(default=None, max_length=1000)
    language: str | None = Field(default=None, pattern=LANGUAGE, max_length=20)
    visibility: ArticleVisibility | None = None
    category: Slug | None = None
    owner_id: UUID | None = None
    tags: tuple[Name, ...] | None = Field(default=None, max_length=50)
    products: tuple[Name, ...] | None = Field(default=None, max_length=50)
    source_url: str | None = Field(default=None, pattern=r"^https?://", max_length=2000)
    review_at: date | None = None
    review_every_days: int | None = _INTERVAL
    valid_until: date | None = _VALID_UNTIL

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        for name in self.model_fields_set - _CLEARABLE.keys():
            if getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null")
        return self

    def without_category(self) -> dict[str, Any]:
        """Return what was given under the product's names, the category apart."""
        return self.model_dump(include=self.model_fields_set - {"category"})

    def cleared(self) -> frozenset[str]:
        """Return what is taken away, under the product's names."""
        given = self.model_fields_set
        return frozenset(name for field, name in _CLEARABLE.items() if field in given and getattr(self, field) is None)


class Publication(Body):
    """Which version readers are to see."""

    version: int | None = _VERSION
    note: str = _NOTE


class Note(Body):
    """Why, for the history."""

    note: str = _NOTE


class Rejection(Body):
    """Why an article is sent back."""

    note: str = Field(min_length=1, max_length=2000, description="Its author reads it.")


class ReviewRequest(Body):
    """Who is to look at the latest words."""

    reviewer_id: UUID | None = Field(default=None, description="Left out, those with the role lead or admin are told.")
    note: str = _NOTE


class Review(Body):
    """When the article is to be looked at again."""

    next_at: date | None = Field(
        default=None, description="Left out, it follows from the article's interval, or is half a year on."
    )
    note: str = _NOTE


class Schedule(Body):
    """What is to happen to an article by itself; all of it, so what is left out is not planned."""

    publish_at: AwareDatetime | None = None
    version: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="Which version to publish then; the latest one of now."
    )
    archive_at: AwareDatetime | None = None
    note: str = _NOTE


class Verdict(Body):
    """What a reader says of an article."""

    helpful: bool
    comment: str = Field(default="", max_length=2000)


class VotesView(View):
    """How many readers an article helped, and how many not."""

    helpful: int
    not_helpful: int


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
    review_every_days: int | None
    valid_until: date | None
    review_due: bool = Field(description="Whether it is published and its review date has come or it holds no longer.")
    version: int = Field(description="Rises with every change; the entity tag.")
    published_version: int | None
    latest_version: int
    has_newer_words: bool = Field(description="Whether readers see a version that is not the latest one.")
    review_version: int | None = Field(description="The version that waits for review.")
    reviewer_id: UUID | None
    approved_version: int | None = Field(description="The version that was approved last; any agent may publish it.")
    publish_at: datetime | None = Field(description="When `publish_version` is to be published.")
    publish_version: int | None
    archive_at: datetime | None
    updated_at: datetime
    number: int = Field(description="Which version the words are of.")
    title: str
    summary: str
    language: str

    @classmethod
    def of(cls, article: ArticleText, today: date) -> Self:
        """Make it of an article as it is on a day."""
        return cls(**_fields(article, today, cls))


class ArticleView(ArticleSummary):
    """An article with the words of one version."""

    body: str
    author_id: UUID | None
    published_at: datetime | None
    votes: VotesView

    @classmethod
    def with_votes(cls, article: ArticleText, today: date, votes: Votes) -> Self:
        """Make it of an article as it is on a day, and of what its readers said."""
        return cls(**_fields(article, today, cls), votes=VotesView.model_validate(votes))


def _fields(article: ArticleText, today: date, view: type[ArticleSummary]) -> dict[str, Any]:
    given = {name: getattr(article, name) for name in view.model_fields.keys() - {"review_due", "votes"}}
    return given | {"review_due": article.is_due(today)}


class VersionView(Made):
    """The words of an article at one time."""

    number: int
    title: str
    summary: str
    body: str
    language: str
    author_id: UUID | None
    published_at: datetime | None


class DiffView(View):
    """What differs between two versions."""

    older: int
    newer: int
    diff: str = Field(description="A unified diff; empty where they are the same.")
    added: int = Field(description="Lines.")
    removed: int


class ArticleEventView(Made):
    """One step in the history of an article."""

    kind: ArticleEventKind
    actor_id: UUID | None
    through: ArticleDoer = Field(description="By which way: a user, a command on the host, an import or the schedule.")
    from_state: ArticleState | None
    to_state: ArticleState
    number: int | None = Field(description="The version that the step is about.")
    note: str
    data: dict[str, Any]


class VoteView(Made):
    """What one reader said."""

    user_id: UUID
    number: int = Field(description="The version that was read.")
    helpful: bool
    comment: str
    updated_at: datetime
