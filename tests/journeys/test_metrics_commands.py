"""`atum-desk metrics`, as processes."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess

import httpx
import pytest

from tests import warm
from tests.journeys.conftest import Account


@pytest.fixture
def command(process_environment: dict[str, str], account: Account):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return warm.run(
            "helpdesk.cli",
            "metrics",
            *arguments,
            "--organization",
            account.slug,
            environment=os.environ | process_environment,
        )

    return run


@pytest.fixture
async def ticket(client: httpx.AsyncClient) -> None:
    made = await client.post(
        "/api/v1/tickets", json={"subject": "VPN drops", "body": "Since nine.", "priority": "high"}
    )
    assert made.status_code == 201


@pytest.mark.usefixtures("ticket")
async def test_a_period_is_shown_as_a_table_as_json_and_as_csv(command) -> None:
    shown = command("show", "--by", "priority")
    as_json = command("show", "--metric", "tickets_created", "--by", "priority", "--json")
    as_csv = command("show", "--metric", "backlog", "--csv")

    assert shown.returncode == 0, shown.stderr
    assert ["tickets_created", "1", "1", "0", "1", "tickets"] in [line.split() for line in shown.stdout.splitlines()]
    found = json.loads(as_json.stdout)
    assert [(one["metric"], one["value"], one["change"]) for one in found["total"]] == [("tickets_created", 1, 1)]
    assert [(group["key"], group["figures"][0]["value"]) for group in found["groups"]] == [("high", 1)]
    [row] = csv.DictReader(io.StringIO(as_csv.stdout.removeprefix("\ufeff")))
    assert (row["metric"], row["value"], row["unit"]) == ("backlog", "1.0", "tickets")


@pytest.mark.usefixtures("ticket")
async def test_figures_of_the_past_are_taken_and_exported(command) -> None:
    taken = command("backfill", "--since", "2026-01-01", "--until", "2026-01-03", "--json")
    again = command("backfill", "--since", "2026-01-01", "--until", "2026-01-03")
    as_csv = command("export", "--since", "2026-01-01", "--until", "2026-01-03", "--metric", "tickets_created")
    as_json = command("export", "--since", "2026-01-01", "--until", "2026-01-03", "--metric", "backlog", "--json")

    assert taken.returncode == 0, taken.stderr
    assert json.loads(taken.stdout)["days"] == 2
    assert again.stdout.startswith("2 days and ")
    rows = list(csv.DictReader(io.StringIO(as_csv.stdout.removeprefix("\ufeff"))))
    assert [(row["bucket_start"], row["value"]) for row in rows] == [
        ("2026-01-01T00:00:00Z", "0.0"),
        ("2026-01-02T00:00:00Z", "0.0"),
    ]
    assert [json.loads(line)["metric"] for line in as_json.stdout.splitlines()] == ["backlog", "backlog"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("show", "--metric", "happiness"), 2, "no metric happiness"),
        (("show", "--since", "yesterday"), 2, "no day and no"),
        (("show", "--since", "2026-03-02", "--until", "2026-03-01"), 1, "before"),
        (("export", "--json", "--csv"), 2, "choose one"),
        (("backfill", "--since", "2126-01-01", "--until", "2126-01-02"), 1, "has not begun"),
    ],
)
async def test_wrong_use_ends_with_a_sentence(command, arguments: tuple[str, ...], code: int, says: str) -> None:
    ended = command(*arguments)
    assert ended.returncode == code, ended.stderr
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
