"""Which language a text is written in, among the few that an organisation uses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from lingua import IsoCode639_1, LanguageDetector, LanguageDetectorBuilder

from helpdesk.rag.text.stop_words import STOP_WORDS

# The languages that an organisation has without saying anything else.
DEFAULT_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl")
# Long enough to be sure, short enough to cost nothing.
_READ_CHARS = 600
_WORD = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=8)
def _detector(languages: tuple[str, ...]) -> LanguageDetector:
    # The small statistics load in 0.1 s and 12 MB for four languages; the full ones take ten times as much.
    codes = [getattr(IsoCode639_1, code.upper()) for code in languages]
    return LanguageDetectorBuilder.from_iso_codes_639_1(*codes).with_low_accuracy_mode().build()


def detect_language(text: str, *, among: Sequence[str] = DEFAULT_LANGUAGES) -> str | None:
    """Return the ISO 639-1 code of a text's language, None when nothing in it tells.

    Args:
        among: codes of the languages that are possible; the first is taken where only one is.
    """
    languages = tuple(among)
    if len(languages) == 1:
        return languages[0]
    read = text[:_READ_CHARS]
    return language_of_small_words(read, among=languages) or _by_letters(read, languages)


def language_of_small_words(text: str, *, among: Sequence[str] = DEFAULT_LANGUAGES) -> str | None:
    """Return the language whose small words the text has most of, None at a tie.

    "Set or change your passcode" has the letters of German, but `or` and `your` only English has.
    """
    words = [word.lower() for word in _WORD.findall(text)]
    votes = {language: sum(word in STOP_WORDS.get(language, ()) for word in words) for language in among}
    most = max(votes.values())
    leading = [language for language, count in votes.items() if count == most]
    return leading[0] if most and len(leading) == 1 else None


def _by_letters(text: str, languages: tuple[str, ...]) -> str | None:
    found = _detector(languages).detect_language_of(text)
    return None if found is None else found.iso_code_639_1.name.lower()
