"""Notice that a question names an error code that no source names: an answer about another code misleads."""

from __future__ import annotations

import re
from collections.abc import Sequence

from helpdesk.answers.documents import Document

# As vendors write them: HL-809, MX-E41, KID-4013, 0x80070005. An asset's tag has more parts, a size or a time no dash.
_CODE = re.compile(r"(?<![\w-])(?:[A-Za-z]{2,6}-[A-Za-z]?\d{2,}|0x[0-9A-Fa-f]{4,})(?![\w-])")


def unnamed_codes(question: str, documents: Sequence[Document]) -> list[str]:
    """Return the error codes of a question where no document names any of them, in order."""
    codes = list(dict.fromkeys(match.group() for match in _CODE.finditer(question)))
    texts = [f"{document.title}\n" + "\n".join(unit.text for unit in document.units) for document in documents]
    named = {match.group().lower() for text in texts for match in _CODE.finditer(text)}
    return [] if any(code.lower() in named for code in codes) else codes
