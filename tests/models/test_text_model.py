"""Run with `ATUM_TEST_MODELS=DIR python -m pytest tests/models`, DIR holding the file of qwen2.5-coder:0.5b."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import ollama
import psutil
import pytest

from helpdesk.ai.weights.model_files import installed
from tests.journeys.models_process import ModelsServer, models_server

MODEL = "qwen2.5-coder:0.5b"
MODELS = Path(os.environ["ATUM_TEST_MODELS"])
FIXED = {"temperature": 0, "seed": 1}
TICKET = {
    "type": "object",
    "properties": {"category": {"type": "string", "enum": ["network", "hr", "billing"]}, "urgent": {"type": "boolean"}},
    "required": ["category", "urgent"],
}


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder of our own with links to the model file and the note of its digest."""
    folder = tmp_path_factory.mktemp("models")
    for path in MODELS.glob("qwen2.5-coder-0.5b*.gguf*"):
        (folder / path.name).symlink_to(path.absolute())
    return folder


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[ModelsServer]:
    with models_server(data, "--text-model", MODEL) as running:
        yield running


@asynccontextmanager
async def async_client(server: ModelsServer) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(server.url, timeout=120)
    try:
        yield client
    finally:
        await client.close()


def test_the_list_shows_the_published_digest(server: ModelsServer, data: Path) -> None:
    [file] = installed(data)
    listed = {model.model: model.digest for model in server.client.list().models}

    assert file.published
    assert listed[MODEL] == file.sha256
    assert server.client.show(MODEL).capabilities == ["completion"]


def test_a_conversation_goes_on_and_tells_what_it_cost(server: ModelsServer) -> None:
    answer = server.client.chat(MODEL, [user("Which colour has the sky? One word.")], options={**FIXED})

    assert "blue" in (answer.message.content or "").lower()
    assert answer.message.role == "assistant"
    assert (answer.done, answer.done_reason) == (True, "stop")
    assert (answer.prompt_eval_count or 0) > 10
    assert 0 < (answer.eval_count or 0) < 20
    assert (answer.total_duration or 0) >= (answer.eval_duration or 0) > 0


def test_an_answer_that_is_cut_says_so(server: ModelsServer) -> None:
    answer = server.client.generate(MODEL, "Count from 1 to 100.", options={**FIXED, "num_predict": 5})

    assert (answer.done_reason, answer.eval_count) == ("length", 5)


def test_a_stop_word_ends_an_answer(server: ModelsServer) -> None:
    answer = server.client.generate(MODEL, "Count: 1, 2, 3, 4, 5,", options={**FIXED, "stop": ["9"], "num_predict": 90})

    assert answer.done_reason == "stop"
    assert "9" not in answer.response


def test_a_stream_brings_the_answer_piece_by_piece(server: ModelsServer) -> None:
    options = {**FIXED, "num_predict": 20}
    lines = list(server.client.chat(MODEL, [user("Count from 1 to 20.")], options=options, stream=True))
    whole = server.client.chat(MODEL, [user("Count from 1 to 20.")], options=options)

    assert [line.done for line in lines] == [False] * (len(lines) - 1) + [True]
    assert len(lines) > 10
    assert "".join(line.message.content or "" for line in lines) == whole.message.content
    assert lines[-1].done_reason == "length"
    assert lines[-1].eval_count == 20


def test_an_answer_follows_a_schema(server: ModelsServer) -> None:
    answer = server.client.chat(
        MODEL, [user("Classify this ticket: the VPN is down for the whole office.")], format=TICKET, options={**FIXED}
    )

    ticket = json.loads(answer.message.content or "")
    assert ticket == {"category": "network", "urgent": True}


def test_an_answer_can_be_any_json(server: ModelsServer) -> None:
    answer = server.client.generate(
        MODEL, "Give a JSON object with the key a set to 1.", format="json", options={**FIXED}
    )

    assert json.loads(answer.response) == {"a": 1}


@pytest.mark.parametrize("form", ["xml", {"type": "nonsense"}])
def test_a_form_that_makes_no_sense_is_refused(server: ModelsServer, form: Any) -> None:
    answer = httpx.post(f"{server.url}/api/chat", json={"model": MODEL, "messages": [user("hi")], "format": form})

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("invalid")


def test_the_probability_of_each_token_can_be_asked_for(server: ModelsServer) -> None:
    answer = server.client.generate(
        MODEL, "Is the sky blue? Answer yes or no.", logprobs=True, top_logprobs=3, options={**FIXED, "num_predict": 1}
    )

    assert answer.logprobs is not None
    [token] = answer.logprobs
    assert token.token == answer.response
    assert token.logprob <= 0
    assert token.top_logprobs is not None
    assert len(token.top_logprobs) == 3


def test_a_call_without_messages_loads_the_model(server: ModelsServer) -> None:
    assert server.client.chat(MODEL).done_reason == "load"
    assert server.client.generate(MODEL).done_reason == "load"
    assert MODEL in [model.model for model in server.client.ps().models]


def test_a_conversation_that_is_too_long_loses_its_oldest_messages(server: ModelsServer) -> None:
    messages = [user("word " * 3900), {"role": "assistant", "content": "ok " * 300}, user("Say hi.")]
    body = {"model": MODEL, "messages": messages, "stream": False, "options": {"num_predict": 2}}

    kept = httpx.post(f"{server.url}/api/chat", json=body, timeout=60)
    refused = httpx.post(f"{server.url}/api/chat", json={**body, "truncate": False}, timeout=60)

    assert kept.json()["prompt_eval_count"] < 400
    assert (refused.status_code, refused.json()["error"]) == (400, "the input length exceeds the context length")


def test_a_prompt_that_is_too_long_by_itself_is_refused(server: ModelsServer) -> None:
    with pytest.raises(ollama.ResponseError, match="the input length exceeds the context length"):
        server.client.generate(MODEL, "word " * 5000)


def test_what_the_model_cannot_do_is_refused(server: ModelsServer) -> None:
    with pytest.raises(ollama.ResponseError, match="does not support thinking"):
        server.client.chat(MODEL, [user("hi")], think=True)
    with pytest.raises(ollama.ResponseError, match="does not support embeddings"):
        server.client.embed(MODEL, "hi")


async def test_vectors_do_not_wait_for_a_long_answer(server: ModelsServer) -> None:
    async with async_client(server) as client:
        await client.embed("all-minilm", "load the model")
        answer = asyncio.create_task(client.generate(MODEL, "Count from 1 to 500.", options={"num_predict": 200}))
        await asyncio.sleep(0.5)
        began = time.monotonic()
        await client.embed("all-minilm", "reset my password")
        took = time.monotonic() - began

        assert not answer.done()
        assert took < 1
        answer.cancel()
        await asyncio.gather(answer, return_exceptions=True)


async def test_a_client_that_leaves_frees_the_model(server: ModelsServer) -> None:
    async with async_client(server) as client:
        answer = asyncio.create_task(client.generate(MODEL, "Count from 1 to 900.", options={"num_predict": 1500}))
        await asyncio.sleep(1)
        answer.cancel()
        await asyncio.gather(answer, return_exceptions=True)
        began = time.monotonic()
        await client.generate(MODEL, "hi", options={"num_predict": 1})

    assert time.monotonic() - began < 10


async def test_answers_are_given_one_at_a_time_and_a_full_line_refuses(data: Path) -> None:
    with models_server(data, "--text-model", MODEL, "--max-queue", "1") as busy:
        async with async_client(busy) as client:
            await client.generate(MODEL)
            calls = [client.generate(MODEL, f"Count to {end}.", options={"num_predict": 10}) for end in (10, 20, 30)]
            answers = await asyncio.gather(*calls, return_exceptions=True)

    refused = [answer for answer in answers if isinstance(answer, ollama.ResponseError)]
    assert [answer.status_code for answer in refused] == [503]
    assert len([answer for answer in answers if isinstance(answer, ollama.GenerateResponse)]) == 2


async def test_a_stop_does_not_wait_for_a_long_prompt(data: Path) -> None:
    with models_server(data, "--text-model", MODEL) as stopping:
        async with async_client(stopping) as client:
            await client.generate(MODEL)
            call = asyncio.create_task(client.generate(MODEL, " ".join(map(str, range(900)))))
            await asyncio.sleep(1)
            began = time.monotonic()
            stopping.process.terminate()
            with pytest.raises(ollama.ResponseError, match="stopping"):
                await call
        assert await asyncio.to_thread(stopping.process.wait, 10) == 0
        assert time.monotonic() - began < 2
        assert "Traceback" not in stopping.log()


def test_the_librarys_own_listener_lets_nobody_in(server: ModelsServer) -> None:
    server.client.generate(MODEL)
    ports = [
        connection.laddr.port
        for connection in psutil.Process(server.process.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and not server.url.endswith(f":{connection.laddr.port}")
    ]

    assert [httpx.get(f"http://127.0.0.1:{port}/v1/models").status_code for port in ports] == [401]
