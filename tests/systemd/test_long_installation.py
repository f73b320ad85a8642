"""Installing twice, upgrading, uninstalling and what goes on around the services."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.systemd.desk import Desk
from tests.systemd.installation import REPOSITORY, SOURCE, build_wheel, install
from tests.systemd.test_short_form import are_active


@pytest.fixture(autouse=True)
def whole(desk: Desk) -> None:
    """Begin each test with everything up."""
    desk.box.wait(lambda: are_active(desk), what="all to be up")


def _kept(desk: Desk) -> str:
    files = "/etc/atum-desk/atum-desk.env /etc/atum-desk/credentials/* /var/lib/atum-desk/postgres/data/PG_VERSION"
    return desk.box.sh(f"sha256sum {files}; stat -c '%a %U %n' {files}; readlink -f /opt/atum-desk/current")


def test_installing_again_changes_nothing(desk: Desk) -> None:
    before = _kept(desk)
    ticket = desk.open_ticket("Before it is installed again")
    install(desk.box, "--with-postgres", "--job-workers", "2")
    assert _kept(desk) == before
    assert are_active(desk)
    assert desk.get(f"/tickets/{ticket['id']}")["id"] == ticket["id"]


def test_what_an_administrator_switched_off_stays_off(desk: Desk) -> None:
    off, masked = "atum-desk-rag-worker.service", "atum-desk-sla-worker.service"
    desk.box.systemctl("disable", "--now", off)
    desk.box.systemctl("mask", "--now", masked)
    try:
        install(desk.box, "--with-postgres", "--job-workers", "2")
        said = desk.box.systemctl("is-enabled", off, masked, "atum-desk-api.service", check=False).split()
        active = desk.box.systemctl("is-active", off, masked, "atum-desk-api.service", check=False).split()
    finally:
        desk.box.systemctl("unmask", masked)
        desk.box.systemctl("enable", "--now", off, masked)
    assert said == ["disabled", "masked", "enabled"]
    assert active == ["inactive", "inactive", "active"]


def test_an_upgrade_keeps_configuration_and_data(desk: Desk, tmp_path: Path) -> None:
    ticket = desk.open_ticket("Of the old version")
    desk.box.sh("echo '# a line of the administrator' >>/etc/atum-desk/atum-desk.env")
    before = _kept(desk).splitlines()[:-1]
    source, wheels = _next_version(tmp_path)
    desk.box.copy_in(source, "/usr/src/next")
    desk.box.copy_in(wheels, "/usr/src/next-wheels")
    install(desk.box, source="/usr/src/next", wheels="/usr/src/next-wheels")
    assert desk.get("/health")["version"] == "99.0.0"
    assert _kept(desk).splitlines()[:-1] == before
    assert are_active(desk)
    assert desk.get(f"/tickets/{ticket['id']}")["subject"] == "Of the old version"
    desk.done(*desk.enqueue("BOX_MARK", times=3))


def _next_version(folder: Path) -> tuple[Path, Path]:
    source, wheels = folder / "source", folder / "wheels"
    ignored = shutil.ignore_patterns(".*", "data", "__pycache__", "tests")
    shutil.copytree(REPOSITORY, source, ignore=ignored)
    project = (source / "pyproject.toml").read_text()
    (source / "pyproject.toml").write_text(project.replace('version = "', 'version = "99.0.0" # "', 1))
    build_wheel(source, wheels)
    return source, wheels


def test_uninstalling_keeps_the_data_and_installing_finds_it_again(desk: Desk) -> None:
    ticket = desk.open_ticket("Of before")
    desk.box.run("sh", f"{SOURCE}/infra/uninstall.sh")
    left = desk.box.systemctl("list-units", "--all", "--plain", "--no-legend", "atum-desk*.service")
    assert "active running" not in left
    assert desk.box.run("test", "-e", "/usr/bin/atum-desk", check=False).returncode == 1
    desk.box.sh("test -e /etc/atum-desk/atum-desk.env && test -d /var/lib/atum-desk/postgres/data")
    install(desk.box, "--with-postgres", "--job-workers", "2")
    desk.box.wait(lambda: are_active(desk), what="all to be up")
    assert desk.get(f"/tickets/{ticket['id']}")["subject"] == "Of before"


def test_the_doctor_says_that_all_is_well_and_finds_a_service_that_is_down(desk: Desk) -> None:
    well = desk.box.run("atum-desk", "doctor", "--json", check=False)
    assert well.returncode == 0, well.stdout + well.stderr
    assert _about_units(well.stdout) == [("ok", None)]
    desk.box.systemctl("stop", "atum-desk-sla-worker")
    try:
        ill = desk.box.run("atum-desk", "doctor", "--json", check=False)
    finally:
        desk.box.systemctl("start", "atum-desk-sla-worker")
    assert ill.returncode == 1, ill.stdout + ill.stderr
    assert ("error", "atum-desk-sla-worker.service") in _about_units(ill.stdout)


def _about_units(said: str) -> list[tuple[str, str | None]]:
    findings = [finding for finding in json.loads(said)["findings"] if finding["check"] == "units.state"]
    return [(finding["state"], finding["figures"].get("unit")) for finding in findings]


def test_a_timer_can_tick_in_place_of_the_process(desk: Desk) -> None:
    box = desk.box
    often = "[Timer]\nOnCalendar=\nOnCalendar=*:*:0/2\nAccuracySec=10ms\n"
    box.write("/run/systemd/system/atum-desk-sla-tick.timer.d/often.conf", often)
    box.systemctl("daemon-reload")
    box.systemctl("start", "atum-desk-sla-tick.timer")
    try:
        box.wait(
            lambda: box.show("atum-desk-sla-worker", "ActiveState")["ActiveState"] == "inactive",
            what="the other to end",
        )
        seen: set[str] = set()

        def ticked() -> bool:
            shown = box.show("atum-desk-sla-tick.service", "ExecMainExitTimestampMonotonic", "Result")
            assert shown["Result"] == "success"
            seen.add(shown["ExecMainExitTimestampMonotonic"])
            return len(seen - {"0"}) >= 2

        box.wait(ticked, what="two ticks")
    finally:
        box.systemctl("stop", "atum-desk-sla-tick.timer")
        box.systemctl("start", "atum-desk-sla-worker")
