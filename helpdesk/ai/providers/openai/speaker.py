"""A text model over the protocol of OpenAI's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from helpdesk.ai.model import ModelIdentity, ModelMissing, Prompt
from helpdesk.ai.providers.listing import Listed, Listing, full_name
from helpdesk.ai.providers.openai.client import OpenAIClient
from helpdesk.ai.providers.openai.refusals import RequestRefused
from helpdesk.ai.providers.speaking import TOLD, Said, SchemaRefused

log = structlog.get_logger(__name__)

SEED = 7
# What endpoints may not know: without it they serve all the same. The first keeps vLLM and llama.cpp from having a
# model think aloud.
_OPTIONAL: dict[str, Any] = {
    "chat_template_kwargs": {"enable_thinking": False},
    "seed": SEED,
    "temperature": 0.0,
}
_OF_SCHEMAS = ("response_format", "json_schema", "guided_json", "schema", "grammar")


class OpenAISpeaker:
    """Speaks with one model of an endpoint.

    Args:
        model: its name there; None takes the only one there is.
    """

    # vLLM before 0.12 knows a schema by another name than everybody else.
    ways: tuple[str, ...] = ("json_schema", "guided_json", TOLD)

    def __init__(self, client: OpenAIClient, *, model: str | None) -> None:
        self.name = model or "the only model of ATUM_OPENAI_URL"
        self.why_not = ""
        self.listing = Listing(self._models, name="listing openai")
        self._client = client
        self._wanted = model
        self._only: str | None = None
        self._left_out: set[str] = set()
        self._options: Mapping[str, Any] = _OPTIONAL
        self._room = "max_tokens"

    async def identify(self) -> ModelIdentity | None:
        """Return which model answers, None when there is none that may be asked; raise ModelBusy."""
        try:
            found = await self.listing.find(self._wanted or "")
        except ModelMissing as missing:
            self.why_not = missing.detail
            return None
        name = self._wanted or self._only
        if found is None or name is None:
            self.why_not = f"The endpoint does not have {self._wanted}."
            if self._wanted is None:
                self.why_not = "The endpoint has several models: name one in ATUM_OPENAI_MODEL."
            return None
        self.why_not = ""
        return ModelIdentity(name, found.digest)

    def adjusted(self, *, name: str | None, options: Mapping[str, Any]) -> OpenAISpeaker:
        """Return one for another model, or with options in place of the usual ones."""
        other = OpenAISpeaker(self._client, model=name or self._wanted)
        other._room = "max_completion_tokens" if "max_completion_tokens" in options else self._room
        other._options = {name: value for name, value in options.items() if name != other._room} or self._options
        return other

    async def say(
        self, prompt: Prompt, *, identity: ModelIdentity, schema: dict[str, Any] | None, way: str, max_tokens: int
    ) -> Said:
        """Make one call, see `Speaker`."""
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
        sent = {} if schema is None else _schema_in(way, schema)
        while True:
            options = {name: value for name, value in self._options.items() if name not in self._left_out}
            options[self._room] = max_tokens
            try:
                said = await self._client.complete(identity.name, {"messages": messages, **options, **sent})
            except RequestRefused as refused:
                if not self._learnt_from(refused, schema_sent=bool(sent)):
                    raise
                continue
            [choice, *_] = said.choices
            return Said(
                text=choice.message.content or "",
                done_reason=choice.finish_reason or "stop",
                options=options,
                prompt_tokens=None if said.usage is None else said.usage.prompt_tokens,
                output_tokens=None if said.usage is None else said.usage.completion_tokens,
            )

    def _learnt_from(self, refusal: RequestRefused, *, schema_sent: bool) -> bool:
        """Return whether a refusal was of something that can be left out or named otherwise, and do so from now on.

        Raises:
            SchemaRefused: it was of the schema.
        """
        if refusal.too_long:
            return False
        for name in self._options:
            if refusal.names(name) and name not in self._left_out:
                self._left_out.add(name)
                log.info("option_left_out", option=name, status=refusal.status)
                return True
        if self._room == "max_tokens" and "max_completion_tokens" in refusal.words | refusal.named:
            self._room = "max_completion_tokens"
            return True
        part = next(filter(refusal.names, _OF_SCHEMAS), None) if schema_sent else None
        if part is not None:
            raise SchemaRefused(f"The endpoint answers {refusal.status} and names {part}.")
        return False

    async def _models(self) -> Mapping[str, Listed]:
        """Return the endpoint's models; the only one also under no name."""
        listed = await self._client.models()
        models = {full_name(name): entry for name, entry in listed.items()}
        self._only = next(iter(listed)) if len(listed) == 1 else None
        if self._only is not None:
            models[full_name("")] = listed[self._only]
        return models


def _schema_in(way: str, schema: dict[str, Any]) -> dict[str, Any]:
    match way:
        case "json_schema":
            form = {"name": "answer", "schema": schema, "strict": True}
            return {"response_format": {"type": "json_schema", "json_schema": form}}
        case "guided_json":
            return {"guided_json": schema}
        case _:
            return {}
