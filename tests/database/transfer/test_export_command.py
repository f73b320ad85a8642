"""`atum-desk export` and `atum-desk report`, as a person runs them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from tests import warm
from tests.conftest import REPOSITORY
from tests.database.transfer.exports import add_tickets

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(database_url: str, organization_id: UUID, tmp_path: Path) -> Command:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return warm.run(
            "helpdesk.cli",
            *arguments,
            environment=os.environ
            | {"ATUM_DATABASE_URL": database_url, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "100"},
            folder=tmp_path,
            timeout=60,
        )

    return run


async def test_tickets_are_exported_into_a_file_that_appears_whole(
    command: Command, database: Database, organization_id: UUID, tmp_path: Path
) -> None:
    await add_tickets(database, organization_id, count=3)
    done = command("export", "tickets", "--out", "out.jsonl", "--status", "new", "--since", "2026-01-01")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 tickets in out.jsonl: ")
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["subject"] for line in lines] == ["Ticket 1", "Ticket 2", "Ticket 3"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_report_is_written_into_a_folder(command: Command, tmp_path: Path) -> None:
    done = command("report", "sla", "--week", "2026-W10")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("2026-W10: 0 promises met, 0 breached\n")
    names = ["sla-2026-W10-breaches.csv", "sla-2026-W10-figures.csv", "sla-2026-W10.html", "sla-2026-W10.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("export", "tickets", "--out", "gone/out.jsonl"), "there is no folder gone"),
        (("export", "tickets", "--out", "o", "--since", "soon"), "'soon' is not a time like"),
        (("export", "tickets", "--out", "o", "--organization", "else"), "there is no organisation 'else'"),
        (("report", "sla", "--week", "2026-W60"), "'2026-W60' is not a week"),
        (("report", "sla", "--week", "2026-03-03"), "2026-03-03 is not a Monday"),
        (("report", "sla", "--week", "2999-W01"), "The week 2999-W01 is not over yet."),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    refused = command(*arguments)
    assert refused.returncode in {1, 2}
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr
    assert list(tmp_path.iterdir()) == []
