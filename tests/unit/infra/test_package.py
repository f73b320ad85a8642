"""What the Debian package says of itself and does at its ends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

INFRA = REPOSITORY / "infra"
BUILD = (INFRA / "build-deb").read_text()
SCRIPTS = {path.name: path.read_text() for path in (INFRA / "deb").iterdir()}


def control() -> dict[str, str]:
    text = re.search(r"<<TEXT\n(Package:.*?)\nTEXT", BUILD, re.DOTALL)
    assert text is not None
    return dict(re.findall(r"^([A-Z][A-Za-z-]+): (.*)$", text[1], re.MULTILINE))


def test_the_package_is_bound_to_the_python_it_was_built_with() -> None:
    depends = control()["Depends"]
    assert "python3 (>= 3.$minor)" in depends
    assert "python3 (<< 3.$((minor + 1)))" in depends


def test_the_package_asks_for_the_library_that_the_classifiers_load() -> None:
    assert "libgomp1" in control()["Depends"]
    assert "libgomp1" in (INFRA / "install.sh").read_text()
    assert "libgomp1" in (INFRA / "Containerfile").read_text()


def test_the_description_fits_the_rules_of_control_files() -> None:
    text = re.search(r"Description: (.*?)\nTEXT", BUILD, re.DOTALL)
    assert text is not None
    short, *lines = text[1].splitlines()
    assert len(short) <= 80
    assert all(line.startswith(" ") and len(line) <= 80 for line in lines)


def test_the_settings_of_an_administrator_survive_an_upgrade() -> None:
    assert 'echo /etc/atum-desk/atum-desk.env >"$tree/DEBIAN/conffiles"' in BUILD
    assert "credentials" not in SCRIPTS["prerm"] + SCRIPTS["postinst"]


@pytest.mark.parametrize("name", ["postinst", "postrm", "preinst", "prerm"])
def test_every_script_of_the_package_stops_at_an_error_and_is_packed(name: str) -> None:
    assert SCRIPTS[name].splitlines()[:2] == ["#!/bin/sh", "set -e"]
    assert f" {name}" in BUILD


def test_data_outlives_even_a_purge() -> None:
    for text in SCRIPTS.values():
        assert not re.search(r"rm -rf[^\n]*/var/lib", text)


def test_the_package_and_the_installer_do_not_lie_on_top_of_each_other() -> None:
    assert "/opt/atum-desk/current" in SCRIPTS["preinst"]
    for name in ("install.sh", "uninstall.sh"):
        assert "dpkg-query" in Path(INFRA / name).read_text()
