"""The question put to a text model: answer from these sources alone, and cite them."""

from __future__ import annotations

from collections.abc import Sequence

from helpdesk.ai.model import Prompt
from helpdesk.ai.prompting.templates import build
from helpdesk.answers.calling import LANGUAGE_NAMES
from helpdesk.answers.evidence import Source

PROMPT_ID = "ask-answer"
MAX_TOKENS = 700
MOST_SENTENCES = 12


def build_prompt(question: str, *, sources: Sequence[Source], ticket: str = "", language: str | None) -> Prompt:
    """Return the prompt for a question.

    Args:
        sources: those that it has room for.
        ticket: the words of the ticket that the question is asked for.
        language: that of the answer.
    """
    return build(
        PROMPT_ID,
        data={"question": question, "ticket": ticket} | {source.id: source.text for source in sources},
        fill={"language": LANGUAGE_NAMES.get(language or "en", "the sources' language")},
    )
