"""Ask a text model what the classifier leaves open, all of it in one call; a ticket never waits for the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from helpdesk.ai.model import Answer, AnswerUnusable, InputRefused, LanguageModel, Meter, ModelIdentity, Prompt
from helpdesk.ai.prompting.checks import AnswerUnsafe, unsafe
from helpdesk.ai.prompting.fencing import unmarked
from helpdesk.ai.weights.model_catalog import MODEL_FILES
from helpdesk.errors import Unavailable
from helpdesk.triage.deciding.first_look import is_open
from helpdesk.triage.deciding.gating import ENOUGH_EXAMPLES, Gatekeeper
from helpdesk.triage.deciding.material import Material
from helpdesk.triage.deciding.prompt import SENTIMENTS, TYPES, Choice, Neighbour, Task, build_prompt
from helpdesk.triage.deciding.verdict import Open, Verdict, votes_of
from helpdesk.triage.learning.examples import Labels

log = structlog.get_logger(__name__)

_MOST_CANDIDATES = 8
# Labels that hold this much of the probability are offered where the classifier rules out nothing in particular.
_CANDIDATE_MASS = 0.95


@dataclass(frozen=True)
class Asked:
    """What a text model was asked, and what came of it.

    Attributes:
        error: why there is no answer that could be used.
        busy_ms: how long the runtime was busy where there is no answer.
        votes: the labels it chose, among those offered.
        summary: its line, not yet checked; None where it was not asked for one.
    """

    task: Task
    prompt: Prompt
    identity: ModelIdentity
    answer: Answer | None = None
    error: Exception | None = None
    busy_ms: float | None = None
    votes: Mapping[str, str] = field(default_factory=dict)
    summary: str | None = None


def task_for(
    material: Material,
    verdicts: Mapping[str, Verdict],
    *,
    labels: Labels,
    keeper: Gatekeeper,
    neighbours: Sequence[Neighbour] = (),
) -> Task | None:
    """Return what to ask about a ticket, None where nothing is worth a call.

    A label that is open is worth one, and so is a long text that wants summing up. A type that only the form of the
    words suggests, and how the writer feels, are asked with them. What a person has decided is not asked, a priority
    never; and where a text gives orders to a model, no model reads it.
    """
    if material.suspect or not keeper.policy.ask_model:
        return None
    choices = [*_labels_to_ask(verdicts, labels, keeper, neighbours)]
    wants_summary = keeper.policy.summary and "summary" in verdicts
    type_choice = _type_to_ask(verdicts, keeper)
    needed = bool(choices) or (wants_summary and material.is_long)
    if type_choice is not None and (needed or verdicts["type"].left_open is not None):
        choices.append(type_choice)
        needed = True
    if not needed:
        return None
    if "sentiment" in verdicts:
        choices.append(Choice("sentiment", SENTIMENTS, may_be_unknown=False))
    safe = [one for one in neighbours if not material_suspect(one.text)]
    return Task(choices, summary=wants_summary, neighbours=safe)


def material_suspect(text: str) -> bool:
    """Return whether the text of an earlier ticket gives orders to a model."""
    return Material(subject="", body=text, words=text).suspect


def _labels_to_ask(
    verdicts: Mapping[str, Verdict], labels: Labels, keeper: Gatekeeper, neighbours: Sequence[Neighbour]
) -> list[Choice]:
    choices: list[Choice] = []
    meanings = {"category": labels.categories, "team": labels.teams}
    for name, meaning in meanings.items():
        verdict = verdicts.get(name)
        if verdict is None or name in keeper.decided or verdict.left_open is None or len(meaning) < 2:
            continue
        # The category's usual team needs no opinion of a model.
        if name == "team" and verdict.source != "classifier":
            continue
        if is_open(verdict.left_open):
            near = [one.label for one in neighbours if one.field == name]
            among = candidates(verdict.left_open, near, known=list(meaning))
            choices.append(Choice(name, {label: meaning[label] for label in among}))
    return choices


def _type_to_ask(verdicts: Mapping[str, Verdict], keeper: Gatekeeper) -> Choice | None:
    verdict = verdicts.get("type")
    if verdict is None or "type" in keeper.decided:
        return None
    if verdict.left_open is not None and not is_open(verdict.left_open):
        return None
    return Choice("type", TYPES, may_be_unknown=False)


def candidates(left: Open, near: Sequence[str], *, known: Sequence[str]) -> list[str]:
    """Return two to eight labels, likeliest first: what the classifier cannot rule out, and what is near."""
    wanted = {label for label in (*left.conformal_set, *near) if label in known}
    if not (left.known and left.examples >= ENOUGH_EXAMPLES and len(wanted) >= 2):
        wanted |= _likeliest(left, known=known)
    return sorted(wanted, key=lambda label: (-left.chances.get(label, 0.0), label))[:_MOST_CANDIDATES]


def _likeliest(left: Open, *, known: Sequence[str]) -> set[str]:
    """Return two to eight labels that hold nearly all of the probability; of an unfamiliar text, eight."""
    chosen: set[str] = set()
    mass = 0.0
    for label in sorted((label for label in left.chances if label in known), key=lambda one: -left.chances[one]):
        if len(chosen) >= _MOST_CANDIDATES or (left.known and len(chosen) >= 2 and mass >= _CANDIDATE_MASS):
            break
        chosen.add(label)
        mass += left.chances[label]
    return chosen


async def identified(language: LanguageModel) -> ModelIdentity | None:
    """Return which model would answer, None where there is none or it is away."""
    try:
        return await language.identify()
    except Unavailable as away:
        log.warning("triage_without_model", reason=away.detail)
        return None


def fitting(task: Task, identity: ModelIdentity) -> Task | None:
    """Return what a model can be asked of a task, None for nothing.

    The small embedded models choose among labels; of feelings they find every ticket angry, of types every one a
    request, and to a summary they add opinions.
    """
    if identity.name not in MODEL_FILES:
        return task
    choices = [choice for choice in task.choices if choice.may_be_unknown]
    return replace(task, choices=choices, summary=False) if choices else None


async def ask(language: LanguageModel, identity: ModelIdentity, *, material: Material, task: Task) -> Asked:
    """Put the question to the model; one that is away, slow or answers nonsense is an outcome, not an error."""
    prompt = build_prompt(material, task)
    meter = Meter()
    try:
        with meter.running():
            answer = await language.answer(prompt, schema=task.schema, max_tokens=task.max_tokens)
    except (Unavailable, AnswerUnusable, InputRefused) as error:
        log.warning("triage_without_model", reason=str(error) or type(error).__name__)
        return Asked(task, prompt, identity, error=error, busy_ms=meter.ms)
    if (reason := unsafe(answer.text, prompt)) is not None:
        log.warning("triage_answer_unsafe", reason=reason)
        return Asked(task, prompt, identity, answer, error=AnswerUnsafe(f"The answer {reason}."))
    value = answer.value or {}
    votes = votes_of(value, {choice.field: choice.offered for choice in task.choices})
    line = unmarked(str(value["summary"]), prompt.mark).strip() if task.summary and "summary" in value else None
    return Asked(task, prompt, identity, answer, votes=votes, summary=line)
