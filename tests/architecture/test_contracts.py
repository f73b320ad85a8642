"""Each contract on imports breaks when it is broken: a check that cannot fail proves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PLANTED = [
    ("Two doors over one product", "helpdesk.tickets.planted", "api.problems"),
    ("Two doors over one product", "workers.planted", "api.middleware"),
    ("The floors of the product", "helpdesk.queue.planted", "helpdesk.tickets.commands"),
    ("The floors of the product", "helpdesk.sla.clocks.planted", "helpdesk.notifications.commands"),
    ("The floors of the promises", "helpdesk.sla.rules.planted", "helpdesk.sla.policies.commands"),
    ("No cycles among siblings", "helpdesk.models.values", "helpdesk.models.tickets"),
    ("The product and its workers know no HTTP server", "helpdesk.assets.planted", "starlette"),
    ("Routes and handlers write no SQL", "api.routes.planted", "sqlalchemy"),
    ("Routes and handlers write no SQL", "workers.handlers.planted", "asyncpg"),
    ("One module speaks to Ollama", "helpdesk.triage.planted", "ollama"),
    ("One package runs models", "helpdesk.ai.planted", "onnxruntime"),
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(
        [*command, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    for package in ("api", "helpdesk", "workers"):
        shutil.copytree(
            REPOSITORY / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "content", "data")
        )
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    return folder


@pytest.fixture(scope="module")
def sound(copy: Path) -> subprocess.CompletedProcess[str]:
    return lint(copy)


@pytest.fixture(scope="module")
def broken(copy: Path, sound: subprocess.CompletedProcess[str]) -> str:
    assert sound.returncode == 0, sound.stdout
    for _, module, imported in PLANTED:
        with (copy / (module.replace(".", "/") + ".py")).open("a") as planted:
            planted.write(f"\nimport {imported}\n")
    linted = lint(copy)
    assert linted.returncode == 1, linted.stdout
    return linted.stdout


def test_the_code_keeps_every_contract(sound: subprocess.CompletedProcess[str]) -> None:
    assert sound.returncode == 0, sound.stdout


def findings(broken: str, contract: str) -> str:
    """Return what is reported below the heading of one contract."""
    details = broken.partition("Broken contracts")[2]
    headings = sorted(details.find(f"\n{name}\n---") for name, _, _ in PLANTED)
    start = details.find(f"\n{contract}\n---")
    end = next((heading for heading in headings if heading > start), len(details))
    return details[start:end]


@pytest.mark.parametrize(("contract", "module", "imported"), PLANTED)
def test_a_planted_violation_breaks_its_contract(broken: str, contract: str, module: str, imported: str) -> None:
    assert f"{contract} BROKEN" in broken
    if contract == "No cycles among siblings":
        # Siblings are named below their parent.
        module, imported = (f".{name.rsplit('.', 1)[1]}" for name in (module, imported))
    assert f"{module} -> {imported}" in findings(broken, contract)
