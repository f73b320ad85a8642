"""Where this copy of the product lies, and which version it is."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

import helpdesk

ROOT = Path(helpdesk.__file__).resolve().parent.parent
# Where a run says at which address its models are: the port of the embedded ones is another one each time.
_RUNTIME_FILE = "run.models"


def version() -> str:
    """Return the version: of the installed package, or of the checkout it runs from."""
    try:
        return installed_version("atum-desk")
    except PackageNotFoundError:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        return str(project["project"]["version"])


def folder_outside() -> Path:
    """Return a folder outside the checkout that belongs to this checkout alone."""
    share = (
        Path("/var/lib") if os.geteuid() == 0 else Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    )
    return share / "atum-desk" / hashlib.sha256(bytes(ROOT)).hexdigest()[:8]


def embedded_home() -> Path | None:
    """Return the home of the embedded PostgreSQL that runs in ATUM_DATA_DIR or a usual place, if one does."""
    named = os.environ.get("ATUM_DATA_DIR")
    folders = ([Path(named)] if named else []) + [ROOT / "data", folder_outside()]
    homes = (folder.resolve() / "postgres" for folder in folders)
    return next((home for home in homes if (home / "sock/.s.PGSQL.5432").exists()), None)


@contextmanager
def runtime_noted(folder: Path, address: str, *, text_model: str = "") -> Iterator[None]:
    """Say in a run's data folder where its models are, for as long as it is up.

    Args:
        text_model: the one it was started with, where the run has chosen one.
    """
    (folder / _RUNTIME_FILE).write_text(f"{address}\n{text_model}\n")
    try:
        yield
    finally:
        (folder / _RUNTIME_FILE).unlink(missing_ok=True)


def noted_runtime(folder: Path) -> dict[str, str]:
    """Return the settings that lead to the models of the run in a data folder; none where it does not say."""
    try:
        said = (folder / _RUNTIME_FILE).read_text().splitlines()
    except OSError:
        return {}
    return {name: value for name, value in zip(("ollama_host", "text_model"), said, strict=False) if value}
