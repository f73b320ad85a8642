"""What triage says of a text, without a database: for tickets, for trying it out, and for measuring it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from helpdesk.ai.model import LanguageModel
from helpdesk.triage.classifying.classifier import Classifier
from helpdesk.triage.classifying.features import terms_of
from helpdesk.triage.classifying.field_model import Assessment
from helpdesk.triage.classifying.stacking import Stacker
from helpdesk.triage.deciding.asking import Asked, ask, fitting, identified, task_for
from helpdesk.triage.deciding.duplicates import Repeated
from helpdesk.triage.deciding.first_look import look
from helpdesk.triage.deciding.gating import Gatekeeper
from helpdesk.triage.deciding.material import Material
from helpdesk.triage.deciding.prompt import Neighbour, Task
from helpdesk.triage.deciding.second_look import look_again
from helpdesk.triage.deciding.verdict import Open, Verdict, prior_to
from helpdesk.triage.learning.examples import Labels


@dataclass(frozen=True)
class Assessed:
    """What triage says of a text.

    Attributes:
        verdicts: by field.
        asked: the call of a text model, None where none was made.
    """

    material: Material
    verdicts: dict[str, Verdict]
    asked: Asked | None = None


@dataclass(frozen=True)
class Case:
    """A text to be judged, with all that is needed for it.

    Attributes:
        opened: what the classifier says, by field; empty where there is none.
        duplicates: the earlier tickets that it repeats; None where nothing could be compared.
        stackers: what a vote of the text model is worth, by field; shipped weights where not named.
    """

    material: Material
    labels: Labels
    keeper: Gatekeeper
    opened: Mapping[str, Open]
    neighbours: Sequence[Neighbour] = ()
    duplicates: Sequence[Repeated] | None = None
    stackers: Mapping[str, Stacker] = field(default_factory=dict)

    def first(self) -> Assessed:
        """Return what classifier and rules say."""
        verdicts = look(
            self.material, opened=self.opened, labels=self.labels, keeper=self.keeper, duplicates=self.duplicates
        )
        return Assessed(self.material, verdicts)

    def task(self, first: Assessed) -> Task | None:
        """Return what is worth asking a text model, None for nothing."""
        return task_for(
            self.material, first.verdicts, labels=self.labels, keeper=self.keeper, neighbours=self.neighbours
        )

    def second(self, first: Assessed, asked: Asked) -> dict[str, Verdict]:
        """Return the verdicts that the model's answer changes."""
        return look_again(
            self.material, first.verdicts, asked, labels=self.labels, keeper=self.keeper, stackers=self.stackers
        )

    async def assess(self, language: LanguageModel | None) -> Assessed:
        """Return what all of them say; the text model is asked where there is one and it is worth a call."""
        first = self.first()
        task = self.task(first)
        if task is None or language is None or (identity := await identified(language)) is None:
            return first
        if (task := fitting(task, identity)) is None:
            return first
        asked = await ask(language, identity, material=self.material, task=task)
        return replace(first, verdicts=first.verdicts | self.second(first, asked), asked=asked)


def opened_by(
    classifier: Classifier, *, vector: NDArray[np.float32] | None, text: str, labels: Labels
) -> dict[str, Open]:
    """Return what the classifier says of a text, over the labels there are now."""
    found = {
        name: _open(assessment, known=labels.known(name), examples=classifier.fields[name].examples)
        for name, assessment in classifier.assess(vector=vector, terms=terms_of(text)).items()
        if labels.known(name)
    }
    if labels.categories and "category" not in found:
        found["category"] = Open(prior_to({}, known=labels.known("category")))
    return found


def _open(assessment: Assessment, *, known: Sequence[str], examples: int) -> Open:
    return Open(
        chances=prior_to(assessment.chances, known=known),
        conformal_set=tuple(label for label in assessment.set_of if label in known),
        familiar=round(assessment.familiar, 4),
        known=assessment.known,
        examples=examples,
    )
