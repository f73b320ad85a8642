from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest

from helpdesk.ai.model import Models
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.database.engine import Database
from helpdesk.settings import Settings
from tests.attacks.ground import Ground, furnish
from tests.database.ai.desk import AiDesk
from tests.database.desk import open_a_desk
from tests.models_fixture import embedding_server
from tests.scripted_ollama import TEXT_MODEL, ScriptedOllama, serve_scripted_ollama

__all__ = ["embedding_server"]


@pytest.fixture
def ollama() -> Iterator[ScriptedOllama]:
    with serve_scripted_ollama() as scripted:
        yield scripted


@pytest.fixture
async def ground(
    settings: Settings, database: Database, organization_id: UUID, embedding_server: str, ollama: ScriptedOllama
) -> AsyncIterator[Ground]:
    """Return an organisation with real vectors, and a text model that obeys."""
    real = connect_models(settings.model_copy(update={"ollama_host": embedding_server}))
    scripted = connect_models(settings.model_copy(update={"ollama_host": ollama.url, "text_model": TEXT_MODEL}))
    agent = await open_a_desk(database, organization_id)
    models = Models(embedder=real.embedder, language=scripted.language)
    yield await furnish(AiDesk(database, models, ollama, organization_id, agent, settings))
    await scripted.close()
    await real.close()
