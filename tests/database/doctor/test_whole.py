"""A healthy installation has nothing to be told, and one check that fails keeps no other from looking."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from helpdesk.doctor.checks import all_checks, run
from helpdesk.doctor.finding import ok
from helpdesk.doctor.patient import Patient, in_thread
from helpdesk.doctor.registry import Check, Looked
from helpdesk.doctor.standing import look_around
from helpdesk.settings import Settings
from tests import warm
from tests.database.doctor.healthy import healthy
from tests.scripted_ollama import EMBEDDING_MODEL, TEXT_MODEL, serve_scripted_ollama


@pytest.fixture
def answering(settings: Settings) -> Iterator[Settings]:
    with serve_scripted_ollama() as scripted:
        named = {"ollama_host": scripted.url, "text_model": TEXT_MODEL, "embedding_model": EMBEDDING_MODEL}
        yield settings.model_copy(update=named | {"api_port": 9})


async def cli(settings: Settings, *arguments: str, **variables: str) -> tuple[int, str, str]:
    environment = os.environ | {
        "ATUM_DATABASE_URL": settings.database_url,
        "ATUM_DATA_DIR": str(settings.data_dir),
        "ATUM_OLLAMA_HOST": settings.ollama_host,
        "ATUM_TEXT_MODEL": settings.text_model,
        "ATUM_API_PORT": "9",
    }
    done = await asyncio.to_thread(warm.run, "helpdesk.cli", *arguments, environment=environment | variables)
    return done.returncode, done.stdout, done.stderr


async def test_a_healthy_installation_has_no_problem_and_everything_is_up(
    answering: Settings, database: Database, organization_id: UUID, patient: Patient
) -> None:
    at_work = replace(patient, settings=answering)
    async with healthy(answering, database, organization_id):
        found = await run(at_work)
        standing = await look_around(at_work)
        code, shown, _ = await cli(answering, "status")

    # The servers of tests give up safety for speed, and say so.
    assert [each for each in found if each.is_problem and each.check != "database.durability"] == []
    assert {each.check for each in found} == {check.name for check in all_checks()}
    looked_at = {each.check for each in found if each.state == "ok"}
    assert {"models.index", "queue.schedule", "sla.ticks", "workers.alive", "backups.whole"} <= looked_at
    assert standing.down == [f"The API does not answer at {standing.api['url']}."]
    assert {worker["kind"] for worker in standing.workers if worker["alive"]} == {"job", "rag", "sla"}
    assert (standing.sla["running"], standing.backups["count"]) == (1, 1)
    assert {row["job_type"]: row["ready"] for row in standing.queue}["TRIAGE_TICKET"] == 1
    assert code == 1
    assert "TRIAGE_TICKET" in shown
    assert "The API does not answer at http://127.0.0.1:9." in shown


async def test_a_check_that_fails_or_hangs_is_a_finding_and_the_others_go_on(patient: Patient) -> None:
    async def fails(_patient: Patient) -> Looked:
        raise RuntimeError("postgresql://atum:secret-word@host/db")

    async def hangs(_patient: Patient) -> Looked:
        return await in_thread(lambda: (asyncio.run(asyncio.sleep(30)), ok("never"))[1])

    async def sleeps_in_the_database(patient: Patient) -> Looked:
        async with patient.reading() as connection:
            await connection.execute("SELECT pg_sleep(30)")
        return ok("never")

    async def goes_on(patient: Patient) -> Looked:
        async with patient.reading() as connection:
            return ok(str(await connection.fetchval("SELECT current_user")))

    found = await run(
        patient,
        [
            Check("a.fails", "", fails, database=False, longest_s=5),
            Check("b.hangs", "", hangs, database=False, longest_s=0.05),
            Check("c.sleeps", "", sleeps_in_the_database, database=True, longest_s=0.05),
            Check("d.goes_on", "", goes_on, database=True, longest_s=5),
        ],
    )

    assert [each.state for each in found] == ["error", "error", "error", "ok"]
    assert "RuntimeError" in found[0].says
    assert "secret-word" not in found[0].says
    assert "given up" in found[1].says
    assert found[3].says == "atum_owner"


async def test_looking_changes_nothing(patient: Patient) -> None:
    async def writes(patient: Patient) -> Looked:
        async with patient.reading("atum_worker") as connection:
            await connection.execute("DELETE FROM cron_ticks")
        return ok("written")

    [found] = await run(patient, [Check("a.writes", "", writes, database=True, longest_s=5)])
    assert (found.state, "read-only transaction" in found.says) == ("error", True)


async def test_the_command_tells_problems_first_and_ends_with_a_code(settings: Settings) -> None:
    code, shown, _ = await cli(settings, "doctor", "--only", "database", "--only", "workers.alive")
    assert code == 1
    first, remedy, *_ = shown.splitlines()
    assert first.startswith("error    database.durability")
    assert remedy.strip().startswith("→ Set fsync")

    only = ("--only", "queue", "--only", "settings", "--json")
    code, said, _ = await cli(settings, "doctor", *only)
    told: dict[str, Any] = json.loads(said)
    assert (code, told["state"]) == (0, "ok")
    assert {"check", "state", "says", "remedy", "figures"} == set(told["findings"][0])

    leases = {"ATUM_LEASE_HEARTBEAT_S": "40"}
    assert (await cli(settings, "doctor", *only, **leases))[0] == 0
    assert (await cli(settings, "doctor", *only, "--strict", **leases))[0] == 1


async def test_wrong_settings_and_a_database_that_is_away_do_not_keep_the_command_from_telling(
    settings: Settings,
) -> None:
    wrong = {"ATUM_DATABASE_URL": "postgresql://atum@127.0.0.1:1/none", "ATUM_POLL_INTERVAL": "soon"}
    code, said, _ = await cli(
        settings, "doctor", "--json", "--no-models", "--only", "settings", "--only", "index", **wrong
    )
    errors = {each["check"]: each["says"] for each in json.loads(said)["findings"] if each["state"] == "error"}
    assert (code, set(errors)) == (1, {"settings.values", "database.reachable"})
    assert "ATUM_POLL_INTERVAL is wrong" in errors["settings.values"]

    code, said, _ = await cli(settings, "status", "--json", **wrong)
    standing = json.loads(said)
    assert (code, standing["database"]["answers"]) == (1, False)
    assert any("does not answer" in each for each in standing["down"])


async def test_checks_are_listed_and_unknown_ones_are_wrong_use(settings: Settings) -> None:
    code, listed, _ = await cli(settings, "doctor", "--list", "--no-models")
    assert code == 0
    assert "queue.leases" in listed
    assert "models." not in listed
    code, _, complaint = await cli(settings, "doctor", "--only", "nonsense")
    assert (code, "nonsense" in complaint) == (2, True)
