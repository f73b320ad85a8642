"""What is looked at, by area; to import one of these modules is to register its checks."""

from __future__ import annotations

import importlib
from typing import Final

# Within an area, checks are told in the order of these.
EXAMINATIONS: Final = (
    "program",
    "configuration",
    "host",
    "answering",
    "server",
    "grants",
    "upkeep",
    "replicas",
    "times",
    "workers",
    "queue",
    "schedule",
    "index",
    "sla",
    "models",
    "backups",
    "delivery",
    "units",
)

for _name in EXAMINATIONS:
    importlib.import_module(f"{__name__}.{_name}")
