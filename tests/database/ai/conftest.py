from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest

from helpdesk.ai.model import Models
from helpdesk.ai.providers.connecting import ConnectedModels, connect_models
from helpdesk.database.engine import Database
from helpdesk.models.values import ArticleVisibility
from helpdesk.settings import Settings
from tests.database.ai.desk import BATTERY, MAILBOX, RUNBOOK, VPN, AiDesk
from tests.database.desk import open_a_desk
from tests.models_fixture import embedding_server
from tests.scripted_ollama import EMBEDDING_MODEL, TEXT_MODEL, ScriptedOllama, serve_scripted_ollama

__all__ = ["embedding_server"]


@pytest.fixture
def ollama() -> Iterator[ScriptedOllama]:
    with serve_scripted_ollama() as scripted:
        yield scripted


@pytest.fixture
async def models(ollama: ScriptedOllama) -> AsyncIterator[ConnectedModels]:
    settings = Settings(
        ollama_host=ollama.url,
        text_model=TEXT_MODEL,
        embedding_model=EMBEDDING_MODEL,
        model_timeout_s=0.5,
        embed_timeout_s=0.5,
    )
    connected = connect_models(settings)
    yield connected
    await connected.close()


@pytest.fixture
async def desk(
    settings: Settings,
    database: Database,
    organization_id: UUID,
    embedding_server: str,
    ollama: ScriptedOllama,
    models: ConnectedModels,
) -> AsyncIterator[AiDesk]:
    """Return a desk with real vectors and a scripted text model, its articles indexed."""
    real = connect_models(settings.model_copy(update={"ollama_host": embedding_server}))
    both = Models(embedder=real.embedder, language=models.language)
    agent = await open_a_desk(database, organization_id)
    desk = AiDesk(database, both, ollama, organization_id, agent, settings)
    await desk.publish("VPN error HL-809: connection timed out", VPN, ArticleVisibility.PUBLIC)
    await desk.publish("Swollen laptop battery: stop and act", BATTERY, ArticleVisibility.CUSTOMERS)
    await desk.publish("Mailbox full: make room", MAILBOX, ArticleVisibility.PUBLIC)
    await desk.publish("Runbook: VPN outage HL-809", RUNBOOK, ArticleVisibility.AGENTS)
    await desk.index_all()
    yield desk
    await real.close()
