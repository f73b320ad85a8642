"""`atum-desk backup`, as an operator types it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from uuid import UUID

import asyncpg

from helpdesk.backup.manifest import DATABASE
from helpdesk.database.engine import Database
from helpdesk.settings import Settings
from helpdesk.storage import Storage
from tests import warm
from tests.database.attachments.files import a_ticket, attached


def command(settings: Settings, *arguments: str, first: str = "backup") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"ATUM_DATABASE_URL": settings.database_url, "ATUM_DATA_DIR": str(settings.data_dir)}
    return warm.run("helpdesk.cli", first, *arguments, environment=environment)


async def test_a_backup_is_made_listed_proven_and_brought_back(
    settings: Settings, database: Database, organization_id: UUID, empty_url: str, tmp_path: Path
) -> None:
    row = await attached(
        database, Storage(settings), organization_id, await a_ticket(database, organization_id, settings), b"words"
    )
    made = command(settings, "create")
    assert made.returncode == 0, made.stderr
    assert "100.0 %  done" in made.stderr
    [listed] = json.loads(command(settings, "list", "--json").stdout)
    assert made.stdout.startswith(listed["path"])
    assert (listed["files"], listed["files_missing"]) == (1, 0)
    assert listed["rows"]["public.attachments"] == 1
    assert command(settings, "list").stdout.startswith(listed["path"])

    whole = command(settings, "verify", str(Path(listed["path"]) / DATABASE))
    assert whole.stdout == f"{listed['path']} is whole.\n"

    folder = tmp_path / "files again"
    restored = command(settings, "restore", listed["path"], "--database-url", empty_url, "--files-to", str(folder))
    assert restored.returncode == 0, restored.stderr
    assert f"{sum(listed['rows'].values()):,} rows of {len(listed['rows'])} tables" in restored.stdout
    assert (folder / "attachments" / str(organization_id) / row.storage_name).read_bytes() == b"words"

    again = command(settings, "restore", listed["path"], "--database-url", empty_url, "--no-files")
    assert again.returncode == 1
    assert "restore into an empty one" in again.stderr


async def test_what_is_wrong_is_said_in_a_sentence(
    settings: Settings, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    nothing = command(settings, "verify", str(tmp_path))
    assert (nothing.returncode, nothing.stderr.count("\n")) == (1, 1)
    assert "is not a backup" in nothing.stderr
    await owner.execute("CREATE TABLE notes (x int)")
    await owner.execute("ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY")
    hidden = command(settings, "create", "--to", str(tmp_path / "elsewhere"))
    assert (hidden.returncode, "CREATE POLICY maintenance" in hidden.stderr) == (1, True)
    away = command(settings.model_copy(update={"database_url": "postgresql://atum@127.0.0.1:9/x"}), "create")
    assert away.returncode == 1
    assert "does not answer" in away.stderr
