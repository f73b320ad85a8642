"""The text model of those who have none."""

from __future__ import annotations

from typing import Any

from helpdesk.ai.model import Answer, ModelIdentity, ModelMissing, Prompt


class NoModel:
    """Stands where there is no text model, and says why."""

    def __init__(self, why_not: str) -> None:
        self.why_not = why_not

    async def identify(self) -> ModelIdentity | None:
        """Return None."""
        return None

    async def answer(self, prompt: Prompt, *, schema: dict[str, Any] | None, max_tokens: int) -> Answer:  # noqa: ARG002 (the protocol's)
        """Raise ModelMissing."""
        raise ModelMissing(self.why_not)
