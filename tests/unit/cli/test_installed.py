from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpdesk.cli.installed import DEFAULTS, parse_settings, plugin_folders, service_environment
from tests.conftest import REPOSITORY


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "atum-desk.env").write_text("ATUM_LOG_LEVEL=debug\nATUM_DATABASE_URL=postgresql://settings/atum\n")
    return tmp_path


def test_a_credential_is_the_variable_of_its_name_and_stands_before_the_settings(configuration: Path) -> None:
    (configuration / "credentials/database_url").write_text("postgresql://secret/atum\n")
    found = service_environment(configuration, {})
    assert found["ATUM_DATABASE_URL"] == "postgresql://secret/atum"
    assert found["ATUM_LOG_LEVEL"] == "debug"


def test_what_the_caller_says_stands_before_both(configuration: Path) -> None:
    (configuration / "credentials/database_url").write_text("postgresql://secret/atum")
    found = service_environment(configuration, {"ATUM_DATABASE_URL": "postgresql://mine/atum", "LANG": "C.UTF-8"})
    assert found["ATUM_DATABASE_URL"] == "postgresql://mine/atum"
    assert found["LANG"] == "C.UTF-8"


def test_without_any_configuration_the_data_is_where_the_units_have_it(tmp_path: Path) -> None:
    assert service_environment(tmp_path / "absent", {}) == {"ATUM_DATA_DIR": "/var/lib/atum-desk"}


def test_the_defaults_are_those_of_every_service() -> None:
    units = list((REPOSITORY / "infra/systemd").glob("atum-desk-*.service"))
    for unit in units:
        text = unit.read_text()
        if "EnvironmentFile=" in text:
            said = dict(re.findall(r"^Environment=(ATUM_DATA_DIR)=(.*)$", text, re.MULTILINE))
            assert said == DEFAULTS, unit.name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", {"A": "1"}),
        ("  A = 1  ", {"A": "1"}),
        ("# A=1\n; B=2\n\nnonsense\n", {}),
        ("A='b c'\nB=\"d e\"", {"A": "b c", "B": "d e"}),
        ("A=b c", {"A": "b c"}),
        ("A=postgresql://u:p#1@h/d", {"A": "postgresql://u:p#1@h/d"}),
        ("A=$HOME", {"A": "$HOME"}),
        ("A=one \\\ntwo", {"A": "one two"}),
        ("A=", {"A": ""}),
        ("A='never closed", {"A": "'never closed"}),
        ("A=x=y", {"A": "x=y"}),
    ],
)
def test_settings_are_read_as_systemd_reads_them(text: str, expected: dict[str, str]) -> None:
    assert parse_settings(text) == expected


def test_the_example_of_all_settings_sets_none() -> None:
    assert parse_settings((REPOSITORY / "infra/env.example").read_text()) == {}


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "helpdesk.cli.installed", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_version_can_be_asked_without_any_account() -> None:
    asked = _run("--version")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout.startswith("atum-desk ")


def test_without_the_account_of_the_services_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import helpdesk.cli.installed as it, pathlib, sys\n"
        "it.ACCOUNT, it.CONFIGURATION = 'nobody-of-this-name', pathlib.Path('/nonexistent')\n"
        "sys.argv = ['atum-desk', 'users', 'list']\n"
        "sys.exit(it.main())"
    )
    asked = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert asked.returncode == 1
    assert asked.stderr == "atum-desk: there is no account nobody-of-this-name; install the product again to make it.\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_root_becomes_the_account_for_good_and_leaves_a_folder_it_cannot_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    script = (
        "import helpdesk.cli.installed as it, os, pathlib\n"
        "it.ACCOUNT, it.CONFIGURATION = 'nobody', pathlib.Path('/nonexistent')\n"
        "it._become_service()\n"
        "print(os.getresuid() == (os.getuid(),) * 3 != (0, 0, 0), os.getcwd(), os.environ['USER'])\n"
    )
    asked = subprocess.run([sys.executable, "-c", script], cwd=closed, capture_output=True, text=True, check=True)
    assert asked.stdout == "True / nobody\n"


def test_plug_ins_are_looked_for_where_the_settings_file_says_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/of/the/caller")
    assert plugin_folders(tmp_path) == []
    (tmp_path / "atum-desk.env").write_text("ATUM_PLUGINS=links\nPYTHONPATH=/opt/links:/opt/more\n")
    assert plugin_folders(tmp_path) == ["/opt/links", "/opt/more"]
