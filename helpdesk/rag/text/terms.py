"""Words as the index counts them: stemmed, hashed, salted with the organisation, weighted as BM25 does."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from uuid import UUID

import snowballstemmer

from helpdesk.models.rag import TERM_SPACE
from helpdesk.rag.text.language import DEFAULT_LANGUAGES
from helpdesk.rag.text.stop_words import STOP_WORDS

# Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009); the values that suit
# short passages (Trotman, Puurula and Burgess 2014).
K1 = 0.9
B = 0.4
# Frozen: weights are stored, and need not change when the corpus grows. Terms in a usual passage.
AVERAGE_LENGTH = 60.0

_STEMMERS = {
    "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish", "fr": "french",
    "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "nb": "norwegian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip
# A compound holds together what means one thing: error codes, versions, addresses, host and file names, flags.
_COMPOUND = re.compile(r"(?:(?<![\w-])--?(?=[^\W\d_]))?[^\W_]+(?:[._:/\\@+#&'\u2019-]+[^\W_]+)*[+#]*")
_PART = re.compile(r"[^\W_]+")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")
# Scripts that write no spaces: every two neighbouring characters are a term.
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
# Other ways to write the same code: `HL809` for `HL-809`, `5034441` for `KB5034441`, `10.2.3` for `v10.2.3` and
# `80070005` for `0x80070005`.
_HYPHENED = re.compile(r"([a-z]{1,8})[-_](\d+[a-z]?)")
_GLUED = re.compile(r"([a-z]{2,8})(\d{2,}[a-z]?)")
_PREFIXED = re.compile(r"(?:v(?=\d+\.)|0x(?=[0-9a-f]{4}))([\w.]+)")
# Marks on Latin letters: many type `contrasena` for `contraseña`.
_MARKS = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")
_POSSESSIVE = re.compile(r"['\u2019]s$")
_LONGEST_TERM = 64


def words_of(text: str, language: str | None) -> list[str]:
    """Return the terms of a text, as words: those of scripts without spaces first, the others in order.

    Compounds such as `0x80070005`, `srv-mail-01`, `10.2.3` or `--no-cache` stay whole and are split as well; codes are
    found however they are written (`HL-809`, `HL809`). Stop words are left out, everything that holds no digit is
    stemmed, and accents are dropped.
    """
    plain = unicodedata.normalize("NFKC", text).lower()
    found = list(chain.from_iterable(_pairs(match.group()) for match in UNSPACED.finditer(plain)))
    for match in _COMPOUND.finditer(UNSPACED.sub(" ", plain)):
        found.extend(_terms_of(_POSSESSIVE.sub("", match.group()), language or ""))
    return found


@lru_cache(maxsize=200_000)
def _terms_of(compound: str, language: str) -> tuple[str, ...]:
    if compound.startswith("-"):
        return (compound[:_LONGEST_TERM], *_terms_of(compound.lstrip("-"), language))
    parts = _PART.findall(compound)
    words = [] if len(parts) == 1 and parts[0] == compound else [_plain(compound[:_LONGEST_TERM])]
    for part in parts:
        if part in STOP_WORDS.get(language, ()) or (len(part) == 1 and len(parts) > 1):
            continue
        words.append(part[:_LONGEST_TERM] if _DIGIT.search(part) else _plain(stem(part[:_LONGEST_TERM], language)))
    return tuple(dict.fromkeys([*words, *_otherwise(compound)]))


def _otherwise(compound: str) -> Iterable[str]:
    """Return the other ways to write a code."""
    if match := _HYPHENED.fullmatch(compound):
        return ["".join(match.groups())]
    if match := _GLUED.fullmatch(compound):
        return match.groups()
    if match := _PREFIXED.fullmatch(compound):
        return [match.group(1)]
    return []


def _plain(word: str) -> str:
    if word.isascii():
        return word
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", word)))


def _pairs(run: str) -> Iterable[str]:
    return [run[place : place + 2] for place in range(max(1, len(run) - 1))]


@lru_cache(maxsize=32)
def _stemmer(language: str) -> snowballstemmer.stemmer | None:
    return snowballstemmer.stemmer(_STEMMERS[language]) if language in _STEMMERS else None


@lru_cache(maxsize=200_000)
def stem(word: str, language: str) -> str:
    """Return a word's stem in a language, the word itself where no stemmer is known for it."""
    stemmer = _stemmer(language)
    return word if stemmer is None else str(stemmer.stemWord(word))


@lru_cache(maxsize=200_000)
def term_hash(word: str, organization: UUID) -> int:
    """Return a term's number from 1 to TERM_SPACE; no two organisations number alike, so no search reads
    another organisation's entries in the shared index.
    """  # noqa: D205 -- one sentence
    digest = blake2b(word.encode(), digest_size=8, key=organization.bytes).digest()
    return int.from_bytes(digest, "big") % TERM_SPACE + 1


def count_terms(words: Iterable[str], *, organization_id: UUID) -> Counter[int]:
    """Return how often each term occurs, by its number."""
    return Counter(term_hash(word, organization_id) for word in words)


def bm25_weights(counts: Counter[int], *, length: int) -> dict[int, float]:
    """Return the weight of each term in a passage: tf (k1 + 1) / (tf + k1 (1 - b + b length / average)).

    The inner product with the inverse document frequencies of a query's terms is the passage's BM25 score.

    Args:
        length: number of terms in the passage, repeated ones included.
    """
    norm = K1 * (1 - B + B * length / AVERAGE_LENGTH)
    return {term: tf * (K1 + 1) / (tf + norm) for term, tf in counts.items()}


def codes_of(text: str) -> set[str]:
    """Return the words that name one thing exactly: compounds of letters and at least two digits, such as `HL-809`."""
    found = (match.group() for match in _COMPOUND.finditer(unicodedata.normalize("NFKC", text).lower()))
    return {word for word in found if len(_DIGIT.findall(word)) >= 2 and _LETTER.search(word) and len(word) >= 4}


def query_terms(text: str, *, organization_id: UUID, languages: Sequence[str] = DEFAULT_LANGUAGES) -> list[int]:
    """Return the numbers of a query's terms, stemmed in each possible language: a query is too short to tell its own.

    A stem that no passage has costs nothing; the search leaves it out.
    """
    words = chain.from_iterable(words_of(text, language) for language in languages)
    return list(dict.fromkeys(term_hash(word, organization_id) for word in words))
