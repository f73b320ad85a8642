from __future__ import annotations

import pytest

from tests.database.ai.conftest import desk, embedding_server, models, ollama
from tests.database.ai.desk import AiDesk
from tests.database.asking.asker import Asker

__all__ = ["desk", "embedding_server", "models", "ollama"]


@pytest.fixture
def asker(desk: AiDesk) -> Asker:
    return Asker(desk)
