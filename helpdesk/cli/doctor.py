"""`atum-desk doctor`: look at the installation, and say what is wrong with it and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from helpdesk.cli.checkout import ROOT, version
from helpdesk.cli.connection import chosen_by_run
from helpdesk.cli.jobs.output import AsJson, console, print_json
from helpdesk.doctor.checks import chosen_checks, run
from helpdesk.doctor.finding import Finding, State, worst, worst_first
from helpdesk.doctor.patient import Patient
from helpdesk.doctor.readable import read_as_far_as_possible
from helpdesk.doctor.registry import Check
from helpdesk.errors import HelpdeskError
from helpdesk.queue.plugins import load_job_types

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_COLOURS: dict[State, str] = {"ok": "green", "warning": "yellow", "error": "red", "skipped": "dim"}


@app.command(
    epilog="\b\nExamples:\n  atum-desk doctor\n  atum-desk doctor --only database --only queue.leases\n"
    "  atum-desk doctor --json --strict\n\n"
    "The exit code is 0, 1 where there is an error (with --strict also where there is a warning), and 2 on wrong use."
)
def doctor(
    *,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A check or an area, see --list; may be given more than once.")
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="List the checks, and look at nothing.")] = False,
    no_models: Annotated[bool, typer.Option("--no-models", help="Leave the model runtimes alone.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors in the exit code.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at the installation: what is wrong, and what to do about it. Nothing is changed."""
    try:
        checks = chosen_checks(only or (), leave_out=("models",) if no_models else ())
    except HelpdeskError as unknown:
        raise typer.BadParameter(unknown.detail, param_hint="--only") from unknown
    if list_only:
        _print_list(checks, as_json=as_json)
        return
    findings = asyncio.run(run(patient_here(), checks))
    if as_json:
        print_json({"version": version(), "state": worst(findings), "findings": worst_first(findings)})
    else:
        print_findings(findings)
    failed = {"error", "warning"} if strict else {"error"}
    raise typer.Exit(1 if worst(findings) in failed else 0)


def patient_here() -> Patient:
    """Return what there is to look at: this installation, or the run that is under way in this checkout."""
    # What keeps a plug-in from being loaded is a finding, see settings.agreement.
    with suppress(HelpdeskError):
        load_job_types()
    settings, wrong = read_as_far_as_possible(**chosen_by_run())
    return Patient(settings, root=ROOT, wrong_settings=wrong)


def _print_list(checks: Sequence[Check], *, as_json: bool) -> None:
    if as_json:
        print_json([{"check": check.name, "about": check.about} for check in checks])
        return
    width = max(len(check.name) for check in checks)
    for check in checks:
        print(f"{check.name:<{width}}  {check.about}")


def print_findings(findings: Sequence[Finding], *, on: Console | None = None) -> None:
    """Print what was found: what is wrong first with what to do, then the rest by area."""
    shown = on or console()
    for finding in worst_first([each for each in findings if each.is_problem]):
        shown.print(f"{_mark(finding)}  [bold]{finding.check}[/]  {escape(finding.says)}", soft_wrap=True)
        if finding.remedy:
            shown.print(f"{'':9}→ {escape(finding.remedy)}", soft_wrap=True)
    if any(each.is_problem for each in findings):
        shown.print()
    for area, some in groupby((each for each in findings if not each.is_problem), key=lambda each: each.area):
        shown.print(f"[bold]{area}[/]")
        for finding in some:
            name = finding.check.partition(".")[2]
            shown.print(f"  {_mark(finding)}  {name}: {escape(finding.says)}", soft_wrap=True)
    counts = {state: sum(each.state == state for each in findings) for state in _COLOURS}
    problems = ", ".join(
        f"{counts[state]} {state}{'' if counts[state] == 1 else 's'}" for state in ("error", "warning")
    )
    shown.print(f"\n{problems}, {counts['ok']} ok, {counts['skipped']} skipped")


def _mark(finding: Finding) -> str:
    return f"[{_COLOURS[finding.state]}]{finding.state:<7}[/]"
