"""The units, where systemd runs the product: up, not restarting over and over, with limits that fit the settings."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator, Mapping

from helpdesk.doctor.finding import Verdict, error, ok, skipped, warning
from helpdesk.doctor.patient import Patient
from helpdesk.doctor.registry import Looked, check

_NAMES = "atum-desk*"
_PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,Type,Result,NRestarts,NeedDaemonReload,WatchdogUSec,"
    "TimeoutStopUSec,MemoryMax,TasksMax"
)
# After a drain, what has not ended is given back, which has its own time.
_GIVE_BACK_S = 20
_MANY_RESTARTS = 5
_ENABLED = {"enabled", "enabled-runtime", "linked"}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|min|h|d|w)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


@check("units.state", "whether the units are up, where systemd runs them")
async def state(patient: Patient) -> Looked:
    """Look for units that failed, restart over and over, or should be up."""
    units = await units_here(patient)
    if isinstance(units, str):
        return skipped(units)
    return [*_troubles(units)] or ok(f"{len(units)} units are as they should be.", units=sorted(units))


def _troubles(units: Mapping[str, Mapping[str, str]]) -> Iterator[Verdict]:
    for name, unit in units.items():
        log = f"`journalctl -u {name} -n 50`"
        if unit["ActiveState"] == "failed":
            says = f"{name} has failed: {unit['Result']}."
            yield error(says, f"See {log}, then `systemctl restart {name}`.", unit=name, result=unit["Result"])
        elif unit["UnitFileState"] in _ENABLED and unit["ActiveState"] == "inactive":
            yield error(f"{name} is enabled, but not started.", f"`systemctl start {name}`.", unit=name)
        elif unit["SubState"] == "auto-restart":
            yield error(f"{name} does not stay up: {unit['Result']}.", f"See {log}.", unit=name, result=unit["Result"])
        elif int(unit.get("NRestarts") or 0) >= _MANY_RESTARTS:
            says = f"{name} was restarted {unit['NRestarts']} times by systemd."
            remedy = f"See {log}; once the cause is gone, `systemctl reset-failed {name}` counts anew."
            yield warning(says, remedy, unit=name, restarts=int(unit["NRestarts"]))
        if unit.get("NeedDaemonReload") == "yes":
            yield warning(f"{name} has changed on disk.", "`systemctl daemon-reload`, then restart it.", unit=name)


@check("units.limits", "whether watchdog, limits and time to stop fit the settings, where systemd runs the units")
async def limits(patient: Patient) -> Looked:
    """Compare what systemd allows the workers with what they need."""
    units = await units_here(patient)
    if isinstance(units, str):
        return skipped(units)
    found = [*_misfits(units, drain_s=patient.settings.drain_timeout_s)]
    return found or ok("Watchdog, limits and times to stop fit the settings.")


def _misfits(units: Mapping[str, Mapping[str, str]], *, drain_s: float) -> Iterator[Verdict]:
    for name, unit in units.items():
        if not name.endswith(".service") or "worker" not in name:
            continue
        change = f"`systemctl edit {name}`"
        stop_s = seconds(unit.get("TimeoutStopUSec", ""))
        if stop_s is not None and stop_s < drain_s + _GIVE_BACK_S:
            says = (
                f"{name} is killed {stop_s:g} s after it is told to stop, but drains for {drain_s:g} s and gives back."
            )
            remedy = f"{change}: TimeoutStopSec={drain_s + _GIVE_BACK_S:g}s or more, or lower ATUM_DRAIN_TIMEOUT_S."
            yield error(says, remedy, unit=name, stop_s=stop_s)
        if not seconds(unit.get("WatchdogUSec", "")):
            yield warning(f"{name} has no watchdog: if it hangs, it stays.", f"{change}: WatchdogSec=60s.", unit=name)
        if unit.get("MemoryMax") == "infinity":
            says = f"{name} may take all memory of this host."
            yield warning(says, f"{change}: MemoryMax=1536M, or as much as you can spare.", unit=name)


def seconds(span: str) -> float | None:
    """Return a time span as systemctl writes it, such as `1min 30s`, in seconds; None for one without end."""
    if span == "0":
        return 0.0
    parts = _SPAN.findall(span)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts) if parts else None


async def units_here(patient: Patient) -> dict[str, dict[str, str]] | str:
    """Return the properties of each of the product's units by name, or why there are none."""
    systemctl = shutil.which("systemctl")
    if systemctl is None or not os.path.isdir(patient.booted):  # noqa: PTH112, ASYNC240 -- it lies in memory
        return "systemd does not run here."
    files = await _ask(systemctl, "list-unit-files", "--no-legend", "--plain", _NAMES)
    loaded = await _ask(systemctl, "list-units", "--all", "--no-legend", "--plain", _NAMES)
    names = {line.split()[0] for line in [*files.splitlines(), *loaded.splitlines()] if line.split()}
    names = {name for name in names if "@." not in name}
    if not names:
        return "systemd runs here, but none of the product's units."
    shown = await _ask(systemctl, "show", f"--property={_PROPERTIES}", *sorted(names))
    return {unit["Id"]: unit for unit in map(_properties, shown.split("\n\n")) if unit.get("LoadState") == "loaded"}


def enabled_units(units: Mapping[str, Mapping[str, str]]) -> set[str]:
    """Return the names of the units that are to be up."""
    return {
        name for name, unit in units.items() if unit["UnitFileState"] in _ENABLED or unit["ActiveState"] == "active"
    }


def _properties(block: str) -> dict[str, str]:
    empty = dict.fromkeys(_PROPERTIES.split(","), "")
    return empty | dict(line.partition("=")[::2] for line in block.strip().splitlines())


async def _ask(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
    try:
        told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return told.decode(errors="replace")
