"""Migrations of versions to come: a copy of the project's own with more behind them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from helpdesk.database.schema_version import REVISION
from tests.conftest import REPOSITORY
from tests.journeys.processes import Running, start

EXPANDED, INDEXED, CONTRACTED = "209901010000", "209901010005", "209901010010"

_HEAD = """
from alembic import op

from migrations.concurrently import create_index_concurrently

revision = "{revision}"
down_revision = "{down_revision}"
branch_labels = None
depends_on = None
{declared}

def upgrade() -> None:
{upgrade}
"""
# What an expansion may do: columns that need no value, a table, a wider rule; it touches what is busiest.
EXPANSION = """
    op.execute("ALTER TABLE tickets ADD COLUMN mood text")
    op.execute("ALTER TABLE job_queue ADD COLUMN cost integer NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE workers ADD COLUMN zone text")
    op.execute("CREATE TABLE moods (ticket_id uuid PRIMARY KEY, mood text NOT NULL)")
    op.execute("GRANT SELECT, INSERT ON moods TO atum_app")
"""
INDEX = """
    create_index_concurrently("ix_tickets_mood", "tickets (organization_id, mood)")
"""
CONTRACTION = """
    op.execute("ALTER TABLE job_queue DROP COLUMN cost")
"""


@dataclass(frozen=True)
class Later:
    """Migrations beyond those of this version.

    Attributes:
        folder: holds an `alembic.ini` and the migrations.
    """

    folder: Path

    def start(self, url: str, revision: str = "head", **variables: str) -> Running:
        """Begin to run them, as the later version would, in a process of their own."""
        return start(
            "alembic",
            *("-c", str(self.folder / "alembic.ini"), "upgrade", revision),
            log_file=Path(mkdtemp(dir=self.folder)) / "log",
            environment={"ATUM_DATABASE_URL": url} | variables,
        )

    async def upgrade(self, url: str, revision: str = "head", **variables: str) -> Running:
        """Run them to their end."""
        running = self.start(url, revision, **variables)
        await ended(running)
        return running


async def ended(running: Running) -> int:
    """Wait for the end of a process and return its exit code."""
    return await asyncio.to_thread(running.process.wait, 120)


def later_migrations(folder: Path, added: Mapping[str, tuple[str, str]]) -> Later:
    """Copy the project's migrations and put others behind them.

    Args:
        added: by revision: what it declares of itself, and the body of its upgrade.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "migrations", folder / "migrations", ignore=ignored)
    before = REVISION
    for revision, (declared, upgrade) in added.items():
        script = _HEAD.format(revision=revision, down_revision=before, declared=declared, upgrade=upgrade)
        (folder / "migrations/versions" / f"{revision}.py").write_text(f'"""Do {revision}."""\n{script}')
        before = revision
    (folder / "alembic.ini").write_text(
        f"[alembic]\nscript_location = {folder}/migrations\nprepend_sys_path = {REPOSITORY}\npath_separator = os\n"
    )
    return Later(folder)
