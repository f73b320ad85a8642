"""An answer put together: sentences that cite, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from helpdesk.answers.calling import Call, why_without
from helpdesk.answers.checks import Statement
from helpdesk.answers.evidence import Evidence
from helpdesk.answers.standing import SURE, nearest_of, warnings_left_out, withheld_of

Method = Literal["model", "extractive", "none"]


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
    return Outcome("extractive", sentences, reason, dropped=withheld_of(evidence))


def after_call(call: Call, evidence: Evidence, *, within_s: float) -> Outcome:
    """Return the model's answer where enough of it holds, else the quotes, or none where the model found none."""
    dropped = [] if call.verdict is None else call.verdict.dropped
    kept = [] if call.verdict is None else call.verdict.kept
    if kept and len(kept) >= len(dropped):
        sentences = [_sentence(statement) for statement in (*kept, *warnings_left_out(kept, evidence))]
        return Outcome("model", sentences, dropped=[*dropped, *withheld_of(evidence)])
    why = why_without(call, within_s=within_s)
    if call.declined and evidence.sources[0].document.found.relevance < SURE:
        missing = f" Missing is: {call.missing}" if call.missing else ""
        return Outcome("none", reason=f"{why}{missing}", nearest=nearest_of(evidence), dropped=withheld_of(evidence))
    quoted = extractive(evidence, reason=why)
    return replace(quoted, dropped=[*dropped, *quoted.dropped])


def in_doubt(evidence: Evidence, outcome: Outcome, codes: Sequence[str]) -> Outcome:
    """Return an answer with the note that no source names the question's codes; none where it was doubtful anyway."""
    if not codes or outcome.abstained:
        return outcome
    note = f"No source names {' or '.join(codes)}."
    if evidence.sources[0].document.found.relevance < SURE:
        return Outcome("none", reason=note, nearest=nearest_of(evidence), dropped=outcome.dropped)
    return replace(outcome, reason=f"{note} {outcome.reason}".strip())


def _sentence(statement: Statement) -> dict[str, Any]:
    unit = statement.unit
    return {
        "text": statement.text,
        "cites": list(statement.cites),
        "kind": "own" if unit is None else "warning" if unit.is_warning and unit.kind == "sentence" else unit.kind,
        "number": None if unit is None else unit.number,
    }
