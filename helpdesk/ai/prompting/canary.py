"""A random word among the instructions: an answer that holds it repeats what it was told."""

from __future__ import annotations

import re
import secrets
import unicodedata

from helpdesk.ai.model import Prompt

_NO_LETTER = re.compile(r"[\W_]+")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
# Half of a secret is as good as the whole: the other half may stand in the next sentence.
_PART = 8


def new_canary() -> str:
    """Return characters that no text holds by chance."""
    return secrets.token_hex(8)


def leaked(answer_text: str, prompt: Prompt) -> bool:
    """Return whether an answer holds the prompt's canary, or half of it, see `gives_away`."""
    return gives_away(answer_text, prompt.canary)


def gives_away(answer_text: str, secret: str) -> bool:
    """Return whether a text holds half of a secret, however it is spaced, cased, escaped, widened or turned around."""
    word = _NO_LETTER.sub("", secret).casefold()
    if not word:
        return False
    plain = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), answer_text)
    bare = _NO_LETTER.sub("", unicodedata.normalize("NFKC", plain)).casefold()
    starts = range(max(1, len(word) - _PART + 1))
    return any(way[at : at + _PART] in bare for way in (word, word[::-1]) for at in starts)
