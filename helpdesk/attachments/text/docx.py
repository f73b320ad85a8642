"""Text from Word documents, as Markdown: headings, paragraphs, lists and tables in their order."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from docx import Document
from docx.oxml.ns import qn

from helpdesk.attachments.text.unreadable import Unreadable

# Of what the archive unpacks to; a real document of this size has thousands of pages.
MOST_UNPACKED_BYTES = 100_000_000
MOST_ENTRIES = 5_000
_HEADING = re.compile(r"(?:heading|title|titre|überschrift|título|titolo|kop)\s*(\d?)", re.IGNORECASE)
_GAPS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}


def blocks_of_docx(file: BinaryIO) -> Iterator[str]:
    """Yield the blocks of a document's body; hidden and deleted text is left out.

    Raises:
        Unreadable: it is no Word document, damaged, or unpacks to more than anybody writes.
    """
    _check_size(file)
    try:
        document = Document(file)
        names = {style.style_id: style.name or "" for style in document.styles}
        body = document.element.body
    except MemoryError:
        raise
    except Exception as error:  # whatever a parser stumbles over in a file that nobody vouches for
        raise Unreadable(f"It is no sound Word document: {type(error).__name__}: {error}") from error
    yield from _blocks(body, names)


def _check_size(file: BinaryIO) -> None:
    try:
        entries = zipfile.ZipFile(file).infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise Unreadable(f"It is no sound Word document: {error}") from error
    file.seek(0)
    if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > MOST_UNPACKED_BYTES:
        raise Unreadable(f"It unpacks to more than {MOST_UNPACKED_BYTES:,} bytes or {MOST_ENTRIES:,} parts.")


def _blocks(parent: Any, names: dict[str, str]) -> Iterator[str]:
    for element in parent:
        if element.tag == qn("w:p"):
            if block := _paragraph(element, names):
                yield block
        elif element.tag == qn("w:tbl"):
            rows = [_row(row) for row in element.iter(qn("w:tr"))]
            yield "\n".join(row for row in rows if row)
        elif element.tag in (qn("w:sdt"), qn("w:sdtContent")):
            yield from _blocks(element, names)


def _paragraph(element: Any, names: dict[str, str]) -> str:
    text = _words(element)
    if not text:
        return ""
    style = element.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
    heading = None if style is None else _HEADING.match(names.get(style.get(qn("w:val")), ""))
    if heading is not None:
        return f"{'#' * min(int(heading[1] or 1), 6)} {' '.join(text.split())}"
    is_item = element.find(f"{qn('w:pPr')}/{qn('w:numPr')}") is not None
    return f"- {text}" if is_item else text


def _row(element: Any) -> str:
    cells = [" ".join(_words(cell).split()) for cell in element.iter(qn("w:tc"))]
    return f"| {' | '.join(cells)} |" if any(cells) else ""


def _words(element: Any) -> str:
    """Return the text of the runs below an element, those inserted in review included and those deleted left out."""
    words: list[str] = []
    for run in element.iter(qn("w:r")):
        if run.find(f"{qn('w:rPr')}/{qn('w:vanish')}") is not None:
            continue
        for part in run:
            if part.tag == qn("w:t"):
                words.append(part.text or "")
            else:
                words.append(_GAPS.get(part.tag, ""))
    return "".join(words).strip()
