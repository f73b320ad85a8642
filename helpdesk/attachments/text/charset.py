"""Find out in which character set a text was written; nothing in most files says so."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

from helpdesk.attachments.text.unreadable import Unreadable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
# Western first: it wins where nothing speaks for another.
_OLD_SETS = ("cp1252", "cp1250", "cp1251", "koi8-r")
_SAMPLE_CHARS = 20_000
# A text may hold a stray control character; a program holds them everywhere.
_MOST_CONTROLS = 0.01
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def decode(content: bytes) -> str:
    """Return the text of a file whose character set nobody tells.

    Byte order marks count, then UTF-8, UTF-16 by its zeros, what the file declares, and at last the old set in which
    the letters stand most like letters.

    Raises:
        Unreadable: it is no text.
    """
    for text in _attempts(content):
        if len(_CONTROLS.findall(text[:_SAMPLE_CHARS])) <= _MOST_CONTROLS * min(len(text), _SAMPLE_CHARS):
            return text.replace("\x00", "")
    raise Unreadable("It is no text, whatever its name says.")


def _attempts(content: bytes) -> Iterator[str]:
    for mark, name in _MARKS:
        if content.startswith(mark):
            yield content.decode(name, "replace")
            return
    try:
        yield content.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character may be cut where the reading stopped.
        if error.start >= len(content) - 3:
            yield content[: error.start].decode("utf-8")
    if wide := _zeros_of(content):
        yield content.decode(wide, "replace")
        return
    if declared := _DECLARED.search(content[:2048]):
        with suppress(LookupError, UnicodeError):
            yield content.decode(declared[1].decode())
    readings = [content.decode(name, "replace") for name in _OLD_SETS]
    yield min(readings, key=lambda text: _oddness(text[:_SAMPLE_CHARS]))


def _zeros_of(content: bytes) -> str | None:
    """Return which UTF-16 it is when every other byte is mostly zero, as Latin letters have it."""
    sample = content[:4096]
    even, odd = sample[0::2], sample[1::2]
    if len(sample) < 8:
        return None
    if odd.count(0) > 0.6 * len(odd) and even.count(0) < 0.1 * len(even):
        return "utf-16-le"
    if even.count(0) > 0.6 * len(even) and odd.count(0) < 0.1 * len(odd):
        return "utf-16-be"
    return None


def _oddness(text: str) -> float:
    """Return how little the letters beyond ASCII stand as letters do: 0 is best.

    A sign within a word, a capital after a small letter and accents side by side all tell of a wrong set; Cyrillic
    letters stand side by side.
    """
    odd = 0.0
    for first, second in pairwise(text):
        if first.isascii() and second.isascii():
            continue
        odd += _is_within(first, second) + (first.islower() and second.isupper())
        strange = not first.isascii() and not second.isascii() and first.isalpha() and second.isalpha()
        odd += 0.5 * (strange and not (_is_cyrillic(first) and _is_cyrillic(second)))
    return odd


def _is_within(first: str, second: str) -> bool:
    """Return whether a letter meets a sign beyond ASCII that no word has."""
    letter, sign = (first, second) if first.isalpha() else (second, first)
    if not letter.isalpha() or sign.isascii() or sign.isalpha():
        return _is_cyrillic(first) != _is_cyrillic(second) and first.isalpha() and second.isalpha()
    return unicodedata.category(sign) not in {"Pi", "Pf", "Po", "Pd", "Ps", "Pe", "Zs"}


def _is_cyrillic(letter: str) -> bool:
    return "\u0400" <= letter <= "\u04ff"
