from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from tests.database.queue.jobs import Behaviour, Echo, known, link, working


@pytest.fixture(autouse=True)
def _echo_is_known() -> Iterator[None]:
    with known(Echo):
        yield


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[Link]:
    async with link(settings) as connection:
        yield connection


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour()


@pytest.fixture
async def worker(settings: Settings, behaviour: Behaviour) -> AsyncIterator[Any]:
    async with working(settings, behaviour.handlers) as (runner, process):
        yield runner, process
