"""Text from each kind of file, as plain text or Markdown; runs in a process that may be ended at any time."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import assert_never

from helpdesk.attachments.text.charset import decode
from helpdesk.attachments.text.docx import blocks_of_docx
from helpdesk.attachments.text.kinds import TextKind
from helpdesk.attachments.text.pdf import pages_of_pdf
from helpdesk.attachments.text.unreadable import Unreadable
from helpdesk.rag.text.html import html_to_markdown

# About 125 passages: the beginning of a long log tells what it is about.
MOST_CHARS = 100_000
# A longer plain text is read this far; it holds more than `MOST_CHARS` in any character set.
MOST_PLAIN_BYTES = 4 * MOST_CHARS


@dataclass(frozen=True)
class Extracted:
    """The text of a file, `truncated` where there was more than is kept."""

    text: str
    truncated: bool


def extract(content: bytes, kind: TextKind) -> Extracted:
    """Return the text of a file.

    Raises:
        Unreadable: broken, locked, empty, or nothing like what its name says.
    """
    extracted = _gathered(_reader(kind)(content))
    if not any(letter.isalnum() for letter in extracted.text):
        raise Unreadable("There are no words in it; it may hold pictures of text.")
    more = kind not in (TextKind.PDF, TextKind.DOCX) and len(content) > MOST_PLAIN_BYTES
    return Extracted(extracted.text, extracted.truncated or more)


def _reader(kind: TextKind) -> Callable[[bytes], Iterable[str]]:
    match kind:
        case TextKind.PLAIN | TextKind.MARKDOWN:
            return lambda content: [decode(content[:MOST_PLAIN_BYTES])]
        case TextKind.HTML:
            return lambda content: [html_to_markdown(decode(content[:MOST_PLAIN_BYTES]))]
        case TextKind.PDF:
            return lambda content: pages_of_pdf(io.BytesIO(content))
        case TextKind.DOCX:
            return lambda content: blocks_of_docx(io.BytesIO(content))
        case _:
            assert_never(kind)


def _gathered(parts: Iterable[str]) -> Extracted:
    """Join parts until there are enough characters; what comes after is not even read."""
    kept: list[str] = []
    room = MOST_CHARS
    for part in parts:
        if room <= 0:
            return Extracted("\n\n".join(kept), truncated=True)
        kept.append(part[:room])
        room -= len(part)
    return Extracted("\n\n".join(kept), truncated=room < 0)
