"""Show what the pipeline makes of tickets: a table that renews itself, and a page for each that is finished."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from helpdesk.cli.run.findings import as_grid, as_text
from helpdesk.cli.run.output import Output

_STAGES = {"triage": "triage", "suggestions": "articles", "draft": "draft", "prediction": "breach risk"}


class Followed:
    """A ticket that was opened, and how far the pipeline is with it.

    Attributes:
        ticket: as the API last showed it.
        opened_at: of the event loop's clock, seconds.
        finished: when each stage was seen to be through, in seconds since opening.
    """

    def __init__(self, ticket: dict[str, Any], opened_at: float) -> None:
        self.ticket = ticket
        self.opened_at = opened_at
        self.finished: dict[str, float] = {}
        self.is_complete = False
        self.elapsed = 0.0

    @property
    def id(self) -> str:
        """Return the ticket's id."""
        return str(self.ticket["id"])

    def update(self, ticket: dict[str, Any], *, now: float, drafted: bool) -> None:
        """Take in what the API shows now; without `drafted` no draft is waited for."""
        self.ticket = ticket
        self.elapsed = now - self.opened_at
        for stage in _STAGES:
            if ticket.get(stage) is not None:
                self.finished.setdefault(stage, self.elapsed)
        awaited = set(_STAGES) if drafted else set(_STAGES) - {"draft"}
        self.is_complete = awaited <= set(self.finished)


class View:
    """The tickets on the screen, or in plain lines where there is none."""

    def __init__(self, output: Output, followed: Sequence[Followed]) -> None:
        self._output = output
        self._followed = followed
        self._shown: set[str] = set()
        self._told: set[tuple[str, str]] = set()
        self._live = Live(console=output.console, auto_refresh=False, transient=True) if output.live else None

    def __enter__(self) -> Self:
        self._output.say(f"\n{len(self._followed)} tickets are opened; this is what becomes of them:\n", "bold")
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        for ticket in self._followed:
            if not ticket.is_complete:
                self._output.say(f"#{ticket.ticket['number']} is still being worked on.", "yellow")

    def draw(self) -> None:
        """Bring the screen up to date; print what is finished."""
        for ticket in self._followed:
            if self._live is None:
                self._tell_stages(ticket)
            if ticket.is_complete and ticket.id not in self._shown:
                self._shown.add(ticket.id)
                self._print(ticket)
        if self._live:
            self._live.update(self._table(), refresh=True)

    def _tell_stages(self, ticket: Followed) -> None:
        for stage, seconds in ticket.finished.items():
            if (ticket.id, stage) not in self._told:
                self._told.add((ticket.id, stage))
                self._output.say(f"#{ticket.ticket['number']} {_STAGES[stage]} after {seconds:.1f} s")

    def _print(self, ticket: Followed) -> None:
        title = f"#{ticket.ticket['number']} {ticket.ticket['subject']}"
        timing = f"complete {max(ticket.finished.values()):.1f} s after opening"
        if self._live:
            page = as_grid(ticket.ticket)
            self._output.console.print(Panel(page, title=title, title_align="left", subtitle=timing))
        else:
            self._output.say(f"\n{title}: {timing}")
            self._output.console.print(as_text(ticket.ticket), soft_wrap=True)

    def _table(self) -> Table:
        table = Table("Ticket", "Subject", *_STAGES.values(), "Seconds", box=None, pad_edge=False)
        for ticket in self._followed:
            stages = [
                f"[green]{ticket.finished[stage]:.1f} s" if stage in ticket.finished else "[dim]..."
                for stage in _STAGES
            ]
            number, subject = ticket.ticket["number"], ticket.ticket["subject"].replace("[", r"\[")
            table.add_row(f"#{number}", subject[:40], *stages, f"{ticket.elapsed:.0f}")
        return table
