"""What can be said of an article when it is written and when it is changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from helpdesk.kb.articles.words import words_of
from helpdesk.models.kb import Article
from helpdesk.models.values import ArticleVisibility

# What may be taken away from an article, so that it holds nothing.
CLEARABLE = frozenset(("category_id", "owner_id", "source_url", "review_at", "review_every_days", "valid_until"))

_OF_ARTICLE = ("visibility", *sorted(CLEARABLE), "tags", "products")


@dataclass(frozen=True)
class NewArticle:
    """A draft as its author hands it in; the body is Markdown.

    Attributes:
        review_at: when its owner is to look whether it still holds, and `review_every_days` after that again.
        valid_until: the last day on which it holds.
    """

    title: str
    body: str
    summary: str = ""
    language: str = "en"
    visibility: ArticleVisibility = ArticleVisibility.PUBLIC
    slug: str | None = None
    category_id: UUID | None = None
    owner_id: UUID | None = None
    tags: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    external_id: str | None = None
    source_url: str | None = None
    review_at: date | None = None
    review_every_days: int | None = None
    valid_until: date | None = None


@dataclass(frozen=True)
class ArticleChanges:
    """What changes; None leaves a field as it is. Changed words make a new version.

    Attributes:
        clear: names of fields, from among CLEARABLE, that are to hold nothing.
    """

    title: str | None = None
    body: str | None = None
    summary: str | None = None
    language: str | None = None
    visibility: ArticleVisibility | None = None
    category_id: UUID | None = None
    owner_id: UUID | None = None
    tags: tuple[str, ...] | None = None
    products: tuple[str, ...] | None = None
    source_url: str | None = None
    review_at: date | None = None
    review_every_days: int | None = None
    valid_until: date | None = None
    clear: frozenset[str] = frozenset()


def take_over(article: Article, source: NewArticle | ArticleChanges) -> None:
    """Set what is not words as far as a source says it."""
    for name in _OF_ARTICLE:
        if (value := getattr(source, name)) is not None:
            setattr(article, name, list(value) if isinstance(value, tuple) else value)
    if isinstance(source, ArticleChanges):
        for name in source.clear & CLEARABLE:
            setattr(article, name, None)


def would_change(changes: ArticleChanges, here: Any) -> bool:
    """Tell whether changes say something else than an article with the words of its latest version."""
    if words_of(changes, over=here) != words_of(here):
        return True
    if any(getattr(here, name) is not None for name in changes.clear & CLEARABLE):
        return True
    return any((value := getattr(changes, name)) is not None and value != getattr(here, name) for name in _OF_ARTICLE)
