"""A text model over Ollama's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from helpdesk.ai.model import ModelIdentity, Prompt
from helpdesk.ai.providers.listing import Listing, is_cloud_name
from helpdesk.ai.providers.ollama.client import OllamaClient
from helpdesk.ai.providers.speaking import TOLD, Said

SEED = 7


class OllamaSpeaker:
    """Speaks with one of the runtime's models.

    Args:
        context_tokens: room for prompt and answer; one size for all calls, since another one makes the runtime load
            the model anew.
        may_leave: whether text may be sent on to somebody else who computes the model.
    """

    # A model may ignore the schema it is sent, such as some that think aloud and are told not to.
    ways: tuple[str, ...] = ("format", TOLD)

    def __init__(
        self, *, name: str, client: OllamaClient, listing: Listing, context_tokens: int, may_leave: bool
    ) -> None:
        self.name = name
        self._client = client
        self._listing = listing
        self._context_tokens = context_tokens
        self._may_leave = may_leave
        self._options: Mapping[str, Any] = {}
        self._thinks: dict[str, bool] = {}
        self.why_not = ""

    async def identify(self) -> ModelIdentity | None:
        """Return which model answers, None when there is none that may be asked; raise ModelBusy."""
        found = await self._listing.find(self.name)
        if found is None:
            self.why_not = f"The model runtime does not have {self.name}."
        elif (found.remote or is_cloud_name(self.name)) and not self._may_leave:
            self.why_not = f"{self.name} is computed by somebody else, and text may not leave this host."
        else:
            self.why_not = ""
            return ModelIdentity(self.name, found.digest)
        return None

    def adjusted(self, *, name: str | None, options: Mapping[str, Any]) -> OllamaSpeaker:
        """Return one for another model, or with options in place of the usual ones."""
        other = OllamaSpeaker(
            name=name or self.name,
            client=self._client,
            listing=self._listing,
            context_tokens=self._context_tokens,
            may_leave=self._may_leave,
        )
        other._options = options
        return other

    async def say(
        self, prompt: Prompt, *, identity: ModelIdentity, schema: dict[str, Any] | None, way: str, max_tokens: int
    ) -> Said:
        """Make one call, see `Speaker`."""
        options = {"temperature": 0.0, "seed": SEED, "num_ctx": self._context_tokens} | dict(self._options)
        options["num_predict"] = max_tokens
        # One that thinks aloud and is not told otherwise leaves its answer empty.
        think = False if await self._can_think(identity) else None
        sent = None if way == TOLD else schema
        return await self._client.chat(self.name, prompt, schema=sent, options=options, think=think)

    async def _can_think(self, identity: ModelIdentity) -> bool:
        if identity.digest not in self._thinks:
            self._thinks[identity.digest] = "thinking" in (await self._client.show(self.name)).capabilities
        return self._thinks[identity.digest]
