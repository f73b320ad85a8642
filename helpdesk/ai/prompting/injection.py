"""Notice text that talks to a model instead of to people."""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache

from helpdesk.ai.prompting.likeness import folded
from helpdesk.ai.prompting.orders import order_in

_ENCODED = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{24,4096}={0,2}(?![\w+/=-])")
_MOST_ENCODED = 20
# The sentences of an article are looked at whenever it is found.
_SHORT = 600


def addresses_a_model(words: str) -> bool:
    """Return whether a text looks as if it gave orders to a model, hidden, disguised or encoded ones included.

    A hint for people and a reason not to ask one; the defence is that answers are closed and checked.
    """
    return _of_short(words) if len(words) <= _SHORT else _gives_orders(words)


@lru_cache(maxsize=8192)
def _of_short(words: str) -> bool:
    return _gives_orders(words)


def _gives_orders(words: str) -> bool:
    return any(order_in(folded(text)) is not None for text in (words, *_decoded(words)))


def _decoded(words: str) -> list[str]:
    """Return what is written in base64 within a text, where it is text again."""
    found: list[str] = []
    for blob in _ENCODED.findall(words)[:_MOST_ENCODED]:
        bare = blob.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            found.append(base64.b64decode(bare + "=" * (-len(bare) % 4)).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue
    return found
