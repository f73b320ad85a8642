"""`atum-desk kb`: the articles of the knowledge base, as files and one by one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.cli.connection import run
from helpdesk.cli.kb_gaps import show_gaps
from helpdesk.cli.organization import Slug, chosen_organization
from helpdesk.database.engine import Database
from helpdesk.kb.articles.lifecycle import Editor
from helpdesk.kb.articles.publishing_commands import archive_article, publish_article, restore_article
from helpdesk.kb.articles.queries import ArticleFilter, article_by_slug, history_of, list_articles
from helpdesk.kb.articles.review_dates import mark_reviewed, today_of
from helpdesk.kb.articles.schedule_commands import plan_article
from helpdesk.kb.articles.text import ArticleText
from helpdesk.models.accounts import Organization
from helpdesk.models.values import ArticleDoer, ArticleState, ArticleVisibility

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="List, publish, import and export knowledge-base articles.",
    rich_markup_mode=None,
)

EDITOR = Editor(through=ArticleDoer.COMMAND)
Address = Annotated[str, typer.Argument(help="The article's slug.", metavar="SLUG")]
Why = Annotated[str, typer.Option("--note", help="Why, for the article's history.")]
When = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="Plan it for this time, such as 2026-12-01T08:00Z.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_ONE_PAGE = 200

Work = Callable[[AsyncSession, Organization, datetime], Awaitable[Any]]


@app.command("list")
def list_all(
    *,
    state: Annotated[ArticleState | None, typer.Option(help="Only in this state.")] = None,
    visibility: Annotated[ArticleVisibility | None, typer.Option(help="Only for these readers.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only with this tag.")] = None,
    words: Annotated[str | None, typer.Option(help="Only with these words in title, summary or text.")] = None,
    review_due: Annotated[bool, typer.Option("--review-due", help="Only those to be looked at again.")] = False,
    as_json: Json = False,
    organization: Slug = None,
) -> None:
    """List articles, the newest first."""

    async def work(session: AsyncSession, home: Organization, now: datetime) -> list[ArticleText]:
        today = await today_of(session, organization_id=home.id, now=now)
        wanted = ArticleFilter(
            state=state, visibility=visibility, tag=tag, words=words, due_on=today if review_due else None
        )
        return await _all(session, home, wanted)

    articles = within(organization, work)
    if as_json:
        print(json.dumps([_as_json(article) for article in articles], indent=2, ensure_ascii=False))
        return
    for article in articles:
        newer = f" (version {article.latest_version} waits)" if article.has_newer_words else ""
        print(f"{article.state:<10} {article.visibility:<10} {article.slug:<40} {article.title}{newer}")


@app.command()
def publish(
    slug: Address,
    *,
    version: Annotated[int | None, typer.Option(help="Which version; the latest one by default.", min=1)] = None,
    at: When = None,
    note: Why = "",
    organization: Slug = None,
) -> None:
    """Let readers see an article, now or at a time."""
    moment = _moment(at)

    async def work(session: AsyncSession, home: Organization, now: datetime) -> int | None:
        found = await article_by_slug(session, organization_id=home.id, slug=slug)
        scope: dict[str, Any] = {"organization_id": home.id, "article_id": found.id, "editor": EDITOR, "now": now}
        if moment is None:
            return (await publish_article(session, **scope, number=version, note=note)).published_version
        planned = await plan_article(
            session, **scope, publish_at=moment, number=version, archive_at=found.archive_at, note=note
        )
        return planned.publish_version

    number = within(organization, work)
    when = "is published" if moment is None else f"will be published at {moment:%Y-%m-%d %H:%M} UTC"
    print(f"Version {number} of {slug} {when}.")


@app.command()
def archive(slug: Address, *, at: When = None, note: Why = "", organization: Slug = None) -> None:
    """Take an article away from readers, now or at a time; its versions stay."""
    moment = _moment(at)

    async def work(session: AsyncSession, home: Organization, now: datetime) -> None:
        found = await article_by_slug(session, organization_id=home.id, slug=slug)
        scope: dict[str, Any] = {"organization_id": home.id, "article_id": found.id, "editor": EDITOR, "now": now}
        if moment is None:
            await archive_article(session, **scope, note=note)
            return
        await plan_article(
            session, **scope, publish_at=found.publish_at, number=found.publish_version, archive_at=moment, note=note
        )

    within(organization, work)
    print(f"{slug} {'is archived' if moment is None else f'will be archived at {moment:%Y-%m-%d %H:%M} UTC'}.")


@app.command()
def restore(slug: Address, *, note: Why = "", organization: Slug = None) -> None:
    """Make a draft of an archived article."""

    async def work(session: AsyncSession, home: Organization, now: datetime) -> None:
        found = await article_by_slug(session, organization_id=home.id, slug=slug)
        await restore_article(session, organization_id=home.id, article_id=found.id, now=now, editor=EDITOR, note=note)

    within(organization, work)
    print(f"{slug} is a draft.")


@app.command()
def reviewed(
    slug: Address,
    *,
    next_at: Annotated[str | None, typer.Option("--next", metavar="DAY", help="The day of the next look.")] = None,
    note: Why = "",
    organization: Slug = None,
) -> None:
    """Note that an article still holds, and set the date of the next look."""
    day = None if next_at is None else _moment(next_at, option="--next")

    async def work(session: AsyncSession, home: Organization, now: datetime) -> object:
        found = await article_by_slug(session, organization_id=home.id, slug=slug)
        article = await mark_reviewed(
            session,
            organization_id=home.id,
            article_id=found.id,
            editor=EDITOR,
            now=now,
            next_at=None if day is None else day.date(),
            note=note,
        )
        return article.review_at

    print(f"{slug} is to be looked at again on {within(organization, work)}.")


@app.command()
def history(slug: Address, *, organization: Slug = None) -> None:
    """Show what happened to an article, the newest first."""

    async def work(session: AsyncSession, home: Organization, _now: datetime) -> list[str]:
        found = await article_by_slug(session, organization_id=home.id, slug=slug)
        steps = await history_of(session, organization_id=home.id, article_id=found.id, limit=_ONE_PAGE)
        return [
            f"{step.created_at:%Y-%m-%d %H:%M} {step.kind:<18} {step.to_state:<10} "
            f"{f'version {step.number}' if step.number else '':<12}{step.note}".rstrip()
            for step in steps
        ]

    print("\n".join(within(organization, work)))


@app.command("import")
def import_files(
    path: Annotated[
        Path, typer.Argument(help="A folder, a zip or a Markdown file.", metavar="PATH", exists=True, readable=True)
    ],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; store nothing.")] = False,
    publish: Annotated[
        bool, typer.Option("--publish/--draft", help="What becomes of articles whose file says no state.")
    ] = False,
    as_json: Json = False,
    organization: Slug = None,
) -> None:
    """Take over articles from Markdown files with front matter; exit with 1 where a file is refused."""
    from helpdesk.cli.kb_files import import_from  # noqa: PLC0415

    import_from(path, dry_run=dry_run, publish=publish, as_json=as_json, organization=organization)


@app.command("export")
def export_files(
    path: Annotated[Path, typer.Argument(help="A folder, or a file that ends in .zip.", metavar="PATH")],
    *,
    state: Annotated[ArticleState | None, typer.Option(help="Only in this state.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only with this tag.")] = None,
    organization: Slug = None,
) -> None:
    """Write articles as Markdown files, which an import takes over unchanged."""
    from helpdesk.cli.kb_files import export_to  # noqa: PLC0415

    export_to(path, ArticleFilter(state=state, tag=tag), organization=organization)


app.command("gaps")(show_gaps)


def within(slug: str | None, work: Work) -> Any:
    """Do the work of a command in one transaction of the chosen organisation, and return what it returns."""

    async def opened(database: Database) -> Any:
        home = await chosen_organization(database, slug)
        async with database.transaction(home.id) as session:
            return await work(session, home, datetime.now(UTC))

    return run(opened)


async def _all(session: AsyncSession, home: Organization, wanted: ArticleFilter) -> list[ArticleText]:
    found: list[ArticleText] = []
    after = None
    while True:
        page = await list_articles(session, organization_id=home.id, wanted=wanted, limit=_ONE_PAGE, after=after)
        found += page.items
        if (after := page.next_after) is None:
            return found


def _as_json(article: ArticleText) -> dict[str, Any]:
    shown = ("id", "slug", "title", "state", "visibility", "language", "review_at", "valid_until")
    numbers = {name: getattr(article, name) for name in ("published_version", "latest_version", "review_version")}
    return {name: value if (value := getattr(article, name)) is None else str(value) for name in shown} | numbers


def _moment(said: str | None, *, option: str = "--at") -> datetime | None:
    try:
        found = None if said is None else datetime.fromisoformat(said)
    except ValueError as error:
        raise typer.BadParameter(f"{said!r} is not a time like 2026-12-01T08:00Z", param_hint=option) from error
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found and found.astimezone(UTC)
