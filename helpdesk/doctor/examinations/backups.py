"""Backups: made lately, whole as far as can be told at a glance, and able to be made."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

from helpdesk.backup.manifest import Backup, backup_folder, list_backups
from helpdesk.backup.tools import ToolsMissing, find_tools
from helpdesk.doctor.finding import Verdict, error, ok, skipped, warning
from helpdesk.doctor.patient import Bounds, Patient, in_thread
from helpdesk.doctor.registry import Looked, check
from helpdesk.errors import HelpdeskError
from helpdesk.queue.schedule_file import load_schedule
from helpdesk.settings import Settings

_ENTRY = "back_up"
_REMEDY = "`atum-desk backup create` makes one now; `atum-desk jobs list --type BACK_UP` tells why none was made"
_BORN = "SELECT min(created_at) FROM organizations"


@check("backups.age", "how old the newest backup is", database=True)
async def age(patient: Patient) -> Looked:
    """Look when the last backup was made; one that is there was read back and proven whole when it was made."""
    folder = backup_folder(patient.settings)
    backups = await in_thread(lambda: list_backups(folder))
    if backups:
        return _judged(backups[0], patient.clock(), patient.bounds, count=len(backups))
    if not _is_scheduled(patient.settings):
        return skipped(f"There is none in {folder}, and the schedule makes none: somebody else has to.")
    async with patient.reading("atum_owner") as connection:
        born: datetime | None = await connection.fetchval(_BORN)
    if born is None or (patient.clock() - born).total_seconds() < patient.bounds.backup_old_s:
        return ok("There is no backup yet; the first one is made in the coming night.")
    remedy = f"{_REMEDY}; can {folder} be written?"
    return error(f"There is no backup in {folder}.", remedy, backups=0)


def _judged(newest: Backup, now: datetime, bounds: Bounds, *, count: int) -> Verdict:
    old_s = (now - newest.manifest.created_at.astimezone(UTC)).total_seconds()
    figures = {"path": str(newest.path), "age_s": round(old_s), "backups": count}
    says = f"The newest of {count} backups is {old_s / 3600:,.1f} h old ({newest.path})."
    if old_s > bounds.backup_too_old_s:
        return error(says, f"{_REMEDY}.", **figures)
    if old_s > bounds.backup_old_s:
        return warning(says, f"{_REMEDY}.", **figures)
    return ok(says, **figures)


def _is_scheduled(settings: Settings) -> bool:
    try:
        return any(entry.name == _ENTRY and entry.enabled for entry in load_schedule(settings))
    except HelpdeskError:
        return True


@check("backups.whole", "whether the newest backup is complete, and closed to others")
async def whole(patient: Patient) -> Looked:
    """Compare the sizes of its files with its manifest; `atum-desk backup verify` reads all of them."""
    folder = backup_folder(patient.settings)
    return await in_thread(lambda: _whole(folder))


def _whole(folder: Path) -> Looked:
    backups = list_backups(folder)
    if not backups:
        return skipped(f"There is no backup in {folder}.")
    newest = backups[0]
    remedy = "Make a new one with `atum-desk backup create`, and find out what changed this one."
    damaged = [part.name for part in newest.manifest.parts if _size(newest.path / part.name) != part.size_bytes]
    if damaged:
        return error(f"{', '.join(damaged)} in {newest.path} is missing or cut.", remedy, damaged=damaged)
    if stat.S_IMODE(newest.path.stat().st_mode) & 0o077:
        return error(f"Others can read the backup {newest.path}.", f"`chmod 700 {newest.path}`.")
    if missing := newest.manifest.files_missing:
        says = f"{missing:,} attachments had no file when the newest backup was made."
        return warning(says, "Look whether ATUM_DATA_DIR is the folder that the API writes to.", files_missing=missing)
    rows, files = sum(newest.manifest.rows.values()), newest.manifest.files
    return ok(f"{newest.path} has {rows:,} rows and {files:,} files.", rows=rows, files=files)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


@check("backups.tools", "whether pg_dump is there, and as new as the server", database=True)
async def tools(patient: Patient) -> Looked:
    """Look for the programs that backups take."""
    async with patient.reading(None) as connection:
        major = int(await connection.fetchval("SHOW server_version_num")) // 10_000
    try:
        found = await in_thread(lambda: find_tools(major))
    except ToolsMissing as missing:
        return error(missing.detail, f"Install postgresql-client-{major} on the hosts of job workers.", server=major)
    return ok(f"pg_dump {found.major} is in {found.folder}.", major=found.major)
