"""The question put to a text model: which of these few labels fits, and what is the ticket about?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helpdesk.ai.model import Prompt
from helpdesk.ai.prompting import templates
from helpdesk.triage.deciding.material import Material
from helpdesk.triage.deciding.summary import MOST_CHARS
from helpdesk.triage.deciding.verdict import UNKNOWN

PROMPT_ID = "triage"
_TOKENS_A_LABEL = 24
_TOKENS_OF_A_SUMMARY = 72
_DESCRIPTION_CHARS = 140
_LANGUAGE_NAMES = {"en": "English", "de": "German", "fr": "French", "nl": "Dutch", "es": "Spanish", "it": "Italian"}

TYPES = {
    "incident": "something that worked is broken or disturbed",
    "request": "somebody wants something new: access, equipment, software, a change",
    "question": "somebody only wants to know how or whether",
    "problem": "the cause behind several incidents",
}
SENTIMENTS = {
    "negative": "the writer is angry, disappointed or fed up",
    "neutral": "the writer only describes something; being broken is no feeling",
    "positive": "the writer is glad or praises",
}


@dataclass(frozen=True)
class Choice:
    """A field with the labels a model may choose from, each with what it means.

    Attributes:
        may_be_unknown: whether it may say that none of them fits.
    """

    field: str
    labels: Mapping[str, str]
    may_be_unknown: bool = True

    @property
    def offered(self) -> list[str]:
        """Return all that may be chosen."""
        return [*self.labels, UNKNOWN] if self.may_be_unknown else list(self.labels)


@dataclass(frozen=True)
class Neighbour:
    """An earlier ticket like this one, with the label that an agent chose."""

    text: str
    field: str
    label: str


@dataclass(frozen=True)
class Task:
    """All that a text model is asked about one ticket."""

    choices: Sequence[Choice]
    summary: bool = False
    neighbours: Sequence[Neighbour] = ()

    @property
    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the answer: one closed enumeration a field, and nothing else but a short line."""
        fields: dict[str, Any] = {choice.field: {"type": "string", "enum": choice.offered} for choice in self.choices}
        if self.summary:
            fields["summary"] = {"type": "string", "maxLength": 2 * MOST_CHARS}
        return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}

    @property
    def max_tokens(self) -> int:
        """Return how long the answer may be."""
        return _TOKENS_A_LABEL * (1 + len(self.choices)) + (_TOKENS_OF_A_SUMMARY if self.summary else 0)


def build_prompt(material: Material, task: Task) -> Prompt:
    """Return the prompt for a ticket; examples are shown as far as they are about a label that is offered."""
    offered = {(choice.field, label) for choice in task.choices for label in choice.labels}
    shown = [one for one in task.neighbours if (one.field, one.label) in offered]
    data = {f"Example {n} ({one.field}: {one.label})": one.text for n, one in enumerate(shown, start=1)}
    return templates.build(
        PROMPT_ID,
        data=data | {"ticket": material.text},
        fill={
            "choices": "\n\n".join(_listed(choice) for choice in task.choices),
            "examples": bool(shown),
            "summary": task.summary,
            "language": _LANGUAGE_NAMES.get(material.language or "en", "the ticket's language"),
        },
    )


def _listed(choice: Choice) -> str:
    lines = [f"{label}: {meaning[:_DESCRIPTION_CHARS]}" for label, meaning in choice.labels.items()]
    lines += [f"{UNKNOWN}: none of these fits"] if choice.may_be_unknown else []
    return f"{choice.field} is one of\n" + "\n".join(lines)
