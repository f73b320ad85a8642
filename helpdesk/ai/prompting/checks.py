"""What no answer may hold, whatever it was asked for."""

from __future__ import annotations

from helpdesk.ai.model import AnswerUnusable, Prompt
from helpdesk.ai.prompting.canary import gives_away, leaked


class AnswerUnsafe(AnswerUnusable):
    """The model's answer repeats what was meant for the model alone."""


def unsafe(answer: str, prompt: Prompt) -> str | None:
    """Return why an answer may not be used, None where nothing speaks against it.

    Args:
        answer: the text as it came, before anything is read out of it.
    """
    if leaked(answer, prompt):
        return "repeats its instructions"
    if gives_away(answer, prompt.boundary.strip("= ")):
        return "repeats the line that fences the data"
    return None
