"""What every protocol of text models has to offer, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from helpdesk.ai.model import InputRefused, ModelIdentity, Prompt

# The way to have a schema obeyed that any model takes: to be told of it.
TOLD = "told"


class SchemaRefused(InputRefused):
    """The runtime does not take a schema in this way."""


@dataclass(frozen=True)
class Said:
    """What a runtime answered, not yet checked.

    Attributes:
        options: what it was asked with, for the record.
    """

    text: str
    done_reason: str
    options: dict[str, Any]
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    total_ms: float | None = None
    load_ms: float | None = None
    eval_ms: float | None = None


class Speaker(Protocol):
    """One protocol, and one model behind it.

    Attributes:
        ways: how a schema can be sent, the surest first; the last is `TOLD`, which sends none.
        why_not: why there was no model when it was last asked for; empty where there was one.
    """

    name: str
    ways: tuple[str, ...]
    why_not: str

    async def identify(self) -> ModelIdentity | None:
        """Return which model answers, None when there is none that may be asked; raise ModelBusy."""
        ...

    def adjusted(self, *, name: str | None, options: Mapping[str, Any]) -> Speaker:
        """Return one for another model, or with options in place of the usual ones."""
        ...

    async def say(
        self, prompt: Prompt, *, identity: ModelIdentity, schema: dict[str, Any] | None, way: str, max_tokens: int
    ) -> Said:
        """Make one call.

        Raises:
            ModelBusy, ModelMissing, InputRefused: as `failures` names them.
            SchemaRefused: the runtime does not take a schema in this way.
        """
        ...
