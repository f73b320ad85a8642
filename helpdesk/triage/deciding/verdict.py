"""One field's verdict: a value, how sure it is, what is done with it, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from helpdesk.models.ai_policy import Mode
from helpdesk.triage.deciding.gating import Allowance, Gatekeeper
from helpdesk.triage.deciding.rules import Finding, raise_priority

Decision: TypeAlias = Literal["auto", "suggest", "none", "unknown"]
Stage: TypeAlias = Literal["rules", "classifier", "model"]

# From here on a value is offered; below, nothing is said.
SUGGEST_FROM = 0.35
# The answer that none of the labels fits.
UNKNOWN = "unknown"
_ALTERNATIVES = 4


@dataclass(frozen=True)
class Open:
    """What the classifier leaves open about a field.

    Attributes:
        chances: its probability of each label there is now.
        conformal_set: the labels that it cannot rule out.
        familiar: probability that the ticket is of a kind it knows, None where it cannot tell.
        known: whether that is enough.
        examples: labelled tickets it learnt from.
    """

    chances: Mapping[str, float]
    conformal_set: Sequence[str] = ()
    familiar: float | None = None
    known: bool = True
    examples: int = 0


@dataclass(frozen=True)
class Vote:
    """What a text model chose, and from what."""

    chosen: str
    offered: Sequence[str]
    model: str


@dataclass(frozen=True)
class Verdict:
    """What triage thinks of one field.

    Attributes:
        probability: how likely `value` is to be what an agent would choose.
        alternatives: the likeliest labels with their probabilities, best first.
        source: `classifier`, `rules`, `model`, joined by `+` where several had a say.
        stage: how far it went: rules, the classifier, or a text model.
        reason: sentences for the agent.
        threshold: from which probability on the value is set; above 1 is never, None where it is never set.
        needs_human: nothing is sure enough, or two disagree; what is offered is a guess.
        left_open: what the classifier alone said.
    """

    field: str
    value: str | None
    probability: float
    alternatives: Mapping[str, float]
    source: str
    stage: Stage
    reason: str
    decision: Decision
    threshold: float | None = None
    mode: Mode = "suggest"
    needs_human: bool = False
    left_open: Open | None = None
    vote: Vote | None = None

    def doubted(self, why: str) -> Verdict:
        """Return the same, kept from being set, for a person to decide."""
        decision: Decision = "suggest" if self.decision == "auto" else self.decision
        return replace(self, decision=decision, needs_human=True, reason=f"{self.reason} {why}".strip())


def prior_to(chances: Mapping[str, float], *, known: Sequence[str]) -> dict[str, float]:
    """Return the probabilities over the labels that there are now; a label that is gone loses its share."""
    kept = {label: chances.get(label, 0.0) for label in known}
    total = sum(kept.values())
    return {label: chance / total if total else 1 / len(known) for label, chance in kept.items()}


def judge(
    name: str,
    chances: Mapping[str, float],
    *,
    keeper: Gatekeeper,
    source: str,
    stage: Stage,
    reason: str,
    by_rules: bool = False,
    left_open: Open | None = None,
    vote: Vote | None = None,
) -> Verdict:
    """Return the verdict on a field: its likeliest label, and whether to set it, offer it or stay silent."""
    ranked = sorted(chances.items(), key=lambda item: (-item[1], item[0]))[:_ALTERNATIVES]
    value, probability = ranked[0] if ranked else (None, 0.0)
    allowance = keeper.allow(name, value, by_rules=by_rules)
    decision = _decide(probability, allowance) if value is not None else "none"
    return Verdict(
        field=name,
        value=value,
        probability=round(probability, 4),
        alternatives={label: round(chance, 4) for label, chance in ranked},
        source=source,
        stage=stage,
        reason=_joined(reason, allowance.note, _doubt(decision, probability, allowance)),
        decision=decision,
        threshold=None if allowance.threshold is None else round(allowance.threshold, 4),
        mode=allowance.mode,
        needs_human=decision != "auto" and allowance.threshold is not None and probability < allowance.threshold,
        left_open=left_open,
        vote=vote,
    )


def unknown(name: str, chances: Mapping[str, float], *, like: Verdict, reason: str) -> Verdict:
    """Return the verdict that none of the labels fits; what came nearest stays among the alternatives."""
    ranked = sorted(chances.items(), key=lambda item: (-item[1], item[0]))[:_ALTERNATIVES]
    return replace(
        like,
        field=name,
        value=None,
        alternatives={label: round(chance, 4) for label, chance in ranked},
        reason=reason,
        decision="unknown",
        threshold=None,
        needs_human=True,
    )


def judge_priority(
    chances: Mapping[str, float],
    findings: Sequence[Finding],
    *,
    vip: bool,
    keeper: Gatekeeper,
    left_open: Open | None = None,
    matrix: str = "",
) -> Verdict:
    """Return the verdict on the priority: of similar tickets or of the matrix, raised by the rules.

    No text model has a say in it.

    Args:
        chances: what similar tickets got, or what the matrix makes of impact and urgency.
        matrix: the sentence on the matrix where it decides; empty where it does not.
    """
    raised = raise_priority(chances, list(findings), vip=vip)
    reasons = [findings[0].reason] if findings else []
    reasons += ["The requester is a VIP."] if vip else []
    by_rules = bool(findings) or bool(matrix)
    source = "+".join(part for part, used in (("matrix", matrix), ("classifier", not matrix)) if used)
    return judge(
        "priority",
        raised,
        keeper=keeper,
        source=f"{source}+rules" if findings or vip else source,
        stage="rules" if by_rules or vip else "classifier",
        reason=_joined(*reasons, matrix) or "Tickets like this one got this priority.",
        by_rules=by_rules,
        left_open=left_open,
    )


def votes_of(answer: Mapping[str, Any], offered: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the labels a model named, as far as they were offered; anything else in the answer is dropped."""
    return {name: str(answer[name]) for name, labels in offered.items() if answer.get(name) in labels}


def _decide(probability: float, allowance: Allowance) -> Decision:
    if allowance.mode == "off" or probability < SUGGEST_FROM:
        return "none"
    sure = allowance.threshold is not None and probability >= allowance.threshold
    return "auto" if sure and allowance.mode == "auto" else "suggest"


def _doubt(decision: Decision, probability: float, allowance: Allowance) -> str:
    if decision == "none" and allowance.mode != "off":
        return "Nothing is likely enough to be offered."
    if decision == "suggest" and allowance.mode == "auto" and allowance.threshold is not None:
        if allowance.threshold > 1:
            return "This value has not been right often enough to be set without asking."
        return f"It is set without asking from {allowance.threshold:.0%} on; this is {probability:.0%}."
    return ""


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def by_field(verdicts: Iterable[Verdict]) -> dict[str, Verdict]:
    """Return verdicts by the name of their field."""
    return {verdict.field: verdict for verdict in verdicts}
