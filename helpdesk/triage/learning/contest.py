"""Compare a newly trained classifier with the one in use, on tickets that neither had seen.

The newest fifth of the tickets is held out. The challenger is trained as the new one is, on what is older. The champion
is scored as it is on those held-out tickets that were settled after its training; where these are too few to tell, a
twin of it is trained on what was known when the champion was trained, again without the held-out tickets. With too few
tickets for a fifth to tell anything, each of four blocks in order of time is predicted from those before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from helpdesk.measures.calibration import calibration_error
from helpdesk.measures.classes import accuracy, macro_f1
from helpdesk.measures.intervals import bootstrap
from helpdesk.triage.classifying.classifier import Classifier
from helpdesk.triage.classifying.training import Example, train
from helpdesk.triage.learning.holdout import blocks, newest_fifth
from helpdesk.triage.learning.lessons import Lesson, TicketExample

# With fewer new ones the champion's twin is scored instead of the champion.
LEAST_FRESH = 25
# Worse by less than this is the same; figures of one model on two weeks of one desk differ by more.
TOLERANCE = 0.01
# Two-sided: worse means that 99.5 % of the samples drawn with repetition say so.
LEVEL = 0.99
_DRAWS = 400
_MOST_SCORED = 2000
_TITLES = {"macro_f1": "macro-F1", "calibration_error": "calibration error"}


@dataclass(frozen=True)
class Contest:
    """Which of two won.

    Attributes:
        promoted: whether the challenger may take the place of the champion.
        reason: in a sentence.
        figures: how it was compared, and the figures of both by field.
    """

    promoted: bool
    reason: str
    figures: dict[str, Any]


@dataclass(frozen=True)
class _Answers:
    """What one classifier said of the tickets scored: the likeliest label of each, and its probability."""

    chosen: NDArray[np.str_]
    promised: NDArray[np.float64]

    def of(self, places: NDArray[np.int64]) -> _Answers:
        return _Answers(self.chosen[places], self.promised[places])


def contest(
    lesson: Lesson, *, champion: Classifier, champion_since: datetime, fields: Sequence[str], embedding: str, basis: str
) -> Contest:
    """Compare the champion with a challenger trained from the lesson; takes up to twice as long as a training.

    The challenger wins unless macro-F1 or calibration error of a field is worse beyond what chance explains: by more
    than .01, of calibration by more than .5 / sqrt(n) on n tickets, and so in nearly all samples of a paired bootstrap.

    Args:
        champion_since: when its training began; what people said later it does not know.
    """
    ring = _Ring(lesson, champion, champion_since, tuple(fields), embedding, basis)
    rounds, how = ring.rounds()
    truths: list[Mapping[str, str]] = []
    said: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    for older, newest in rounds:
        challenger = ring.trained([ticket.example for ticket in older])
        rival = champion if how == "champion" else ring.twin(older, challenger)
        truths += [ticket.example.labels for ticket in newest]
        for answers, classifier in zip(said, (rival, challenger), strict=True):
            answers += [_predicted(classifier, ticket.example) for ticket in newest]
    scored = {name: _compare(name, truths, *said) for name in fields}
    return _decide({name: found for name, found in scored.items() if found is not None}, len(truths), how)


_Measure: TypeAlias = Callable[[NDArray[np.str_], _Answers], float]


@dataclass(frozen=True)
class _Ring:
    lesson: Lesson
    champion: Classifier
    champion_since: datetime
    fields: tuple[str, ...]
    embedding: str
    basis: str

    def rounds(self) -> tuple[list[tuple[list[TicketExample], list[TicketExample]]], str]:
        """Return what is learnt from and what is scored, and by which of three ways."""
        held_out = newest_fifth(self.lesson.tickets)
        if held_out is None:
            return blocks(self.lesson.tickets), "blocks"
        older, newest = held_out
        fresh = [one for one in newest if one.settled_at is not None and one.settled_at > self.champion_since]
        if len(fresh) >= LEAST_FRESH:
            # What the champion knows of the newest fifth, the challenger may know, too.
            known = [one for one in newest if one.settled_at is None or one.settled_at <= self.champion_since]
            return [(older + known, fresh[-_MOST_SCORED:])], "champion"
        return [(older, newest[-_MOST_SCORED:])], "twin"

    def trained(self, examples: Sequence[Example]) -> Classifier:
        return train(
            [*examples, *self.lesson.articles],
            fields=self.fields,
            anchors=self.lesson.anchors,
            embedding=self.embedding,
            basis=self.basis,
        )

    def twin(self, older: Sequence[TicketExample], challenger: Classifier) -> Classifier:
        """Return the champion as it would have been without the tickets that are scored."""
        known = [ticket.as_of(self.champion_since) for ticket in older]
        if all(then is not None and then.labels == now.example.labels for then, now in zip(known, older, strict=True)):
            return challenger
        return self.trained([example for example in known if example is not None])


def _predicted(classifier: Classifier, example: Example) -> dict[str, tuple[str, float]]:
    found = classifier.predict(vector=example.vector, terms=example.terms)
    return {name: max(chances.items(), key=lambda one: one[1]) for name, chances in found.items() if chances}


def _compare(
    name: str,
    truths: Sequence[Mapping[str, str]],
    champion: Sequence[Mapping[str, tuple[str, float]]],
    challenger: Sequence[Mapping[str, tuple[str, float]]],
) -> dict[str, Any] | None:
    """Return the figures of both on the tickets with a label of the field, and which of them are worse."""
    places = [place for place, labels in enumerate(truths) if name in labels]
    if not places:
        return None
    truth = np.array([truths[place][name] for place in places])
    both = [_answers(name, said, places) for said in (champion, challenger)]
    found: dict[str, Any] = {"tickets": len(places), "worse": []}
    for key, answers in zip(("champion", "challenger"), both, strict=True):
        found[key] = {
            "accuracy": round(accuracy(truth, answers.chosen), 4),
            "macro_f1": round(_f1(truth, answers), 4),
            "calibration_error": round(_error(truth, answers), 4),
        }
    # A share seen on n tickets is itself no surer than .5 / sqrt(n), and bins are emptier still.
    noise = max(TOLERANCE, 0.5 / np.sqrt(len(truth)))
    worse = {
        "macro_f1": _is_worse(_f1, truth, both, tolerance=TOLERANCE),
        "calibration_error": _is_worse(_negative_error, truth, both, tolerance=noise),
    }
    found["worse"] = [measure for measure, is_worse in worse.items() if is_worse]
    return found


def _answers(name: str, said: Sequence[Mapping[str, tuple[str, float]]], places: Sequence[int]) -> _Answers:
    # A field that a classifier cannot tell anything of is answered wrongly, and promises nothing.
    answers = [said[place].get(name, ("", 0.0)) for place in places]
    return _Answers(np.array([label for label, _ in answers]), np.array([promise for _, promise in answers]))


def _f1(truth: NDArray[np.str_], answers: _Answers) -> float:
    return macro_f1(truth, answers.chosen)


def _error(truth: NDArray[np.str_], answers: _Answers) -> float:
    return calibration_error(answers.promised, truth == answers.chosen)


def _negative_error(truth: NDArray[np.str_], answers: _Answers) -> float:
    return -_error(truth, answers)


def _is_worse(measure: _Measure, truth: NDArray[np.str_], both: Sequence[_Answers], *, tolerance: float) -> bool:
    """Return whether the challenger is worse by more than the tolerance, and in nearly every sample."""
    champion, challenger = both

    def gained(drawn: NDArray[np.int64]) -> float:
        return measure(truth[drawn], challenger.of(drawn)) - measure(truth[drawn], champion.of(drawn))

    if gained(np.arange(len(truth))) >= -tolerance:
        return False
    return bootstrap(gained, count=len(truth), draws=_DRAWS, level=LEVEL)[1] < 0


def _decide(scored: Mapping[str, dict[str, Any]], tickets: int, how: str) -> Contest:
    figures = {"how": how, "tickets": tickets, "fields": dict(scored)}
    where = f"the {tickets} newest tickets" if how != "blocks" else f"{tickets} tickets in order of time, being few"
    worse = [
        f"{_TITLES[measure]} of {name} {found['champion'][measure]:.3f} → {found['challenger'][measure]:.3f}"
        for name, found in scored.items()
        for measure in found["worse"]
    ]
    if worse:
        return Contest(False, f"Not in use, since it does worse on {where}: {', '.join(worse)}.", figures)
    if not scored:
        return Contest(True, "In use; there was nothing to compare it on.", figures)
    said = ", ".join(
        f"macro-F1 of {name} {found['champion']['macro_f1']:.3f} → {found['challenger']['macro_f1']:.3f}"
        for name, found in scored.items()
    )
    return Contest(True, f"In use, since it does no worse on {where}: {said}.", figures)
