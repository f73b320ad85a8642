"""From which probability on a value may be set without asking, and what the organisation lets triage do with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from helpdesk.models.ai_policy import SETTABLE, USUAL_ACCURACY, Mode, TriagePolicy
from helpdesk.triage.learning.examples import TAG
from helpdesk.triage.learning.gates import Gate

# What rules must promise; what a classifier promises before it has been tested is held to the wanted accuracy, too.
AUTO_FROM = {"category": 0.80, "team": 0.80, "type": 0.75, "priority": 0.75, "language": 0.70, "tags": 0.90}
# Fewer than these, and the probabilities have not been tested.
ENOUGH_EXAMPLES = 50
_NEVER = 1.01


class Threshold(Protocol):
    """What a trained model of a field knows of its own probabilities."""

    @property
    def examples(self) -> int:
        """Return how many labelled tickets it learnt from."""
        ...

    def threshold_for(self, label: str, wanted_accuracy: float) -> float:
        """Return from which probability on a label is right so often; above 1 is never."""
        ...


@dataclass(frozen=True)
class Allowance:
    """What may be done with one value.

    Attributes:
        threshold: from which probability on it may be set; above 1 is never, None where it is never set at all.
        note: a sentence where something keeps it from being set, or from being offered.
    """

    mode: Mode
    threshold: float | None
    note: str = ""


@dataclass(frozen=True)
class Gatekeeper:
    """Knows what may be done with each value of each field.

    Attributes:
        models: the trained models, by field.
        gates: what the running accuracy says, by field and value; None for the whole field.
        rejected: fields with the values that an agent has said are wrong for this ticket.
        decided: fields that a person or a policy has decided on this ticket.
    """

    policy: TriagePolicy = field(default_factory=TriagePolicy)
    models: Mapping[str, Threshold] = field(default_factory=dict)
    gates: Mapping[tuple[str, str | None], Gate] = field(default_factory=dict)
    rejected: frozenset[tuple[str, str]] = frozenset()
    decided: frozenset[str] = frozenset()

    def allow(self, name: str, value: str | None, *, by_rules: bool = False) -> Allowance:
        """Return what may be done with a value.

        Args:
            by_rules: whether rules found it, which no model of tickets can put a threshold on.
        """
        if self.policy.mode_of(name) == "off":
            return Allowance("off", None, "The policy turns this field off.")
        mode = self.policy.mode_of(name, value)
        threshold = self._threshold(name, value, by_rules=by_rules)
        if mode == "off":
            return Allowance("off", threshold, f"The policy lets nothing be said about “{value}”.")
        if value is not None and (name, value) in self.rejected:
            return Allowance("off", threshold, f"An agent has said that “{value}” is wrong here.")
        if name in self.decided:
            return Allowance("suggest", threshold, "A person has decided this field, so it stays as it is.")
        if mode == "auto" and (fallen := self._fallen(name, value)) is not None:
            return Allowance("suggest", threshold, fallen)
        note = "The policy has it offered only." if mode == "suggest" and name in SETTABLE else ""
        return Allowance(mode, threshold, note)

    def _threshold(self, name: str, value: str | None, *, by_rules: bool) -> float | None:
        if name not in SETTABLE or value is None:
            return None
        wanted = self.policy.accuracy_of(name)
        floor = AUTO_FROM[name] if wanted <= USUAL_ACCURACY else max(AUTO_FROM[name], wanted)
        # Each tag is a question of its own: does the ticket have it?
        model, label = (self.models.get(TAG + value), "yes") if name == "tags" else (self.models.get(name), value)
        if by_rules or model is None:
            least = floor
        elif model.examples < ENOUGH_EXAMPLES:
            least = max(floor, wanted)
        else:
            least = min(model.threshold_for(label, wanted), _NEVER)
        known = (self.gates.get((name, key)) for key in (value, None))
        return max([least, *(gate.threshold for gate in known if gate is not None and gate.threshold is not None)])

    def _fallen(self, name: str, value: str | None) -> str | None:
        gates = (self.gates.get((name, key)) for key in (value, None))
        return next((gate.reason for gate in gates if gate is not None and gate.fallen_back), None)
