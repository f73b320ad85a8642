"""`atum-desk kb gaps`: what people ask that the knowledge base has nothing on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.providers.connecting import connect_models
from helpdesk.cli.connection import run
from helpdesk.cli.organization import Slug, chosen_organization
from helpdesk.database.engine import Database
from helpdesk.kb.gaps.queries import GapRow, list_gaps
from helpdesk.models.values import GapState


def show_gaps(
    *,
    organization: Slug = None,
    state: Annotated[GapState | None, typer.Option(help="Only gaps in this state; open ones by default.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Gaps in every state.")] = False,
    find: Annotated[bool, typer.Option("--find", help="Look through the questions first.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most gaps shown, the most asked ones.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what people ask in vain, the most asked first; with --find, look through the questions now."""
    wanted = None if everything else state or GapState.OPEN

    async def work(database: Database) -> tuple[dict[str, Any] | None, list[GapRow]]:
        organization_id = (await chosen_organization(database, organization)).id
        found = await _find(database, organization_id) if find else None
        async with database.transaction(organization_id) as session:
            rows = await list_gaps(session, organization_id=organization_id, state=wanted, limit=limit)
        return found, rows

    found, rows = run(work)
    if as_json:
        print(json.dumps({"found": found, "gaps": [_as_json(row) for row in rows]}, indent=2))
        return
    if found is not None:
        how = "by words alone, since no model runtime answered" if found["by_words"] else "by meaning"
        print(f"Questions compared {how}: {found['questions']}. Gaps: {found['new']} new, {found['closed']} closed.")
    for row in rows:
        print(_line(row))
        print("\n".join(f"    {' '.join(sample.text.split())[:100]}" for sample in row.samples[:3]))
    if not rows:
        print("No gaps: nothing was asked in vain often enough.")


async def _find(database: Database, organization_id: Any) -> dict[str, Any]:
    async def complete(_session: AsyncSession, **_result: object) -> None:
        """There is no job to complete."""

    # What compares questions takes a second to load, which listing them need not wait for.
    from helpdesk.kb.gaps.finding import find_gaps  # noqa: PLC0415

    models = connect_models(database.settings)
    try:
        return await find_gaps(
            database,
            models.embedder,
            organization_id=organization_id,
            days=database.settings.kb_gap_days,
            now=datetime.now(UTC),
            complete=complete,
        )
    finally:
        await models.close()


def _line(row: GapRow) -> str:
    asked = f"{row.asked} times asked ({row.tickets} tickets, {row.searches} searches, {row.asks} asks)"
    return f"{row.id}  {row.state}, {row.trend}  {row.label}: {asked}"


def _as_json(row: GapRow) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "label": row.label,
        "state": row.state,
        "trend": row.trend,
        "questions": row.questions,
        "asked": row.asked,
        "tickets": row.tickets,
        "searches": row.searches,
        "asks": row.asks,
        "first_at": row.first_at.isoformat(),
        "last_at": row.last_at.isoformat(),
        "samples": [sample.text for sample in row.samples],
    }
