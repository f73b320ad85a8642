"""No text leaves the host for an organisation that has not said so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update
from starlette.responses import RedirectResponse

from helpdesk.ai.model import ModelBusy, ModelMissing, Prompt
from helpdesk.ai.providers.choice import ChosenModel, language_for
from helpdesk.ai.providers.connecting import ConnectedModels, connect_models
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization
from helpdesk.settings import Settings
from tests.database.providers.conftest import FOREIGN
from tests.scripted_ollama import TEXT_MODEL, ScriptedOllama
from tests.scripted_openai import ScriptedOpenAI

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PROMPT = Prompt("test", 1, "Answer in JSON.", "What is it?")
Foreign = Callable[[str], str]


async def _opt_in(database: Database, organization_id: UUID, **policy: Any) -> None:
    policy = policy or {"models": {"off_host": True}}
    async with database.transaction(organization_id, role="atum_owner") as session:
        await session.execute(update(Organization).values(ai_policy=policy))


async def _chosen(database: Database, models: ConnectedModels, organization_id: UUID) -> ChosenModel:
    async with database.transaction(organization_id) as session:
        return await language_for(session, models, organization_id=organization_id, now=NOW)


@asynccontextmanager
async def _connected(settings: Settings, **changes: object) -> AsyncIterator[ConnectedModels]:
    models = connect_models(settings.model_copy(update=changes))
    yield models
    await models.close()


async def test_a_foreign_endpoint_is_not_asked_for_an_organisation_that_has_not_opted_in(
    database: Database,
    usual: Settings,
    organization_id: UUID,
    endpoint: ScriptedOpenAI,
    ollama: ScriptedOllama,
    foreign: Foreign,
) -> None:
    async with _connected(usual, openai_url=foreign(endpoint.url)) as models:
        local = await _chosen(database, models, organization_id)
        assert (await local.answer(PROMPT, schema=None, max_tokens=5)).model.name == TEXT_MODEL
        assert endpoint.paths == []

        await _opt_in(database, organization_id)
        remote = await _chosen(database, models, organization_id)
        assert (await remote.answer(PROMPT, schema=None, max_tokens=5)).model.digest.startswith("openai:")
        assert len(endpoint.requests) == 1
        assert len(ollama.requests["/api/chat"]) == 1


async def test_a_foreign_ollama_gets_no_text_but_that_of_those_who_let_it(
    database: Database, usual: Settings, organization_id: UUID, ollama: ScriptedOllama, foreign: Foreign
) -> None:
    async with _connected(usual, ollama_host=foreign(ollama.url)) as models:
        chosen = await _chosen(database, models, organization_id)
        assert await chosen.identify() is None
        assert "no text leave" in chosen.why_not
        with pytest.raises(ModelMissing, match="no text leave"):
            await chosen.answer(PROMPT, schema=None, max_tokens=5)
        with pytest.raises(ModelMissing, match="ATUM_OWN_MODEL_HOSTS"):
            await models.embedder.embed(["My card is lost."])
        with pytest.raises(ModelMissing, match="ATUM_OWN_MODEL_HOSTS"):
            await models.embedder.named("other").embed(["My card is lost."])
        assert dict(ollama.requests) == {}

        await _opt_in(database, organization_id)
        assert (await (await _chosen(database, models, organization_id)).answer(PROMPT, schema=None, max_tokens=5)).text
        # Vectors are everybody's: an index holds the text of all.
        with pytest.raises(ModelMissing):
            await models.embedder.embed(["My card is lost."])


@pytest.mark.parametrize("own", [FOREIGN, ".example.net"])
async def test_a_host_the_operator_calls_his_own_serves_everybody(
    database: Database, usual: Settings, organization_id: UUID, ollama: ScriptedOllama, foreign: Foreign, own: str
) -> None:
    async with _connected(usual, ollama_host=foreign(ollama.url), own_model_hosts=own) as models:
        assert await (await _chosen(database, models, organization_id)).identify() is not None
        assert len(await models.embedder.embed(["My card is lost."])) == 1


@pytest.mark.parametrize("renamed", [True, False])
async def test_a_model_that_ollama_has_computed_elsewhere_counts_as_elsewhere(
    database: Database, usual: Settings, organization_id: UUID, ollama: ScriptedOllama, renamed: bool
) -> None:
    name = "mine" if renamed else "large:120b-cloud"
    ollama.digests[f"{name}:latest" if renamed else name] = "c" * 64
    if renamed:
        ollama.remote.add("mine:latest")
    async with _connected(usual, text_model=name, embedding_model=name) as models:
        chosen = await _chosen(database, models, organization_id)
        assert await chosen.identify() is None
        with pytest.raises(ModelMissing):
            await chosen.answer(PROMPT, schema=None, max_tokens=5)
        with pytest.raises(ModelMissing, match="computed by somebody else"):
            await models.embedder.embed(["My card is lost."])
        assert not {"/api/chat", "/api/embed"} & set(ollama.requests)

        await _opt_in(database, organization_id)
        assert (await (await _chosen(database, models, organization_id)).answer(PROMPT, schema=None, max_tokens=5)).text


async def test_a_policy_that_cannot_be_read_lets_no_text_leave(
    database: Database, usual: Settings, organization_id: UUID, endpoint: ScriptedOpenAI, foreign: Foreign
) -> None:
    async with _connected(usual, openai_url=foreign(endpoint.url)) as models:
        await _opt_in(database, organization_id, models={"off_host": True, "unknown": 1})
        chosen = await _chosen(database, models, organization_id)
        assert await chosen.identify() is None
        assert endpoint.paths == []


async def test_what_is_wrong_elsewhere_in_a_policy_does_not_decide_where_text_goes(
    database: Database, usual: Settings, organization_id: UUID, endpoint: ScriptedOpenAI, foreign: Foreign
) -> None:
    async with _connected(usual, openai_url=foreign(endpoint.url)) as models:
        await _opt_in(database, organization_id, models={"off_host": True}, triage={"of": "another release"})
        identity = await (await _chosen(database, models, organization_id)).identify()
        assert identity is not None
        assert identity.digest.startswith("openai:")


async def test_a_redirect_takes_no_text_along(
    database: Database, usual: Settings, organization_id: UUID, endpoint: ScriptedOpenAI, ollama: ScriptedOllama
) -> None:
    ollama.then("/api/chat", lambda _body: RedirectResponse(f"{endpoint.url}/chat/completions", 307))
    ollama.then("/api/embed", lambda _body: RedirectResponse(f"{endpoint.url}/embed", 308))
    async with _connected(usual) as models:
        with pytest.raises(ModelBusy, match="sends its callers elsewhere"):
            await models.language.answer(PROMPT, schema=None, max_tokens=5)
        with pytest.raises(ModelBusy, match="sends its callers elsewhere"):
            await models.embedder.embed(["My card is lost."])
        assert endpoint.paths == []
    endpoint.before = lambda _body: RedirectResponse(f"{ollama.url}/api/chat", 307)
    async with _connected(usual, openai_url=endpoint.url) as models:
        with pytest.raises(ModelBusy, match="sends its callers elsewhere"):
            await models.language.answer(PROMPT, schema=None, max_tokens=5)
    assert len(ollama.requests["/api/chat"]) == 1


async def test_a_proxy_of_the_environment_is_not_used(
    database: Database,
    usual: Settings,
    organization_id: UUID,
    endpoint: ScriptedOpenAI,
    ollama: ScriptedOllama,
    foreign: Foreign,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, ollama.url)
    await _opt_in(database, organization_id)
    async with _connected(usual, openai_url=foreign(endpoint.url)) as models:
        await (await _chosen(database, models, organization_id)).answer(PROMPT, schema=None, max_tokens=5)
        assert len(endpoint.requests) == 1
        assert dict(ollama.requests) == {}
