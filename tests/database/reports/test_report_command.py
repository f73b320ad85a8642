"""`atum-desk report`, as people and programs run it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests import warm
from tests.database.reports.conftest import FORMULA, Desk

MARCH = ("--from", "2026-03-02", "--to", "2026-03-08")


def report(desk: Desk, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return warm.run_for_bytes(
        "helpdesk.cli",
        "report",
        *arguments,
        environment=os.environ | {"ATUM_DATABASE_URL": desk.settings.database_url, "COLUMNS": "100", "NO_COLOR": "1"},
        timeout=60,
    )


async def test_figures_of_any_period_go_to_standard_output(counted_week: Desk) -> None:
    done = report(counted_week, "sla", *MARCH, "--group-by", "policy,week")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["from"], found["to"], found["total"]["met"], found["total"]["breached"]) == (*MARCH[1::2], 4, 3)
    assert list(found["groups"]) == ["policy", "week"]
    table = report(counted_week, "sla", *MARCH, "--group-by", "priority", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(table.stdout.decode("utf-8-sig"), newline="")))
    assert [(row["name"], row["met"], row["breached"]) for row in rows] == [
        *(("all", "4", "3"), ("urgent", "1", "1"), ("high", "3", "0"), ("normal", "0", "2")),
    ]


async def test_broken_promises_go_to_standard_output(counted_week: Desk) -> None:
    listed = json.loads(report(counted_week, "breaches", *MARCH).stdout)["items"]
    assert next(item["overdue_s"] for item in listed) == 1800
    assert all(item["intervals"] for item in listed)
    table = report(counted_week, "breaches", *MARCH, "--format", "csv").stdout.decode("utf-8-sig")
    assert next(row["subject"] for row in csv.DictReader(io.StringIO(table, newline=""))) == f"'{FORMULA}"


async def test_a_week_is_written_as_files(counted_week: Desk, tmp_path: Path) -> None:
    done = report(counted_week, "sla", "--week", "2026-W10", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith("sla-")} == {
        *("sla-2026-W10.html", "sla-2026-W10.json", "sla-2026-W10-figures.csv", "sla-2026-W10-breaches.csv"),
    }
    found = json.loads((tmp_path / "sla-2026-W10.json").read_bytes())
    assert (found["total"]["met"], found["total"]["before"]["met"], len(found["breaches"])) == (4, 1, 3)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("sla", "--week", "2026-W10", "--format", "csv"), 2, "a week has bounds of its own"),
        (("sla", "--group-by", "moon"), 2, "'moon' is none of metric"),
        (("sla", "--from", "2026-03-02", "--to", "2026-03-01"), 1, "The period ends on 2026-03-01"),
        (("breaches", "--from", "soon"), 2, "soon"),
    ],
)
async def test_what_cannot_be_reported_is_told_in_a_sentence(
    counted_week: Desk, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = report(counted_week, *arguments)
    assert done.returncode == code
    assert sentence in " ".join(done.stderr.decode().replace("│", "").split())
