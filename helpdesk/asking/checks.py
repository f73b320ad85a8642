"""Check what a text model says against what it cites: a sentence stands if its sources say the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from helpdesk.ai.prompting.injection import addresses_a_model
from helpdesk.answers.article_units import Unit, sentences_of
from helpdesk.answers.grounding import flat, names_an_address, problem_of_statement
from helpdesk.asking.evidence import Source
from helpdesk.rag.text.terms import words_of

# Share of a sentence's words that the passage it restates must have; below, it says something else.
_SUPPORTED = 0.6
_LEAST_WORDS = 3
_MOST_WORDS = 60
# What turns a sentence into its opposite. "Only" and "unless" are no negations, but as costly to lose.
_NEGATION = re.compile(
    r"(?i)\b(?:not|no|never|none|nobody|nothing|cannot|can.t|don.t|doesn.t|isn.t|won.t|without|unless|only|nicht|nie|"
    r"niemals|kein\w*|ohne|nur|ne|pas|jamais|sans|aucun\w*|seulement|nunca|sin|ningún\w*|solo|niet|nooit|geen|zonder|"
    r"alleen|non|mai|senza|nessun\w*)\b|\w+n['\u2019]t\b"
)
# A name: a capital inside a sentence, or inside a word. In German every noun has one.
_NAME = re.compile(r"(?<=[\w,;:)”\"] )[A-ZÄÖÜ][\w-]*|\b[a-z]+[A-Z]\w*")


@dataclass(frozen=True)
class Statement:
    """A sentence of an answer.

    Attributes:
        cites: ids of sources.
        unit: what it quotes word for word; None for words of a model's own.
    """

    text: str
    cites: tuple[str, ...]
    unit: Unit | None = None


@dataclass(frozen=True)
class Verdict:
    """What of an answer holds, in order, and what does not, each with its problem."""

    kept: list[Statement]
    dropped: list[dict[str, str]]


def check_answer(value: Mapping[str, object], sources: Sequence[Source], *, secret: str) -> Verdict:
    """Return what may stand of a decoded answer.

    Args:
        secret: the boundary of the prompt, which no answer has a reason to repeat.
    """
    by_id = {source.id: source for source in sources}
    kept: list[Statement] = []
    dropped: list[dict[str, str]] = []
    seen: set[str] = set()
    for text, cites in _said(value):
        cited = [by_id[cite] for cite in cites if cite in by_id]
        statement, problem = _judged(text, cited, secret=secret)
        if problem is None and flat(text) in seen:
            problem = "says it twice"
        if problem is not None:
            dropped.append({"text": text, "problem": problem})
            continue
        seen.add(flat(text))
        kept.append(statement)
    return Verdict(kept, dropped)


def _said(value: Mapping[str, object]) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Yield every sentence of an answer; an entry may hold several, each of which must stand by itself."""
    entries = value.get("sentences")
    for entry in entries if isinstance(entries, list) else []:
        for text in sentences_of(" ".join(str(entry["text"]).split())):
            yield text, tuple(dict.fromkeys(map(str, entry["cites"])))


def _judged(text: str, cited: Sequence[Source], *, secret: str) -> tuple[Statement, str | None]:
    cites = tuple(source.id for source in cited)
    if not cited:
        return Statement(text, cites), "cites nothing that was given"
    for source in cited:
        for unit in source.units:
            if _same(unit.text, text):
                return Statement(unit.text, (source.id,), unit), None
    return Statement(text, cites), problem_with_own_words(text, cited, secret=secret)


def _same(unit: str, text: str) -> bool:
    return flat(unit).strip(" .!?:;") == flat(text).strip(" .!?:;")


def problem_with_own_words(text: str, cited: Sequence[Source], *, secret: str = "") -> str | None:
    """Return why words that are no quote may not stand, None when the sources say the same.

    An address never stands in words of a model's own: a link is safe as part of the sentence that an author wrote.
    """
    if (secret and secret in text) or addresses_a_model(text):
        return "repeats what was meant for the model"
    if names_an_address(text):
        return "has an address outside a quote"
    whole = "\n".join(source.text for source in cited)
    return problem_of_statement(text, whole) or _problem_of_meaning(text, cited, whole)


def _problem_of_meaning(text: str, cited: Sequence[Source], whole: str) -> str | None:
    language = cited[0].document.language
    words = set(words_of(text, language))
    if not _LEAST_WORDS <= len(words) <= _MOST_WORDS:
        return "is too short or too long to be checked"
    if (name := _foreign_name(text, whole, language)) is not None:
        return f"“{name}” is in no cited source"
    restated, share = _restated(words, cited, language)
    if share < _SUPPORTED:
        return "says more than its source"
    # Either both say no, or neither: a negation lost or added turns a sentence into its opposite.
    opposite = (_NEGATION.search(text) is None) != (_NEGATION.search(restated) is None)
    return "turns its source into the opposite" if opposite else None


def _foreign_name(text: str, cited: str, language: str | None) -> str | None:
    """Return the first name that no cited source has, in any case."""
    known = cited.lower()
    found = _NAME.findall(text) if language != "de" else []
    return next((name for name in found if name.lower() not in known), None)


def _restated(words: set[str], cited: Sequence[Source], language: str | None) -> tuple[str, float]:
    """Return the unit, or the two in a row, that have most of a sentence's words, and the share they have."""
    best, most = "", 0.0
    for source in cited:
        texts = [unit.text for unit in source.units]
        # A heading says what the sentences under it leave out.
        above = set(words_of(f"{source.document.title} {source.heading}", language))
        for passage in [*texts, *(f"{first} {second}" for first, second in pairwise(texts))]:
            share = len(words & (set(words_of(passage, language)) | above)) / len(words)
            # The longer passage only counts where it adds something.
            if share > most + 1e-9:
                best, most = passage, share
    return best, most
