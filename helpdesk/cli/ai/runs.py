"""`atum-desk ai runs`: the calls of models, the newest first."""

from __future__ import annotations

from typing import Annotated

import typer

from helpdesk.ai.runs.queries import RunFilter
from helpdesk.cli.ai.finding import Decision, Kind, Organization, Since, Ticket, home_of, moment, newest
from helpdesk.cli.connection import run
from helpdesk.cli.jobs.output import AsJson, first_line, print_json, print_table
from helpdesk.database.engine import Database
from helpdesk.models.ai import AiRun

_OUTPUT_CHARS = 60


def runs(
    *,
    ticket: Ticket = None,
    kind: Kind = None,
    since: Since = None,
    decision: Decision = None,
    model: Annotated[str | None, typer.Option(help="Only calls of this model.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
    organization: Organization = None,
    as_json: AsJson = False,
) -> None:
    """List the calls of text models, the newest first; those of embedding models with --kind embed."""
    wanted = RunFilter(kind=kind, decision=decision, model=model, since=moment(since))

    async def work(database: Database) -> list[AiRun]:
        home = await home_of(database, organization)
        return await newest(database, home, wanted=wanted, ticket=ticket, limit=limit)

    found = run(work)
    if as_json:
        print_json(found)
        return
    print_table(
        [_row(each) for each in found],
        "RUN", "AT", "KIND", "PROMPT", "MODEL", "DECISION", "TOKENS", "MS", "OUTPUT",
        whole=("RUN",),
    )  # fmt: skip


def _row(each: AiRun) -> tuple[object, ...]:
    prompt = f"{each.prompt_id} {each.prompt_version}" if each.prompt_id else ""
    tokens = (each.prompt_tokens or 0) + (each.output_tokens or 0)
    said = each.error_class or first_line(each.output, _OUTPUT_CHARS)
    ms = "" if each.total_ms is None else f"{each.total_ms:.0f}"
    return (each.id, each.created_at, each.kind, prompt, each.model, each.decision, tokens or "", ms, said)
