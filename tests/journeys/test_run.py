"""`atum-desk run` with real processes: everything comes up, comes back after a kill, and goes away again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest

COMMAND = [sys.executable, "-P", "-m", "helpdesk.cli"]
_UP_WITHIN_S = 90
# The settings of whoever runs the tests stay out.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("ATUM_", "OLLAMA_"))}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], bool], *, within_s: float = _UP_WITHIN_S) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


@dataclass
class Run:
    """A run in a folder of its own; its lines go to a file."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1"

    @property
    def lines(self) -> str:
        return (self.folder / "output.txt").read_text()

    def start(self) -> None:
        with (self.folder / "output.txt").open("wb") as output:
            self.process = subprocess.Popen(
                [*COMMAND, "run", "--no-demo", "--no-text-model", "--port", str(self.port), "--data", self.folder],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=ENVIRONMENT,
            )
        assert wait_for(self.is_up), self.lines

    def is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.lines
        return "Atum Desk is up" in self.lines

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    def find(self, *words: str) -> psutil.Process | None:
        assert self.process is not None
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if set(words) <= set(child.cmdline()):
                    return child
            except psutil.NoSuchProcess:
                continue
        return None

    def everything(self) -> list[psutil.Process]:
        """Return the run, all it has started, and the database server, which is nobody's child."""
        assert self.process is not None
        run = psutil.Process(self.process.pid)
        postmaster = int((self.folder / "postgres/data/postmaster.pid").read_text().split()[0])
        server = psutil.Process(postmaster)
        return [run, *run.children(recursive=True), server, *server.children(recursive=True)]


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def commands() -> Iterator[list[str]]:
    """Yield the command lines of all processes."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            yield process.cmdline()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Make a folder that the account of the database server may enter."""
    home = Path(tempfile.mkdtemp(prefix="atum-run-"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def run(folder: Path) -> Iterator[Run]:
    run = Run(folder)
    run.start()
    yield run
    if run.process is not None and run.process.poll() is None:
        run.stop()


def refused(*arguments: str | Path, **environment: str) -> str:
    """Start a run that must be refused, and return its one sentence."""
    done = subprocess.run(
        [*COMMAND, "run", "--no-demo", "--no-text-model", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT | environment,
    )
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


def test_the_api_answers_when_the_run_says_so(run: Run) -> None:
    assert httpx.get(f"{run.url}/ready").status_code == 200
    assert httpx.get(f"{run.url}/health").status_code == 200


@pytest.mark.parametrize("worker", ["job", "rag", "sla"])
def test_a_worker_that_is_killed_is_started_again(run: Run, worker: str) -> None:
    assert wait_for(lambda: run.find("workers", worker) is not None)
    killed = run.find("workers", worker)
    assert killed is not None

    killed.kill()

    def is_back() -> bool:
        present = run.find("workers", worker)
        return present is not None and present.pid != killed.pid

    assert wait_for(is_back, within_s=20)
    assert wait_for(lambda: f"{worker}-worker was ended by SIGKILL; starting it again" in run.lines, within_s=5)


def test_the_api_that_is_killed_is_started_again(run: Run) -> None:
    api = run.find("-m", "api")
    assert api is not None

    api.kill()

    def answers() -> bool:
        try:
            return httpx.get(f"{run.url}/ready", timeout=2).is_success
        except httpx.HTTPError:
            return False

    api.wait(10)
    assert wait_for(answers, within_s=30)


def test_a_second_run_on_the_same_folder_is_refused(run: Run) -> None:
    sentence = refused("--port", str(free_port()), "--data", run.folder)
    assert str(run.folder) in sentence
    assert "--data" in sentence


def test_a_busy_port_is_refused_with_the_remedy(run: Run, tmp_path: Path) -> None:
    other = Path(tempfile.mkdtemp(prefix="atum-run-"))
    other.chmod(0o755)
    try:
        sentence = refused("--port", str(run.port), "--data", other)
        assert str(run.port) in sentence
        assert "--port" in sentence
        assert not (other / "postgres").exists()
    finally:
        shutil.rmtree(other)


def test_an_unwritable_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "--data" in refused("--data", tmp_path / "file" / "data", "--port", str(free_port()))


def test_a_database_that_is_away_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    data = tmp_path / "data"

    sentence = refused("--database-url", url, "--data", data, "--port", str(free_port()))

    assert "does not answer" in sentence
    assert not any(str(data) in " ".join(command) for command in commands())


def test_a_stop_ends_everything_and_the_next_start_finds_the_data(run: Run) -> None:
    url = {"ATUM_DATABASE_URL": f"postgresql://atum@/atum?host={run.folder}/postgres/sock"}
    made = subprocess.run(
        [*COMMAND, "init", "--organization", "Kept", "--admin", "admin@kept.example", "--password", "a-password"],
        check=False,
        capture_output=True,
        text=True,
        env=ENVIRONMENT | url,
    )
    assert made.returncode == 0, made.stderr
    everything = run.everything()

    assert run.stop() == 0
    assert wait_for(lambda: not living(everything), within_s=5), living(everything)

    run.start()
    login = {"organization": "kept", "email": "admin@kept.example", "password": "a-password"}
    assert httpx.post(f"{run.url}/auth/login", json=login).status_code == 200


def test_a_run_that_is_killed_leaves_nothing_behind(run: Run) -> None:
    everything = run.everything()

    run.stop(signal.SIGKILL)

    assert wait_for(lambda: not living(everything), within_s=30), living(everything)
    run.start()
    assert run.stop(signal.SIGINT) == 0
