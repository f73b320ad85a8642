"""Check what a text model says against what it cites: a sentence stands if its sources say the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from helpdesk.ai.prompting.injection import addresses_a_model
from helpdesk.answers.article_units import Unit, sentences_of
from helpdesk.answers.evidence import Source
from helpdesk.answers.grounding import TICKET, Sentence, flat, names_an_address, problem_of_statement, problem_with
from helpdesk.answers.likeness import Likeness
from helpdesk.rag.text.terms import words_of
from helpdesk.redaction import redacted

# Share of a sentence's words that the passage it restates must have; below, it says something else.
SUPPORTED = 0.6
# A part of a sentence with no more of its words in the sources says something else.
_MOSTLY = 0.5
_LEAST_WORDS = 3
_MOST_WORDS = 60
# What turns a sentence into its opposite. "Only" and "unless" are no negations, but as costly to lose.
_NEGATION = re.compile(
    r"(?i)\b(?:not|no|never|none|nobody|nothing|cannot|can.t|don.t|doesn.t|isn.t|won.t|without|unless|only|nicht|nie|"
    r"niemals|kein\w*|ohne|nur|ne|pas|jamais|sans|aucun\w*|seulement|nunca|sin|ningún\w*|solo|niet|nooit|geen|zonder|"
    r"alleen|non|mai|senza|nessun\w*)\b|\w+n['\u2019]t\b"
)
# What stands for an address or a number that a model is not shown.
_TAKEN_OUT = re.compile(r"\[(?:email|phone|card|iban|secret)\]")
# Where something else may be said in the same sentence.
_CLAUSE_END = re.compile(
    r"[,;:()\u2013\u2014]|\s-\s|\b(?:and|but|or|then|so|because|while|und|aber|oder|dann|weil|et|mais|ou|puis|y|pero|o|"
    r"en|maar|of|e|ma)\b",
    re.IGNORECASE,
)
# A name: a capital inside a sentence, or inside a word. In German every noun has one.
_NAME = re.compile(r"(?<=[\w,;:)”\"] )[A-ZÄÖÜ][\w-]*|\b[a-z]+[A-Z]\w*")
_NAME_IN_GERMAN = re.compile(r"\b[A-ZÄÖÜ]{2,}[\w-]*|\b\w*[a-zß][A-ZÄÖÜ]\w*")


@dataclass(frozen=True)
class Statement:
    """A sentence of an answer.

    Attributes:
        cites: ids of sources.
        unit: what it quotes word for word; None for words of a model's own.
        restates: what words of a model's own rest on.
    """

    text: str
    cites: tuple[str, ...]
    unit: Unit | None = None
    restates: Unit | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Rails:
    """What an answer is held to beside its sources.

    Attributes:
        secret: the boundary of the prompt, which no answer has a reason to repeat.
        ticket: the words of the ticket, where an answer may cite it as `TICKET`: that restates the concern, and no
            more than once; it never bears out what is answered.
        language: that of the answer; None is that of the sources.
        likeness: closeness in meaning, which also bears a sentence out; None leaves it to words.
        warnings_verbatim: whether a warning may only stand word for word.
        supported: share of a sentence's words that one passage must have.
    """

    secret: str = ""
    ticket: str = ""
    language: str | None = None
    likeness: Likeness | None = None
    warnings_verbatim: bool = False
    supported: float = SUPPORTED


@dataclass(frozen=True)
class Verdict:
    """What of an answer holds, in order, and what does not, each with its problem."""

    kept: list[Statement]
    dropped: list[dict[str, str]]


def check_answer(value: Mapping[str, object], sources: Sequence[Source], rails: Rails) -> Verdict:
    """Return what may stand of a decoded answer."""
    by_id = {source.id: source for source in sources}
    kept: list[Statement] = []
    dropped: list[dict[str, str]] = []
    seen: set[str] = set()
    for text, cites in said(value):
        cited = [by_id[cite] for cite in cites if cite in by_id]
        if rails.ticket and set(cites) == {TICKET}:
            statement, problem = Statement(text, cites), _problem_of_concern(text, kept, rails)
        else:
            statement, problem = _judged(text, cited, rails, with_ticket=TICKET in cites)
        if problem is None and flat(text) in seen:
            problem = "says it twice"
        if problem is not None:
            dropped.append({"text": text, "problem": problem})
            continue
        seen.add(flat(text))
        kept.append(statement)
    return Verdict(kept, dropped)


def said(value: Mapping[str, object]) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Yield every sentence of an answer; an entry may hold several, each of which must stand by itself."""
    entries = value.get("sentences")
    for entry in entries if isinstance(entries, list) else []:
        for text in sentences_of(" ".join(str(entry["text"]).split())):
            yield text, tuple(dict.fromkeys(map(str, entry["cites"])))


def _problem_of_concern(text: str, kept: Sequence[Statement], rails: Rails) -> str | None:
    """Return why a sentence that cites the ticket alone may not stand."""
    if kept:
        return "restates the ticket where an answer is due"
    if addresses_a_model(text) or (rails.secret and rails.secret in text):
        return "repeats what was meant for the model"
    if names_an_address(text):
        return "has an address outside a quote"
    return problem_with(Sentence(text, (TICKET,)), {TICKET: rails.ticket})


def _judged(text: str, cited: Sequence[Source], rails: Rails, *, with_ticket: bool) -> tuple[Statement, str | None]:
    cites = (*(source.id for source in cited), *((TICKET,) if with_ticket and rails.ticket else ()))
    if not cited:
        return Statement(text, cites), "cites nothing that was given"
    for source in cited:
        for unit in source.units:
            # A model is shown no addresses or numbers of people: what stands in their place is the source's.
            if _same(unit.text, text) or _same(redacted(unit.text), text):
                return Statement(unit.text, (source.id,), unit), None
    restated, problem = _restated_by(text, cited, rails, ticket=rails.ticket if with_ticket else "")
    return Statement(text, cites, restates=restated), problem


def _same(unit: str, text: str) -> bool:
    return flat(unit).strip(" .!?:;") == flat(text).strip(" .!?:;")


def _restated_by(text: str, cited: Sequence[Source], rails: Rails, *, ticket: str) -> tuple[Unit | None, str | None]:
    """Return what of its sources a sentence that is no quote restates, and why it may not stand.

    An address never stands in words of a model's own: a link is safe as part of the sentence that an author wrote.

    Args:
        ticket: words that may name a thing, but bear nothing out.
    """
    if (rails.secret and rails.secret in text) or addresses_a_model(text):
        return None, "repeats what was meant for the model"
    if names_an_address(text) or _TAKEN_OUT.search(text):
        return None, "has an address outside a quote"
    whole = "\n".join([*(source.text for source in cited), ticket])
    if (problem := problem_of_statement(text, whole)) is not None:
        return None, problem
    return _problem_of_meaning(text, cited, whole, rails)


def _problem_of_meaning(text: str, cited: Sequence[Source], whole: str, rails: Rails) -> tuple[Unit | None, str | None]:
    language = cited[0].document.language
    words = set(words_of(text, language))
    if not _LEAST_WORDS <= len(words) <= _MOST_WORDS:
        return None, "is too short or too long to be checked"
    if (name := _foreign_name(text, whole, rails.language or language)) is not None:
        return None, f"“{name}” is in no cited source"
    passage = _supporting(text, words, cited, language, rails)
    if not passage or _adds_a_clause(text, whole, language):
        return None, "says more than its source"
    if rails.warnings_verbatim and any(unit.is_warning for unit in passage):
        return passage[0], "puts a warning into words of its own"
    # Either both say no, or neither: a negation lost or added turns a sentence into its opposite.
    restated = " ".join(unit.text for unit in passage)
    opposite = (_NEGATION.search(text) is None) != (_NEGATION.search(restated) is None)
    return passage[0], "turns its source into the opposite" if opposite else None


def _adds_a_clause(text: str, whole: str, language: str | None) -> bool:
    """Return whether one part of a sentence is the sources' and another mostly is not: a lie told in passing.

    A sentence no part of which has the sources' words is none of these: its meaning decides.
    """
    known = set(_stems(words_of(whole, language)))
    clauses = [clause for clause in _CLAUSE_END.split(text) if words_of(clause, language)]
    told = [[stem in known for stem in _stems(words_of(clause, language))] for clause in clauses]
    shares = [sum(each) / len(each) for each in told]
    if not any(share > _MOSTLY for share in shares):
        return False
    strange = [len(each) for each, share in zip(told, shares, strict=True) if share == 0]
    wordy = any(share == 0 and len(clause.split()) > 3 for clause, share in zip(clauses, shares, strict=True))
    half = any(share <= _MOSTLY and len(each) > 1 for each, share in zip(told, shares, strict=True))
    return sum(strange) > 1 or wordy or half


def _stems(words: Iterable[str]) -> list[str]:
    """Return the beginnings of words: in other forms of a word they are the same."""
    return [word[:5] for word in words]


def _supporting(
    text: str, words: set[str], cited: Sequence[Source], language: str | None, rails: Rails
) -> tuple[Unit, ...]:
    """Return the units that bear a sentence out, by its words or else by its meaning; none where nothing does."""
    passage, share = _restated(words, cited, language)
    if share >= rails.supported:
        return passage
    if rails.likeness is not None:
        unit, close = rails.likeness.closest(text, [unit for source in cited for unit in source.units])
        if unit is not None and close >= rails.likeness.cut:
            return (unit,)
    return ()


def _foreign_name(text: str, cited: str, language: str | None) -> str | None:
    """Return the first name that no cited source has, in any case."""
    known = cited.lower()
    # In German every noun has a capital; only what has one elsewhere is a name for sure.
    found = (_NAME if language != "de" else _NAME_IN_GERMAN).findall(text)
    return next((name for name in found if name.lower() not in known), None)


def _restated(words: set[str], cited: Sequence[Source], language: str | None) -> tuple[tuple[Unit, ...], float]:
    """Return the unit, or the two in a row, that have most of a sentence's words, and the share they have."""
    best: tuple[Unit, ...] = ()
    most = 0.0
    for source in cited:
        # A heading says what the sentences under it leave out.
        above = set(words_of(f"{source.document.title} {source.heading}", language))
        for passage in [*((unit,) for unit in source.units), *pairwise(source.units)]:
            here = set(words_of(" ".join(unit.text for unit in passage), language))
            share = len(words & (here | above)) / len(words)
            # The longer passage only counts where it adds something.
            if share > most + 1e-9:
                best, most = passage, share
    return best, most
