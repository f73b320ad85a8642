"""What of a source is worth indexing: visible words, without quotes, signatures and hidden text."""

from __future__ import annotations

import re

from helpdesk.rag.text.html import html_to_text
from helpdesk.rag.text.quotes import own_words
from helpdesk.visible_text.cleaning import clean_markdown, clean_text, settled

__all__ = ["clean_markdown", "clean_message", "clean_text"]

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_LOOKS_LIKE_HTML = re.compile(
    r"<(?:!doctype html|html|body|div|p|br|table|span|ul|ol|li|blockquote)\b[^<>]*>"
    # A placeholder such as <b> has no end.
    r"|<(a|b|i|font|strong|em|h[1-6])\b[^<>]*>[^<]*</\1\s*>",
    re.IGNORECASE,
)


def clean_message(body: str) -> str:
    """Return what the author of a message wrote, without quoted mails, signature and hidden text.

    A message that is nothing but a quote is kept whole: it is all there is.
    """
    text = clean_text(html_to_text(body) if _LOOKS_LIKE_HTML.search(body) else _COMMENT.sub("", body))
    return settled(lambda words: clean_text(own_words(words)) or words, text)
