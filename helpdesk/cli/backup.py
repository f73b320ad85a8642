"""`atum-desk backup`: make backups, look at them, prove them and get them back."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from helpdesk.backup.create import Progress, create_backup
from helpdesk.backup.drill import drill
from helpdesk.backup.manifest import Backup, backup_folder
from helpdesk.backup.manifest import list_backups as found_in
from helpdesk.backup.restore import restore_backup
from helpdesk.backup.verify import verify_backup
from helpdesk.cli.configuration import read_settings
from helpdesk.cli.connection import chosen_settings, clear_sentences, place_of
from helpdesk.errors import NotFound
from helpdesk.storage import Storage

app = typer.Typer(
    invoke_without_command=True,
    help="Make backups of the database and its files, prove them and get them back.",
    add_completion=False,
    rich_markup_mode=None,
)


class NoBackup(NotFound):
    """There is no backup."""


BackupPath = Annotated[Path, typer.Argument(help="Folder of the backup, or a file in it.", metavar="BACKUP")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def back_up(context: typer.Context) -> None:
    """Make backups of the database and its files, prove them and get them back; without a command, make one."""
    if context.invoked_subcommand is None:
        create(to=None, keep=None)


@app.command()
def create(
    *,
    to: Annotated[
        Path | None, typer.Option(help="Folder to put it in; by default ATUM_BACKUP_DIR, where old ones are removed.")
    ] = None,
    keep: Annotated[int | None, typer.Option(help="How many to keep there, the newest alone.", min=1)] = None,
) -> None:
    """Back up the database and its files, and prove the backup whole."""
    settings = chosen_settings()
    usual = to is None and keep is None
    kept, weeks = (settings.backup_keep, settings.backup_keep_weeks) if usual else (keep, 0)

    async def work() -> Backup:
        folder = to or backup_folder(settings)
        return await create_backup(
            settings, folder=folder, keep=kept, weeks=weeks, now=datetime.now(UTC), progress=_teller()
        )

    with clear_sentences(settings):
        backup = asyncio.run(work())
    print(f"{backup.path}  {_summary(backup)}")


@app.command("list")
def list_backups(
    *,
    folder: Annotated[Path | None, typer.Option("--in", help="Folder; by default ATUM_BACKUP_DIR.")] = None,
    as_json: AsJson = False,
) -> None:
    """List backups, the newest first."""
    backups = found_in(folder or backup_folder(chosen_settings()))
    if as_json:
        found = [{"path": str(one.path), **one.manifest.model_dump(mode="json")} for one in backups]
        print(json.dumps(found, indent=2))
        return
    for backup in backups:
        print(f"{backup.path}  {_summary(backup)}")


@app.command()
def verify(backup: BackupPath) -> None:
    """Read a backup to its last byte: checksums, and the rows of every table. Needs no database."""
    print(f"{asyncio.run(verify_backup(backup)).path} is whole.")


@app.command("drill")
def rehearse(
    backup: Annotated[
        Path | None, typer.Argument(help="Folder of the backup; by default the newest.", metavar="BACKUP")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Rehearse a restore: into a new database of the same server, which is dropped again. Changes nothing else."""
    settings = chosen_settings()
    path = backup or _newest(backup_folder(settings))
    with clear_sentences(settings):
        drilled = asyncio.run(drill(path, settings=settings))
    manifest = drilled.backup.manifest
    if as_json:
        figures = {
            "path": str(drilled.backup.path),
            "created_at": manifest.created_at.isoformat(),
            "rows": sum(manifest.rows.values()),
            "files": drilled.files,
            "schema": drilled.schema.current,
            "schema_verdict": drilled.schema.verdict,
            "took_s": round(drilled.took_s, 1),
        }
        print(json.dumps(figures, indent=2))
        return
    print(f"{drilled.backup.path} comes back whole: {_summary(drilled.backup)}, in {drilled.took_s:,.0f} s.")
    print(f"Organisations stay apart in it. {drilled.schema.sentence}")


def _newest(folder: Path) -> Path:
    if backups := found_in(folder):
        return backups[0].path
    raise NoBackup(f"There is no backup in {folder}; make one with `atum-desk backup create`.")


@app.command()
def restore(
    backup: BackupPath,
    *,
    database_url: Annotated[
        str | None,
        typer.Option(
            help="The empty database; by default that of ATUM_DATABASE_URL. Give a password in PGPASSWORD or a "
            "password file: everybody on the machine can read a command line."
        ),
    ] = None,
    files_to: Annotated[
        Path | None, typer.Option(help="Folder for the files; by default files in ATUM_DATA_DIR.")
    ] = None,
    no_files: Annotated[bool, typer.Option("--no-files", help="Restore the database alone.")] = False,
) -> None:
    """Restore a backup into an empty database, and count that every row has come back."""
    settings = read_settings(database_url=database_url)
    root = None if no_files else files_to or Storage(settings).root
    with clear_sentences(settings):
        restored = asyncio.run(restore_backup(backup, settings=settings, files_to=root))
    manifest = restored.manifest
    print(f"{place_of(settings)} has all {sum(manifest.rows.values()):,} rows of {len(manifest.rows)} tables.")
    print("Organisations stay apart in it: none can read the rows of another.")
    if root is not None:
        print(f"{root} has {manifest.files:,} files more.")


def _teller() -> Progress:
    """Return what prints progress: over the same line on a terminal, else a line for each stage."""
    on_terminal = sys.stderr.isatty()
    stage = ""

    async def tell(percent: float, done: str) -> None:
        nonlocal stage
        if on_terminal:
            end = "\n" if percent >= 100 else ""
            print(f"\r\033[K{percent:5.1f} %  {done}", end=end, file=sys.stderr, flush=True)
        elif stage != (stage := done.partition(" ")[0]):
            print(f"{percent:5.1f} %  {done}", file=sys.stderr, flush=True)

    return tell


def _summary(backup: Backup) -> str:
    manifest = backup.manifest
    missing = f", {manifest.files_missing:,} MISSING" if manifest.files_missing else ""
    return (
        f"{manifest.created_at:%Y-%m-%d %H:%M:%S} UTC  {manifest.size_bytes / 1e6:,.1f} MB  "
        f"{sum(manifest.rows.values()):,} rows, {manifest.files:,} files{missing}"
    )
