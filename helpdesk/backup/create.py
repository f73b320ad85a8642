"""Make a backup: the database as of one moment, the files beside it, and the proof that both are whole."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import structlog

from helpdesk.attachments.receiving import FOLDER as ATTACHMENTS
from helpdesk.backup.archive import pack
from helpdesk.backup.manifest import (
    DATABASE,
    FILES,
    MANIFEST,
    Backup,
    Manifest,
    Part,
    new_backup,
    product_version,
    remove_old,
)
from helpdesk.backup.source import DUMPER, READER, Source, direct, open_source
from helpdesk.backup.tools import OnLine, Tools, environment, find_tools, run_tool
from helpdesk.backup.verify import check_contents
from helpdesk.settings import Settings
from helpdesk.storage import Storage

# A migration under way is waited for, but not for ever.
_LOCK_WAIT = "60s"
# Shares of the whole, in percent.
_COUNTED, _DUMPED, _PACKED, _SUMMED = 5.0, 60.0, 75.0, 80.0
_BEGINS = re.compile(r'dumping contents of table "(.+)"')
_ATTACHMENT_NAMES = "SELECT organization_id::text, storage_name FROM attachments"

log = structlog.get_logger(__name__)

Progress = Callable[[float, str], Awaitable[None]]


async def create_backup(
    settings: Settings, *, folder: Path, keep: int | None, weeks: int = 0, now: datetime, progress: Progress
) -> Backup:
    """Write a backup into a folder of its own, prove it whole, and remove the oldest beyond `keep`.

    Nothing stands under the backup's name before all of it is written, read back and on disk. The database is read in
    one snapshot; files are read after it, so that each row of it finds its file, unless that was removed meanwhile.

    Args:
        keep: how many backups stay in the folder, this one among them; None removes none.
        weeks: for how many weeks back one of each stays besides.
        progress: told percent and a word on what is done.

    Raises:
        BackupRunning, NoWayPastPooler, RowsHidden, ToolsMissing, ToolFailed, BackupDamaged
    """
    root = Storage(settings).root
    async with open_source(settings) as source:
        tools = await asyncio.to_thread(find_tools, source.server_major)
        missing = await _missing_files(source, root)
        with new_backup(folder, now=now) as (unfinished, finished):
            await progress(_COUNTED, "database")
            await _dump(settings, source, tools, unfinished / DATABASE, progress)
            await source.release()
            files = await asyncio.to_thread(pack, root, unfinished / FILES, leave_out=folder)
            await progress(_PACKED, "checksums")
            parts = [await asyncio.to_thread(Part.of, unfinished / name) for name in (DATABASE, FILES)]
            await progress(_SUMMED, "reading it back")
            manifest = Manifest(
                created_at=now,
                product_version=product_version(),
                schema_revision=source.schema_revision,
                server_version=source.server_version,
                tools_major=tools.major,
                rows=source.rows,
                files=files,
                files_missing=missing,
                parts=parts,
            )
            await check_contents(Backup(unfinished, manifest))
            (unfinished / MANIFEST).write_text(manifest.model_dump_json(indent=2), "utf-8")
        if keep is not None:
            await asyncio.to_thread(remove_old, folder, keep=keep, weeks=weeks, now=now)
    await progress(100.0, "done")
    log.info("backup_made", path=str(finished), size_bytes=manifest.size_bytes, files_missing=missing)
    return Backup(finished, manifest)


async def _dump(settings: Settings, source: Source, tools: Tools, target: Path, progress: Progress) -> None:
    command = [
        tools.dump,
        "--format=custom",
        "--no-password",
        "--verbose",
        f"--role={READER}",
        # The role is subject to row-level security and has a policy that lets every row through; without this switch
        # pg_dump refuses rather than believe it.
        "--enable-row-security",
        f"--snapshot={source.snapshot}",
        f"--lock-wait-timeout={_LOCK_WAIT}",
        f"--file={target}",
    ]
    variables = environment(direct(settings), application=DUMPER)
    await run_tool(command, variables=variables, on_line=_told_by_table(progress, source.rows))


def _told_by_table(progress: Progress, rows: Mapping[str, int]) -> OnLine:
    """Tell how many of the rows pg_dump has behind it, whenever it begins with a table."""
    begun, behind, in_hand = 0, 0, 0
    all_rows = max(sum(rows.values()), 1)

    async def on_line(said: str) -> None:
        nonlocal begun, behind, in_hand
        if not (table := _BEGINS.search(said)):
            return
        begun, behind, in_hand = begun + 1, behind + in_hand, rows.get(table[1], 0)
        await progress(_COUNTED + (_DUMPED - _COUNTED) * behind / all_rows, f"table {begun} of {len(rows)}")

    return on_line


async def _missing_files(source: Source, root: Path) -> int:
    """Count the attachments whose file is not there, in the snapshot that is dumped."""
    missing = 0
    cursor = await source.connection.cursor(_ATTACHMENT_NAMES)
    while rows := await cursor.fetch(1000):
        paths = [root / ATTACHMENTS / row[0] / row[1] for row in rows]
        missing += await asyncio.to_thread(_absent, paths)
    return missing


def _absent(paths: Sequence[Path]) -> int:
    return sum(not path.is_file() for path in paths)
