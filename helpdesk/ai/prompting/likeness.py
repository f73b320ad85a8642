"""Read a text as it looks rather than as it is written: for finding something, never for showing it."""

from __future__ import annotations

import re
import unicodedata

from helpdesk.visible_text.cleaning import clean_text

# Letters of other scripts that look like those of Latin; and those that do so beside Latin ones only.
_ALWAYS = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0455\u0458\u04bb\u0501\u051b\u051d\u04cf\u0261\u0131"
    "\u0450\u0451\u03f2\u03f3\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d"
    "\u0274\u1d0f\u1d18\u0280\ua731\u1d1b\u1d1c\u1d20\u1d21\u028f\u1d22",
    "aeopcyxisjhdqwlgieecjabcdefghijklmnoprstuvwyz",
)
_AMONG_LATIN = str.maketrans(
    "\u0442\u0432\u043d\u043c\u043a\u0433\u043f\u03b1\u03b2\u03b5\u03b7\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4"
    "\u03c5\u03c7\u0475\u0578\u057d\u0585\u0581\u0570",
    "tbhmkrnabenikvoptuxvnuogh",
)
_WORD = re.compile(r"\w+")
_LATIN = re.compile("[a-z]")
# Letters one by one, with the same sign between each two: a word made long.
_SPACED = re.compile(r"(?<!\w)[^\W_](?:([ ._*-])[^\W_])(?:\1[^\W_]){3,40}(?!\w)")
_SIGNS = re.compile(r"[\W_]+")
_SPACES = re.compile(r"[ \t]+")


def folded(text: str) -> str:
    """Return a text in small letters: nothing hidden, foreign letters among Latin ones as what they look like."""
    plain = clean_text(text).casefold()
    if not plain.isascii():
        plain = _WORD.sub(_as_it_looks, plain)
    return _SPACES.sub(" ", _SPACED.sub(lambda word: _SIGNS.sub("", word[0]), plain))


def _as_it_looks(word: re.Match[str]) -> str:
    """Return a word that imitates Latin in plain letters; one of another script stays."""
    written = word[0]
    if written.isascii():
        return written
    plain = written.translate(_ALWAYS)
    if _LATIN.search(plain):
        plain = plain.translate(_AMONG_LATIN)
    bare = "".join(sign for sign in unicodedata.normalize("NFD", plain) if not unicodedata.combining(sign))
    # An accent belongs to a word of many languages; a word with letters of two scripts is an imitation.
    return bare if bare.isascii() and plain != written else plain if plain.isascii() else written
