"""Names in greetings and signatures: only those that look like names, put only where a placeholder stands."""

from __future__ import annotations

import re
from collections.abc import Mapping

from helpdesk.rag.text.cleaning import clean_text

_NAME = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_PLACE = re.compile(r"\{(\w+)\}")
_MOST_CHARS = 80


def first_name(name: str | None) -> str | None:
    """Return the first name to greet somebody with; None where the name looks like an address or a code."""
    words = (name or "").replace(",", " ").split()
    if not words or "@" in words[0] or _NAME.fullmatch(words[0]) is None or len(words[0]) < 2:
        return None
    return words[0]


def whole_name(name: str | None) -> str | None:
    """Return a name of two to four words as it is written; None where it does not look like a person's name."""
    words = (name or "").split()
    if not 2 <= len(words) <= 4 or not all(_NAME.fullmatch(word.rstrip(".")) for word in words):
        return None
    return " ".join(words)[:_MOST_CHARS]


def filled(template: str, values: Mapping[str, str | None]) -> str:
    """Return a text of the organisation's with the known placeholders filled in, and nothing else done to it.

    A line that names something unknown, such as `{team}` of a ticket without one, is left out; braces around anything
    else stand as they are.
    """
    lines = []
    for line in template.splitlines():
        places = [place for place in _PLACE.findall(line) if place in values]
        if all(values[place] for place in places):
            lines.append(_PLACE.sub(lambda match: _value(match, values), line))
    return "\n".join(lines).strip()


def _value(match: re.Match[str], values: Mapping[str, str | None]) -> str:
    if match[1] not in values:
        return match[0]
    # A name is one line of visible words, whoever chose it.
    return " ".join(clean_text(values[match[1]] or "").split())[:_MOST_CHARS]
