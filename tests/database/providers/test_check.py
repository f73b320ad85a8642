"""`atum-desk ai check` against runtimes that keep to what is asked of them, and ones that do not."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest
from starlette.responses import Response

from tests import warm
from tests.scripted_ollama import DIMS, EMBEDDING_MODEL, TEXT_MODEL, ScriptedOllama, embeds, error, says, unit_vector
from tests.scripted_openai import ScriptedOpenAI
from tests.scripted_openai import error as endpoint_error
from tests.scripted_openai import says as endpoint_says

NOWHERE = "http://127.0.0.1:9"


def _fitting(schema: dict[str, Any] | None) -> Any:
    """Return the least value that fits a schema."""
    match schema:
        case {"enum": [first, *_]}:
            return first
        case {"type": "object", "properties": properties}:
            return {name: _fitting(inner) for name, inner in properties.items()}
        case {"type": "array", "items": items}:
            return [_fitting(items)]
        case _:
            return "A jam of paper."


def _chat(body: dict[str, Any]) -> Response:
    if len(body["messages"][1]["content"]) > 10_000:
        return error(400, "the input length exceeds the context length")(body)
    return says(_fitting(body.get("format")))(body)


def _embed(body: dict[str, Any]) -> Response:
    if any(len(words) > 10_000 for words in body["input"]):
        return error(400, "the input length exceeds the context length")(body)
    # A vector by the words that say what a text is about.
    kinds = ["pass" if "pass" in words else "coffee" if "coffee" in words else words for words in body["input"]]
    return embeds([unit_vector(kind) for kind in kinds])(body)


@pytest.fixture
def good(ollama: ScriptedOllama) -> ScriptedOllama:
    ollama.always("/api/chat", _chat)
    ollama.always("/api/embed", _embed)
    return ollama


async def _check(ollama_host: str, *options: str, **settings: str) -> tuple[int, dict[str, Any]]:
    """Run the command, and return its exit code and what it found by provider and probe."""
    named = {"ATUM_OLLAMA_HOST": ollama_host, "ATUM_TEXT_MODEL": TEXT_MODEL, "ATUM_EMBEDDING_MODEL": EMBEDDING_MODEL}
    done = await asyncio.to_thread(
        warm.run,
        *("helpdesk.cli", "ai", "check", "--json", *options),
        environment=os.environ | {"ATUM_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"} | named | settings,
    )
    found = json.loads(done.stdout)
    return done.returncode, {
        name: {finding["probe"]: finding for finding in findings} for name, findings in found.items()
    }


async def test_a_runtime_that_keeps_to_everything_is_good_and_needs_no_database(good: ScriptedOllama) -> None:
    code, found = await _check(good.url)
    assert (code, {finding["verdict"] for finding in found["ollama"].values()}) == (0, {"ok"})
    assert found["ollama"]["vectors"]["figures"]["dimensions"] == DIMS
    assert found["ollama"]["schema"]["figures"]["obeyed"] == 4
    assert found["ollama"]["reachable"]["figures"]["version"] == "0.12.6"


async def test_a_runtime_that_is_away_is_unusable_and_says_what_to_start() -> None:
    code, found = await _check(NOWHERE)
    assert code == 2
    assert "ollama serve" in found["ollama"]["reachable"]["remedy"]


async def test_missing_models_are_named_with_the_command_that_fetches_them(good: ScriptedOllama) -> None:
    code, found = await _check(good.url, ATUM_TEXT_MODEL="qwen3:8b")
    assert (code, found["ollama"]["models"]["verdict"]) == (1, "problem")
    assert "`ollama pull qwen3:8b`" in found["ollama"]["models"]["remedy"]
    assert found["ollama"]["vectors"]["verdict"] == "ok"

    code, found = await _check(good.url, ATUM_TEXT_MODEL="qwen3:8b", ATUM_EMBEDDING_MODEL="bge-m3")
    assert (code, found["ollama"]["models"]["verdict"]) == (2, "unusable")


async def test_a_text_model_that_is_left_out_on_purpose_is_no_problem(good: ScriptedOllama) -> None:
    code, found = await _check(good.url, ATUM_TEXT_MODEL="none")
    assert (code, {finding["verdict"] for finding in found["ollama"].values()}) == (0, {"ok"})
    assert "left out on purpose" in found["ollama"]["models"]["told"]
    assert "schema" not in found["ollama"]
    assert good.requests["/api/chat"] == []


async def test_a_runtime_that_cuts_ignores_and_mixes_up_has_a_problem_of_each_kind(ollama: ScriptedOllama) -> None:
    ollama.obeys = False
    ollama.capabilities = ["completion", "thinking"]
    ollama.always("/api/embed", lambda body: embeds([unit_vector("same")] * len(body["input"]))(body))
    code, found = await _check(ollama.url)
    verdicts = {probe: finding["verdict"] for probe, finding in found["ollama"].items()}
    assert code == 1
    assert {probe for probe, verdict in verdicts.items() if verdict == "problem"} == {
        "vectors",
        "too long for vectors",
        "schema",
        "too long",
    }
    assert found["ollama"]["thinking"]["verdict"] == "ok"
    assert all(finding["remedy"] for finding in found["ollama"].values() if finding["verdict"] != "ok")


async def test_a_foreign_place_and_a_model_computed_elsewhere_are_told(good: ScriptedOllama) -> None:
    good.digests["big:70b-cloud"] = "b" * 64
    code, found = await _check(good.url, ATUM_TEXT_MODEL="big:70b-cloud")
    assert (code, found["ollama"]["place"]["verdict"]) == (1, "problem")
    code, found = await _check("http://192.0.2.1:11434", ATUM_MODEL_TIMEOUT_S="1", ATUM_EMBED_TIMEOUT_S="1")
    assert code == 2
    assert "ATUM_OWN_MODEL_HOSTS" in found["ollama"]["place"]["remedy"]


async def test_an_endpoint_is_tried_as_well_where_one_is_set(good: ScriptedOllama, endpoint: ScriptedOpenAI) -> None:
    def before(body: dict[str, Any]) -> Response | None:
        if len(body["messages"][1]["content"]) > 10_000:
            return endpoint_error(400, "maximum context length is 4096 tokens")(body)
        form = body.get("response_format", {}).get("json_schema", {}).get("schema")
        return endpoint_says(_fitting(form))(body)

    endpoint.before = before
    code, found = await _check(good.url, ATUM_OPENAI_URL=endpoint.url)
    assert (code, set(found)) == (0, {"ollama", "openai"})
    assert found["openai"]["schema"]["figures"]["obeyed"] == 4

    endpoint.models.append({"id": "another"})
    code, found = await _check(NOWHERE, "--provider", "openai", ATUM_OPENAI_URL=endpoint.url)
    assert (code, set(found)) == (2, {"openai"})
    assert "ATUM_OPENAI_MODEL" in found["openai"]["models"]["remedy"]


async def test_asking_for_an_endpoint_that_is_not_set_says_how_to_set_it() -> None:
    code, found = await _check(NOWHERE, "--provider", "openai")
    assert code == 2
    assert "ATUM_OPENAI_URL" in found["openai"]["place"]["remedy"]
