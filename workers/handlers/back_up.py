"""BACK_UP: back up the database and its files."""

from __future__ import annotations

from helpdesk.backup.create import create_backup
from helpdesk.backup.manifest import backup_folder
from helpdesk.backup.source import BackupRunning
from helpdesk.errors import Invalid
from helpdesk.queue.catalog import BackUp
from helpdesk.queue.outcomes import Done, Fatal, Outcome, Snooze
from workers.context import WorkerContext
from workers.registry import handlers

_ANOTHER_RUNS_S = 600.0


@handlers.handles(BackUp)
async def back_up(_args: BackUp, context: WorkerContext) -> Outcome:
    """Make a backup where the settings say; what only an administrator can put right ends the job, with the remedy."""
    settings = context.settings
    try:
        backup = await create_backup(
            settings,
            folder=backup_folder(settings),
            keep=settings.backup_keep,
            weeks=settings.backup_keep_weeks,
            now=context.now(),
            progress=context.progress,
        )
    except BackupRunning as running:
        return Snooze(_ANOTHER_RUNS_S, running.detail)
    except Invalid as remedy:
        raise Fatal(remedy.detail) from remedy
    manifest = backup.manifest
    return Done(
        {
            "path": str(backup.path),
            "size_bytes": manifest.size_bytes,
            "rows": sum(manifest.rows.values()),
            "files": manifest.files,
            "files_missing": manifest.files_missing,
        }
    )
