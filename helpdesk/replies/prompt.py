"""The questions put to a text model: write the reply from these sources, or only name what the ticket is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from helpdesk.ai.model import Prompt
from helpdesk.ai.prompting.templates import build
from helpdesk.answers.calling import LANGUAGE_NAMES
from helpdesk.answers.evidence import Source
from helpdesk.answers.grounding import TICKET
from helpdesk.replies.phrases import Tone
from helpdesk.replies.setting import Setting
from helpdesk.replies.style import Length

DRAFT_PROMPT = "reply-draft"
DRAFT_TOKENS = 800
TOPIC_PROMPT = "reply-topic"
TOPIC_TOKENS = 48
MOST_SENTENCES: dict[Length, int] = {"short": 5, "medium": 9, "long": 14}
_LONGEST_TOPIC = 80
_TONES: dict[Tone, str] = {
    "neutral": "Plain and matter-of-fact.",
    "friendly": "Warm and easy, but no small talk.",
    "formal": "Formal and polite.",
}


def draft_prompt(setting: Setting, sources: Sequence[Source]) -> Prompt:
    """Return the prompt for a whole reply; all sources given are shown."""
    style = setting.style
    return build(
        DRAFT_PROMPT,
        data={TICKET: setting.thread} | {source.id: source.text for source in sources},
        fill={
            "language": LANGUAGE_NAMES[style.language],
            "tone": _TONES[style.tone],
            "most": MOST_SENTENCES[style.length],
            "instruction": setting.wanted.instruction or "",
        },
    )


def topic_prompt(ticket: str, *, titles: dict[str, str], language: str) -> Prompt:
    """Return the prompt for a ticket's topic; `titles` are the sources' titles by their ids."""
    listed = "; ".join(f"{identifier} = {title[:60]}" for identifier, title in titles.items())
    return build(TOPIC_PROMPT, data={"ticket": ticket}, fill={"language": LANGUAGE_NAMES[language], "titles": listed})


def topic_form(source_ids: Sequence[str]) -> dict[str, Any]:
    """Return the JSON schema of a topic; a citation outside the pack cannot be decoded."""
    identifier = {"type": "string", "enum": [TICKET, *source_ids]}
    return {
        "type": "object",
        "properties": {
            "title": {"type": "string", "maxLength": _LONGEST_TOPIC},
            "cites": {"type": "array", "items": identifier, "minItems": 1, "maxItems": 1},
        },
        "required": ["title", "cites"],
        "additionalProperties": False,
    }
