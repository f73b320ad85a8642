"""`atum-desk sla openings` and `sla holidays`, as processes."""

from __future__ import annotations

import os
import subprocess

import httpx

from tests import warm
from tests.journeys.conftest import Account


def command(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return warm.run("helpdesk.cli", "sla", *arguments, environment=os.environ | (environment or {}))


async def test_the_next_openings_are_shown_on_the_calendars_own_clock(
    client: httpx.AsyncClient, account: Account, process_environment: dict[str, str]
) -> None:
    hours = {
        "name": "office",
        "timezone": "Europe/Vienna",
        "weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu")} | {"fri": [["22:00", "06:00"]]},
        "exceptions": {"2026-12-24": [["09:00", "12:00"]]},
        "holidays": [{"country": "AT", "years": [2026]}],
    }
    assert (await client.post("/api/v1/calendars", json=hours)).status_code == 201
    where = ("--organization", account.slug)
    shown = command(
        "openings", "office", "--from", "2026-12-23T10:00", "--count", "4", *where, environment=process_environment
    )
    missing = command("openings", "nights", *where, environment=process_environment)
    wrong = command("openings", "office", "--from", "tomorrow", *where, environment=process_environment)

    assert shown.stdout.splitlines() == [
        "Wed 2026-12-23 09:00 +0100 to 17:00 +0100  (weekly)",
        "Thu 2026-12-24 09:00 +0100 to 12:00 +0100  (exception)",
        "Fri 2026-12-25 closed  (Christmas Day)",
        "Sat 2026-12-26 closed  (Saint Stephen's Day)",
        "Mon 2026-12-28 09:00 +0100 to 17:00 +0100  (weekly)",
        "Tue 2026-12-29 09:00 +0100 to 17:00 +0100  (weekly)",
        "Europe/Vienna; open at Wed 2026-12-23 10:00 +0100",
    ]
    assert (missing.returncode, missing.stderr) == (1, "atum-desk: There is no calendar named 'nights'.\n")
    assert wrong.returncode == 1
    assert "--from 'tomorrow' is not a time" in wrong.stderr


def test_holidays_are_listed_without_a_database() -> None:
    listed = command("holidays", "AT", "--subdivision", "Wien", "--year", "2026", "--category", "bank")
    as_json = command("holidays", "FR", "--year", "2026", "--language", "fr", "--json")
    choices = command("holidays", "GB", "--choices")
    unknown = command("holidays", "AT", "--subdivision", "12")

    assert "Thu 2026-12-24  Christmas Eve" in listed.stdout.splitlines()
    assert '"2026-12-25": "Noël"' in as_json.stdout
    assert "  SCT  Scotland" in choices.stdout.splitlines()
    assert unknown.returncode == 1
    assert "it can be 1 (Burgenland)" in unknown.stderr
