"""The models that the settings name, over whichever protocols, and who may use which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from helpdesk.ai.model import Bounds, LanguageModel, Models
from helpdesk.ai.providers.breaker import Breaker
from helpdesk.ai.providers.describing import Provider
from helpdesk.ai.providers.hosts import stays_here
from helpdesk.ai.providers.line import DatabaseLine
from helpdesk.ai.providers.listing import Listing, is_cloud_name
from helpdesk.ai.providers.no_model import NoModel
from helpdesk.ai.providers.ollama.client import OllamaClient
from helpdesk.ai.providers.ollama.embedder import OllamaEmbedder
from helpdesk.ai.providers.ollama.speaker import OllamaSpeaker
from helpdesk.ai.providers.openai.client import OpenAIClient
from helpdesk.ai.providers.openai.speaker import OpenAISpeaker
from helpdesk.ai.providers.speed import Speed
from helpdesk.ai.providers.text_model import TextModel
from helpdesk.ai.providers.turns import Turns
from helpdesk.database.engine import Database
from helpdesk.settings import Settings

LISTING_TIMEOUT_S = 5.0
_LEFT_OUT = "There is no text model: ATUM_TEXT_MODEL leaves it out."
_STAYS = "The text model is not on this host, and the organisation lets no text leave it."


@dataclass(frozen=True, kw_only=True)
class ConnectedModels(Models):
    """The models of one process, with what health reports need."""

    providers: tuple[Provider, ...]
    breakers: Callable[[], list[Breaker]]
    closing: tuple[Callable[[], Awaitable[None]], ...]

    def report(self) -> dict[str, Any]:
        """Return the state of every breaker by kind of call."""
        return {breaker.name: breaker.report() for breaker in self.breakers()}

    async def close(self) -> None:
        """Close every connection to the runtimes."""
        for close in self.closing:
            await close()


@dataclass(frozen=True)
class _Text:
    """The text model for those who let text leave, the one for the others, and what is behind both."""

    anywhere: LanguageModel
    here: LanguageModel
    providers: tuple[Provider, ...]
    breakers: tuple[Breaker, ...]
    closing: tuple[Callable[[], Awaitable[None]], ...]


def connect_models(settings: Settings, *, database: Database | None = None) -> ConnectedModels:
    """Return the models the settings name; nothing is called before the first use.

    Each class of calls has a client, timeouts and a breaker of its own, so vectors never wait behind text. The text
    model of an OpenAI-compatible endpoint stands before Ollama's wherever text may be sent to it.

    Args:
        database: where people of other processes who wait for the text model are seen; without, there are none.
    """
    stays = stays_here(settings.ollama_host, own_hosts=settings.own_model_hosts)
    listing_client = OllamaClient(settings.ollama_host, read_s=LISTING_TIMEOUT_S)
    embed_client = OllamaClient(settings.ollama_host, read_s=settings.embed_timeout_s)
    listing = Listing(listing_client.models)
    embedder = OllamaEmbedder(
        name=settings.embedding_model, client=embed_client, listing=listing, stays_here=stays, kind="embed"
    )
    # Waiting for one turn and having it; then the caller has long given up.
    line = None if database is None else DatabaseLine(database, longest_s=2 * settings.model_timeout_s)
    turns = Turns(at_once=settings.text_calls_at_once, line=line)
    text = _over_ollama(settings, listing, turns, stays=stays)
    if settings.openai_url:
        text = _over_openai(settings, settings.openai_url, turns, instead=text)
    vectors = Provider(
        kind="embedding",
        protocol="ollama",
        endpoint=settings.ollama_host,
        stays_here=stays,
        serves="all" if stays else "none",
        model=embedder,
        breaker=embedder.calls.breaker,
        speed=embedder.calls.speed,
    )
    return ConnectedModels(
        providers=(vectors, *text.providers),
        embedder=embedder,
        language=text.here,
        language_off_host=text.anywhere,
        bounds=Bounds(settings.text_tokens_a_day, settings.text_seconds_a_day),
        breakers=lambda: [listing.breaker, *embedder.breakers(), *text.breakers],
        closing=(listing_client.close, embed_client.close, *text.closing),
    )


def _over_ollama(settings: Settings, listing: Listing, turns: Turns, *, stays: bool) -> _Text:
    if settings.without_text_model:
        return _Text(NoModel(_LEFT_OUT), NoModel(_LEFT_OUT), (), (), ())
    client = OllamaClient(settings.ollama_host, read_s=settings.model_timeout_s)
    breaker, speed = Breaker("text"), Speed()

    def model(*, may_leave: bool) -> TextModel:
        speaker = OllamaSpeaker(
            name=settings.text_model,
            client=client,
            listing=listing,
            context_tokens=settings.text_context_tokens,
            may_leave=may_leave,
        )
        return TextModel(speaker, breaker=breaker, turns=turns, speed=speed)

    stays = stays and not is_cloud_name(settings.text_model)
    anywhere = model(may_leave=True)
    here = model(may_leave=False) if stays else NoModel(_STAYS)
    provider = Provider(
        kind="text",
        protocol="ollama",
        endpoint=settings.ollama_host,
        stays_here=stays,
        serves="all" if stays else "opted_in",
        model=here if stays else anywhere,
        breaker=breaker,
        speed=speed,
    )
    return _Text(anywhere, here, (provider,), (breaker,), (client.close,))


def _over_openai(settings: Settings, url: str, turns: Turns, *, instead: _Text) -> _Text:
    """Return the endpoint's model for all where text stays with the operator, else for those who let it leave."""
    client = OpenAIClient(url, key=settings.openai_api_key, read_s=settings.model_timeout_s)
    breaker = Breaker("text openai")
    speaker = OpenAISpeaker(client, model=settings.openai_model)
    model = TextModel(speaker, breaker=breaker, turns=turns)
    stays = stays_here(url, own_hosts=settings.own_model_hosts)
    provider = Provider(
        kind="text",
        protocol="openai",
        endpoint=url,
        stays_here=stays,
        serves="all" if stays else "opted_in",
        model=model,
        breaker=breaker,
        speed=model.speed,
    )
    if stays:
        return _Text(model, model, (provider,), (speaker.listing.breaker, breaker), (client.close, *instead.closing))
    # Who lets text leave uses this one; the other one is for the rest, where it is on this host.
    others = tuple(other for other in instead.providers if other.serves == "all")
    return _Text(
        model,
        instead.here,
        (provider, *others),
        (speaker.listing.breaker, breaker, *instead.breakers),
        (client.close, *instead.closing),
    )
