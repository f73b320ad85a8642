"""Make one verdict a field out of what classifier, rules and text model say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from helpdesk.triage.deciding.rules import Finding, raise_priority

Decision = Literal["auto", "suggest", "none"]

# From here on a value is set without asking; below, it is offered; further below, nothing is said.
AUTO_FROM = {"category": 0.80, "team": 0.80, "type": 0.75, "priority": 0.75, "language": 0.90}
SUGGEST_FROM = 0.35
# Where the classifier is less sure than this, a text model is asked.
UNSURE_BELOW = {"category": 0.80, "type": 0.60}
# How often a small text model names the right label of a handful; measured 74 % and 85 % for two small ones.
MODEL_ACCURACY = 0.75
# A model chooses among the labels that hold this much of the classifier's probability.
_CANDIDATE_MASS = 0.95
_MOST_CANDIDATES = 5
_ALTERNATIVES = 4


@dataclass(frozen=True)
class Verdict:
    """What triage thinks of one field.

    Attributes:
        probability: how likely `value` is to be what an agent would choose.
        alternatives: the likeliest labels with their probabilities, best first.
        source: `classifier`, `rules`, `model`, joined by `+` where several had a say.
        reason: a sentence for the agent.
    """

    field: str
    value: str | None
    probability: float
    alternatives: dict[str, float]
    source: str
    reason: str
    decision: Decision


def candidates(chances: Mapping[str, float], known: Sequence[str]) -> list[str]:
    """Return two to five labels, likeliest first, that hold 95 % of the probability; known ones only."""
    ranked = sorted((label for label in chances if label in known), key=lambda label: -chances[label])
    chosen: list[str] = []
    mass = 0.0
    for label in ranked[:_MOST_CANDIDATES]:
        if len(chosen) >= 2 and mass >= _CANDIDATE_MASS:
            break
        chosen.append(label)
        mass += chances[label]
    return chosen


def is_unsure(field: str, chances: Mapping[str, float]) -> bool:
    """Return whether a text model should be asked about a field."""
    return field in UNSURE_BELOW and max(chances.values(), default=0.0) < UNSURE_BELOW[field]


def pool(chances: Mapping[str, float], *, voted: str, among: Sequence[str]) -> dict[str, float]:
    """Return the probabilities after a text model's vote, taken as evidence of known accuracy (Bayes' rule).

    A vote for a label that was not among the candidates counts for nothing.
    """
    if voted not in among:
        return dict(chances)
    wrong = (1 - MODEL_ACCURACY) / max(1, len(among) - 1)
    weighed = {label: chance * (MODEL_ACCURACY if label == voted else wrong) for label, chance in chances.items()}
    total = sum(weighed.values())
    return {label: chance / total for label, chance in weighed.items()} if total else dict(chances)


def prior_to(chances: Mapping[str, float], *, known: Sequence[str]) -> dict[str, float]:
    """Return the probabilities over the labels that there are now; a label that is gone loses its share."""
    kept = {label: chances.get(label, 0.0) for label in known}
    total = sum(kept.values())
    return {label: chance / total if total else 1 / len(known) for label, chance in kept.items()}


def judge(field: str, chances: Mapping[str, float], *, source: str, reason: str) -> Verdict:
    """Return the verdict on a field: its likeliest label, and whether to set it, offer it or stay silent."""
    ranked = sorted(chances.items(), key=lambda item: (-item[1], item[0]))[:_ALTERNATIVES]
    value, probability = ranked[0] if ranked else (None, 0.0)
    decision: Decision = "none"
    if value is not None and probability >= AUTO_FROM[field]:
        decision = "auto"
    elif value is not None and probability >= SUGGEST_FROM:
        decision = "suggest"
    alternatives = {label: round(chance, 4) for label, chance in ranked}
    return Verdict(field, value, round(probability, 4), alternatives, source, reason, decision)


def judge_priority(chances: Mapping[str, float], findings: list[Finding], *, vip: bool) -> Verdict:
    """Return the verdict on the priority: what similar tickets got, raised by the rules; no text model has a say."""
    raised = raise_priority(chances, findings, vip=vip)
    if findings:
        return judge("priority", raised, source="classifier+rules", reason=findings[0].reason)
    if vip:
        return judge("priority", raised, source="classifier+rules", reason="The requester is a VIP.")
    return judge("priority", raised, source="classifier", reason="Tickets like this one got this priority.")


def votes_of(answer: Mapping[str, Any], offered: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the labels a model named, as far as they were offered; anything else in the answer is dropped."""
    return {field: str(answer[field]) for field, labels in offered.items() if answer.get(field) in labels}
