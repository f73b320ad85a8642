"""`atum-desk ai diff`: what is different between two calls."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from helpdesk.ai.runs.difference import Difference
from helpdesk.ai.runs.difference import diff as differences_of
from helpdesk.cli.ai.finding import Organization, one, run_id
from helpdesk.cli.connection import run
from helpdesk.cli.jobs.output import AsJson, print_json
from helpdesk.database.engine import Database


def diff(
    first: Annotated[str, typer.Argument(help="Its id.", metavar="RUN_A")],
    second: Annotated[str, typer.Argument(help="Its id.", metavar="RUN_B")],
    *,
    organization: Organization = None,
    as_json: AsJson = False,
) -> None:
    """Compare two calls: model, prompt, options, what was shown, what was said. What is random in each is left out."""
    before, after = run_id(first), run_id(second)

    async def work(database: Database) -> list[Difference]:
        return differences_of(await one(database, organization, before), await one(database, organization, after))

    found = run(work)
    if as_json:
        print_json({"same": not found, "differences": [asdict(each) | {"unified": each.unified()} for each in found]})
    elif not found:
        print("Nothing is different.")
    else:
        print("\n\n".join(each.unified() for each in found))
    if found:
        raise typer.Exit(1)
