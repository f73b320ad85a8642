"""A run from its start to its stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import replace

import httpx

from helpdesk.cli.checkout import runtime_noted
from helpdesk.cli.configuration import read_settings
from helpdesk.cli.run.demo import Demo, prepare_demo
from helpdesk.cli.run.embedded import embedded_postgres
from helpdesk.cli.run.metrics import shown_by
from helpdesk.cli.run.models import ModelPlan, plan_models
from helpdesk.cli.run.options import Options
from helpdesk.cli.run.output import Output
from helpdesk.cli.run.place import Place
from helpdesk.cli.run.process import Process, Service
from helpdesk.cli.run.summary import summary
from helpdesk.cli.run.supervisor import Supervisor
from helpdesk.errors import Unavailable

_READY_WITHIN_S = 90
# Floors: the higher stop first, so that workers hand their jobs back while all that they need is there.
_MODELS, _API, _WORKERS = 0, 1, 2
_WORKER_STYLES = {"job": "cyan", "rag": "bright_blue", "sla": "bright_yellow"}


class StartFailed(Unavailable):
    """A part of the product did not start."""


async def run_until_stopped(options: Options, place: Place, output: Output) -> None:
    """Start everything, serve until a signal comes, stop everything; a second signal ends all at once.

    Raises:
        HelpdeskError: a part cannot start; what was started is stopped again.
    """
    session = Session(options, place, output)
    work = asyncio.create_task(session.run())

    def stop() -> None:
        if session.stopping:
            output.say("Ending everything at once.")
            session.supervisor.kill()
            return
        session.stopping = True
        output.grave_only = False
        output.say("Stopping: the workers finish what they do. Press Ctrl-C again to end at once.")
        work.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup sets SIGHUP to be ignored; that stays.
        if signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, stop)
    try:
        await work
    except asyncio.CancelledError:
        output.say("Everything is stopped.")


class Session:
    """One run: what it has started, and whether it is stopping."""

    def __init__(self, options: Options, place: Place, output: Output) -> None:
        self.options = options
        self.place = place
        self.output = output
        self.supervisor = Supervisor(output)
        self.stopping = False

    async def run(self) -> None:
        """Start the parts in order, show the demo, and serve until cancelled."""
        async with AsyncExitStack() as stack:
            environment = self._environment(await self._database_url(stack))
            await stack.enter_async_context(self.supervisor)
            await self._migrate(environment)
            plan = await asyncio.to_thread(plan_models, self.options, self.place)
            environment |= plan.environment
            address, text_model = plan.environment["ATUM_OLLAMA_HOST"], plan.environment.get("ATUM_TEXT_MODEL", "")
            stack.enter_context(runtime_noted(self.place.folder, address, text_model=text_model))
            # The models load while the demo organisation does, and the index takes it in.
            self._start_models(plan, environment)
            self._start_worker("rag", environment)
            demo = await self._prepare_demo(environment)
            if demo is not None and demo.has_tickets_to_open:
                await self._train(demo, environment)
            api = self._start_api(environment)
            self._start_worker("job", environment)
            self._start_worker("sla", environment)
            await self._wait_until_ready(api)
            if demo is not None:
                await demo.show(self.output)
            self.output.say(summary(self.options, self.place, demo, environment=environment))
            await asyncio.Event().wait()

    async def _database_url(self, stack: AsyncExitStack) -> str:
        if self.options.database_url is not None:
            return self.options.database_url
        self.output.say(f"Starting PostgreSQL in {self.place.postgres} ...")
        return await stack.enter_async_context(embedded_postgres(self.place))

    def _environment(self, database_url: str) -> dict[str, str]:
        """Return the settings every process of this run gets."""
        environment = {
            "ATUM_DATABASE_URL": database_url,
            "ATUM_DATA_DIR": str(self.place.folder),
            "ATUM_API_PORT": str(self.options.port),
        }
        if self.output.live and "ATUM_LOG_FORMAT" not in os.environ:
            environment["ATUM_LOG_FORMAT"] = "console"
        return environment

    async def _migrate(self, environment: dict[str, str]) -> None:
        command = [sys.executable, "-P", "-m", "helpdesk.cli", "migrate"]
        process = self.supervisor.start(
            Service("migrate", command, environment, restarts=False, quiet=True), floor=_MODELS
        )
        if await process.wait() != 0:
            raise StartFailed(process.last_line.removeprefix("atum-desk: "))
        self.output.say(process.last_line)

    def _start_models(self, plan: ModelPlan, environment: dict[str, str]) -> None:
        for note in plan.notes:
            self.output.say(note, "yellow")
        for service in plan.services:
            own = environment | shown_by("models", listen=_metrics_listen())
            self.supervisor.start(replace(service, environment=own), floor=_MODELS)

    async def _prepare_demo(self, environment: dict[str, str]) -> Demo | None:
        if not self.options.demo:
            return None
        settings = read_settings(database_url=environment["ATUM_DATABASE_URL"], data_dir=self.place.folder)
        return await prepare_demo(settings, self.place, self.output, port=self.options.port)

    async def _train(self, demo: Demo, environment: dict[str, str]) -> None:
        """Let triage learn before the first ticket comes; where that fails, it learns with the first ticket."""
        self.output.say("Triage learns from the past tickets ...")
        command = [sys.executable, "-P", "-m", "helpdesk.cli", "triage", "train", "--organization", demo.loaded.slug]
        service = Service("triage", command, environment, restarts=False, quiet=True)
        process = self.supervisor.start(service, floor=_MODELS)
        if await process.wait() != 0:
            self.output.say(process.last_line.removeprefix("atum-desk: "), "yellow")

    def _start_api(self, environment: dict[str, str]) -> Process:
        command = [sys.executable, "-P", "-m", "api"]
        environment = environment | shown_by("api", listen=_metrics_listen())
        return self.supervisor.start(Service("api", command, environment, style="green"), floor=_API)

    def _start_worker(self, worker: str, environment: dict[str, str]) -> None:
        command = [sys.executable, "-P", "-m", "workers", worker]
        environment = environment | shown_by(worker, listen=_metrics_listen())
        stop_within_s = read_settings().drain_timeout_s + 10
        service = Service(
            f"{worker}-worker", command, environment, style=_WORKER_STYLES[worker], stop_within_s=stop_within_s
        )
        self.supervisor.start(service, floor=_WORKERS)

    async def _wait_until_ready(self, api: Process) -> None:
        deadline = asyncio.get_running_loop().time() + _READY_WITHIN_S
        async with httpx.AsyncClient(timeout=5) as client:
            while not await _is_ready(client, self.options.port):
                # Three ends in a row are no accident: what keeps it from starting stands in its lines.
                if api.starts > 3 or asyncio.get_running_loop().time() > deadline:
                    raise StartFailed(f"The API did not start; see {self.place.logs / 'api.log'}.")
                await asyncio.sleep(0.1)


def _metrics_listen() -> str:
    return read_settings().metrics_listen


async def _is_ready(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://127.0.0.1:{port}/api/v1/ready")).is_success
    except httpx.HTTPError:
        return False
