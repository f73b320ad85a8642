"""Prove that a backup is whole: every byte, every table, every row."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from helpdesk.backup.archive import count_packed
from helpdesk.backup.manifest import DATABASE, FILES, Backup, BackupDamaged, Part, read_backup
from helpdesk.backup.tools import find_tools

_COPY = re.compile(rb"COPY (\S.*?) \(.*\) FROM stdin;\n")
_END = b"\\.\n"


async def verify_backup(path: Path) -> Backup:
    """Read a backup to its last byte: checksums, the table of contents, and the rows of each table.

    Needs pg_restore but no server, and no more room than it has already.

    Raises:
        BackupDamaged: with what is wrong.
        ToolsMissing: there is no pg_restore that reads it.
    """
    backup = await asyncio.to_thread(read_backup, path)
    await check_bytes(backup)
    await check_contents(backup)
    return backup


async def check_bytes(backup: Backup) -> None:
    """Compare each file of a backup with its checksum; raise BackupDamaged."""
    for part in backup.manifest.parts:
        try:
            found = await asyncio.to_thread(Part.of, backup.path / part.name)
        except OSError as error:
            raise BackupDamaged(f"{backup.path / part.name} cannot be read: {error.strerror}.") from error
        if found != part:
            raise BackupDamaged(f"{backup.path / part.name} is not what was written: its size or checksum differs.")


async def check_contents(backup: Backup) -> None:
    """Count the rows in the dump and the files in the archive; raise BackupDamaged where they are not as many."""
    rows = await rows_in_dump(backup.path / DATABASE, tools_major=backup.manifest.tools_major)
    if rows != backup.manifest.rows:
        tables = sorted(rows.keys() | backup.manifest.rows.keys())
        wrong = [
            f"{table} has {rows.get(table)} rows instead of {backup.manifest.rows.get(table)}"
            for table in tables
            if rows.get(table) != backup.manifest.rows.get(table)
        ]
        raise BackupDamaged(f"The dump in {backup.path} is not whole: {'; '.join(wrong)}.")
    try:
        files = await asyncio.to_thread(count_packed, backup.path / FILES)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BackupDamaged(f"The archive in {backup.path} cannot be read: {error}.") from error
    if files != backup.manifest.files:
        raise BackupDamaged(f"The archive has {files} files instead of {backup.manifest.files}.")


async def rows_in_dump(dump: Path, *, tools_major: int) -> dict[str, int]:
    """Return how many rows of each table a dump holds, by reading all of it.

    Raises:
        BackupDamaged: pg_restore cannot read it.
    """
    tools = await asyncio.to_thread(find_tools, tools_major)
    command = [tools.restore, "--data-only", "--file=-", str(dump)]
    with tempfile.TemporaryFile() as complaints:
        process = _reader(command, complaints)
        try:
            counted = await asyncio.to_thread(_count, process)
        finally:
            # For a caller who is cancelled: it ends the thread as well.
            process.kill()
        if process.returncode != 0:
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip()
            raise BackupDamaged(f"{dump} cannot be read: {said[-500:]}")
    return counted


def _reader(command: Sequence[str], complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    variables = os.environ | {"LC_ALL": "C"}
    return subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints)


def _count(process: subprocess.Popen[bytes]) -> dict[str, int]:
    rows: dict[str, int] = {}
    table = None
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if table is None:
                if begun := _COPY.fullmatch(line):
                    table = begun[1].decode()
                    rows[table] = 0
            elif line == _END:
                table = None
            else:
                rows[table] += 1
    return rows
