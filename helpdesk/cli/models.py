"""`atum-desk models`: the model files of the embedded runtime, and the runtime itself."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from helpdesk.ai.weights import model_files
from helpdesk.ai.weights.model_catalog import MODEL_FILES, known_file
from helpdesk.cli.configuration import read_settings

app = typer.Typer(
    no_args_is_help=True,
    help="Fetch and serve the models of the embedded runtime.",
    rich_markup_mode=None,
    add_completion=False,
)

DEFAULT_MODEL = "qwen2.5-coder:1.5b"
SMALL_MODEL = "qwen2.5-coder:0.5b"
_PLAIN_INTERVAL_S = 2.0

Folder = Annotated[
    Path | None, typer.Option("--data", help="Folder of the model files; by default models in ATUM_DATA_DIR.")
]


def folder_of(data: Path | None) -> Path:
    """Return the folder the model files lie in."""
    return data if data is not None else read_settings().data_dir / "models"


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help=f"The model: {' or '.join(MODEL_FILES)}.", metavar="MODEL")] = "",
    *,
    small: Annotated[bool, typer.Option("--small", help=f"Fetch {SMALL_MODEL}, the smaller one.")] = False,
    data: Folder = None,
) -> None:
    """Fetch a text model, or go on where an earlier fetch ended; the file's sha256 is checked before it is used."""
    name = name or (SMALL_MODEL if small else DEFAULT_MODEL)
    known_file(name)
    target = folder_of(data)
    path = _fetch_with_bar(name, target) if sys.stderr.isatty() else _fetch_with_lines(name, target)
    print(f"{name} is ready: {path}")


def _fetch_with_bar(name: str, target: Path) -> Path:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(name)
        return model_files.fetch(
            name, target, on_progress=lambda done, total: progress.update(task, completed=done, total=total)
        )


def _fetch_with_lines(name: str, target: Path) -> Path:
    started = last = time.monotonic()
    first: int | None = None

    def report(done: int, total: int) -> None:
        nonlocal last, first
        first = done if first is None else first
        if (now := time.monotonic()) - last < _PLAIN_INTERVAL_S:
            return
        last = now
        speed = (done - first) / max(now - started, 0.001)
        left = f", about {(total - done) / speed:.0f} s left" if speed > 0 else ""
        print(f"fetching {name}: {done / 1e6:.0f} of {total / 1e6:.0f} MB, {speed / 1e6:.1f} MB/s{left}", flush=True)

    return model_files.fetch(name, target, on_progress=report)


@app.command("list")
def list_models(*, data: Folder = None) -> None:
    """List the text models, and which of them are here."""
    folder = folder_of(data)
    present = {file.name: file for file in model_files.installed(folder)} if folder.is_dir() else {}
    for name, file in MODEL_FILES.items():
        here = present.get(name)
        where = f"{here.path}{'' if here.published else '  (not the published file)'}" if here else "not fetched"
        print(f"{name:<22}{file.size / 1e6:>7.0f} MB  {file.licence:<12}{where}")


@app.command()
def serve(
    *,
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 11435,
    text_model: Annotated[str, typer.Option(help=f"The text model: {', '.join(MODEL_FILES)} or none.")] = DEFAULT_MODEL,
    data: Folder = None,
) -> None:
    """Serve the embedded models over Ollama's HTTP API, on loopback."""
    os.execv(sys.executable, sidecar_command(host=host, port=port, text_model=text_model, folder=folder_of(data)))  # noqa: S606


def sidecar_command(*, port: int, text_model: str, folder: Path, host: str = "127.0.0.1") -> list[str]:
    """Return the command line of the process that serves the embedded models."""
    return [
        *(sys.executable, "-P", "-m", "api.models_server", "--host", host, "--port", str(port)),
        *("--data", str(folder), "--text-model", text_model),
    ]
