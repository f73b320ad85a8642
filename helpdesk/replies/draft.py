"""A draft put together: greeting, opening, quotes with their sources, signature."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from helpdesk.answers.grounding import Checked, Sentence
from helpdesk.rag.questions import Question
from helpdesk.replies.evidence import Evidence
from helpdesk.replies.opening import Opening
from helpdesk.replies.phrases import compose


@dataclass(frozen=True)
class Draft:
    """A reply for an agent to check, or the reason why there is none."""

    body: str = ""
    sentences: list[dict[str, Any]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    checks: dict[str, Any] = field(default_factory=dict)
    abstain_reason: str | None = None
    language: str | None = None
    opening: Opening | None = None

    @property
    def method(self) -> str:
        """Return who phrased it."""
        return "model" if self.opening is not None and self.opening.sentence is not None else "extractive"


def quotes_of(evidence: Evidence) -> list[Sentence]:
    """Return what is quoted as sentences that cite their sections."""
    return [Sentence(unit.text, (evidence.cite_of[unit.section],), verbatim=True) for unit in evidence.units]


def compose_draft(
    question: Question,
    evidence: Evidence,
    checked: Checked,
    opening: Opening | None,
    *,
    language: str | None,
    signature: str,
) -> Draft:
    """Return the draft made of the quotes that hold and the opening, if there is one."""
    held = {sentence.text for sentence in checked.kept}
    units = [unit for unit in evidence.units if unit.text in held]
    own = [] if opening is None or opening.sentence is None else [opening.sentence]
    kinds = {unit.text: "warning" if unit.is_warning else unit.kind for unit in units}
    dropped = [*checked.dropped, *([] if opening is None else opening.dropped)]
    return Draft(
        body=compose(
            language=language,
            article_language=evidence.article.language,
            requester=question.requester,
            title=evidence.article.title,
            opening=own[0].text if own else None,
            units=units,
            signature=signature,
        ),
        sentences=[
            {"text": sentence.text, "cites": list(sentence.cites), "kind": kinds.get(sentence.text, "opening")}
            for sentence in (*own, *checked.kept)
        ],
        sources=evidence.sources(),
        checks={"kept": len(checked.kept) + len(own), "dropped": dropped},
        language=language,
        opening=opening,
    )
