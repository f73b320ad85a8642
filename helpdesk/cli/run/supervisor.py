"""All processes of a run: started one by one, stopped in the order that loses nothing."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from helpdesk.cli.run.output import Output
from helpdesk.cli.run.process import Process, Service


class Supervisor:
    """Keeps services alive while it is open.

    Services stop by floor: all of the highest floor at once, then those of the next, so that workers finish their
    jobs while the API and the models are still there.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._processes: list[tuple[int, Process]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.stop()

    def start(self, service: Service, *, floor: int) -> Process:
        """Start a service and keep it alive."""
        process = Process(service, self._output)
        self._processes.append((floor, process))
        return process

    async def stop(self) -> None:
        """Stop every service, the highest floor first."""
        for level in sorted({floor for floor, _ in self._processes}, reverse=True):
            stopping = [process.stop() for floor, process in self._processes if floor == level]
            await asyncio.gather(*stopping)

    def kill(self) -> None:
        """End every process at once."""
        for _, process in self._processes:
            process.kill()
