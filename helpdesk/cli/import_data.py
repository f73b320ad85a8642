"""`atum-desk import`: take over a team's own tickets and articles."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from helpdesk.cli.connection import run
from helpdesk.cli.import_progress import print_summary, show_progress
from helpdesk.cli.import_wait import wait_for_pipeline
from helpdesk.cli.organization import Slug, chosen_organization
from helpdesk.database.engine import Database
from helpdesk.models.values import ArticleVisibility
from helpdesk.queue.wake import WakeUp
from helpdesk.settings import Settings
from helpdesk.transfer.article_rows import ArticleReader
from helpdesk.transfer.articles import ArticleWork
from helpdesk.transfer.batches import Import, Report, Work
from helpdesk.transfer.error_file import ErrorFile
from helpdesk.transfer.inputs import InputFormat, open_input
from helpdesk.transfer.mapping import ARTICLE_COLUMNS, TICKET_COLUMNS, ColumnMapping, WrongMapping, parse_choices
from helpdesk.transfer.outcome import Tally
from helpdesk.transfer.pipeline import database_clock
from helpdesk.transfer.rows import Reading, UnreadableInput
from helpdesk.transfer.ticket_rows import TicketReader
from helpdesk.transfer.tickets import TicketWork

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Take over tickets and articles from files, as often as you like.",
    rich_markup_mode=None,
)

File = Annotated[
    Path, typer.Argument(help="JSON lines or CSV.", metavar="FILE", exists=True, dir_okay=False, readable=True)
]
FileOrFolder = Annotated[
    Path,
    typer.Argument(
        help="JSON lines, CSV, or a folder of Markdown and HTML.", metavar="PATH", exists=True, readable=True
    ),
]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", help="Which column a field is in, such as subject=title; field= leaves it out. Repeatable."),
]
Format = Annotated[
    InputFormat | None, typer.Option("--format", help="How the file is written; by default its suffix tells.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check every row and say what would happen; store nothing.")]
Errors = Annotated[
    Path | None,
    typer.Option(
        "--errors", help="File for the rows that fail; by default NAME.errors.jsonl in this folder.", dir_okay=False
    ),
]
Limit = Annotated[int | None, typer.Option("--limit", help="Take only the first rows.", min=1)]
Categories = Annotated[
    bool, typer.Option("--create-categories", help="Make categories that rows name and are missing.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Then follow the pipeline until all work is through.")]


MakeWork = Callable[[Settings, UUID, datetime], Work[Any]]


@dataclass(frozen=True)
class _Task:
    """What a command was asked for."""

    title: str
    path: Path
    mapping: ColumnMapping
    form: InputFormat | None
    slug: str | None
    dry_run: bool
    errors: Path | None
    limit: int | None
    wait: bool

    @property
    def errors_path(self) -> Path:
        """Return where rows that fail are written down."""
        return self.errors or Path(f"{self.path.resolve().stem}.errors.jsonl")


@app.command()
def tickets(
    file: File,
    *,
    columns: Map = None,
    form: Format = None,
    organization: Slug = None,
    create_categories: Categories = False,
    dry_run: DryRun = False,
    errors: Errors = None,
    limit: Limit = None,
    wait: Wait = False,
) -> None:
    """Import tickets, each once by its external id: open ones for the pipeline, solved and closed ones as history.

    A time without an offset is UTC. A row without created_at is opened now; with it, its SLA counts from then.
    """
    mapping = _mapping(TICKET_COLUMNS, columns)

    def work(settings: Settings, organization_id: UUID, now: datetime) -> TicketWork:
        return TicketWork(organization_id, TicketReader(mapping, now), settings, now, create_categories)

    _run(_Task("tickets", file, mapping, form, organization, dry_run, errors, limit, wait), work)


@app.command()
def kb(
    path: FileOrFolder,
    *,
    publish: Annotated[
        bool, typer.Option("--publish/--draft", help="Whether readers see the articles at once.")
    ] = True,
    visibility: Annotated[
        ArticleVisibility | None,
        typer.Option("--visibility", help="Who may read all of them; by default as each says, or else everybody."),
    ] = None,
    columns: Map = None,
    form: Format = None,
    organization: Slug = None,
    create_categories: Categories = False,
    dry_run: DryRun = False,
    errors: Errors = None,
    limit: Limit = None,
    wait: Wait = False,
) -> None:
    """Import articles; one that is here already, by its external id, gets a new version where its words changed."""
    mapping = _mapping(ARTICLE_COLUMNS, columns)

    def work(_settings: Settings, organization_id: UUID, now: datetime) -> ArticleWork:
        return ArticleWork(organization_id, ArticleReader(mapping, publish, visibility), now, create_categories)

    _run(_Task("articles", path, mapping, form, organization, dry_run, errors, limit, wait), work)


def _mapping(guesses: dict[str, tuple[str, ...]], said: list[str] | None) -> ColumnMapping:
    try:
        return ColumnMapping(guesses, parse_choices(said or (), fields=list(guesses)))
    except WrongMapping as error:
        raise typer.BadParameter(error.detail, param_hint="--map") from error


def _run(task: _Task, make_work: MakeWork) -> None:
    if task.wait and task.dry_run:
        raise typer.BadParameter("a dry run leaves nothing to wait for", param_hint="--wait")
    if task.errors_path.resolve() == task.path.resolve():
        raise typer.BadParameter("the errors would overwrite the input", param_hint="--errors")
    all_good = run(lambda database: _import(database, task, make_work))
    raise typer.Exit(code=0 if all_good else 1)


async def _import(database: Database, task: _Task, make_work: MakeWork) -> bool:
    """Import the rows and follow the pipeline if that is wanted; return whether all went well."""
    home = await chosen_organization(database, task.slug)
    async with database.transaction(home.id) as session:
        now = await database_clock(session)
    work = make_work(database.settings, home.id, now)
    tally, errors = await _take_over(database, task, work, home.id)
    print_summary(tally, title=task.title, dry_run=task.dry_run, errors=errors, unmapped=task.mapping.never_found())
    if not task.wait:
        return tally.failed == 0
    return await wait_for_pipeline(database, organization_id=home.id, since=now) and tally.failed == 0


async def _take_over(
    database: Database, task: _Task, work: Work[Any], organization_id: UUID
) -> tuple[Tally, ErrorFile]:
    reading = _open(task)
    errors = ErrorFile(task.errors_path)
    async with WakeUp(database.settings, application="import"):
        with closing(errors), show_progress(task.title, reading.total) as on_progress:
            report = Report(errors.add, on_progress)
            importing = Import(database, organization_id, work, report, task.dry_run)
            return await importing.run(reading, limit=task.limit), errors


def _open(task: _Task) -> Reading:
    try:
        return open_input(task.path, form=task.form)
    except UnreadableInput as error:
        raise typer.BadParameter(error.detail, param_hint="--format") from error
