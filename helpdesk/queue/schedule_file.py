"""The schedule as the operator has edited it: a TOML file over the entries that the product ships.

A table of the file is an entry: one that is shipped keeps what the table does not name, another one is new::

    [clean_up]
    cron = "20 2 * * *"
    zone = "Europe/Vienna"

    [nightly_figures]
    cron = "0 5 * * MON-FRI"
    job_type = "METRICS_SNAPSHOT"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from helpdesk.errors import HelpdeskError, Invalid
from helpdesk.models.values import JobPriority
from helpdesk.queue.cron import CronRefused, cron_of
from helpdesk.queue.decode import UnknownJobType, job_class
from helpdesk.queue.schedule import SCHEDULE, CronEntry, Missed, Scope
from helpdesk.settings import Settings

_ENTRY_NAME = r"^[a-z][a-z0-9_]{0,62}$"
# Whether a payload fits is seen by trying it on some tick.
_A_TICK = datetime.fromisoformat("2026-01-05T06:00:00+00:00")

log = structlog.get_logger()


class ScheduleRefused(Invalid):
    """The schedule's file cannot be used."""


class _Edit(BaseModel):
    """What a table of the file may say; see CronEntry."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    cron: str | None = None
    job_type: str | None = None
    zone: str | None = None
    missed: Missed | None = None
    most: int | None = Field(default=None, ge=1, le=10_000)
    payload: dict[str, Any] | None = None
    scope: Scope | None = None
    priority: JobPriority | None = Field(default=None, strict=False)
    enabled: bool | None = None
    coalesce: bool | None = None


def load_schedule(settings: Settings) -> tuple[CronEntry, ...]:
    """Return the schedule: what the product ships, edited by the file that the settings name.

    Raises:
        ScheduleRefused: naming the file, the entry and the field.
    """
    path = settings.schedule_file
    return SCHEDULE if path is None else _edited(path, _tables(path))


class ScheduleFile:
    """The schedule, read anew when its file has changed; one that has become unusable changes nothing.

    Raises:
        ScheduleRefused: when the file is unusable from the beginning.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._version = self._seen()
        self._entries = load_schedule(settings)

    def entries(self) -> tuple[CronEntry, ...]:
        """Return the entries; the same tuple as before while nothing has changed."""
        if (version := self._seen()) != self._version:
            self._version = version
            try:
                self._entries = load_schedule(self._settings)
                log.info("schedule_read", file=str(self._settings.schedule_file), entries=len(self._entries))
            except ScheduleRefused as error:
                log.warning("schedule_refused", error=error.detail)
        return self._entries

    def _seen(self) -> tuple[int, int] | None:
        path = self._settings.schedule_file
        try:
            found = path.stat() if path is not None else None
        except OSError:
            return None
        return None if found is None else (found.st_mtime_ns, found.st_ino)


def _tables(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScheduleRefused(f"{path}: {error}") from error


def _edited(path: Path, tables: Mapping[str, Any]) -> tuple[CronEntry, ...]:
    entries = {entry.name: entry for entry in SCHEDULE}
    for name, table in tables.items():
        entries[name] = _entry(f"{path}, [{name}]", name, table, entries.get(name))
    return tuple(entries.values())


def _entry(where: str, name: str, table: Any, shipped: CronEntry | None) -> CronEntry:
    """Return the shipped entry with what a table says, or a new one."""
    if not isinstance(table, dict):
        raise ScheduleRefused(f"{where}: is no entry; each is a table of its own.")
    try:
        edit = _Named.model_validate({"name": name, **table}).model_dump(exclude_none=True)
    except ValidationError as error:
        raise ScheduleRefused(f"{where}: {_sentence(error)}.") from error
    if shipped is None:
        for needed in ("cron", "job_type"):
            if needed not in edit:
                raise ScheduleRefused(f"{where}: {needed} is missing, and no entry of this name is shipped.")
        entry = CronEntry(**edit)
    else:
        entry = replace(shipped, **edit)
    _check(where, entry)
    return entry


class _Named(_Edit):
    name: str = Field(pattern=_ENTRY_NAME)


def _check(where: str, entry: CronEntry) -> None:
    """Raise ScheduleRefused unless the entry can be enqueued."""
    try:
        cron = cron_of(entry.cron, entry.zone)
    except CronRefused as error:
        raise ScheduleRefused(f"{where}: {error.detail}") from error
    if cron.following(_A_TICK) is None:
        raise ScheduleRefused(f"{where}: cron: {entry.cron!r} never comes.")
    try:
        kind = job_class(entry.job_type)
    except UnknownJobType as error:
        raise ScheduleRefused(f"{where}: job_type: {error.detail}") from error
    if unknown := sorted(set(entry.payload) - set(kind.model_fields)):
        raise ScheduleRefused(f"{where}: payload: {entry.job_type} has no field {', '.join(unknown)}.")
    try:
        kind.for_tick(_A_TICK, entry.payload)
    except ValidationError as error:
        raise ScheduleRefused(f"{where}: payload: {_sentence(error)}.") from error
    except (HelpdeskError, TypeError, ValueError) as error:
        raise ScheduleRefused(f"{where}: payload: {error}") from error


def _sentence(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, problem['loc'])) or 'payload'}: {problem['msg']}" for problem in problems)
