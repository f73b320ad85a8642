"""Probes of an endpoint that speaks OpenAI's protocol."""

from __future__ import annotations

from dataclasses import dataclass

from helpdesk.ai.model import ModelBusy, ModelIdentity, ModelMissing
from helpdesk.ai.providers.hosts import stays_here
from helpdesk.ai.providers.openai.client import OpenAIClient
from helpdesk.ai.providers.openai.speaker import OpenAISpeaker
from helpdesk.ai.providers.probes.finding import Finding
from helpdesk.ai.providers.probes.text import probe_text
from helpdesk.ai.providers.probes.vectors import names_in
from helpdesk.settings import Settings

# For an answer that takes no model; whoever waits for the whole probe waits for longer.
_GLANCE_S = 4.0


@dataclass(frozen=True)
class _There:
    """The model behind the endpoint."""

    speaker: OpenAISpeaker
    identity: ModelIdentity
    longest: int | None


async def probe_openai(settings: Settings) -> list[Finding]:
    """Try the endpoint of ATUM_OPENAI_URL with the model that the settings name, or the only one there is."""
    if settings.openai_url is None:
        return [Finding("place", "unusable", "no endpoint is set", "Set ATUM_OPENAI_URL, such as http://host:8000/v1.")]
    client = OpenAIClient(settings.openai_url, key=settings.openai_api_key, read_s=settings.model_timeout_s)
    try:
        found, there = await _glance(settings, client)
        return found if there is None else [*found, *await _probe(settings, there)]
    finally:
        await client.close()


async def glance_at_openai(settings: Settings) -> list[Finding]:
    """Look whether the endpoint answers and has the model, without asking it anything."""
    if settings.openai_url is None:
        return []
    client = OpenAIClient(settings.openai_url, key=settings.openai_api_key, read_s=_GLANCE_S)
    try:
        found, _ = await _glance(settings, client)
        return found
    finally:
        await client.close()


def _place(settings: Settings, url: str) -> Finding:
    stays = stays_here(url, own_hosts=settings.own_model_hosts)
    figures = {"endpoint": url, "own": stays}
    if stays:
        return Finding("place", "ok", f"{url} is the operator's own: every organisation uses it", figures=figures)
    told = f"{url} is not on this host: only organisations whose policy has models.off_host use it"
    return Finding("place", "ok", told, figures=figures)


async def _glance(settings: Settings, client: OpenAIClient) -> tuple[list[Finding], _There | None]:
    place = _place(settings, settings.openai_url or "")
    try:
        models = await client.models()
    except (ModelBusy, ModelMissing) as failure:
        remedy = "Look whether the address ends in /v1, whether the endpoint runs, and whether the key is right."
        return [place, Finding("reachable", "unusable", failure.detail, remedy)], None
    found = [place, Finding("reachable", "ok", f"it has {names_in([*models])}", figures={"models": [*models]})]
    speaker = OpenAISpeaker(client, model=settings.openai_model)
    identity = await speaker.identify()
    if identity is None:
        remedy = f"Name one that it has in ATUM_OPENAI_MODEL: {names_in([*models])}."
        return [*found, Finding("models", "unusable", speaker.why_not, remedy)], None
    found.append(Finding("models", "ok", f"{identity.name} is there", figures={"digest": identity.digest}))
    return found, _There(speaker, identity, models[identity.name].context_tokens)


async def _probe(settings: Settings, there: _There) -> list[Finding]:
    told = f"{there.longest or 'an unknown number of'} tokens"
    context = Finding("context", "ok", told, figures={"context_tokens": there.longest})
    longest = there.longest or settings.text_context_tokens
    return [context, *await probe_text(there.speaker, there.identity, context_tokens=longest)]
