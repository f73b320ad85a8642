"""What triage reads of a ticket, whether it is stored or only tried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from helpdesk.ai.prompting.injection import addresses_a_model
from helpdesk.rag.embedding.vectors import ticket_input
from helpdesk.rag.questions import LANGUAGES, Question
from helpdesk.rag.text.cleaning import clean_message, clean_text
from helpdesk.rag.text.language import language_chances

# A first sentence sums up what is no longer than this.
_SHORT_CHARS = 400


@dataclass(frozen=True)
class Material:
    """What a ticket says, and what is known of who says it.

    Attributes:
        body: the first public message, cleaned.
        words: everything the requester wrote, cleaned.
        custom: the organisation's own fields.
        decided: the fields that a person or a policy has decided.
    """

    subject: str
    body: str
    words: str
    vip: bool = False
    custom: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    decided: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """Return the text that its vector is made from, and that the classifier reads."""
        return ticket_input(self.subject, self.body)

    @cached_property
    def languages(self) -> dict[str, float]:
        """Return how likely it is in each language."""
        return language_chances(self.words, among=LANGUAGES)

    @property
    def language(self) -> str | None:
        """Return the likeliest language."""
        return max(self.languages, key=lambda one: self.languages[one], default=None)

    @cached_property
    def suspect(self) -> bool:
        """Return whether it looks as if it gave orders to a model."""
        return addresses_a_model(self.words)

    @property
    def is_long(self) -> bool:
        """Return whether one of its sentences is no summary of it."""
        return len(self.body) > _SHORT_CHARS


def material_of(
    question: Question, *, custom: Mapping[str, Any], tags: Sequence[str], decided: frozenset[str]
) -> Material:
    """Return what a stored ticket says."""
    return Material(
        subject=question.subject,
        body=clean_message(question.body),
        words=question.all_words,
        vip=question.vip,
        custom=custom,
        tags=tags,
        decided=decided,
    )


def material_from(subject: str, body: str, *, vip: bool = False) -> Material:
    """Return what a subject and a first message say that are not stored."""
    title, words = clean_text(subject), clean_message(body)
    return Material(subject=title, body=words, words="\n\n".join(part for part in (title, words) if part), vip=vip)
