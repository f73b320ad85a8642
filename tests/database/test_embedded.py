"""The embedded server: started by whoever comes first, found by the others, and never taken for another process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from helpdesk.database.embedded import EmbeddedPostgres, EmbeddedPostgresFailed


@pytest.fixture
def postgres() -> Iterator[EmbeddedPostgres]:
    home = Path(tempfile.mkdtemp(prefix="atum-embedded-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    home.chmod(0o755)
    server = EmbeddedPostgres(home, durable=False)
    yield server
    server.stop()
    subprocess.run(["rm", "-rf", str(home)], check=False)


def answers(server: EmbeddedPostgres, query: str = "SELECT 1", *, user: str = "atum") -> object:
    async def ask() -> object:
        connection = await asyncpg.connect(host=str(server.socket_folder), user=user, database="atum")
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(ask())


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


def test_three_starts_at_once_on_an_empty_folder_make_one_server(postgres: EmbeddedPostgres) -> None:
    with ThreadPoolExecutor(3) as pool:
        urls = set(pool.map(lambda _: EmbeddedPostgres(postgres.home, durable=False).start(), range(3)))
    assert urls == {postgres.url()}
    assert answers(postgres) == 1


def test_the_product_does_not_log_in_as_a_superuser(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    privileged = (
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolinherit FROM pg_roles WHERE rolname = current_user"
    )
    assert answers(postgres, privileged) is False


def test_a_server_that_was_killed_is_started_again_with_its_data(postgres: EmbeddedPostgres) -> None:
    durable = EmbeddedPostgres(postgres.home)
    durable.start()
    answers(durable, "CREATE SCHEMA AUTHORIZATION atum")
    before = postmaster(durable)
    os.kill(before, signal.SIGKILL)
    durable.start()
    assert postmaster(postgres) != before
    assert answers(postgres, "SELECT count(*) FROM pg_namespace WHERE nspname = 'atum'") == 1


def test_a_pid_file_that_names_a_stranger_neither_stops_the_start_nor_harms_the_stranger(
    postgres: EmbeddedPostgres,
) -> None:
    postgres.start()
    postgres.stop()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        (postgres.data / "postmaster.pid").write_text(f"{stranger.pid}\n{postgres.data}\n0\n5432\n\n\n")
        postgres.start()
        assert answers(postgres) == 1
        assert stranger.poll() is None
        stranger.kill()


def test_a_cluster_that_was_cut_off_in_the_making_is_made_anew(postgres: EmbeddedPostgres) -> None:
    unfinished = postgres.home / "data.new"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    postgres.start()
    assert answers(postgres) == 1
    assert not unfinished.exists()


def test_a_folder_too_deep_for_a_socket_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresFailed, match="--data"):
        EmbeddedPostgres(tmp_path / ("deep" * 30)).start()
