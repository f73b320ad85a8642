"""The real embedding model, served by the product's own sidecar on loopback; import the fixture into a conftest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.models_process import models_server


@pytest.fixture(scope="session")
def embedding_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the embedded model for the session; the value is its address, for `Settings(ollama_host=...)`."""
    with models_server(tmp_path_factory.mktemp("models"), "--text-model", "none") as server:
        yield server.url
