"""A text model that is left out on purpose is neither asked for nor missed."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from api.component_states import ComponentStates
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.cli.run.models import plan_models
from helpdesk.cli.run.options import Options
from helpdesk.cli.run.place import Place
from helpdesk.database.engine import Database
from helpdesk.settings import Settings
from tests.scripted_ollama import ScriptedOllama
from tests.scripted_openai import ScriptedOpenAI


async def _parts(settings: Settings) -> dict[str, tuple[str, bool]]:
    database, models = Database(settings, application="test"), connect_models(settings)
    try:
        parts = await ComponentStates(database, models).all()
    finally:
        await models.close()
        await database.close()
    return {part.name: (part.state, part.is_well) for part in parts}


async def test_health_has_a_left_out_text_model_as_off_and_nothing_is_degraded(
    usual: Settings, endpoint: ScriptedOpenAI, organization_id: UUID
) -> None:
    without = usual.model_copy(update={"text_model": "none"})
    parts = await _parts(without)
    assert parts["text_model"] == ("off", True)
    assert all(well for _, well in parts.values())
    # One behind an endpoint is still asked.
    asked = await _parts(without.model_copy(update={"openai_url": endpoint.url}))
    assert asked["text_model"][0] != "off"


async def test_nobody_asks_the_runtime_for_a_model_that_is_left_out(usual: Settings, ollama: ScriptedOllama) -> None:
    models = connect_models(usual.model_copy(update={"text_model": "none"}))
    assert await models.language.identify() is None
    assert [provider.kind for provider in models.providers] == ["embedding"]
    await models.close()
    assert ollama.requests["/api/tags"] == []


@pytest.mark.parametrize("away", [True, False])
def test_a_run_without_a_text_model_says_so_to_all_its_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ollama: ScriptedOllama, away: bool
) -> None:
    for name in ("ATUM_OLLAMA_HOST", "OLLAMA_HOST", "ATUM_TEXT_MODEL"):
        monkeypatch.delenv(name, raising=False)
    options = Options(port=0, data=tmp_path, text_model=False, ollama=None if away else ollama.url)
    plan = plan_models(options, Place(tmp_path))
    assert plan.environment["ATUM_TEXT_MODEL"] == "none"
