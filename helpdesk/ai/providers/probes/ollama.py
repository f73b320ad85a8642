"""Probes of a runtime that speaks Ollama's API: an Ollama server, or the embedded one."""

from __future__ import annotations

from helpdesk.ai.model import ModelIdentity
from helpdesk.ai.providers.hosts import stays_here
from helpdesk.ai.providers.listing import Listed, Listing, full_name, is_cloud_name
from helpdesk.ai.providers.ollama.client import OllamaClient
from helpdesk.ai.providers.ollama.embedder import OllamaEmbedder
from helpdesk.ai.providers.ollama.speaker import OllamaSpeaker
from helpdesk.ai.providers.probes.finding import Finding, Verdict
from helpdesk.ai.providers.probes.text import probe_text
from helpdesk.ai.providers.probes.vectors import names_in, probe_vectors
from helpdesk.errors import HelpdeskError, Unavailable
from helpdesk.settings import Settings

# For an answer that takes no model; whoever waits for the whole probe waits for longer.
_GLANCE_S = 4.0


async def probe_ollama(settings: Settings) -> list[Finding]:
    """Try the runtime of ATUM_OLLAMA_HOST with the two models that the settings name."""
    client = OllamaClient(settings.ollama_host, read_s=max(settings.model_timeout_s, settings.embed_timeout_s))
    try:
        return await _probe(settings, client)
    finally:
        await client.close()


async def glance_at_ollama(settings: Settings) -> list[Finding]:
    """Look whether the runtime of ATUM_OLLAMA_HOST answers and has the models, without asking them anything."""
    client = OllamaClient(settings.ollama_host, read_s=_GLANCE_S)
    try:
        found, _ = await _glance(settings, client)
        return found
    finally:
        await client.close()


async def _glance(settings: Settings, client: OllamaClient) -> tuple[list[Finding], dict[str, Listed]]:
    found = [_place(settings)]
    try:
        version, models = await client.version(), await client.models()
    except Unavailable as away:
        remedy = "Start the runtime of ATUM_OLLAMA_HOST: `ollama serve`, or `atum-desk models serve`."
        return [*found, Finding("reachable", "unusable", away.detail, remedy)], {}
    found.append(Finding("reachable", "ok", f"version {version}", figures={"version": version}))
    return [*found, _models_there(settings, models)], models


async def _probe(settings: Settings, client: OllamaClient) -> list[Finding]:
    found, models = await _glance(settings, client)
    text, vectors = models.get(full_name(settings.text_model)), models.get(full_name(settings.embedding_model))
    if vectors is not None:
        listing = Listing(client.models)
        embedder = OllamaEmbedder(name=settings.embedding_model, client=client, listing=listing)
        found += await probe_vectors(embedder)
    if text is not None:
        found += await _text(settings, client, text)
    return found


def _place(settings: Settings) -> Finding:
    stays = stays_here(settings.ollama_host, own_hosts=settings.own_model_hosts)
    remote = [name for name in _wanted(settings) if is_cloud_name(name)]
    figures = {"endpoint": settings.ollama_host, "own": stays}
    if not stays:
        remedy = (
            "If the host is yours, name it in ATUM_OWN_MODEL_HOSTS; else there are no vectors, and only text of "
            "organisations whose policy has models.off_host goes there."
        )
        return Finding("place", "problem", f"{settings.ollama_host} is not on this host", remedy, figures)
    if remote:
        remedy = "Take models that run on this machine; this one serves only organisations with models.off_host."
        return Finding("place", "problem", f"{', '.join(remote)}: computed by Ollama's maker", remedy, figures)
    return Finding("place", "ok", f"{settings.ollama_host} is the operator's own", figures=figures)


def _wanted(settings: Settings) -> list[str]:
    """Return the models that should be there, the text model first unless it is left out on purpose."""
    text = [] if settings.without_text_model else [settings.text_model]
    return [*text, settings.embedding_model]


def _models_there(settings: Settings, models: dict[str, Listed]) -> Finding:
    wanted = _wanted(settings)
    missing = [name for name in wanted if full_name(name) not in models]
    figures = {"models": {name: entry.digest for name, entry in models.items()}, "missing": missing}
    if not missing:
        told = f"{' and '.join(wanted)} are there"
        if settings.without_text_model:
            told = f"{wanted[0]} is there, and the text model is left out on purpose"
        return Finding("models", "ok", told, figures=figures)
    pull = " and ".join(f"`ollama pull {name}`" for name in missing)
    remedy = f"Run {pull}, or name models it has in ATUM_TEXT_MODEL and ATUM_EMBEDDING_MODEL: {names_in([*models])}."
    verdict: Verdict = "unusable" if len(missing) == len(wanted) else "problem"
    return Finding("models", verdict, f"{' and '.join(missing)} missing", remedy, figures)


async def _text(settings: Settings, client: OllamaClient, listed: Listed) -> list[Finding]:
    try:
        shown = await client.show(settings.text_model)
    except HelpdeskError as failure:
        return [Finding("text model", "problem", failure.detail, "Look at the log of the runtime.")]
    found = [_context(settings, shown.context_tokens)]
    if "thinking" in shown.capabilities:
        found.append(Finding("thinking", "ok", "the model thinks aloud, and is told not to"))
    speaker = OllamaSpeaker(
        name=settings.text_model,
        client=client,
        listing=Listing(client.models),
        context_tokens=settings.text_context_tokens,
        may_leave=True,
    )
    identity = ModelIdentity(settings.text_model, listed.digest)
    return [*found, *await probe_text(speaker, identity, context_tokens=settings.text_context_tokens)]


def _context(settings: Settings, made_for: int | None) -> Finding:
    figures = {"asked_for": settings.text_context_tokens, "made_for": made_for}
    told = f"{settings.text_context_tokens} tokens asked for, the model is made for {made_for or 'an unknown number'}"
    if made_for is not None and made_for < settings.text_context_tokens:
        return Finding("context", "problem", told, f"Set ATUM_TEXT_CONTEXT_TOKENS to {made_for} or less.", figures)
    return Finding("context", "ok", told, figures=figures)
