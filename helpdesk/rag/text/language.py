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


def language_chances(text: str, *, among: Sequence[str] = DEFAULT_LANGUAGES) -> dict[str, float]:
    """Return how likely each language is, by letters and by small words; nothing where nothing in the text tells.

    The more small words there are, the less the letters count: names and products have letters of any language.
    """
    languages = tuple(among)
    read = text[:_READ_CHARS]
    if len(languages) == 1 or not _WORD.search(read):
        return {languages[0]: 1.0} if len(languages) == 1 else {}
    words = [word.lower() for word in _WORD.findall(read)]
    letters = _letter_chances(read, languages, words=len(words))
    votes = {language: sum(word in STOP_WORDS.get(language, ()) for word in words) for language in languages}
    # Squared, because neighbours share many of them: `de` and `la` are Spanish, French and Italian.
    weighed = {language: count**2 for language, count in votes.items()}
    total = sum(weighed.values())
    if not total:
        return letters
    share = max(votes.values()) / (max(votes.values()) + 2)
    return {
        language: share * weighed[language] / total + (1 - share) * letters.get(language, 0.0) for language in languages
    }


def _letter_chances(text: str, languages: tuple[str, ...], *, words: int) -> dict[str, float]:
    """Return how likely each language is by letters; two words look like any language, twenty like one."""
    found = {
        each.language.iso_code_639_1.name.lower(): each.value
        for each in _detector(languages).compute_language_confidence_values(text)
    }
    if not sum(found.values()):
        return {}
    told = words / (words + 3)
    return {language: told * found.get(language, 0.0) + (1 - told) / len(languages) for language in languages}
