from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from helpdesk.ai.providers.connecting import ConnectedModels, connect_models
from helpdesk.settings import Settings
from tests.scripted_ollama import EMBEDDING_MODEL, TEXT_MODEL, ScriptedOllama, serve_scripted_ollama
from tests.scripted_openai import ScriptedOpenAI, serve_scripted_openai

FOREIGN = "models.example.net"


@pytest.fixture
def ollama() -> Iterator[ScriptedOllama]:
    with serve_scripted_ollama() as scripted:
        yield scripted


@pytest.fixture
def endpoint() -> Iterator[ScriptedOpenAI]:
    with serve_scripted_openai() as scripted:
        yield scripted


@pytest.fixture
def usual(settings: Settings, ollama: ScriptedOllama) -> Settings:
    """Return the settings of a process whose models are all on this host."""
    return settings.model_copy(
        update={
            "ollama_host": ollama.url,
            "text_model": TEXT_MODEL,
            "embedding_model": EMBEDDING_MODEL,
            "model_timeout_s": 20,
            "embed_timeout_s": 20,
        }
    )


@pytest.fixture
async def models(usual: Settings) -> AsyncIterator[ConnectedModels]:
    connected = connect_models(usual)
    yield connected
    await connected.close()


@pytest.fixture
async def over_openai(usual: Settings, endpoint: ScriptedOpenAI) -> AsyncIterator[ConnectedModels]:
    connected = connect_models(usual.model_copy(update={"openai_url": endpoint.url}))
    yield connected
    await connected.close()


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Return what makes a loopback address look like that of a host of somebody else, for this process alone."""
    real = socket.getaddrinfo

    def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        return real("127.0.0.1" if host in {FOREIGN, FOREIGN.encode()} else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return lambda url: url.replace("127.0.0.1", FOREIGN)
