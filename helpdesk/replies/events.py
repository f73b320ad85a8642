"""What somebody who waits for a draft is told, in this order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

from helpdesk.replies.phrases import Tone
from helpdesk.replies.style import Length


@dataclass(frozen=True)
class Started:
    """Drafting has begun; under this id the draft can be read, whatever becomes of the connection."""

    draft_id: UUID
    tone: Tone
    length: Length
    language: str


@dataclass(frozen=True)
class Searched:
    """Where was searched for what, and how many articles answer."""

    searched: dict[str, Any]
    found: int
    degraded: bool


@dataclass(frozen=True)
class SourcesFound:
    """The numbered sources that the draft is made of; not every one need be cited."""

    sources: list[dict[str, Any]]


@dataclass(frozen=True)
class SentenceGiven:
    """A sentence of the draft that has passed the checks."""

    text: str
    cites: list[str]
    kind: str


@dataclass(frozen=True)
class Abstained:
    """Why there is no draft: what was searched, and what came nearest."""

    reason: str
    searched: dict[str, Any]
    nearest: list[dict[str, Any]]


@dataclass(frozen=True)
class Done:
    """The draft is complete and kept.

    Attributes:
        note: what to know about it, such as that the model was away.
        dropped: how many sentences did not pass the checks.
    """

    id: UUID
    state: str
    body: str
    method: str
    model: str | None
    note: str
    language: str
    dropped: int
    took_ms: dict[str, float] = field(default_factory=dict)


Event: TypeAlias = Started | Searched | SourcesFound | SentenceGiven | Abstained | Done
