"""Read an article from a row; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from helpdesk.kb.articles.slugs import slug_of
from helpdesk.models.values import ArticleState, ArticleVisibility
from helpdesk.rag.text.language import detect_language
from helpdesk.transfer.mapping import ColumnMapping
from helpdesk.transfer.rows import Row, RowRefused, refuse_unstorable
from helpdesk.transfer.values import day, long_text, one_line, one_of, plain_text, words

_LONGEST_TITLE = 300
_LANGUAGE_READ_CHARS = 600
_STATES = {"active": ArticleState.PUBLISHED, "live": ArticleState.PUBLISHED, "in_review": ArticleState.REVIEW}
_AUDIENCES = {
    "everyone": ArticleVisibility.PUBLIC,
    "internal": ArticleVisibility.AGENTS,
    "staff": ArticleVisibility.AGENTS,
}


@dataclass(frozen=True)
class ArticleRow:
    """An article to be imported.

    Attributes:
        category: a name or slug.
        is_draft: whether readers are not to see it yet.
    """

    row: Row
    external_id: str
    title: str
    body: str
    summary: str
    language: str
    visibility: ArticleVisibility
    category: str | None
    tags: tuple[str, ...]
    products: tuple[str, ...]
    source_url: str | None
    review_at: date | None
    is_draft: bool


@dataclass(frozen=True)
class ArticleReader:
    """Reads the rows of one input.

    Attributes:
        publish: whether articles are published that do not say otherwise.
        visibility: who may read all of them; None leaves it to each row, and to everybody where it is silent.
    """

    mapping: ColumnMapping
    publish: bool = True
    visibility: ArticleVisibility | None = None

    def read(self, row: Row) -> ArticleRow:
        """Return the article of a row.

        Raises:
            RowRefused: naming the field that is wrong.
        """
        refuse_unstorable(row.values)
        picked = self.mapping.pick(row.values)
        fields = picked.fields
        body = long_text(fields["body"], field="body", html="body" in picked.html) if "body" in fields else ""
        if not body:
            raise RowRefused("The article has no words.", field="body")
        title = (
            one_line(plain_text(fields["title"], field="title"), longest=_LONGEST_TITLE) if "title" in fields else ""
        )
        title = title or heading_of(body)
        if not title:
            raise RowRefused("The article has no title.", field="title")
        summary = plain_text(fields["summary"], field="summary") if "summary" in fields else ""
        return ArticleRow(
            row=row,
            external_id=_external_id(fields, title),
            title=title,
            body=body,
            summary=summary,
            language=_language(fields, f"{title}. {summary} {body}"),
            visibility=self._visibility(fields),
            category=plain_text(fields["category"], field="category") if "category" in fields else None,
            tags=_tags(fields),
            products=words(fields["products"], field="products") if "products" in fields else (),
            source_url=_source(fields),
            review_at=day(fields["review_at"], field="review_at") if "review_at" in fields else None,
            is_draft=not self.publish or _is_unfinished(fields, picked.rest),
        )

    def _visibility(self, fields: dict[str, Any]) -> ArticleVisibility:
        if self.visibility is not None or "visibility" not in fields:
            return self.visibility or ArticleVisibility.PUBLIC
        return one_of(fields["visibility"], ArticleVisibility, field="visibility", synonyms=_AUDIENCES)


def heading_of(body: str) -> str:
    """Return the first heading of a Markdown text, empty where it has none."""
    line = next((line for line in body.splitlines() if line.startswith("#")), "")
    return one_line(line.strip("# "), longest=_LONGEST_TITLE)


def _external_id(fields: dict[str, Any], title: str) -> str:
    if "external_id" in fields:
        return plain_text(fields["external_id"], field="external_id")
    return f"title-{slug_of(title, fallback=title)}"


def _language(fields: dict[str, Any], text: str) -> str:
    if "language" in fields:
        return plain_text(fields["language"], field="language").lower()[:2]
    return detect_language(text[:_LANGUAGE_READ_CHARS]) or "en"


def _tags(fields: dict[str, Any]) -> tuple[str, ...]:
    """Return the tags, the licence as one of them: whoever shows the article can name it."""
    tags = words(fields["tags"], field="tags") if "tags" in fields else ()
    if "license" not in fields:
        return tags
    return (*tags, f"license:{plain_text(fields['license'], field='license')}")


def _source(fields: dict[str, Any]) -> str | None:
    """Return where the article comes from: an address, or a path in a repository."""
    if "source_url" in fields:
        return plain_text(fields["source_url"], field="source_url")
    parts = [plain_text(fields[name], field=name) for name in ("source_repo", "source_path") if name in fields]
    return "/".join(parts) or None


def _is_unfinished(fields: dict[str, Any], rest: dict[str, Any]) -> bool:
    if rest.get("draft") in (True, "true", "yes"):
        return True
    if "state" not in fields:
        return False
    return one_of(fields["state"], ArticleState, field="state", synonyms=_STATES) is not ArticleState.PUBLISHED
