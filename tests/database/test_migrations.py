import ast
import asyncio
import os
import subprocess

import asyncpg
from sqlalchemy.engine import make_url

from tests import warm
from tests.conftest import REPOSITORY, Server


def alembic(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return warm.run("alembic", *arguments, environment=os.environ | {"ATUM_DATABASE_URL": url})


def test_the_models_and_the_migrated_schema_agree(database_url: str) -> None:
    checked = alembic(database_url, "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_schema_can_be_taken_down_to_nothing_and_built_again(server: Server, database_url: str) -> None:
    down = alembic(database_url, "downgrade", "base")
    assert down.returncode == 0, down.stderr
    left = asyncio.run(_tables(server, database_url))
    assert left == {"alembic_version"}
    up = alembic(database_url, "upgrade", "head")
    assert up.returncode == 0, up.stderr


async def _tables(server: Server, url: str) -> set[str]:
    connection = await asyncpg.connect(
        host=str(server.postgres.socket_folder),
        user="atum",
        database=make_url(url).database,
    )
    try:
        rows = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND relnamespace = 'public'::regnamespace"
        )
    finally:
        await connection.close()
    return {row["relname"] for row in rows}


def test_the_migrate_command_names_each_step_it_takes(database_url: str) -> None:
    down = alembic(database_url, "downgrade", "base")
    assert down.returncode == 0, down.stderr
    migrated = warm.run("helpdesk.cli", "migrate", environment=os.environ | {"ATUM_DATABASE_URL": database_url})
    assert migrated.returncode == 0, migrated.stderr
    *steps, last = migrated.stdout.splitlines()
    scripts = sorted((REPOSITORY / "migrations/versions").glob("*.py"))
    assert steps == [ast.get_docstring(ast.parse(script.read_text("utf-8"))) for script in scripts]
    assert last.endswith(f"took {len(steps)} steps.")
