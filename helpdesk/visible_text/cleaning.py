"""Plain text and Markdown as a reader sees them."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable

from helpdesk.visible_text.markup import without_hidden_markup

# Zero-width, bidirectional and other format characters show nothing, yet split words and hide instructions.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
# Halves of characters are what no database takes; private characters look like nothing in particular.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff]")
# Begun where a row of them begins only: at every one of a hundred thousand, it would take minutes.
_SPACE = r"[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]"
_SPACES = re.compile(rf"(?<!{_SPACE}){_SPACE}++(?=\n|$)")
_EMPTY_LINES = re.compile(r"\n{3,}")
_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029\x85\x0b\x0c]")
# But for those that stand for `<`, `>` and `&`: what they shield is text, and would become markup.
_ENTITY = re.compile(r"&(?!(?:lt|gt|amp|#60|#62|#38|#x3[ce]|#x26)\b)(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});", re.IGNORECASE)  # fmt: skip  # noqa: E501
# Each round can lay bare what the next one removes; a text is settled after two, unless it was made to be otherwise.
_MOST_ROUNDS = 12


def clean_text(text: str) -> str:
    """Return a text in normal form NFKC, without characters that cannot be seen, entities read, line ends trimmed.

    Cleaning what is clean changes nothing.
    """
    return settled(_cleaned_once, text)


def clean_markdown(markdown: str) -> str:
    """Return an article's Markdown as a reader sees it: no comments, no hidden elements; code stays as it is."""
    return settled(lambda text: without_hidden_markup(clean_text(text)).strip(), markdown)


def settled(clean: Callable[[str], str], text: str) -> str:
    """Return a text cleaned again and again until nothing changes."""
    for _ in range(_MOST_ROUNDS):
        cleaned = clean(text)
        if cleaned == text:
            break
        text = cleaned
    return text


def _cleaned_once(text: str) -> str:
    visible = _CONTROLS.sub("", _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text)))
    if "&" in visible:
        visible = _ENTITY.sub(_read_entity, visible)
    if not visible.isascii():
        visible = unicodedata.normalize("NFKC", visible)
    return _EMPTY_LINES.sub("\n\n", _SPACES.sub("", visible)).strip()


def _read_entity(entity: re.Match[str]) -> str:
    read = html.unescape(entity[0])
    # A name that nobody knows may be meant; one that stands for a sign of markup stays as it is.
    return entity[0] if any(sign in read for sign in "<>&") else read
