"""The host and the program: files, disk, packages, and the API."""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import pytest

from helpdesk.doctor.checks import chosen_checks, run
from helpdesk.doctor.examinations.program import verdict_on_python
from helpdesk.doctor.examinations.server import CONNECTIONS, verdict_on_server, verdict_on_vector
from helpdesk.doctor.finding import Finding
from helpdesk.doctor.patient import Bounds, Patient
from helpdesk.settings import Settings
from tests.conftest import REPOSITORY
from tests.unit.doctor.nobody import as_nobody
from workers.fleet import FLEET


async def look(check: str, folder: Path, *, root: Path = REPOSITORY, bounds: Bounds | None = None) -> list[Finding]:
    patient = Patient(Settings(data_dir=folder), root=root, booted=folder / "none", bounds=bounds or Bounds())
    return await run(patient, chosen_checks([check]))


async def test_a_data_folder_that_can_be_written_and_is_ones_own_is_fine(tmp_path: Path) -> None:
    assert [each.state for each in await look("host.data_folder", tmp_path)] == ["ok"]
    assert [each.state for each in await look("host.data_folder", tmp_path / "not/yet")] == ["ok"]
    (tmp_path / "file").touch()
    assert [each.state for each in await look("host.data_folder", tmp_path / "file")] == ["error"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_files_of_somebody_else_and_a_folder_that_is_closed_are_told(tmp_path: Path) -> None:
    (tmp_path / "files/exports").mkdir(parents=True)
    os.chown(tmp_path / "files/exports", 65534, 65534)
    [found] = await look("host.data_folder", tmp_path)
    assert (found.state, found.figures["others"]) == ("warning", 1)
    assert "chown" in found.remedy
    with as_nobody(tmp_path):
        [found] = await look("host.data_folder", tmp_path)
    assert (found.state, "may not write" in found.says) == ("error", True)


async def test_a_disk_that_fills_up_is_told_before_it_is_full(tmp_path: Path) -> None:
    [low] = await look("host.disk", tmp_path, bounds=Bounds(disk_low=2**62, disk_full=0))
    [full] = await look("host.disk", tmp_path, bounds=Bounds(disk_low=2**62, disk_full=2**62))
    assert (low.state, full.state) == ("warning", "error")
    assert low.figures["free_bytes"] > 0


async def test_an_api_that_does_not_answer_is_no_error_where_nothing_says_that_it_should(tmp_path: Path) -> None:
    patient = Patient(Settings(api_port=9), root=REPOSITORY, booted=tmp_path / "none")
    [found] = await run(patient, chosen_checks(["host.api"]))
    assert found.state == "skipped"


async def test_packages_of_this_checkout_are_those_of_its_lock(tmp_path: Path) -> None:
    [found] = await look("program.packages", tmp_path)
    assert (found.state, found.figures["packages"] > 50) == ("ok", True)


async def test_packages_that_differ_from_the_lock_are_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "pydantic==0.0.1 \\\n    --hash=sha256:00\n    # via atum-desk\ncolorama==9 ; sys_platform == 'win32' \\\n"
    )
    [found] = await look("program.packages", tmp_path, root=tmp_path)
    assert (found.state, found.figures) == ("warning", {"missing": [], "different": ["pydantic"]})
    lock.write_text("no-such-package==1.0 \\\n")
    [found] = await look("program.packages", tmp_path, root=tmp_path)
    assert (found.state, found.figures["missing"]) == ("error", ["no-such-package"])


@pytest.mark.parametrize(("version", "state"), [((3, 10, 4), "error"), ((3, 11, 0), "ok"), ((3, 14, 1), "ok")])
def test_an_old_python_is_an_error(version: tuple[int, ...], state: str) -> None:
    assert verdict_on_python(version).state == state


@pytest.mark.parametrize(("number", "state"), [(140_018, "error"), (150_000, "ok"), (180_006, "ok")])
def test_an_old_postgresql_is_an_error(number: int, state: str) -> None:
    assert verdict_on_server(number, "x").state == state


@pytest.mark.parametrize(
    ("installed", "offered", "state", "remedy"),
    [
        (None, None, "error", "on the server, then have"),
        (None, "0.8.6", "error", "Have an administrator run CREATE EXTENSION"),
        ("0.8.3", "0.8.6", "error", "Have an administrator run ALTER EXTENSION vector UPDATE"),
        ("0.8.3", "0.8.3", "error", "Install pgvector 0.8.4 or newer on the server"),
        ("0.8.4", "0.8.4", "ok", ""),
        ("0.10.0", "0.10.0", "ok", ""),
    ],
)
def test_an_old_pgvector_is_an_error_with_the_way_to_a_newer_one(
    installed: str | None, offered: str | None, state: str, remedy: str
) -> None:
    verdict = verdict_on_vector(installed, offered)
    assert (verdict.state, remedy in verdict.remedy) == (state, True)


class _WithoutLibgomp(MetaPathFinder):
    """Lets LightGBM fail as it does where the system's library is missing."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")


async def test_a_missing_libgomp_is_a_warning_with_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "lightgbm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_WithoutLibgomp(), *sys.meta_path])
    [found] = await look("program.boosting", tmp_path)
    assert (found.state, "apt install libgomp1" in found.says) == ("warning", True)
    # Somebody who does without LightGBM has nothing to do.
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    [found] = await look("program.boosting", tmp_path)
    assert (found.state, "stands in for it" in found.says) == ("ok", True)


def test_the_connections_that_are_counted_are_those_that_workers_open() -> None:
    assert {kind.name: kind.connections for kind in FLEET.values()} == CONNECTIONS
