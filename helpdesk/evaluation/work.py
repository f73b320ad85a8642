"""What an evaluation works with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from helpdesk.ai.model import Answer, LanguageModel, ModelIdentity, Models, Prompt
from helpdesk.ai.providers.choice import language_for
from helpdesk.ai.runs.record import Decision, record_run
from helpdesk.database.engine import Database
from helpdesk.rag.embedding.vectors import vectors_for
from helpdesk.settings import Settings

Part = Literal["triage", "suggestions", "drafts", "prediction"]
PARTS: tuple[Part, ...] = ("triage", "suggestions", "drafts", "prediction")
# The most cases of each part where nobody says how many: what takes a minute or two.
USUAL_LIMITS: Mapping[Part, int] = {"triage": 2000, "suggestions": 500, "drafts": 150, "prediction": 4000}
# With a text model each of them takes seconds.
LIMIT_WITH_MODEL = 50
_VECTORS_AT_ONCE = 64

Tell = Callable[[str, int, int], None]


@dataclass
class Work:
    """One evaluation of one organisation.

    Attributes:
        now: nothing later is looked at.
        limit: most cases of each part; None for the usual number.
        ask_model: whether a text model takes part.
        until: when to stop scoring further cases, by the monotonic clock.
        tell: is told the part, how many cases are done, and of how many.
        notes: what whoever reads the figures should know.
        data: what was scored, by part.
    """

    database: Database
    models: Models
    settings: Settings
    organization_id: UUID
    now: datetime
    seed: int
    tell: Tell
    limit: int | None = None
    ask_model: bool = False
    until: float = float("inf")
    notes: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def scope(self) -> dict[str, Any]:
        """Return whose data it is."""
        return {"organization_id": self.organization_id}

    def most(self, part: Part) -> int:
        """Return how many cases of a part are scored at most."""
        if self.limit is not None:
            return self.limit
        slow = self.ask_model and part in {"triage", "drafts"}
        return LIMIT_WITH_MODEL if slow else USUAL_LIMITS[part]

    def late(self, part: str, done: int, of: int) -> bool:
        """Return whether time is up, and note what was left out."""
        if time.monotonic() < self.until:
            return False
        self.notes.append(f"Time was up after {done} of {of} cases of {part}; the rest was left out.")
        return True

    async def vectors(self, part: str, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Return query vectors of texts; raise ModelBusy."""
        found: list[NDArray[np.float32]] = []
        for start in range(0, len(texts), _VECTORS_AT_ONCE):
            self.tell(f"{part}: vectors", start, len(texts))
            some = texts[start : start + _VECTORS_AT_ONCE]
            made = await vectors_for(self.database, self.models.embedder, **self.scope, texts=some, now=self.now)
            # With the note of the model that made them.
            found += [made[place] for place in range(len(some))]
        return found

    async def language(self) -> LanguageModel | None:
        """Return the text model to ask, None where none is to be asked."""
        if not self.ask_model:
            return None
        async with self.database.transaction(self.organization_id) as session:
            return await language_for(session, self.models, **self.scope, now=self.now)

    async def record(
        self,
        *,
        prompt: Prompt,
        schema: dict[str, Any] | None,
        identity: ModelIdentity,
        answer: Answer | None,
        error: Exception | None,
        busy_ms: float | None,
        decision: Decision,
    ) -> None:
        """Record a call of the text model, since it costs what any other does."""
        async with self.database.transaction(self.organization_id) as session:
            await record_run(
                session,
                **self.scope,
                kind="evaluation",
                prompt=prompt,
                schema=schema,
                identity=identity,
                answer=answer,
                error=error,
                busy_ms=busy_ms,
                decision=decision,
                now=self.now,
            )
