"""How a draft is written: what was asked for, else what the organisation wants, in a language it has words for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from helpdesk.models.ai_policy import ReplyPolicy
from helpdesk.replies.phrases import PHRASES, Tone

Length = Literal["short", "medium", "long"]


@dataclass(frozen=True)
class Wanted:
    """What one request asks for; None leaves it to the organisation and the ticket.

    Attributes:
        language: ISO 639-1 code.
        instruction: what the reply should dwell on, in the words of the agent who asks.
        requested_by: that agent.
    """

    tone: Tone | None = None
    length: Length | None = None
    language: str | None = None
    instruction: str | None = None
    requested_by: UUID | None = None


NOTHING_SPECIAL = Wanted()


@dataclass(frozen=True)
class Style:
    """How a draft is written.

    Attributes:
        language: one that there are phrases for.
        notes: sentences on what could not be had as wanted.
    """

    tone: Tone = "neutral"
    length: Length = "medium"
    language: str = "en"
    notes: tuple[str, ...] = ()


def style_of(wanted: Wanted, policy: ReplyPolicy, *, languages: Sequence[str | None], locale: str) -> Style:
    """Return the style of a draft.

    Args:
        languages: those of the requester, the surest first; None where nothing is known.
        locale: the organisation's own language.
    """
    spoken = next((_code(language) for language in (wanted.language, *languages, locale) if language), "en")
    language, note = _writable(spoken, allowed=[_code(one) for one in policy.languages], locale=_code(locale))
    return Style(
        tone=wanted.tone or policy.tone,
        length=wanted.length or policy.length,
        language=language,
        notes=(note,) if note else (),
    )


def _writable(spoken: str, *, allowed: Sequence[str], locale: str) -> tuple[str, str]:
    """Return the language to write in, and a note where that is not the requester's."""
    possible = [code for code in PHRASES if not allowed or code in allowed] or list(PHRASES)
    if spoken in possible:
        return spoken, ""
    fallback = next(code for code in ("en", locale, *possible) if code in possible)
    why = "the organisation does not reply in that language" if spoken in PHRASES else "there are no phrases in it"
    return fallback, f"The draft is not in the requester's language ({spoken}): {why}."


def _code(language: str) -> str:
    """Return the bare code of a language: `pt` for `pt-BR`."""
    return language.replace("_", "-").split("-")[0].lower()
