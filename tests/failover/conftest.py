"""One pair of servers, and one installation over it, for all tests of the folder that run in one process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.failover.pair import Pair, open_pair
from tests.failover.round import Scene, open_scene


@pytest.fixture(scope="session")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with open_pair(synchronous=True) as pair, open_scene(pair, tmp_path_factory.mktemp("scene")) as scene:
        yield scene


@pytest.fixture
def pair(scene: Scene) -> Pair:
    return scene.pair


@pytest.fixture
async def client(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {scene.token}"}
    async with httpx.AsyncClient(base_url=scene.api_url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def faults(scene: Scene) -> Iterator[None]:
    """Show what the processes said when a test fails."""
    yield
    for name, process in scene.processes.items():
        print(f"{name}:\n{process.log()[-4000:]}")  # noqa: T201  -- shown by pytest when a test fails
