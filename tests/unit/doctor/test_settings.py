"""Settings that are wrong, that contradict each other, and secrets that lie open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from helpdesk.doctor.checks import chosen_checks, run
from helpdesk.doctor.finding import Finding
from helpdesk.doctor.patient import Patient
from helpdesk.doctor.readable import read_as_far_as_possible
from helpdesk.settings import Settings
from tests.conftest import REPOSITORY
from tests.unit.doctor.nobody import as_nobody


async def look(check: str, patient: Patient) -> list[Finding]:
    return await run(patient, chosen_checks([check]))


def patient(configuration: Path, **settings: object) -> Patient:
    return Patient(Settings(**settings), root=REPOSITORY, configuration=configuration)  # type: ignore[arg-type]


async def test_each_wrong_setting_is_named_and_its_default_stands_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ATUM_POLL_INTERVAL", "soon")
    monkeypatch.setenv("DATABASE_URL", "mysql://there")
    monkeypatch.setenv("ATUM_DRAIN_TIMEOUT_S", "7")

    settings, wrong = read_as_far_as_possible(data_dir=tmp_path, ollama_host=None)

    assert sorted(wrong) == ["ATUM_DATABASE_URL", "ATUM_POLL_INTERVAL"]
    assert (settings.poll_interval, settings.drain_timeout_s, settings.data_dir) == (1.0, 7, tmp_path)
    found = await look("settings.values", Patient(settings, root=REPOSITORY, wrong_settings=wrong))
    assert [each.state for each in found] == ["error", "error"]
    assert "postgresql://" in next(each.says for each in found if "ATUM_DATABASE_URL" in each.says)


async def test_a_variable_that_is_all_but_a_setting_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATUM_LOG_LEVL", "debug")
    monkeypatch.setenv("ATUM_MODEL_THREADS", "1")
    monkeypatch.setenv("ATUM_OF_A_PLUGIN", "1")

    [found] = await look("settings.values", patient(tmp_path))

    assert (found.state, found.says) == ("warning", "There is no setting ATUM_LOG_LEVL; ATUM_LOG_LEVEL is one.")


@pytest.mark.parametrize(
    ("settings", "state", "told"),
    [
        ({"lease_heartbeat_s": 90}, "error", "Every running job is taken for lost"),
        ({"lease_heartbeat_s": 40}, "warning", "has no room for 3 beats"),
        ({"database_pgbouncer": True}, "warning", "ATUM_DATABASE_LISTEN_URL is not set"),
        ({"database_listen_url": "postgresql://here/atum"}, "warning", "it is not used"),
        ({"schedule_file": Path("none.toml")}, "error", "The schedule cannot be used"),
        ({"worker_queues": "nonsense"}, "error", "ATUM_WORKER_QUEUES"),
        ({"smtp_url": SecretStr("smtps://mail.example"), "public_url": "https://desk"}, "warning", "nobody can answer"),
        ({"smtp_url": SecretStr("smtp://127.0.0.1")}, "warning", "no links"),
    ],
)
async def test_settings_against_each_other_are_told(
    tmp_path: Path, settings: dict[str, object], state: str, told: str
) -> None:
    [found] = await look("settings.agreement", patient(tmp_path, **settings))
    assert (found.state, told in found.says, bool(found.remedy)) == (state, True, True)


async def test_a_plug_in_that_cannot_be_loaded_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATUM_PLUGINS", "there_is_no_such_module")
    [found] = await look("settings.agreement", patient(tmp_path))
    assert (found.state, "ATUM_PLUGINS" in found.remedy) == ("error", True)


async def test_secrets_that_others_can_read_are_errors(tmp_path: Path) -> None:
    assert [each.state for each in await look("settings.secrets", patient(tmp_path / "none"))] == ["skipped"]
    credentials = tmp_path / "credentials"
    credentials.mkdir(mode=0o700)
    secret = credentials / "database_url"
    secret.touch(mode=0o600)
    settings = tmp_path / "atum-desk.env"
    settings.write_text("ATUM_API_PORT=8420\nATUM_DATABASE_URL=postgresql://atum@/atum?host=/run/postgresql\n")
    settings.chmod(0o644)
    assert [each.state for each in await look("settings.secrets", patient(tmp_path))] == ["ok"]

    secret.chmod(0o640)
    credentials.chmod(0o755)
    found = await look("settings.secrets", patient(tmp_path))
    assert [each.remedy.split(",")[0] for each in found] == [f"`chmod 700 {credentials}`", f"`chmod 600 {secret}`"]
    secret.chmod(0o600)
    credentials.chmod(0o700)
    settings.write_text(
        'ATUM_DATABASE_URL="postgresql://atum:pass@host/atum"\nATUM_OPENAI_API_KEY=sk-1\n# ATUM_OTHER_TOKEN=x\n'
    )
    [found_open] = await look("settings.secrets", patient(tmp_path))
    assert (found_open.state, found_open.figures["variables"]) == (
        "error",
        ["ATUM_DATABASE_URL", "ATUM_OPENAI_API_KEY"],
    )
    assert "pass@" not in found_open.says
    settings.chmod(0o640)
    assert [each.state for each in await look("settings.secrets", patient(tmp_path))] == ["ok"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_credentials_that_this_user_may_not_even_list_are_no_error(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir(mode=0o700)
    with as_nobody(tmp_path):
        found = await look("settings.secrets", patient(tmp_path))
    assert [each.state for each in found] == ["ok"]
