"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.conftest import REPOSITORY

PACKAGES = ("api", "helpdesk", "workers")
LONGEST_FILE = 300
LONGEST_FUNCTION = 60
MEDIAN_FUNCTION = 10
BANNED_NAMES = {"utils", "common", "helpers", "manager", "base_service", "misc"}
OURS = re.compile(r"(?<![\w.])/(?:work|root|farm|home/\w+)/")


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((REPOSITORY / package).rglob("*.py"))


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    return [path for line in listed.splitlines() if (path := REPOSITORY / line).is_file()]


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("package", PACKAGES)
def test_the_packages_that_are_imported_are_ours(package: str) -> None:
    assert Path(importlib.import_module(package).__file__ or "").parent == REPOSITORY / package


def test_no_file_is_too_long_to_read() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in sources()}
    assert {str(path): lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}
    assert median(lengths.values()) < 120


def test_functions_are_short() -> None:
    lengths = {f"{path.relative_to(REPOSITORY)}:{node.name}": length(node) for path, node in functions()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}
    assert median(lengths.values()) <= MEDIAN_FUNCTION


def test_modules_are_named_for_what_they_hold() -> None:
    assert [str(path) for path in sources() if path.stem in BANNED_NAMES or path.parent.name in BANNED_NAMES] == []


def test_domain_code_takes_the_time_and_leaves_the_commit_to_the_edge() -> None:
    domain = ("tickets", "triage", "replies", "answers", "asking", "kb", "assets", "sla", "metrics", "notifications")
    domain += ("accounts", "events")
    offences = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno} {node.func.attr}"
        for path in sources()
        if path.relative_to(REPOSITORY).parts[:2] in {("helpdesk", name) for name in domain}
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (
            node.func.attr in {"utcnow", "commit"}
            or (
                node.func.attr == "now"
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in {"datetime", "date"}
            )
        )
    ]
    assert offences == []


def test_nothing_tracked_names_a_folder_of_one_machine_or_is_large() -> None:
    named = []
    for path in tracked_files():
        assert path.stat().st_size < 1_000_000, f"{path} is too large to track"
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        if path != Path(__file__) and OURS.search(text):
            named.append(str(path.relative_to(REPOSITORY)))
    assert named == []


def test_no_unfinished_word_is_left_in_the_code() -> None:
    words = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert [str(path) for path in sources() if words.search(path.read_text("utf-8"))] == []
