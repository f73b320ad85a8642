"""A ticket of an organisation that lets no text leave is not seen by a model elsewhere, whatever is done with it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from helpdesk.ai.model import Models
from helpdesk.ai.providers.connecting import connect_models
from tests.database.ai.desk import AiDesk
from tests.scripted_ollama import EMBEDDING_MODEL
from tests.scripted_openai import ScriptedOpenAI, serve_scripted_openai

ELSEWHERE = "models.example.net"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedOpenAI]:
    """Serve an endpoint of somebody else, whose name leads to this machine for this process alone."""
    look_up = socket.getaddrinfo

    def mocked(host: Any, *rest: Any, **more: Any) -> Any:
        return look_up("127.0.0.1" if ELSEWHERE in str(host) else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", mocked)
    with serve_scripted_openai() as scripted:
        yield scripted


@pytest.fixture
async def away(desk: AiDesk, endpoint: ScriptedOpenAI) -> AsyncIterator[AiDesk]:
    """Return the desk with a text model elsewhere, and none on this host."""
    settings = desk.settings.model_copy(
        update={
            "ollama_host": desk.ollama.url,
            "embedding_model": EMBEDDING_MODEL,
            "text_model": "not-here",
            "openai_url": endpoint.url.replace("127.0.0.1", ELSEWHERE),
        }
    )
    connected = connect_models(settings)
    models = Models(desk.models.embedder, connected.language, connected.language_off_host)
    yield replace(desk, models=models)
    await connected.close()


async def test_without_the_organisations_word_nothing_is_asked_elsewhere_and_with_it_what_is_asked_is_redacted(
    away: AiDesk, endpoint: ScriptedOpenAI
) -> None:
    ticket: dict[str, str] = {"subject": "Hello", "body": "It is about the thing, mail me at kim@desk.example."}
    vpn = {"subject": "VPN fails with HL-809", "body": "My VPN says HL-809 in the hotel; mail kim@desk.example."}
    for words in (ticket, vpn):
        ticket_id = await away.open(**words)
        await away.triage(ticket_id)
        await away.draft(ticket_id)
    assert endpoint.paths == []

    async with away.database.transaction(away.organization_id) as session:
        await session.execute(text('UPDATE organizations SET ai_policy = \'{"models": {"off_host": true}}\''))
    for words in (ticket, vpn):
        ticket_id = await away.open(**words)
        await away.triage(ticket_id)
        await away.draft(ticket_id)
    assert len(endpoint.requests) >= 2
    assert "kim@desk.example" not in str(endpoint.requests)
