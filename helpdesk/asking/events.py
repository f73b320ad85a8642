"""What an asker is told, in this order: the sources, the sentences (or why there are none), and that it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID


@dataclass(frozen=True)
class SourcesFound:
    """The numbered sources that the answer is made of; not every one need be cited."""

    sources: list[dict[str, Any]]
    degraded: bool


@dataclass(frozen=True)
class SentenceGiven:
    """A sentence of the answer with the ids of its sources."""

    text: str
    cites: list[str]
    kind: str
    number: int | None


@dataclass(frozen=True)
class Abstained:
    """Why there is no answer: what was searched, and what came nearest."""

    reason: str
    searched: dict[str, Any]
    nearest: list[dict[str, Any]]


@dataclass(frozen=True)
class Done:
    """The answer is complete and kept.

    Attributes:
        id: the kept question's.
        method: whether a model answered, quotes do, or nothing.
        note: what the asker should know about the answer, such as that the model was away.
        model: the text model, where it was asked.
        dropped: how many sentences did not pass the checks.
    """

    id: UUID
    run_ids: list[UUID]
    method: str
    note: str
    degraded: bool
    language: str | None
    model: str | None
    dropped: int
    took_ms: dict[str, float]


Event: TypeAlias = SourcesFound | SentenceGiven | Abstained | Done
