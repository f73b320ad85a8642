"""What is wrong with models, backups, mail and webhooks is found."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from helpdesk.ai.providers.connecting import connect_models
from helpdesk.backup.create import create_backup
from helpdesk.backup.manifest import DATABASE, Backup, backup_folder
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.doctor.checks import chosen_checks, run
from helpdesk.doctor.finding import Finding
from helpdesk.doctor.patient import Patient
from helpdesk.rag.embedding.models import ensure_active_model
from helpdesk.settings import Settings
from tests.database.doctor.conftest import Examine
from tests.database.notifications.smtp_sink import smtp_sink
from tests.scripted_ollama import (
    EMBEDDING_MODEL,
    TEXT_MODEL,
    ScriptedOllama,
    embeds,
    serve_scripted_ollama,
    unit_vector,
)
from tests.scripted_openai import serve_scripted_openai


@pytest.fixture
def ollama() -> Iterator[ScriptedOllama]:
    with serve_scripted_ollama() as scripted:
        yield scripted


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def troubles(found: list[Finding]) -> list[tuple[str, str]]:
    return [(each.state, each.figures["probe"]) for each in found if each.is_problem]


async def test_a_runtime_that_is_away_or_lacks_a_model_is_told(examine: Examine, ollama: ScriptedOllama) -> None:
    named = {"ollama_host": ollama.url, "text_model": TEXT_MODEL, "embedding_model": EMBEDDING_MODEL}
    assert troubles(await examine("models.runtime", **named)) == []
    found = await examine("models.runtime", **{**named, "text_model": "other:7b"})
    assert troubles(found) == [("warning", "models")]
    assert "`ollama pull other:7b`" in found[-1].remedy
    assert troubles(await examine("models.runtime", **{**named, "text_model": "none"})) == []
    ollama.digests.clear()
    assert troubles(await examine("models.runtime", **named)) == [("error", "models")]
    away = await examine("models.runtime", ollama_host=f"http://127.0.0.1:{free_port()}")
    assert [each.state for each in away if each.is_problem] == ["error"]
    assert "ollama serve" in away[-1].remedy


async def test_an_endpoint_that_is_away_or_lacks_the_model_is_told(examine: Examine) -> None:
    assert [each.state for each in await examine("models.endpoint")] == ["skipped"]
    with serve_scripted_openai() as endpoint:
        assert troubles(await examine("models.endpoint", openai_url=endpoint.url)) == []
        found = await examine("models.endpoint", openai_url=endpoint.url, openai_model="other")
        assert troubles(found) == [("error", "models")]
    assert troubles(await examine("models.endpoint", openai_url=endpoint.url)) == [("error", "reachable")]


async def test_another_model_than_that_of_the_index_is_an_error(
    examine: Examine, settings: Settings, ollama: ScriptedOllama
) -> None:
    named = {"ollama_host": ollama.url, "embedding_model": EMBEDDING_MODEL}
    assert [each.state for each in await examine("models.index", **named)] == ["skipped"]
    indexed = settings.model_copy(update=named)
    database, models = Database(indexed, application="test"), connect_models(indexed)
    await ensure_active_model(database, models.embedder)
    await models.close()
    await database.close()
    assert [each.state for each in await examine("models.index", **named)] == ["ok"]

    ollama.always("/api/embed", embeds([unit_vector("short", dims=16)]))
    [found] = await examine("models.index", **named)
    assert (found.state, found.figures) == ("error", {"dims": 384, "found": 16})
    ollama.digests[EMBEDDING_MODEL] = "f" * 64
    [found] = await examine("models.index", **named)
    assert (found.state, "these weights" in found.says) == ("error", True)


async def _back_up(settings: Settings) -> Backup:
    async def quiet(_percent: float, _done: str) -> None:
        pass

    folder = backup_folder(settings)
    return await create_backup(settings, folder=folder, keep=None, now=datetime.now(UTC), progress=quiet)


async def test_backups_that_are_missing_old_or_damaged_are_told(
    patient: Patient, settings: Settings, superuser: asyncpg.Connection, organization_id: UUID
) -> None:
    async def look(check: str, *, later: timedelta = timedelta()) -> Finding:
        looked_at = replace(patient, clock=lambda: datetime.now(UTC) + later)
        return (await run(looked_at, chosen_checks([check])))[-1]

    assert (await look("backups.age")).state == "ok", "the first night is still to come"
    assert (await look("backups.whole")).state == "skipped"
    await superuser.execute("UPDATE organizations SET created_at = now() - interval '3 days'")
    assert (await look("backups.age")).state == "error"

    backup = await _back_up(settings)
    assert {(await look(name)).state for name in ("backups.age", "backups.whole")} == {"ok"}
    assert (await look("backups.age", later=timedelta(hours=30))).state == "warning"
    assert (await look("backups.age", later=timedelta(days=9))).state == "error"
    backup.path.chmod(0o755)
    assert f"chmod 700 {backup.path}" in (await look("backups.whole")).remedy
    with (backup.path / DATABASE).open("r+b") as dump:
        dump.truncate(100)
    damaged = await look("backups.whole")
    assert (damaged.state, damaged.figures["damaged"]) == ("error", [DATABASE])


async def test_a_host_without_the_programs_of_backups_is_an_error(
    examine: Examine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert [each.state for each in await examine("backups.tools")] == ["ok"]
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    [found] = await examine("backups.tools")
    assert (found.state, "postgresql-client-" in found.remedy) == ("error", True)


async def test_a_mail_server_is_greeted_and_one_that_is_away_is_an_error(examine: Examine) -> None:
    assert [each.state for each in await examine("delivery.mail")] == ["skipped"]
    async with smtp_sink() as sink:
        [found] = await examine("delivery.mail", smtp_url=SecretStr(sink.url))
        assert (found.state, len(sink.taken)) == ("ok", 0)
        refused = sink.url.replace("smtp://", "smtp://somebody:secret-word@")
        [found] = await examine("delivery.mail", smtp_url=SecretStr(refused))
        assert (found.state, "secret-word" in found.says) == ("error", False)
    [found] = await examine("delivery.mail", smtp_url=SecretStr(f"smtp://127.0.0.1:{free_port()}"))
    assert (found.state, "ATUM_SMTP_URL" in found.remedy) == ("error", True)


async def test_a_webhook_that_fails_is_a_warning_with_what_it_said(
    examine: Examine, superuser: asyncpg.Connection, organization_id: UUID
) -> None:
    await superuser.execute(
        "INSERT INTO webhook_endpoints (id, organization_id, url, events, secret, state, state_reason, failing_since) "
        "VALUES ($1, $2, 'https://there.example/hook', '{*}', 's', 'failing', 'it answers 500', now())",
        new_id(),
        organization_id,
    )
    [found] = await examine("delivery.webhooks")
    assert (found.state, "it answers 500" in found.says) == ("warning", True)
