"""An article as HTML that is safe to show: Markdown, never the HTML that somebody wrote into it; pure."""

from __future__ import annotations

from functools import cache

from markdown_it import MarkdownIt


def html_of(body: str) -> str:
    """Return Markdown as HTML; tags in it become text, and links to anything a browser would run stay words."""
    return str(_markdown().render(body))


@cache
def _markdown() -> MarkdownIt:
    # The renderer refuses `javascript:`, `vbscript:`, `file:` and `data:` addresses itself, but for pictures as data.
    return MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 20}).enable(
        ["table", "strikethrough"]
    )
