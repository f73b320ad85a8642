"""Job types that other packages add: which there are, and how each process loads its half of them.

A plug-in is an installed package with entry points in two groups, each naming a module:

* `atum_desk.jobs`: what its jobs take, classes under `@register`. The API, the workers and the command line load it.
* `atum_desk.handlers`: what runs them, functions under `@handlers.handles(...)`. Job workers alone load it, so that the
  API imports neither `workers` nor what a handler needs.

A module that is not packaged may do both; `ATUM_PLUGINS` names such modules, and every process loads them.
"""

from __future__ import annotations

import importlib
import os
from importlib.metadata import EntryPoint, entry_points

from helpdesk.errors import Invalid
from helpdesk.queue.catalog import JOB_TYPES

JOBS = "atum_desk.jobs"
HANDLERS = "atum_desk.handlers"

# Who brought each job type that is not the product's own.
_BROUGHT_BY: dict[str, str] = {}


class PluginFailed(Invalid):
    """A plug-in cannot be loaded."""


def load_job_types() -> None:
    """Load what the jobs of plug-ins take: the modules of `ATUM_PLUGINS`, then the installed packages.

    Raises:
        PluginFailed: naming the plug-in and what went wrong.
    """
    for name in filter(None, (part.strip() for part in os.environ.get("ATUM_PLUGINS", "").split(","))):
        _load(f"The plug-in {name}", name, brought_by=name)
    for entry in _entries(JOBS):
        _load(_named(entry), entry.module, brought_by=entry.dist.name if entry.dist else entry.name)


def load_handlers() -> None:
    """Load what runs the jobs of plug-ins; only a job worker does, after `load_job_types`.

    Raises:
        PluginFailed: naming the plug-in and what went wrong.
    """
    for entry in _entries(HANDLERS):
        _load(_named(entry), entry.module, brought_by="")


def brought_by(job_type: str) -> str | None:
    """Return the plug-in that a job type is from, None when it is the product's own."""
    return _BROUGHT_BY.get(job_type)


def _entries(group: str) -> list[EntryPoint]:
    """Return the entry points of a group, in an order that is the same in every process."""
    return sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value))


def _named(entry: EntryPoint) -> str:
    package = f" of {entry.dist.name} {entry.dist.version}" if entry.dist else ""
    return f"The plug-in {entry.name}{package}"


def _load(what: str, module: str, *, brought_by: str) -> None:
    before = set(JOB_TYPES)
    try:
        importlib.import_module(module)
    except Exception as error:
        raise PluginFailed(f"{what} cannot be loaded: {type(error).__name__}: {error}") from error
    _BROUGHT_BY.update(dict.fromkeys(set(JOB_TYPES) - before, brought_by))
