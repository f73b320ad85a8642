"""`atum-desk ai show`: all that is kept of one call."""

from __future__ import annotations

from typing import Annotated

import typer

from helpdesk.ai.runs.difference import pretty
from helpdesk.cli.ai.finding import Organization, one, run_id
from helpdesk.cli.connection import run
from helpdesk.cli.jobs.output import AsJson, print_fields, print_json
from helpdesk.models.ai import AiRun

_TEXTS = ("system_text", "input_redacted", "input_raw", "output", "answer_schema", "retrieval_trace")


def show(
    run_reference: Annotated[str, typer.Argument(help="Its id, as `ai runs` lists it.", metavar="RUN")],
    *,
    organization: Organization = None,
    as_json: AsJson = False,
) -> None:
    """Show one call: the model, the prompt, what the model saw, what it said, and what became of it."""
    wanted = run_id(run_reference)
    found = run(lambda database: one(database, organization, wanted))
    if as_json:
        print_json(found)
        return
    columns = [column.key for column in AiRun.__table__.columns if column.key not in _TEXTS]
    print_fields({name: getattr(found, name) for name in columns})
    _section("instructions", found.system_text)
    _section("input" if found.exact else "input (redacted since)", found.input_redacted)
    for name, raw in (found.input_raw or {}).items():
        _section(f"{name}, before redaction", str(raw))
    _section("output", pretty(found.output))


def _section(title: str, words: str | None) -> None:
    if words:
        print(f"\n--- {title} ---\n{words}")
