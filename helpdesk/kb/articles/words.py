"""The words of an article in one form, so that what differs only in line ends or margins is the same; pure."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from helpdesk.errors import Invalid

_BLANK_LINES_FIRST = re.compile(r"\A(?:[ \t]*\n)+")


class ArticleEmpty(Invalid):
    """An article needs a title and words."""


class HasWords(Protocol):
    """Whatever has the words of an article."""

    @property
    def title(self) -> Any: ...  # noqa: D102
    @property
    def body(self) -> Any: ...  # noqa: D102
    @property
    def summary(self) -> Any: ...  # noqa: D102
    @property
    def language(self) -> Any: ...  # noqa: D102


@dataclass(frozen=True)
class Words:
    """What a version says; the body is Markdown."""

    title: str
    body: str
    summary: str
    language: str

    @property
    def columns(self) -> dict[str, str]:
        """Return them as columns of a version."""
        return asdict(self)


def words_of(source: HasWords, *, over: HasWords | None = None) -> Words:
    """Return the words of something, in one form.

    Args:
        over: says what stands where the source says nothing (None).

    Raises:
        ArticleEmpty: no title or no words.
    """
    chosen = {
        name: value if (value := getattr(source, name)) is not None else getattr(over, name)
        for name in ("title", "body", "summary", "language")
    }
    words = Words(
        title=" ".join(chosen["title"].split()),
        body=normal_body(chosen["body"]),
        summary=_lines(chosen["summary"]).strip(),
        language=chosen["language"],
    )
    if not words.title or not words.body:
        raise ArticleEmpty
    return words


def normal_body(text: str) -> str:
    """Return Markdown with plain line ends, and without blank lines before it and blanks after it."""
    return _BLANK_LINES_FIRST.sub("", _lines(text)).rstrip()


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
