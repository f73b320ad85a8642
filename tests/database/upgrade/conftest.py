from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.conftest import Server, _run_in_thread
from tests.database.upgrade.later import (
    CONTRACTED,
    CONTRACTION,
    EXPANDED,
    EXPANSION,
    INDEX,
    INDEXED,
    Later,
    later_migrations,
)


@pytest.fixture(scope="session")
def later(tmp_path_factory: pytest.TempPathFactory) -> Later:
    """Return migrations that first add, and then take away what the code of this version never used."""
    return later_migrations(
        tmp_path_factory.mktemp("later"),
        {
            EXPANDED: ("", EXPANSION),
            INDEXED: ("", INDEX),
            CONTRACTED: (f'serves_since = "{EXPANDED}"\n', CONTRACTION),
        },
    )


@pytest.fixture
def empty_url(server: Server) -> Iterator[str]:
    """Give a database with nothing in it."""
    name = f"empty_{uuid4().hex[:12]}"
    _run_in_thread(server.postgres, f"CREATE DATABASE {name}")
    yield server.postgres.url(name)
    _run_in_thread(server.postgres, f"DROP DATABASE {name} WITH (FORCE)")
