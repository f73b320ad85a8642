from __future__ import annotations

from tests.database.ai.conftest import desk, models, ollama
from tests.models_fixture import embedding_server

__all__ = ["desk", "embedding_server", "models", "ollama"]
