"""Where a run writes: its own sentences, and the log lines of its processes with their name before them."""

from __future__ import annotations

import logging
import re
from logging.handlers import RotatingFileHandler
from pathlib import Path

from rich.console import Console
from rich.text import Text

_LOG_BYTES = 10_000_000
_NAME_WIDTH = 11
_GRAVE = re.compile(r"\b(level=)?(warning|error|critical)\b", re.IGNORECASE)
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Output:
    """The terminal and the log files of a run."""

    def __init__(self, console: Console, logs: Path | None = None) -> None:
        self.console = console
        self.logs = logs
        # While the demo's view is on the screen, only what needs attention is written between.
        self.grave_only = False
        self._files: dict[str, RotatingFileHandler] = {}

    @property
    def live(self) -> bool:
        """Return whether somebody looks at a terminal."""
        return self.console.is_terminal

    def say(self, sentence: str, style: str = "") -> None:
        """Write a sentence of the run's own."""
        self.console.print(Text(sentence, style=style), soft_wrap=True)

    def line(self, name: str, line: str, style: str, *, quiet: bool = False) -> None:
        """Keep a log line of a process in the process's file and, unless it is quiet, write it."""
        self._keep(name, line)
        if quiet or (self.grave_only and not _GRAVE.search(line)):
            return
        text = Text.assemble((f"{name:<{_NAME_WIDTH}}| ", style), Text.from_ansi(line))
        self.console.print(text, soft_wrap=True)

    def close(self) -> None:
        """Close the log files."""
        for file in self._files.values():
            file.close()

    def _keep(self, name: str, line: str) -> None:
        if self.logs is None:
            return
        if name not in self._files:
            self._files[name] = RotatingFileHandler(self.logs / f"{name}.log", maxBytes=_LOG_BYTES, backupCount=2)
        self._files[name].handle(logging.makeLogRecord({"msg": _ESCAPES.sub("", line).replace("%", "%%")}))
