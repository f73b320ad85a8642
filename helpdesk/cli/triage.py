"""`atum-desk triage`: let triage learn, and see what it has learnt and how it does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from helpdesk.ai.providers.connecting import connect_models
from helpdesk.cli.connection import run
from helpdesk.cli.organization import Slug, chosen_organization
from helpdesk.cli.triage_output import drift_lines, gate_lines, plain, version_details, version_lines
from helpdesk.database.engine import Database
from helpdesk.learned_models.versions import Version, list_versions, version_numbered
from helpdesk.models.learning import DriftReport, TriageGate

app = typer.Typer(
    no_args_is_help=True,
    help="Let triage learn, and see what it has learnt and how it does.",
    epilog="The exit code is 0, 1 when something is refused or missing, and 2 on wrong use.",
    add_completion=False,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, with times in UTC.")]
KindOf = Annotated[str, typer.Option("--kind", help="What the model is for.")]
Number = Annotated[int, typer.Argument(help="The version's number.", metavar="VERSION", min=1)]
_TRIAGE = "triage"


@app.command()
def train(
    *,
    organization: Slug = None,
    again: Annotated[bool, typer.Option("--again", help="Also where nothing is new since the last training.")] = False,
    as_json: AsJson = False,
) -> None:
    """Learn from an organisation's tickets now; what was learnt is put in use where it does no worse."""
    # Training loads what looking at models need not wait for.
    from helpdesk.triage.learning.champion import Retraining, retrain  # noqa: PLC0415

    async def work(database: Database) -> Retraining:
        chosen = await chosen_organization(database, organization)
        models = connect_models(database.settings)
        try:
            return await retrain(
                database, models.embedder, organization_id=chosen.id, now=datetime.now(UTC), insist=again
            )
        finally:
            await models.close()

    done = run(work)
    examples = None if done.classifier is None else done.classifier.examples
    if as_json:
        found = {"outcome": done.outcome, "reason": done.reason, "version": done.version, "examples": examples}
        print(json.dumps(found, indent=2))
        return
    if done.version is not None:
        print(f"Version {done.version} has learnt from {examples} tickets.")
    print(done.reason)


@app.command()
def models(
    *,
    organization: Slug = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only models for this, such as triage.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most versions shown, the latest.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the versions of an organisation's trained models, the latest first, and why each is in use or not."""

    async def work(database: Database) -> list[Version]:
        chosen = await chosen_organization(database, organization)
        async with database.transaction(chosen.id) as session:
            return await list_versions(session, organization_id=chosen.id, kind=kind, most=limit)

    found = run(work)
    _show([plain(version) for version in found], version_lines(found), as_json=as_json)


@app.command()
def show(version: Number, *, organization: Slug = None, kind: KindOf = _TRIAGE, as_json: AsJson = False) -> None:
    """Show one version with its figures: by field, and compared with the version that was in use."""

    async def work(database: Database) -> Version:
        chosen = await chosen_organization(database, organization)
        async with database.transaction(chosen.id) as session:
            return await version_numbered(session, organization_id=chosen.id, kind=kind, version=version)

    found = run(work)
    _show(plain(found), version_details(found), as_json=as_json)


@app.command()
def rollback(version: Number, *, organization: Slug = None, kind: KindOf = _TRIAGE, as_json: AsJson = False) -> None:
    """Put another version in use: an earlier one, or one that was put aside."""
    from helpdesk.triage.learning.versions import put_in_use  # noqa: PLC0415

    async def work(database: Database) -> Version:
        chosen = await chosen_organization(database, organization)
        async with database.transaction(chosen.id) as session:
            found = await version_numbered(session, organization_id=chosen.id, kind=kind, version=version)
            return await put_in_use(
                session,
                organization_id=chosen.id,
                model_id=found.id,
                who="whoever used the command line",
                now=datetime.now(UTC),
            )

    found = run(work)
    _show(plain(found), [f"Version {found.version} of {found.kind} is in use."], as_json=as_json)


@app.command()
def gates(
    *,
    organization: Slug = None,
    reopen: Annotated[str | None, typer.Option(help="Open the gate of this field again.", metavar="FIELD")] = None,
    value: Annotated[str | None, typer.Option(help="With --reopen: the gate of this value of the field.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what triage may set by itself, as far as running accuracy tells, and what has fallen back to suggestions."""
    from helpdesk.triage.learning.gate_queries import list_gates  # noqa: PLC0415
    from helpdesk.triage.learning.gates import reopen_gate, review_gates  # noqa: PLC0415

    if value is not None and reopen is None:
        raise typer.BadParameter("it goes with --reopen", param_hint="--value")

    async def work(database: Database) -> Sequence[TriageGate]:
        now = datetime.now(UTC)
        chosen = await chosen_organization(database, organization)
        async with database.transaction(chosen.id) as session:
            await review_gates(session, organization_id=chosen.id, now=now)
            if reopen is not None:
                await reopen_gate(session, organization_id=chosen.id, field=reopen, value=value, user_id=None, now=now)
            return await list_gates(session, organization_id=chosen.id)

    found = run(work)
    _show([plain(gate) for gate in found], gate_lines(found), as_json=as_json)


@app.command()
def drift(
    *,
    organization: Slug = None,
    report: Annotated[bool, typer.Option("--report", help="Report on the last week that is over first.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most reports shown, the latest.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Say how the predictions of a week differ from those of the weeks before, and whether to act."""
    from helpdesk.triage.learning.drift import (  # noqa: PLC0415
        last_week_until,
        list_drift_reports,
        report_drift,
    )

    async def work(database: Database) -> Sequence[DriftReport]:
        now = datetime.now(UTC)
        chosen = await chosen_organization(database, organization)
        async with database.transaction(chosen.id) as session:
            if report:
                await report_drift(session, organization_id=chosen.id, until=last_week_until(now), now=now)
            return await list_drift_reports(session, organization_id=chosen.id, most=limit)

    found = run(work)
    _show([plain(one) for one in found], drift_lines(found), as_json=as_json)


def _show(found: Any, lines: Sequence[str], *, as_json: bool) -> None:
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else "\n".join(lines))
