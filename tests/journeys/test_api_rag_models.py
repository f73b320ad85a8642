"""Embedding models over HTTP, with a worker that fills one and lets it take over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from helpdesk.models.values import UserRole
from tests.journeys.conftest import Account, MakeAccount
from tests.journeys.processes import Running, start
from tests.models_fixture import embedding_server
from tests.waiting import eventually

__all__ = ["embedding_server"]

Connect = Callable[[str | None], httpx.AsyncClient]
MODELS = "/api/v1/rag/models"
OTHER = "all-minilm@256"


@pytest.fixture(scope="module")
def ollama_host(embedding_server: str) -> str:
    return embedding_server


@pytest.fixture
async def operator(connect: Connect, make_account: MakeAccount, account: Account) -> httpx.AsyncClient:
    return connect((await make_account(UserRole.OPERATOR, organization=account)).token)


async def by_name(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    return {model["name"]: model for model in (await client.get(MODELS)).json()}


async def test_a_model_is_registered_filled_flipped_rolled_back_and_dropped(
    client: httpx.AsyncClient,
    operator: httpx.AsyncClient,
    process_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    logs = tmp_path_factory.mktemp("workers")
    workers: list[Running] = [
        start("workers", kind, log_file=logs / f"{kind}.log", environment=process_environment)
        for kind in ("rag", "job")
    ]
    try:
        for number in range(5):
            body = {"title": f"Guide {number}", "body": f"How to use the phone in room {number}, step by step."}
            made = (await client.post("/api/v1/kb/articles", json=body)).json()
            assert (await client.post(f"/api/v1/kb/articles/{made['id']}/publish")).status_code == 200
        await eventually(lambda: _is_searched_with(client, "all-minilm"), within_s=60)

        added = await operator.post(MODELS, json={"name": OTHER})
        assert added.status_code == 201
        assert (added.json()["state"], added.json()["dims"]) == ("building", 256)
        other = added.json()["id"]

        async def is_filled() -> bool:
            return (await by_name(client))[OTHER]["coverage"] == 1.0

        await eventually(is_filled, within_s=60)
        flipped = await operator.post(f"{MODELS}/flip", json={"reason": "five articles prove nothing"})
        assert flipped.status_code == 202
        # The running API searches with the new model at once.
        await eventually(lambda: _is_searched_with(client, OTHER), within_s=60)
        job = (await operator.get(f"/api/v1/jobs/{flipped.json()['job_id']}")).json()
        assert job["status"] == "completed"
        assert job["result"]["verdict"]["queries"] == 5
        models = await by_name(client)
        assert (models[OTHER]["state"], models["all-minilm"]["state"]) == ("active", "retired")
        assert models["all-minilm"]["dropped_after"] > models["all-minilm"]["retired_at"]

        refused = await operator.delete(f"{MODELS}/{other}")
        assert (refused.status_code, refused.json()["title"]) == (
            409,
            "The model is the one that is searched; another one has to take its place first.",
        )
        back = await operator.post(f"{MODELS}/rollback", json={})
        assert (back.status_code, back.json()["name"]) == (200, "all-minilm")
        assert await _is_searched_with(client, "all-minilm")
        paused = await operator.post(f"{MODELS}/{other}/pause")
        assert paused.json()["paused_at"] is not None
        assert (await operator.post(f"{MODELS}/{other}/resume")).json()["paused_at"] is None
        assert (await operator.delete(f"{MODELS}/{other}")).status_code == 204
        assert (await operator.get(f"{MODELS}/{other}")).status_code == 404
    finally:
        for worker in workers:
            assert await worker.stop() == 0, worker.log()


async def _is_searched_with(client: httpx.AsyncClient, model: str) -> bool:
    answer = (await client.post("/api/v1/rag/search", json={"query": "use the phone", "types": ["kb"]})).json()
    return bool(answer.get("model") == model and answer["results"])


async def test_only_operators_change_models_and_only_administrators_see_them(
    connect: Connect, make_account: MakeAccount, account: Account, client: httpx.AsyncClient
) -> None:
    agent = connect((await make_account(UserRole.AGENT, organization=account)).token)
    assert (await client.get(MODELS)).status_code == 200
    assert (await agent.get(MODELS)).status_code == 403
    for call in (
        client.post(MODELS, json={"name": OTHER}),
        client.post(f"{MODELS}/flip", json={}),
        client.post(f"{MODELS}/rollback", json={}),
        client.post(f"{MODELS}/1/pause"),
        client.post(f"{MODELS}/1/resume"),
        client.delete(f"{MODELS}/1"),
    ):
        assert (await call).status_code == 403


async def test_what_cannot_be_registered_is_refused_in_a_sentence(operator: httpx.AsyncClient) -> None:
    unknown = await operator.post(MODELS, json={"name": "no-such-model"})
    assert (unknown.status_code, unknown.json()["detail"]) == (503, "The model runtime does not have no-such-model.")
    nonsense = await operator.post(MODELS, json={"name": "no such model"})
    assert nonsense.status_code == 422
    assert (await operator.post(f"{MODELS}/999/pause")).status_code == 404
