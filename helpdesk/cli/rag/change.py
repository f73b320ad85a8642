"""`atum-desk rag flip` and `atum-desk rag rollback`: let another model take over, and go back."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from helpdesk.ai.model import Embedder
from helpdesk.cli.jobs.output import AsJson, print_json, print_table
from helpdesk.cli.rag.runtime import now, run_with_models
from helpdesk.database.engine import Database
from helpdesk.rag.model_change.changing import Changed, ModelChange, change_back
from helpdesk.rag.model_change.gate import EPSILON, Verdict
from helpdesk.rag.model_change.queries import KEPT_AFTER_CHANGE

Force = Annotated[bool, typer.Option("--force", help="Whatever speaks against it; takes a --reason.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Why it is forced; kept with the model.")]


def flip(
    *,
    force: Force = False,
    reason: Reason = None,
    epsilon: Annotated[float, typer.Option(help="How much worse a figure may be.", min=0.0, max=1.0)] = EPSILON,
    as_json: AsJson = False,
) -> None:
    """Let the model that was built take the active one's place.

    Every passage must have its vector. Graph indexes over the new vectors are built where the number of passages asks
    for them, and both models answer golden queries through the search: judged ones, else titles of articles and
    tickets with the article that solved them. The model takes over at once, for every process, unless it does worse;
    the one of before is kept for seven days. The exit code is 1 when it was refused.
    """
    wanted = _reason(force, reason)

    async def work(database: Database, embedder: Embedder) -> Changed:
        return await ModelChange(
            database=database,
            embedder=embedder,
            settings=database.settings,
            now=now,
            tell=_tell,
            reason=wanted,
            epsilon=epsilon,
        ).run()

    changed = run_with_models(work)
    if as_json:
        print_json(changed)
        return
    if changed.verdict is not None:
        print_verdict(changed.verdict)
    before = "" if changed.before is None else (
        f" {changed.before.name} is kept for {KEPT_AFTER_CHANGE.days} days: `atum-desk rag rollback` goes back."
    )  # fmt: skip
    print(f"{changed.now_active.name} is active.{before}{_lacking(changed)}")


def rollback(*, force: Force = False, reason: Reason = None, as_json: AsJson = False) -> None:
    """Go back to the model of before, at once for every process; it has been kept up to date.

    Refused when the model runtime no longer serves that model, unless forced: searches then go by words alone.
    """
    wanted = _reason(force, reason)

    async def work(database: Database, embedder: Embedder) -> Changed:
        return await change_back(database, embedder, now=now(), reason=wanted)

    changed = run_with_models(work)
    if as_json:
        print_json(changed)
        return
    left = "" if changed.before is None else (
        f" {changed.before.name} is kept up to date, too: flip to it again, or drop it."
    )  # fmt: skip
    print(f"{changed.now_active.name} is active again.{left}{_lacking(changed)}")


def print_verdict(verdict: Verdict) -> None:
    """Print how two models answered the golden queries."""
    print(f"{verdict.queries} golden queries, {verdict.judged} of them judged by people:")
    before = vars(verdict.before) if verdict.before else {}
    rows = [(name, _figure(before.get(name)), _figure(value)) for name, value in vars(verdict.new).items()]
    print_table(rows, "FIGURE", "ACTIVE", "NEW")
    for objection in verdict.objections:
        print(f"! {objection}")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if value <= 1 else f"{value:.0f}"


def _lacking(changed: Changed) -> str:
    return (
        f" {changed.missing} passages lack a vector and go by their words until they have it."
        if changed.missing
        else ""
    )


def _reason(force: bool, reason: str | None) -> str | None:
    if force != bool(reason):
        raise typer.BadParameter("--force and --reason TEXT belong together")
    return reason


async def _tell(_percent: float, words: str) -> None:
    print(words, file=sys.stderr)
