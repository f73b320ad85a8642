"""The campaign's table: faults, counts and outcomes."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from tests.chaos.campaign import Outcome

_COLUMNS = {
    "struck": "struck",
    "jobs": "jobs",
    "completed": "completed",
    "set_aside": "set aside",
    "replayed": "replayed",
    "died": "died",
    "leases_lost": "leases lost",
    "released": "released",
    "retried": "retried",
    "exact_effects": "exact",
    "exact_twice": "exact twice",
    "done_twice": "done twice",
    "seconds": "s",
}
_SUMS = set(_COLUMNS) - {"struck"}
_SHOWN = 10


def show(outcomes: list[Outcome], console: Console) -> None:
    """Print the table, what was measured, and whatever is broken."""
    table = Table(title="Chaos", show_footer=True)
    table.add_column("fault", footer="all")
    for name, heading in _COLUMNS.items():
        total = sum(outcome.counts.get(name, 0) for outcome in outcomes)
        table.add_column(heading, justify="right", footer=f"{total:,.0f}" if name in _SUMS else "")
    table.add_column("outcome")
    for outcome in outcomes:
        verdict = "[red]BROKEN[/red]" if outcome.broken else "[green]kept[/green]"
        table.add_row(outcome.fault, *(f"{outcome.counts.get(name, 0):,.0f}" for name in _COLUMNS), verdict)
    console.print(table)
    for outcome in outcomes:
        measured = {name: value for name, value in outcome.counts.items() if name not in _COLUMNS and value}
        console.print(
            f"{outcome.fault}: " + ", ".join(f"{name} {value:g}" for name, value in measured.items()), soft_wrap=True
        )
    for outcome in outcomes:
        for promise, faults in outcome.broken.items():
            console.print(f"[red]{outcome.fault}: {promise}[/red] ({len(faults)})")
            for what in faults[:_SHOWN]:
                console.print(f"  {what}", markup=False, soft_wrap=True)
        for line in outcome.warnings:
            console.print(f"    {line}", markup=False, style="dim", soft_wrap=True)
