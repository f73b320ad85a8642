"""What a box's journal says, as `journalctl -o json` tells it."""

from __future__ import annotations

import json
from typing import Any

from tests.systemd.box import Box


def entries(box: Box, *arguments: str, **fields: str) -> list[dict[str, Any]]:
    """Return the entries that journalctl finds: those whose fields have the given values."""
    # Else what a process wrote just before it ended may not be there yet.
    box.run("journalctl", "--sync", check=False)
    matches = [f"{name}={value}" for name, value in fields.items()]
    said = box.run("journalctl", "--output=json", "--all", "--no-pager", "--quiet", *arguments, *matches, check=False)
    return [json.loads(line) for line in said.stdout.splitlines()]


def messages(box: Box, *arguments: str, **fields: str) -> list[str]:
    """Return the messages of such entries."""
    return [str(entry.get("MESSAGE")) for entry in entries(box, *arguments, **fields)]
