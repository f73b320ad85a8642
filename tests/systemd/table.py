"""A table of what was tried on a real systemd, for those who run all of it."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.markup import escape
from rich.table import Table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each test: where it is, what it says, whether it holds, and how long it took."""
    table = Table("part", "what must hold", "", "seconds")
    table.columns[3].justify = "right"
    for outcome, word in (("passed", "yes"), ("failed", "NO"), ("error", "NO")):
        for report in terminalreporter.stats.get(outcome, []):
            file, _, test = report.nodeid.partition("::")
            part = file.rpartition("/")[2].removeprefix("test_").removeprefix("long_").removesuffix(".py")
            name = test.removeprefix("test_").replace("_", " ")
            table.add_row(part.replace("_", " "), escape(name), word, f"{report.duration:.1f}")
    Console(width=140).print(table)
