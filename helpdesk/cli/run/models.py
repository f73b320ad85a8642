"""Which models a run works with: those of an Ollama server, or the embedded ones."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from helpdesk.ai.providers.hosts import stays_here
from helpdesk.ai.weights.model_catalog import known_file
from helpdesk.ai.weights.model_files import installed
from helpdesk.cli.configuration import read_settings
from helpdesk.cli.models import DEFAULT_MODEL, SMALL_MODEL, sidecar_command
from helpdesk.cli.run.options import Options
from helpdesk.cli.run.place import Place
from helpdesk.cli.run.process import Service
from helpdesk.settings.models import NO_TEXT_MODEL

_ENOUGH_MEMORY = 4 * 2**30


@dataclass(frozen=True)
class ModelPlan:
    """What a run needs for its models.

    Attributes:
        environment: the settings of the API and the workers.
        services: the embedded runtime and the fetching of its text model; none with an Ollama server.
        notes: sentences for the person who started the run.
    """

    environment: dict[str, str]
    services: tuple[Service, ...]
    notes: tuple[str, ...]


def plan_models(options: Options, place: Place) -> ModelPlan:
    """Choose the models from the options, the environment and what this machine can carry."""
    chosen = options.ollama or os.environ.get("ATUM_OLLAMA_HOST") or os.environ.get("OLLAMA_HOST")
    if chosen:
        return _with_ollama(chosen, options)
    model, notes = _text_model(options)
    place.models.mkdir(exist_ok=True)
    port = _free_port()
    services = [
        Service(
            "models",
            sidecar_command(port=port, text_model=model, folder=place.models),
            style="magenta",
            stop_within_s=8,
        )
    ]
    environment = {"ATUM_OLLAMA_HOST": f"http://127.0.0.1:{port}", "ATUM_TEXT_MODEL": model}
    if model != NO_TEXT_MODEL and model not in {file.name for file in installed(place.models)}:
        services.append(_fetching(model, place.models))
    return ModelPlan(environment, tuple(services), tuple(notes))


def _with_ollama(host: str, options: Options) -> ModelPlan:
    address = read_settings(ollama_host=host).ollama_host
    environment = {"ATUM_OLLAMA_HOST": address}
    if not options.text_model:
        environment["ATUM_TEXT_MODEL"] = NO_TEXT_MODEL
    elif options.small:
        environment["ATUM_TEXT_MODEL"] = SMALL_MODEL
    if not stays_here(address, own_hosts=read_settings().own_model_hosts):
        unknown = (
            f"Warning: {address} is not on this host, so no text is sent there. If that host is yours, name it in "
            "ATUM_OWN_MODEL_HOSTS and start again."
        )
        return ModelPlan(environment, (), (unknown,))
    if _answers(address):
        return ModelPlan(environment, (), (f"Models are those of Ollama at {address}.",))
    warning = f"Warning: no model runtime answers at {address}. Jobs that need a model wait until one does."
    return ModelPlan(environment, (), (warning,))


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/api/version", timeout=3).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def _text_model(options: Options) -> tuple[str, list[str]]:
    """Return the text model this machine can carry, and what to tell about the choice."""
    without = "drafts are made of article sentences and tickets are sorted by the classifier alone"
    named = os.environ.get("ATUM_TEXT_MODEL")
    if not options.text_model or named == NO_TEXT_MODEL:
        return NO_TEXT_MODEL, [f"There is no text model in this run: {without}."]
    if not _has_libgomp():
        missing = f"The system library libgomp is missing, so there is no text model: {without}."
        return NO_TEXT_MODEL, [f"{missing} Install it (Debian: apt-get install libgomp1) and start again."]
    if options.small:
        return SMALL_MODEL, []
    if named:
        return known_file(named).name, []
    if (free := _available_memory()) < _ENOUGH_MEMORY:
        return SMALL_MODEL, [f"The smaller text model is used, since {free / 2**30:.1f} GiB of memory are free."]
    return DEFAULT_MODEL, []


def _has_libgomp() -> bool:
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        return sys.platform != "linux"
    return True


def _available_memory() -> int:
    """Return the bytes that may be used: what the machine has free, or a container's limit when that is lower."""
    free = psutil.virtual_memory().available
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        return free if limit == "max" else min(free, int(limit) - used)
    except (OSError, ValueError):
        return int(free)


def _fetching(model: str, folder: Path) -> Service:
    command = [sys.executable, "-P", "-m", "helpdesk.cli", "models", "fetch", model, "--data", str(folder)]
    return Service("fetch", command, style="blue", stop_within_s=3, restarts=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
