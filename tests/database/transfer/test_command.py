import json
import os
import subprocess
from pathlib import Path

import pytest

from tests import warm

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def command(database_url, organization_id, tmp_path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return warm.run(
            "helpdesk.cli",
            "import",
            *arguments,
            environment=os.environ
            | {"ATUM_DATABASE_URL": database_url, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "100"},
            folder=tmp_path,
            timeout=60,
        )

    return run


def test_the_command_imports_what_is_good_writes_down_the_rest_and_ends_with_1(command, tmp_path):
    (tmp_path / "old.csv").write_text('Name,Words\nVPN down,"Since nine,\nall of us"\nBad\nMail,Slow\n', "utf-8")
    done = command("tickets", "old.csv", "--map", "subject=Name", "--map", "body=Words")
    assert done.returncode == 1, done.stderr
    errors = [json.loads(line) for line in (tmp_path / "old.errors.jsonl").read_text().splitlines()]
    assert [(error["line"], error["error"]) for error in errors] == [(4, "The row has 1 cells where the header has 2.")]
    assert "1 rows failed; old.errors.jsonl" in done.stdout


def test_the_command_ends_with_0_when_all_is_good_and_makes_no_errors_file(command, tmp_path):
    (tmp_path / "kb").mkdir()
    (tmp_path / "kb" / "vpn.md").write_text("# VPN\n\nConnect first.\n")
    done = command("kb", "kb", "--visibility", "agents")
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("*.errors.jsonl")) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("tickets", "missing.jsonl"),
        ("tickets", "t.jsonl", "--map", "color=x"),
        ("tickets", "t.jsonl", "--organization", "nobody"),
        ("tickets", "t.jsonl", "--dry-run", "--wait"),
        ("tickets", "t.jsonl", "--errors", "t.jsonl"),
        ("tickets", "t.txt"),
    ],
)
def test_wrong_usage_ends_with_2(command, tmp_path, arguments):
    (tmp_path / "t.jsonl").write_text('{"subject": "a"}\n')
    (tmp_path / "t.txt").write_text("a\n")
    assert command(*arguments).returncode == 2
