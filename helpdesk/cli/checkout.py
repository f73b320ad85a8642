"""Where this copy of the product lies, and which version it is."""

from __future__ import annotations

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
