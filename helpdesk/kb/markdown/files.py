"""An article as a Markdown file: its words as the text, all else about it as front matter; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TypeVar

from helpdesk.kb.articles.slugs import slug_of
from helpdesk.kb.articles.words import normal_body
from helpdesk.kb.markdown.front_matter import (
    FileRefused,
    FrontMatter,
    plain_text,
    read_front_matter,
    split_text,
    write_front_matter,
)
from helpdesk.models.values import ArticleState, ArticleVisibility

MOST_FILE_BYTES = 1_000_000

FIELDS = (
    "title",
    "slug",
    "summary",
    "language",
    "visibility",
    "state",
    "category",
    "tags",
    "products",
    "owner",
    "review_at",
    "review_every_days",
    "valid_until",
    "external_id",
    "source_url",
)
_LONGEST = {"title": 300, "summary": 5000, "external_id": 500, "source_url": 2000, "owner": 254, "category": 200}
_LONGEST_BODY = 200_000
_MOST_LABELS = 200
_LONGEST_LABEL = 500
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_SLUG = 90
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*")
_OTHER_SCHEME = re.compile(r"(?!https?:)[A-Za-z][A-Za-z0-9+.-]*:", re.IGNORECASE)
_HEADING = re.compile(r"^#{1,6}[ \t]+(?P<title>[^ \t\n].*)$", re.MULTILINE)
# What PostgreSQL cannot hold.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Names of files that stand for their folder.
_OF_FOLDER = frozenset(("index", "readme", "_index"))

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True)
class MarkdownArticle:
    """An article as a file says it; None for what the file does not say, and an empty text for what it takes away.

    Attributes:
        slug: of the file's name where the file says neither this nor an external id.
        category: a slug or a name.
        owner: an e-mail address.
        cleared: names of fields that the file takes away.
    """

    title: str
    body: str
    slug: str | None = None
    summary: str | None = None
    language: str | None = None
    visibility: ArticleVisibility | None = None
    state: ArticleState | None = None
    category: str | None = None
    tags: tuple[str, ...] | None = None
    products: tuple[str, ...] | None = None
    owner: str | None = None
    review_at: date | None = None
    review_every_days: int | None = None
    valid_until: date | None = None
    external_id: str | None = None
    source_url: str | None = None
    cleared: frozenset[str] = frozenset()


def read_article(name: str, data: bytes) -> MarkdownArticle:
    """Return the article of a file.

    Args:
        name: of the file, with its folders, parted by slashes.

    Raises:
        FileRefused: with the reason, and the line and field where there is one.
    """
    if len(data) > MOST_FILE_BYTES:
        raise FileRefused(f"The file is larger than {MOST_FILE_BYTES:,} bytes.")
    block, text = split_text(plain_text(data))
    found = FrontMatter({}, {}) if block is None else read_front_matter(block)
    if unknown := [field for field in found.values if field not in FIELDS]:
        known = ", ".join(FIELDS)
        raise found.refusal(unknown[0], f"There is no field {unknown[0]!r}; the fields are {known}.")
    body = normal_body(text)
    if not body:
        raise FileRefused("The file has no words after its front matter.")
    if len(body) > _LONGEST_BODY:
        raise FileRefused(f"The text is longer than {_LONGEST_BODY:,} characters.")
    return _article(name, found, body)


def write_article(article: MarkdownArticle) -> str:
    """Return the file of an article, without what the article does not say."""
    values: dict[str, object] = {}
    for field in FIELDS:
        value = getattr(article, field)
        if value not in (None, "", ()):
            values[field] = list(value) if isinstance(value, tuple) else value if isinstance(value, int) else str(value)
    return write_front_matter(values, article.body)


def _article(name: str, found: FrontMatter, body: str) -> MarkdownArticle:
    title = " ".join((_short(found, "title") or "").split()) or _heading_of(body)
    if not title:
        raise FileRefused("The file has no title and no heading.", field="title")
    external_id, slug = _short(found, "external_id") or None, _slug(found)
    cleared = {field for field, value in found.values.items() if value == "" and field not in {"title", "slug"}}
    return MarkdownArticle(
        title=title,
        body=body,
        slug=slug or (_slug_of_name(name) if external_id is None else None),
        summary=_short(found, "summary"),
        language=_matching(found, "language", _LANGUAGE, "a language such as en or pt-BR"),
        visibility=_choice(found, "visibility", ArticleVisibility),
        state=_choice(found, "state", ArticleState),
        category=_short(found, "category") or None,
        tags=_labels(found, "tags"),
        products=_labels(found, "products"),
        owner=_short(found, "owner") or None,
        review_at=_day(found, "review_at"),
        review_every_days=_days(found),
        valid_until=_day(found, "valid_until"),
        external_id=external_id,
        source_url=_source(found),
        cleared=frozenset(cleared),
    )


def _heading_of(body: str) -> str:
    heading = _HEADING.search(body)
    return " ".join(heading["title"].rstrip(" \t#").split())[: _LONGEST["title"]] if heading else ""


def _slug_of_name(name: str) -> str:
    path = PurePosixPath(name)
    stem = path.parent.name if path.stem.lower() in _OF_FOLDER and path.parent.name else path.stem
    slug = slug_of(stem, fallback="")
    if not slug:
        raise FileRefused("The file says no slug and none can be made of its name.", field="slug")
    return slug


def _text(found: FrontMatter, field: str) -> str | None:
    value = found.values.get(field)
    if isinstance(value, tuple):
        raise found.refusal(field, f"{field!r} is one text, not a list.")
    if value and _UNSTORABLE.search(value):
        raise found.refusal(field, f"{field!r} holds a character that cannot be stored.")
    return value


def _short(found: FrontMatter, field: str) -> str | None:
    value = _text(found, field)
    if value is None:
        return None
    if len(value) > _LONGEST[field]:
        raise found.refusal(field, f"{field!r} is longer than {_LONGEST[field]:,} characters.")
    return value.strip()


def _slug(found: FrontMatter) -> str | None:
    value = _matching(found, "slug", _SLUG, "lower-case letters, digits and single hyphens")
    if value is not None and len(value) > _LONGEST_SLUG:
        raise found.refusal("slug", f"'slug' is longer than {_LONGEST_SLUG} characters.")
    return value


def _matching(found: FrontMatter, field: str, pattern: re.Pattern[str], what: str) -> str | None:
    value = _text(found, field)
    if not value:
        return None
    if not pattern.fullmatch(value):
        raise found.refusal(field, f"{field!r} is {what}.")
    return value


def _choice(found: FrontMatter, field: str, choices: type[Choice]) -> Choice | None:
    value = _text(found, field)
    if not value:
        return None
    try:
        return choices(value)
    except ValueError as error:
        raise found.refusal(field, f"{field!r} is one of {', '.join(choices)}.") from error


def _labels(found: FrontMatter, field: str) -> tuple[str, ...] | None:
    """Return a list of words; a text is taken for words parted by commas."""
    value = found.values.get(field)
    if value is None:
        return None
    parts = value if isinstance(value, tuple) else tuple(value.split(","))
    labels = tuple(dict.fromkeys(label for part in parts if (label := part.strip())))
    if len(labels) > _MOST_LABELS or any(len(label) > _LONGEST_LABEL for label in labels):
        raise found.refusal(field, f"{field!r} has at most {_MOST_LABELS} entries of {_LONGEST_LABEL} characters.")
    if any(_UNSTORABLE.search(label) for label in labels):
        raise found.refusal(field, f"{field!r} holds a character that cannot be stored.")
    return labels


def _day(found: FrontMatter, field: str) -> date | None:
    value = _text(found, field)
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise found.refusal(field, f"{field!r} is a day such as 2026-11-22.") from error


def _days(found: FrontMatter) -> int | None:
    value = _text(found, "review_every_days")
    if not value:
        return None
    if not (value.isascii() and value.isdecimal() and 1 <= int(value[:5]) <= 3650 and len(value) <= 4):
        raise found.refusal("review_every_days", "'review_every_days' is a number of days from 1 to 3650.")
    return int(value)


def _source(found: FrontMatter) -> str | None:
    value = _short(found, "source_url")
    if not value:
        return None
    if _OTHER_SCHEME.match(value):
        raise found.refusal("source_url", "'source_url' is a web address (http or https) or a path.")
    return value
