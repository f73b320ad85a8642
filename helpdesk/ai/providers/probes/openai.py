"""Probes of an endpoint that speaks OpenAI's protocol."""

from __future__ import annotations

from helpdesk.ai.model import ModelBusy, ModelMissing
from helpdesk.ai.providers.hosts import stays_here
from helpdesk.ai.providers.openai.client import OpenAIClient
from helpdesk.ai.providers.openai.speaker import OpenAISpeaker
from helpdesk.ai.providers.probes.finding import Finding
from helpdesk.ai.providers.probes.text import probe_text
from helpdesk.ai.providers.probes.vectors import names_in
from helpdesk.settings import Settings


async def probe_openai(settings: Settings) -> list[Finding]:
    """Try the endpoint of ATUM_OPENAI_URL with the model that the settings name, or the only one there is."""
    if settings.openai_url is None:
        return [Finding("place", "unusable", "no endpoint is set", "Set ATUM_OPENAI_URL, such as http://host:8000/v1.")]
    client = OpenAIClient(settings.openai_url, key=settings.openai_api_key, read_s=settings.model_timeout_s)
    try:
        return [_place(settings, settings.openai_url), *await _probe(settings, client)]
    finally:
        await client.close()


def _place(settings: Settings, url: str) -> Finding:
    stays = stays_here(url, own_hosts=settings.own_model_hosts)
    figures = {"endpoint": url, "own": stays}
    if stays:
        return Finding("place", "ok", f"{url} is the operator's own: every organisation uses it", figures=figures)
    told = f"{url} is not on this host: only organisations whose policy has models.off_host use it"
    return Finding("place", "ok", told, figures=figures)


async def _probe(settings: Settings, client: OpenAIClient) -> list[Finding]:
    try:
        models = await client.models()
    except (ModelBusy, ModelMissing) as failure:
        remedy = "Look whether the address ends in /v1, whether the endpoint runs, and whether the key is right."
        return [Finding("reachable", "unusable", failure.detail, remedy)]
    found = [Finding("reachable", "ok", f"it has {names_in([*models])}", figures={"models": [*models]})]
    speaker = OpenAISpeaker(client, model=settings.openai_model)
    identity = await speaker.identify()
    if identity is None:
        remedy = f"Name one that it has in ATUM_OPENAI_MODEL: {names_in([*models])}."
        return [*found, Finding("models", "unusable", speaker.why_not, remedy)]
    found.append(Finding("models", "ok", f"{identity.name} is there", figures={"digest": identity.digest}))
    longest = models[identity.name].context_tokens
    context = longest or settings.text_context_tokens
    figures = {"context_tokens": longest}
    found.append(Finding("context", "ok", f"{longest or 'an unknown number of'} tokens", figures=figures))
    return [*found, *await probe_text(speaker, identity, context_tokens=context)]
