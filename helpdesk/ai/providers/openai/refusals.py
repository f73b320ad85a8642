"""Why an endpoint refuses a request: the names it gives, and nothing of what it repeats."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from helpdesk.ai.model import InputRefused

# An error's own words come first; what they repeat of a request comes after them.
_WORDS_CHARS = 300
_WORD = re.compile(r"\w+")


class RequestRefused(InputRefused):
    """The endpoint refuses what was sent.

    Its words may repeat the request: they are looked through for names, and neither kept nor told.

    Args:
        body: the error as the endpoint worded it.

    Attributes:
        named: the parts of the request that it names; none where it names none in a field of their own.
        words: the words of its message, in small letters.
        lacks_ability: whether the model cannot do what is asked of it.
        too_long: whether there is too much text for the model's context.
    """

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.named = frozenset(_named(body))
        message = _message(body)[:_WORDS_CHARS].lower()
        self.words = frozenset(_WORD.findall(message))
        # A model that cannot do a thing at all, other than one that does not know an option.
        self.lacks_ability = status == 400 and "does not support" in message
        self.too_long = "context" in self.words or body.get("code") == "context_length_exceeded"
        why = "it exceeds the context length" if self.too_long else f"it answers {status}"
        super().__init__(f"The endpoint refuses the request: {why}.")

    def names(self, name: str) -> bool:
        """Return whether a part of the request is named: in a field for that where there is one, else in words."""
        return name in (self.named or self.words)


def said_in(body: object) -> Mapping[str, Any] | None:
    """Return the error that an answer holds, None where it holds none, such as a page."""
    if isinstance(body, str):
        return None if body.lstrip().startswith("<") else {"message": body}
    return body if isinstance(body, dict) else None


def _named(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names in `param`, and in the places that FastAPI lists."""
    if isinstance(param := body.get("param"), str):
        yield from _WORD.findall(param)
    listed = body.get("detail")
    for entry in listed if isinstance(listed, list) else []:
        place = entry.get("loc") if isinstance(entry, dict) else None
        yield from (part for part in place or [] if isinstance(part, str)) if isinstance(place, list) else ()


def _message(body: Mapping[str, Any]) -> str:
    said = body.get("message") or body.get("detail") or body.get("error")
    return said if isinstance(said, str) else ""
