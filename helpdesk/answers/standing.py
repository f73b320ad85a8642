"""What goes with an answer that stands, and what is told in place of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from helpdesk.answers.article_units import Unit
from helpdesk.answers.checks import Statement
from helpdesk.answers.evidence import Evidence
from helpdesk.rag.questions import LANGUAGES
from helpdesk.rag.retrieval.query import SearchAnswer, SearchResult
from helpdesk.rag.text.language import detect_language

# From this relevance on the passages are quoted although a model found no answer in them: small ones give up early.
SURE = 0.8
# Most documents that one answer is made of.
MOST_DOCUMENTS = 3
# Documents in the asker's language go first where they are about as probable.
_ABOUT_AS_PROBABLE = 0.5


def in_the_askers_language(results: Sequence[SearchResult], question: str) -> list[SearchResult]:
    """Return the results with those in the question's language first, where they are about as probable."""
    languages = sorted({result.language for result in results if result.language in LANGUAGES})
    if len(languages) < 2:
        return list(results)
    language = detect_language(question, among=languages)
    least = results[0].relevance * _ABOUT_AS_PROBABLE
    return sorted(results, key=lambda result: not (result.language == language and result.relevance >= least))


def warnings_left_out(kept: Sequence[Statement], evidence: Evidence) -> list[Statement]:
    """Return what the cited documents warn of and an answer does not say, word for word."""
    cited = {cite for statement in kept for cite in statement.cites}
    documents = {source.id: source.document.found.source_id for source in evidence.sources}
    said = {statement.text for statement in kept}
    of = {documents[cite] for cite in cited if cite in documents}
    left_out: dict[Unit, Statement] = {}
    for quote in evidence.quotes:
        if quote.unit.is_warning and quote.unit.text not in said and documents[quote.source.id] in of:
            left_out[quote.unit] = Statement(quote.unit.text, (quote.source.id,), quote.unit)
    return list(left_out.values())


def nearest_of(evidence: Evidence) -> list[dict[str, Any]]:
    """Return the documents of the sources as what came nearest, each once."""
    found = {source.document.found.source_id: source.document.found for source in evidence.sources}
    return _each(found.values())


def nearest_misses(answer: SearchAnswer) -> list[dict[str, Any]]:
    """Return the sources that came nearest without reaching the floor."""
    return _each(answer.missed)


def _each(near: Iterable[Any]) -> list[dict[str, Any]]:
    return [
        {
            "type": one.source_type.value,
            "source_id": str(one.source_id),
            "title": one.title,
            "relevance": round(one.relevance, 4),
        }
        for one in near
    ]


def withheld_of(evidence: Evidence) -> list[dict[str, str]]:
    """Return what of the sources is neither quoted nor shown to a model, as what does not stand."""
    return [{"text": text, "problem": "talks to a model instead of to people"} for text in evidence.withheld]
