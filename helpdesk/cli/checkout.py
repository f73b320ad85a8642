"""Where this copy of the product lies, and which version it is."""

from __future__ import annotations

import hashlib
import os
import tomllib
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

import helpdesk

ROOT = Path(helpdesk.__file__).resolve().parent.parent


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
    """Return the home of the embedded PostgreSQL that runs in one of this checkout's usual places, if one does."""
    homes = (folder / "postgres" for folder in (ROOT / "data", folder_outside()))
    return next((home for home in homes if (home / "sock/.s.PGSQL.5432").exists()), None)
