"""An answer put together: sentences that cite, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from helpdesk.answers.article_units import Unit
from helpdesk.asking.checks import Statement
from helpdesk.asking.evidence import Evidence
from helpdesk.asking.phrasing import Call, why_without

Method = Literal["model", "extractive", "none"]

# From this relevance on the passages are quoted although a model found no answer in them: small ones give up early.
_SURE = 0.8
_OF_A_NEAREST = ("type", "source_id", "title", "relevance")


@dataclass(frozen=True)
class Outcome:
    """What is answered.

    Attributes:
        sentences: text, cites (ids of sources), kind (`own` for a model's words, else what is quoted) and, for a step
            of a list, its number.
        reason: why there is no answer; with one, what about it the asker should know.
        nearest: sources that came nearest where nothing answers.
        dropped: what did not pass the checks, each with its problem.
    """

    method: Method
    sentences: list[dict[str, Any]] = field(default_factory=list)
    reason: str = ""
    nearest: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[dict[str, str]] = field(default_factory=list)

    @property
    def abstained(self) -> bool:
        """Return whether there is no answer."""
        return self.method == "none"


def extractive(evidence: Evidence, *, reason: str = "") -> Outcome:
    """Return the answer made of quotes alone."""
    sentences = [_sentence(Statement(quote.unit.text, (quote.source.id,), quote.unit)) for quote in evidence.quotes]
    return Outcome("extractive", sentences, reason, dropped=_withheld(evidence))


def after_call(call: Call, evidence: Evidence, *, within_s: float) -> Outcome:
    """Return the model's answer where enough of it holds, else the quotes, or none where the model found none."""
    dropped = [] if call.verdict is None else call.verdict.dropped
    kept = [] if call.verdict is None else call.verdict.kept
    if kept and len(kept) >= len(dropped):
        sentences = [_sentence(statement) for statement in (*kept, *_warnings_left_out(kept, evidence))]
        return Outcome("model", sentences, dropped=[*dropped, *_withheld(evidence)])
    why = why_without(call, within_s=within_s)
    if call.declined and evidence.sources[0].document.found.relevance < _SURE:
        missing = f" Missing is: {call.missing}" if call.missing else ""
        return Outcome("none", reason=f"{why}{missing}", nearest=nearest_of(evidence), dropped=_withheld(evidence))
    quoted = extractive(evidence, reason=why)
    return replace(quoted, dropped=[*dropped, *quoted.dropped])


def in_doubt(evidence: Evidence, outcome: Outcome, codes: Sequence[str]) -> Outcome:
    """Return an answer with the note that no source names the question's codes; none where it was doubtful anyway."""
    if not codes or outcome.abstained:
        return outcome
    note = f"No source names {' or '.join(codes)}."
    if evidence.sources[0].document.found.relevance < _SURE:
        return Outcome("none", reason=note, nearest=nearest_of(evidence), dropped=outcome.dropped)
    return replace(outcome, reason=f"{note} {outcome.reason}".strip())


def nearest_of(evidence: Evidence) -> list[dict[str, Any]]:
    """Return the documents of the sources as what came nearest, each once."""
    nearest: dict[str, dict[str, Any]] = {}
    for source in evidence.sources:
        shown = source.as_json()
        nearest.setdefault(
            shown["source_id"], {name: shown[name] for name in ("type", "source_id", "title", "relevance")}
        )
    return list(nearest.values())


def _sentence(statement: Statement) -> dict[str, Any]:
    unit = statement.unit
    return {
        "text": statement.text,
        "cites": list(statement.cites),
        "kind": "own" if unit is None else "warning" if unit.is_warning and unit.kind == "sentence" else unit.kind,
        "number": None if unit is None else unit.number,
    }


def _warnings_left_out(kept: Sequence[Statement], evidence: Evidence) -> list[Statement]:
    """Return what the cited sections warn of and the answer does not say, word for word."""
    cited = {cite for statement in kept for cite in statement.cites}
    said = {statement.text for statement in kept}
    left_out: dict[Unit, Statement] = {}
    for quote in evidence.quotes:
        if quote.unit.is_warning and quote.unit.text not in said and _belongs(quote.source.id, cited, evidence):
            left_out[quote.unit] = Statement(quote.unit.text, (quote.source.id,), quote.unit)
    return list(left_out.values())


def _belongs(source_id: str, cited: set[str], evidence: Evidence) -> bool:
    """Return whether a section is of a document that the answer cites."""
    documents = {source.id: source.document.found.source_id for source in evidence.sources}
    return documents[source_id] in {documents[cite] for cite in cited}


def _withheld(evidence: Evidence) -> list[dict[str, str]]:
    return [{"text": text, "problem": "talks to a model instead of to people"} for text in evidence.withheld]
