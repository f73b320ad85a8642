"""What systemd says of the units, from a `systemctl` that says what a test tells it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from helpdesk.doctor.checks import chosen_checks, run
from helpdesk.doctor.examinations.units import seconds
from helpdesk.doctor.finding import Finding
from helpdesk.doctor.patient import Patient
from helpdesk.settings import Settings
from tests.conftest import REPOSITORY

GOOD = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "Type": "notify",
    "Result": "success",
    "NRestarts": "0",
    "NeedDaemonReload": "no",
    "WatchdogUSec": "1min",
    "TimeoutStopUSec": "1min",
    "MemoryMax": "1610612736",
    "TasksMax": "256",
}
_SYSTEMCTL = """#!/bin/sh
case "$1" in
list-unit-files) cat {folder}/files ;;
list-units) cat {folder}/units ;;
show) cat {folder}/shown ;;
esac
"""
Says = Callable[..., None]
Look = Callable[..., Awaitable[list[Finding]]]


@pytest.fixture
def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Says:
    """Return what lets systemd run here, with units whose properties differ from good ones as told."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "systemctl").write_text(_SYSTEMCTL.format(folder=tmp_path))
    (programs / "systemctl").chmod(0o755)
    (tmp_path / "booted").mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")

    def say(**units: dict[str, str]) -> None:
        names = {name: f"atum-desk-{name.replace('_', '-')}.service" for name in units}
        listed = "".join(f"{name} enabled enabled\n" for name in names.values())
        (tmp_path / "files").write_text(f"{listed}atum-desk-job-worker@.service disabled enabled\n")
        (tmp_path / "units").write_text("".join(f"{name} loaded active running x\n" for name in names.values()))
        blocks = [GOOD | {"Id": names[name]} | changed for name, changed in units.items()]
        text = "\n\n".join("\n".join(f"{key}={value}" for key, value in block.items()) for block in blocks)
        (tmp_path / "shown").write_text(f"{text}\n")

    return say


@pytest.fixture
def look(tmp_path: Path) -> Look:
    async def at(check: str, **settings: float) -> list[Finding]:
        patient = Patient(Settings(api_port=9, **settings), root=REPOSITORY, booted=tmp_path / "booted")  # type: ignore[arg-type]
        return await run(patient, chosen_checks([check]))

    return at


async def test_units_that_are_up_are_fine_and_a_host_without_them_is_skipped(says: Says, look: Look) -> None:
    says(job_worker={}, sla_worker={})
    assert [(each.state, each.says) for each in await look("units.state")] == [("ok", "2 units are as they should be.")]
    assert [each.state for each in await look("units.limits")] == ["ok"]
    says()
    assert [each.state for each in await look("units.state")] == ["skipped"]


@pytest.mark.parametrize(
    ("changed", "state", "told"),
    [
        ({"ActiveState": "failed", "SubState": "failed", "Result": "watchdog"}, "error", "has failed: watchdog"),
        ({"ActiveState": "inactive", "SubState": "dead"}, "error", "is enabled, but not started"),
        ({"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code"}, "error", "does not stay up"),
        ({"NRestarts": "12", "Result": "oom-kill"}, "warning", "restarted 12 times"),
        ({"NeedDaemonReload": "yes"}, "warning", "changed on disk"),
    ],
)
async def test_a_unit_that_is_not_as_it_should_be_is_told_with_its_log(
    says: Says, look: Look, changed: dict[str, str], state: str, told: str
) -> None:
    says(job_worker=changed, rag_worker={})
    [found] = await look("units.state")
    assert (found.state, told in found.says, "systemctl" in found.remedy or "journalctl" in found.remedy) == (
        state,
        True,
        True,
    )
    assert found.says.startswith("atum-desk-job-worker.service")


async def test_limits_that_do_not_fit_the_settings_are_told(says: Says, look: Look) -> None:
    says(job_worker={"TimeoutStopUSec": "30s", "WatchdogUSec": "0", "MemoryMax": "infinity"})
    found: list[Finding] = await look("units.limits")
    assert [each.state for each in found] == ["error", "warning", "warning"]
    assert "TimeoutStopSec=45s" in found[0].remedy
    says(job_worker={})
    [long_drain] = await look("units.limits", drain_timeout_s=60)
    assert "TimeoutStopSec=80s" in long_drain.remedy


async def test_an_api_whose_unit_is_up_has_to_answer(says: Says, look: Look) -> None:
    says(api={})
    [found] = await look("host.api")
    assert (found.state, "systemctl status atum-desk-api" in found.remedy) == ("error", True)
    says(job_worker={})
    assert [each.state for each in await look("host.api")] == ["skipped"]


@pytest.mark.parametrize(
    ("span", "is_seconds"),
    [("1min 30s", 90.0), ("500ms", 0.5), ("0", 0.0), ("infinity", None), ("", None), ("2h 1us", 7200.000001)],
)
def test_time_spans_are_read_as_systemctl_writes_them(span: str, is_seconds: float | None) -> None:
    assert seconds(span) == is_seconds
