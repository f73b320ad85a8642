"""`atum-desk rag models`: list embedding models, add one, drop one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from helpdesk.cli.connection import run
from helpdesk.cli.jobs.output import AsJson, print_fields, print_json, print_table, span
from helpdesk.cli.rag.runtime import run_with_models
from helpdesk.database.engine import Database
from helpdesk.rag.embedding.models import ActiveModel
from helpdesk.rag.model_change import commands
from helpdesk.rag.model_change.queries import ModelReport, model_report, model_reports
from helpdesk.rag.model_change.registering import add_model

app = typer.Typer(add_completion=False, rich_markup_mode=None)

ModelId = Annotated[int, typer.Argument(help="Its number in `atum-desk rag models`.", metavar="ID")]

_SHOWN_DIGEST = 12


@app.callback(invoke_without_command=True)
def list_models(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the embedding models that have vectors, the active one first; add one, or drop one."""
    if context.invoked_subcommand is None:
        reports = run(model_reports)
        if as_json:
            print_json([as_values(report) for report in reports])
        else:
            print_models(reports)


@app.command(epilog="\b\nExample:\n  atum-desk rag models add nomic-embed-text")
def add(
    name: Annotated[str, typer.Argument(help="As the model runtime calls it, such as bge-m3.", metavar="NAME")],
    *,
    as_json: AsJson = False,
) -> None:
    """Register a model to be built beside the active one, and begin to make its vectors.

    The runtime must have it (`ollama pull NAME`). NAME@DIMS cuts its vectors to so many numbers, which models trained
    for it bear well.
    """
    model = run_with_models(lambda database, embedder: add_model(database, embedder, name=name))
    report = run(lambda database: model_report(database, model.id))
    if as_json:
        print_json(as_values(report))
    elif report.state == "active":
        print(f"{report.name} is the first model, and active.")
    else:
        print(
            f"{report.name} is model {report.id}: {report.dims} numbers a vector, {report.texts_per_s:.0f} texts/s. "
            f"{report.missing} passages lack a vector{_about(report)}; see `atum-desk rag backfill --follow`."
        )


@app.command()
def show(model_id: ModelId, *, as_json: AsJson = False) -> None:
    """Show all that is known of a model."""
    report = run(lambda database: model_report(database, model_id))
    if as_json:
        print_json(as_values(report))
        return
    values = as_values(report)
    gate = values.pop("gate")
    print_fields(values)
    print_fields({"gate": None if not gate else "", **_gate_lines(gate)})


@app.command()
def drop(
    model_id: ModelId, *, yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you are sure.")] = False
) -> None:
    """Remove a model with all its vectors for good; not the active one."""
    report = run(lambda database: model_report(database, model_id))
    if not yes and report.state != "active":
        _ask(report)

    async def work(database: Database) -> ActiveModel:
        return await commands.drop(database, model_id)

    model = run(work)
    print(f"{model.name} ({model.digest[:_SHOWN_DIGEST]}) and its {report.vectors} vectors are gone.")


def as_values(report: ModelReport) -> dict[str, object]:
    """Return a report with what is computed from it."""
    values = {**vars(report), "coverage": round(report.coverage, 4), "eta_s": report.eta_s}
    return {**values, "dropped_after": report.dropped_after}


def print_models(reports: Sequence[ModelReport]) -> None:
    """Print a line a model, and below it what an operator has to know."""
    if not reports:
        print("No embedding model yet: the first one is registered when the first source is indexed.")
        return
    print_table(
        [
            (
                report.id,
                report.name,
                report.digest[:_SHOWN_DIGEST],
                report.dims,
                "paused" if report.paused_at else report.state,
                report.vectors,
                f"{int(1000 * report.coverage) / 10:.1f} %",
                f"{report.bytes / 1e6:.1f} MB",
                f"{report.created_at:%Y-%m-%d %H:%M}",
                f"{report.dropped_after:%Y-%m-%d %H:%M}" if report.dropped_after else "",
            )
            for report in reports
        ],
        "ID", "NAME", "DIGEST", "DIMS", "STATE", "VECTORS", "COVERAGE", "TABLE", "CREATED", "DROPPED AFTER",
        whole=("ID", "DIGEST"),
    )  # fmt: skip
    for report in reports:
        for remark in remarks_on(report):
            print(remark)


def remarks_on(report: ModelReport) -> list[str]:
    """Return sentences on what is wrong with a model, or still to come."""
    remarks = []
    if report.moved_to:
        remarks.append(
            f"{report.name}: the runtime now has other weights under this name ({report.moved_to[:_SHOWN_DIGEST]}). "
            "Nothing is written and searches go by words until the old ones are back, or `atum-desk rag models add "
            f"{report.name}` and a flip have brought the new ones in."
        )
    if report.refused:
        remarks.append(f"{report.name}: {report.refused} passages are refused in any length; words alone find them.")
    if report.missing:
        remarks.append(f"{report.name}: {report.missing} passages lack a vector{_about(report)}.")
    return remarks


def _about(report: ModelReport) -> str:
    if report.paused_at:
        return ", and the backfill is paused"
    return f", about {span(report.eta_s)} of work" if report.eta_s else ""


def _gate_lines(gate: object) -> dict[str, object]:
    if not isinstance(gate, dict):
        return {}
    verdict = gate.get("verdict") or {}
    lines: dict[str, object] = {"changed at": gate.get("at"), "reason": gate.get("reason")}
    for name in ("new", "before"):
        figures = verdict.get(name) or {}
        lines[name] = "  ".join(f"{figure} {value}" for figure, value in figures.items())
    lines["objections"] = " ".join(verdict.get("objections") or [])
    return lines


def _ask(report: ModelReport) -> None:
    if not sys.stdin.isatty():
        print("Say --yes to drop it without being asked.", file=sys.stderr)
        raise typer.Exit(2)
    typer.confirm(f"Drop {report.name} with its {report.vectors} vectors for good?", abort=True)
