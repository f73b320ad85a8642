"""Real processes of the product for tests: started, waited for, stopped, and read when they fail."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests import warm

REPOSITORY = Path(__file__).parent.parent.parent
_START_WITHIN_S = 60.0
_STOP_WITHIN_S = 40.0


@dataclass
class Running:
    """A process of the product and where its log goes."""

    process: subprocess.Popen[bytes]
    log_file: Path

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def lines(self, **values: str) -> list[dict[str, str]]:
        """Return the lines of the log that have these values."""
        found = (dict(re.findall(r'(\w+)=("[^"]*"|\S*)', line)) for line in self.log().splitlines())
        return [line for line in found if line.items() >= values.items()]

    async def wait_for_log(self, pattern: str, *, within_s: float = _START_WITHIN_S) -> re.Match[str]:
        """Wait until a line of the log matches; fail with the log when the process ends first."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.log()):
                return found
            assert self.process.poll() is None, f"exit code {self.process.returncode}:\n{self.log()}"
            await asyncio.sleep(0.05)
        raise AssertionError(f"no line like {pattern!r} within {within_s} s:\n{self.log()}")

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return await asyncio.to_thread(self.process.wait, _STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not stop within {_STOP_WITHIN_S} s:\n{self.log()}") from None


def start(*module_and_arguments: str, log_file: Path, environment: dict[str, str]) -> Running:
    """Start `python -m …` with only the given settings of the product in its environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ATUM_", "OLLAMA_"))}
    with log_file.open("wb") as log:
        process = warm.start(
            *module_and_arguments,
            environment=clean | environment | {"ATUM_LOG_FORMAT": "logfmt"},
            output=log,
            errors=log,
        )
    return Running(process, log_file)
