"""Which files hold text that is worth finding."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

from helpdesk.attachments.media import UNKNOWN


class TextKind(StrEnum):
    """How a file's text is read."""

    PLAIN = "plain"
    MARKDOWN = "markdown"
    HTML = "html"
    PDF = "pdf"
    DOCX = "docx"


_SUFFIXES = {
    **dict.fromkeys((".txt", ".text", ".log", ".csv", ".tsv", ".json", ".xml", ".yaml", ".yml"), TextKind.PLAIN),
    **dict.fromkeys((".ini", ".conf", ".cfg", ".eml"), TextKind.PLAIN),
    **dict.fromkeys((".md", ".markdown"), TextKind.MARKDOWN),
    **dict.fromkeys((".html", ".htm", ".xhtml"), TextKind.HTML),
    ".pdf": TextKind.PDF,
    ".docx": TextKind.DOCX,
}


def kind_of(name: str, media_type: str) -> TextKind | None:
    """Return how a file's text is to be read, None where nobody would look for text in it.

    The content decides: what its name says counts among the kinds of text, and for containers that hold anything.

    Args:
        media_type: what the first bytes show, see `media.sniff`.
    """
    named = _SUFFIXES.get(PurePath(name.lower()).suffix)
    match media_type:
        case "application/pdf":
            return TextKind.PDF
        case "application/zip":
            return TextKind.DOCX if named is TextKind.DOCX else None
        case "text/plain":
            return named if named in (TextKind.MARKDOWN, TextKind.HTML) else TextKind.PLAIN
        case t if t == UNKNOWN:
            # Text in an older character set, or with byte order marks; the reader finds out.
            return named if named in (TextKind.PLAIN, TextKind.MARKDOWN, TextKind.HTML) else None
        case _:
            return None
