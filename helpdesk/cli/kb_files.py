"""Articles as files, from and to a folder or a zip."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from uuid import UUID

import typer

from helpdesk.cli.connection import run
from helpdesk.cli.organization import chosen_organization
from helpdesk.database.engine import Database
from helpdesk.errors import Conflict
from helpdesk.kb.articles.lifecycle import Editor
from helpdesk.kb.articles.queries import ArticleFilter
from helpdesk.kb.markdown.archives import ArchiveLimits, MarkdownFile, read_folder, read_zip
from helpdesk.kb.markdown.exporting import export_articles, write_zip
from helpdesk.kb.markdown.files import MOST_FILE_BYTES
from helpdesk.kb.markdown.importing import FileOutcome, FileReport, MarkdownImport
from helpdesk.models.values import ArticleDoer, ArticleState
from helpdesk.queue.wake import WakeUp

# More than a request takes, since nobody waits on a connection for it.
_LIMITS = ArchiveLimits(entries=50_000, total_bytes=500_000_000)
# One transaction each, so that no lock is held for minutes.
_AT_ONCE = 100


class NothingWritten(Conflict):
    """There is nothing to write the articles to."""


def import_from(path: Path, *, dry_run: bool, publish: bool, as_json: bool, organization: str | None) -> None:
    """Take over the files of a folder, a zip or one file, print what became of each, and exit with 1 on a refusal."""
    state = ArticleState.PUBLISHED if publish else ArticleState.DRAFT

    async def work(database: Database) -> list[FileReport]:
        home = await chosen_organization(database, organization)
        taking = MarkdownImport(home.id, Editor(through=ArticleDoer.IMPORT), datetime.now(UTC), state)
        reports: list[FileReport] = []
        files = _files(path)
        async with WakeUp(database.settings, application="import"):
            while batch := list(islice(files, _AT_ONCE)):
                async with database.transaction(home.id) as session:
                    reports += await taking.take(session, batch, dry_run=dry_run)
        return reports

    reports = run(work)
    counts = {str(outcome): sum(report.outcome is outcome for report in reports) for outcome in FileOutcome}
    if as_json:
        print(json.dumps({"dry_run": dry_run, **counts, "files": [_as_json(report) for report in reports]}, indent=2))
    else:
        _print(reports, counts, dry_run=dry_run)
    raise typer.Exit(code=1 if counts["refused"] else 0)


def _files(path: Path) -> Iterator[MarkdownFile]:
    if path.is_dir():
        yield from read_folder(path)
    elif _is_zip(path):
        with path.open("rb") as opened:
            yield from read_zip(opened, _LIMITS)
    else:
        with path.open("rb") as opened:
            yield MarkdownFile(path.name, opened.read(MOST_FILE_BYTES + 1))


def _as_json(report: FileReport) -> dict[str, object]:
    values = {name: str(value) if isinstance(value, UUID) else value for name, value in vars(report).items()}
    return values | {"notes": list(report.notes)}


def _print(reports: list[FileReport], counts: dict[str, int], *, dry_run: bool) -> None:
    for report in reports:
        place = f"{report.file}:{report.line}" if report.line else report.file
        if report.outcome is FileOutcome.REFUSED:
            print(f"{place}: {report.reason}", file=sys.stderr)
        elif report.outcome is not FileOutcome.UNCHANGED:
            print(f"{report.outcome:<9} {report.slug:<40} {report.file}")
        for note in report.notes:
            print(f"{place}: {note}", file=sys.stderr)
    summary = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    print(f"{summary}{'; nothing was stored' if dry_run else ''}.")


def export_to(path: Path, wanted: ArticleFilter, *, organization: str | None) -> None:
    """Write articles into a folder, which is made, or into a zip, which appears when it is whole."""
    if not path.absolute().parent.is_dir():
        raise NothingWritten(f"There is no folder {path.absolute().parent}.")
    count = _into_zip(path, wanted, organization) if _is_zip(path) else _into_folder(path, wanted, organization)
    print(f"{count} articles in {path}.")


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


def _into_folder(folder: Path, wanted: ArticleFilter, organization: str | None) -> int:
    with _refusals_told(folder):
        folder.mkdir(exist_ok=True)

    async def work(database: Database) -> int:
        home = await chosen_organization(database, organization)
        count = 0
        async with database.transaction(home.id) as session:
            async for file in export_articles(session, organization_id=home.id, wanted=wanted):
                with _refusals_told(folder / file.name):
                    (folder / file.name).write_text(file.text, encoding="utf-8")
                count += 1
        return count

    return run(work)


def _into_zip(path: Path, wanted: ArticleFilter, organization: str | None) -> int:
    part = path.with_name(f".{path.name}.part")

    async def work(database: Database) -> int:
        home = await chosen_organization(database, organization)
        async with database.transaction(home.id) as session:
            return await write_zip(session, opened, organization_id=home.id, wanted=wanted)

    with _refusals_told(path):
        try:
            with part.open("wb") as opened:
                count = run(work)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return count


@contextmanager
def _refusals_told(path: Path) -> Iterator[None]:
    """Say which file cannot be written; the connection's sentences would blame the database for it."""
    try:
        yield
    except OSError as error:
        raise NothingWritten(f"{path} cannot be written: {error.strerror or error}.") from error
