"""What a gap is called: the words that its questions share and others do not have."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from helpdesk.rag.text.language import DEFAULT_LANGUAGES, detect_language
from helpdesk.rag.text.stop_words import STOP_WORDS
from helpdesk.rag.text.terms import words_of

_WORD = re.compile(r"[^\W_]+(?:[._:/-][^\W_]+)*")
_PLACEHOLDER = re.compile(r"\[\w+\]")
# What nearly every message to a service desk has, whatever it is about.
_SMALL_TALK = """
    hello hi dear team thanks thank regards kind best cheers please help need want since today yesterday morning still
    hallo liebe team danke gruß grüße freundlichen bitte hilfe brauche seit heute gestern
    bonjour merci cordialement aide besoin depuis aujourd'hui hola gracias saludos ayuda necesito desde hoy
"""
_EVERYWHERE = frozenset(_SMALL_TALK.split())
_MOST_TERMS = 6
_IN_LABEL = 3
# A word that a single question has may be somebody's name.
_LEAST_QUESTIONS = 2
_SHORTEST = 3


@dataclass(frozen=True)
class Label:
    """The name of a cluster, and its telling words, the most telling first."""

    text: str
    terms: tuple[str, ...]


class Vocabulary:
    """The words of all questions, to tell what is special about some of them."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._spellings = [_spellings(text) for text in texts]
        self._in_questions = Counter(stem for spellings in self._spellings for stem in spellings)

    def label_of(self, cluster: Sequence[int]) -> Label:
        """Return what a cluster is called.

        A word tells more the more of the cluster's questions have it and the fewer of all (TF-IDF over questions).

        Args:
            cluster: places of its questions among all.
        """
        counts = Counter(stem for place in cluster for stem in self._spellings[place])
        spelled: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for place in cluster:
            for stem, word in self._spellings[place].items():
                spelled[stem][word] += 1
        shared = [stem for stem, count in counts.items() if count >= _LEAST_QUESTIONS]
        ranked = sorted(shared, key=lambda stem: (-self._weight(stem, counts[stem]), stem))[:_MOST_TERMS]
        terms = tuple(max(sorted(spelled[stem]), key=spelled[stem].__getitem__) for stem in ranked)
        return Label(", ".join(terms[:_IN_LABEL]), terms)

    def _weight(self, stem: str, count: int) -> float:
        return count * math.log(1 + len(self._spellings) / self._in_questions[stem])


def _spellings(text: str) -> Mapping[str, str]:
    """Return the words of a text by their stems, as the text writes them."""
    text = _PLACEHOLDER.sub(" ", text)
    language = detect_language(text, among=DEFAULT_LANGUAGES) or "en"
    found: dict[str, str] = {}
    for word in _WORD.findall(text):
        lowered = word.casefold()
        if len(word) < _SHORTEST or lowered in _EVERYWHERE or lowered in STOP_WORDS.get(language, ()):
            continue
        if stems := words_of(word, language):
            found.setdefault(stems[0], lowered if word.istitle() else word)
    return found
