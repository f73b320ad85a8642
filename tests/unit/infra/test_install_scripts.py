"""What the shell scripts promise, as far as it shows without installing anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

INFRA = REPOSITORY / "infra"
SCRIPTS = [INFRA / "install.sh", INFRA / "uninstall.sh", INFRA / "build-deb", INFRA / "container-postgres.sh"]
SCRIPTS += sorted((INFRA / "deb").iterdir())
INSTALL = (INFRA / "install.sh").read_text()
DOCUMENTED = (REPOSITORY / "docs/install.md").read_text()


def run(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", script, *arguments], capture_output=True, text=True, check=False)


def options_read(text: str) -> set[str]:
    """Return the options that a script's case statements take."""
    patterns = re.findall(r"^\s+((?:--?[a-z-]+(?: \| )?)+)\)", text, re.MULTILINE)
    return {option for pattern in patterns for option in pattern.split(" | ")}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_is_plain_shell(script: Path) -> None:
    assert script.read_text().startswith("#!/bin/sh\n")
    for shell in filter(shutil.which, ("sh", "dash")):
        checked = subprocess.run([shell, "-n", script], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")
    # What bash alone knows.
    assert re.findall(r"\[\[ |^\s*(?:local|function|source|declare) |<<<", script.read_text(), re.MULTILINE) == []


@pytest.mark.parametrize("name", ["install.sh", "uninstall.sh", "build-deb"])
def test_every_option_is_in_the_help_and_in_the_documentation(name: str) -> None:
    taken = options_read((INFRA / name).read_text())
    told = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", run(INFRA / name, "--help").stdout))
    assert taken >= {"--help", "-h"}
    assert taken <= told
    assert {option for option in taken - {"-h", "--help"} if option not in DOCUMENTED} == set()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--prefix"], "there is no option --prefix."),
        (["--job-workers", "0"], "--job-workers takes a number from 1 to 9, not 0."),
        (["--job-workers", "many"], "--job-workers takes a number from 1 to 9, not many."),
        (["--from"], "--from needs a value."),
    ],
)
def test_wrong_use_is_one_sentence_and_the_usage(arguments: list[str], sentence: str) -> None:
    asked = run(INFRA / "install.sh", *arguments)
    assert asked.returncode == 2
    assert asked.stderr.splitlines()[0] == f"infra/install.sh: {sentence}"
    assert "Usage: infra/install.sh" in asked.stderr


def test_a_folder_that_is_no_source_tree_is_refused(tmp_path: Path) -> None:
    asked = run(INFRA / "install.sh", "--from", str(tmp_path))
    assert asked.returncode == 1
    assert asked.stderr == (f"infra/install.sh: {tmp_path} is no source tree of Atum Desk; name one with --from.\n")


def test_only_root_installs_and_uninstalls() -> None:
    """Run as an account without rights, which is how most people call them first."""
    become = (
        "import os, sys; os.setuid(65534) if os.geteuid() == 0 else None; os.execvp('sh', ['sh', '-s', *sys.argv[1:]])"
    )
    for name, word in (("install.sh", "install"), ("uninstall.sh", "uninstall")):
        text = (INFRA / name).read_text().replace("from=$(CDPATH=", f"from={REPOSITORY}; : $(CDPATH=")
        checked = text.replace('[ -f "$from/pyproject.toml" ] && [ -f "$from/requirements.lock" ]', "true")
        asked = subprocess.run(
            ["/usr/bin/python3", "-c", become], input=checked, capture_output=True, text=True, check=False, cwd="/"
        )
        assert asked.returncode == 1
        assert f"only root can {word}; use sudo." in asked.stderr


def test_a_purge_without_a_terminal_needs_the_word() -> None:
    text = (INFRA / "uninstall.sh").read_text()
    before, after = text.index("status=2"), text.index("rm -rf /etc/atum-desk /var/lib/atum-desk")
    assert before < after
    assert '[ "$answer" = yes ] ||' in text[before:after]


def test_the_wheel_holds_every_package_and_the_migrations() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    modules = project["tool"]["uv"]["build-backend"]["module-name"]
    assert modules == ["api", "helpdesk", "migrations", "workers"]
    assert all((REPOSITORY / module / "__init__.py").is_file() for module in modules)


def test_the_installer_enables_the_units_there_are() -> None:
    units = {path.name for path in (INFRA / "systemd").glob("atum-desk*")}
    for text in (INSTALL, (INFRA / "deb/postinst").read_text()):
        named = set(re.findall(r"\batum-desk[a-z-]*\.(?:service|socket|target|timer)", text))
        assert named <= units, named - units
    assert {"atum-desk-job-worker@.service", "atum-desk-postgres.service", "atum-desk-models.service"} <= units


def test_files_that_the_installer_copies_are_there() -> None:
    for folder in re.findall(r"infra/(systemd/[a-z]+\.(?:conf\.)?d)/", INSTALL):
        assert list((INFRA / folder).glob("*.conf")), folder
    assert (INFRA / "postgres/prepare.sql").is_file()
    assert (INFRA / "env.example").is_file()


def test_both_ways_to_install_give_the_same_command() -> None:
    command = 'exec /opt/atum-desk/venv/bin/python -I -m helpdesk.cli.installed "$@"'
    assert command in INSTALL
    assert command in (INFRA / "build-deb").read_text()
