"""The service manager's file of settings, read again: a running process keeps the environment it began with."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

# The service's unit says with this variable which file its environment came from.
_VARIABLE = "ATUM_ENVIRONMENT_FILE"


def reread(name: str) -> str | None:
    """Return what the file gives a variable now, as EnvironmentFile= understands it; None where it says nothing.

    None as well where no file is named or it cannot be read.
    """
    path = os.environ.get(_VARIABLE)
    if not path:
        return None
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = None
    for line in lines:
        variable, is_set, value = line.partition("=")
        if is_set and variable.strip() == name:
            found = _unquoted(value.strip())
    return found or None


def _unquoted(value: str) -> str:
    try:
        return "".join(shlex.split(value)) if value[:1] in {"'", '"'} else value
    except ValueError:  # a quote without its end
        return value
