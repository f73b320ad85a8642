"""Packages and modules that add job types."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.plugins import PluginFailed, brought_by, load_handlers, load_job_types

ARGS = """
from typing import ClassVar
from helpdesk.queue.args import JobArgs
from helpdesk.queue.decode import register

@register
class Resize(JobArgs):
    job_type: ClassVar = "{name}"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder on the import path; what is loaded from it is forgotten afterwards."""
    known, modules = set(JOB_TYPES), set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("ATUM_PLUGINS", raising=False)
    yield tmp_path
    for job_type in set(JOB_TYPES) - known:
        del JOB_TYPES[job_type]
    for module in set(sys.modules) - modules:
        if module.startswith("planted"):
            del sys.modules[module]


def package(folder: Path, *, jobs: str = "", handlers: str = "") -> None:
    """Plant an installed package with entry points to modules beside it."""
    info = folder / "planted_package-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: planted-package\nVersion: 1.2\n")
    groups = {"atum_desk.jobs": jobs, "atum_desk.handlers": handlers}
    lines = (f"[{group}]\nplanted = {module}\n" for group, module in groups.items() if module)
    (info / "entry_points.txt").write_text("\n".join(lines))


def test_an_installed_package_adds_its_job_types_in_two_halves(folder: Path) -> None:
    (folder / "planted_args.py").write_text(ARGS.format(name="PLANTED_RESIZE"))
    (folder / "planted_handlers.py").write_text("loaded = True\n")
    package(folder, jobs="planted_args", handlers="planted_handlers")

    load_job_types()
    assert brought_by("PLANTED_RESIZE") == "planted-package"
    assert "planted_handlers" not in sys.modules
    load_handlers()
    assert "planted_handlers" in sys.modules
    load_job_types()
    assert brought_by("TRIAGE_TICKET") is None


def test_a_module_that_is_named_adds_its_job_types(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "planted_module.py").write_text(ARGS.format(name="PLANTED_NAMED"))
    monkeypatch.setenv("ATUM_PLUGINS", " planted_module ,")

    load_job_types()

    assert "PLANTED_NAMED" in JOB_TYPES
    assert brought_by("PLANTED_NAMED") == "planted_module"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("1 / 0", "The plug-in planted of planted-package 1.2 cannot be loaded: ZeroDivisionError"),
        (ARGS.format(name="TRIAGE_TICKET"), "JobTypeTwice: Resize and TriageTicket both claim TRIAGE_TICKET"),
    ],
)
def test_a_broken_package_is_named_with_what_is_wrong(folder: Path, content: str, told: str) -> None:
    (folder / "planted_broken.py").write_text(content)
    package(folder, jobs="planted_broken")
    with pytest.raises(PluginFailed, match=told):
        load_job_types()


def test_broken_handlers_and_a_module_that_is_not_there_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(folder, handlers="planted_nowhere")
    load_job_types()
    with pytest.raises(PluginFailed, match=r"planted-package 1\.2 .*No module named 'planted_nowhere'"):
        load_handlers()
    monkeypatch.setenv("ATUM_PLUGINS", "planted_missing")
    with pytest.raises(PluginFailed, match="The plug-in planted_missing cannot be loaded: ModuleNotFoundError"):
        load_job_types()
