"""`atum-desk rag status`: how complete and how fresh the index is."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import select

from helpdesk.cli.connection import run
from helpdesk.cli.jobs.output import AsJson, first_line, plain, print_json, print_table, span
from helpdesk.cli.rag.models import as_values, print_models
from helpdesk.cli.rag.runtime import now
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization
from helpdesk.rag.indexing.status import IndexReport, index_report
from helpdesk.rag.model_change.queries import ModelReport, model_reports


def status(
    *,
    organization: Annotated[
        str | None, typer.Option("--organization", help="Slug of the organisation; all of them by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is indexed, what waits and what has failed, by organisation, and the embedding models."""
    models, reports = run(lambda database: _read(database, organization))
    if as_json:
        indexes = {slug: plain(report) for slug, report in reports}
        print_json({"models": [as_values(model) for model in models], "organizations": indexes})
        return
    print_models(models)
    for slug, report in reports:
        print(f"\n{slug}: {report.pending} waiting, {report.running} in hand, {report.failed} failed, {_lag(report)}")
        print_table(
            [(row.source_type, row.sources, row.documents, row.chunks, row.vectors) for row in report.coverage],
            "KIND", "SOURCES", "DOCUMENTS", "PASSAGES", "VECTORS",
        )  # fmt: skip
        if report.waits_for:
            print(f"waits for: {first_line(report.waits_for)}")


async def _read(database: Database, slug: str | None) -> tuple[list[ModelReport], list[tuple[str, IndexReport]]]:
    from helpdesk.cli.users import organization_named  # noqa: PLC0415 (it brings the password hashing with it)

    wanted = None if slug is None else await organization_named(database, slug)
    async with database.transaction(None) as session:
        rows = await session.execute(select(Organization.id, Organization.slug).order_by(Organization.slug))
        organizations = [(row.id, row.slug) for row in rows if wanted in (None, row.id)]
    reports: list[tuple[str, IndexReport]] = []
    for organization_id, name in organizations:
        async with database.transaction(organization_id) as session:
            report = await index_report(
                session,
                organization_id=organization_id,
                now=now(),
                open_tickets=database.settings.rag_index_on_ticket_create,
            )
        reports.append((name, report))
    return await model_reports(database), reports


def _lag(report: IndexReport) -> str:
    if not report.pending + report.running:
        return "nothing behind"
    eta = f", done in {span(report.eta_s)}" if report.eta_s else ""
    return f"{span(report.lag_s)} behind{eta}"
