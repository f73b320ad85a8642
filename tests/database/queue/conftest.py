from collections.abc import AsyncIterator, Iterator

import pytest

from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from tests.database.queue.jobs import Echo, known, link


@pytest.fixture(autouse=True)
def _echo_is_known() -> Iterator[None]:
    with known(Echo):
        yield


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[Link]:
    async with link(settings) as connection:
        yield connection
