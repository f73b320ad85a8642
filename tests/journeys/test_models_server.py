from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import ollama
import pytest

from api.models_server.embedding import locate_model
from helpdesk.ai.weights.model_catalog import MODEL_FILES
from tests.journeys.models_process import ModelsServer, models_server, run_models_server

EMBEDDER = "all-minilm"
TEXT_MODEL = "qwen2.5-coder:0.5b"
TEXT_FILE = MODEL_FILES[TEXT_MODEL].file_name
LONG = "the printer on the second floor shows an error " * 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelsServer]:
    with models_server(tmp_path_factory.mktemp("models"), "--text-model", "none") as running:
        yield running


def cosine(one: Any, other: Any) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def refusal(call: Any) -> tuple[int, str]:
    with pytest.raises(ollama.ResponseError) as refused:
        call()
    return refused.value.status_code, refused.value.error


def test_the_server_greets_as_ollama_does(server: ModelsServer) -> None:
    assert httpx.get(server.url).text == "Ollama is running"
    assert httpx.head(server.url).status_code == 200
    assert httpx.get(f"{server.url}/api/version").json() == {"version": "0.0.0-embedded"}


def test_the_list_shows_the_embedding_model_with_the_digest_of_its_file(server: ModelsServer) -> None:
    [model] = server.client.list().models

    assert model.model == "all-minilm:latest"
    assert model.digest == hashlib.sha256(locate_model().read_bytes()).hexdigest()
    assert model.size == locate_model().stat().st_size
    assert model.details is not None
    assert model.details.family == "bert"


def test_a_model_is_described_with_its_limits(server: ModelsServer) -> None:
    shown = server.client.show(EMBEDDER)

    assert shown.capabilities == ["embedding"]
    assert shown.modelinfo is not None
    assert shown.modelinfo["bert.context_length"] == 256
    assert shown.modelinfo["bert.embedding_length"] == 384


def test_a_model_is_loaded_by_its_first_call(tmp_path: Path) -> None:
    with models_server(tmp_path, "--text-model", "none") as fresh:
        before = [model.model for model in fresh.client.ps().models]
        fresh.client.embed(EMBEDDER, "hello")
        after = [(model.model, model.context_length) for model in fresh.client.ps().models]

    assert before == []
    assert after == [("all-minilm:latest", 256)]


def test_texts_become_unit_vectors_that_tell_what_belongs_together(server: ModelsServer) -> None:
    answer = server.client.embed(EMBEDDER, ["reset my password", "I forgot my login", "the printer is jammed"])

    assert [len(vector) for vector in answer.embeddings] == [384, 384, 384]
    assert [math.sqrt(cosine(vector, vector)) for vector in answer.embeddings] == pytest.approx([1, 1, 1], abs=1e-6)
    password, login, printer = answer.embeddings
    assert cosine(password, login) > 0.5 > 0.3 > cosine(password, printer)
    assert answer.prompt_eval_count == 5 + 6 + 7


def test_a_text_gets_the_same_vector_alone_and_among_many(server: ModelsServer) -> None:
    texts = [f"ticket {number}: " + "the laptop is slow " * (number % 7) for number in range(40)]

    together = server.client.embed(EMBEDDER, texts).embeddings

    for number in (0, 6, 21, 39):
        [alone] = server.client.embed(EMBEDDER, texts[number]).embeddings
        assert cosine(alone, together[number]) == pytest.approx(1, abs=1e-5)


def test_vectors_can_be_shortened_and_keep_length_one(server: ModelsServer) -> None:
    [short] = server.client.embed(EMBEDDER, "reset my password", dimensions=128).embeddings
    [full] = server.client.embed(EMBEDDER, "reset my password", dimensions=1000).embeddings

    assert len(short) == 128
    assert cosine(short, short) == pytest.approx(1, abs=1e-6)
    assert short[1] / short[0] == pytest.approx(full[1] / full[0], rel=1e-4)
    assert len(full) == 384


def test_a_long_text_is_cut_after_256_tokens_unless_that_is_forbidden(server: ModelsServer) -> None:
    answer = server.client.embed(EMBEDDER, ["short", LONG])

    assert answer.prompt_eval_count == 3 + 256
    assert refusal(lambda: server.client.embed(EMBEDDER, ["short", LONG], truncate=False)) == (
        400,
        "the input length exceeds the context length",
    )
    assert server.client.embed(EMBEDDER, "short", truncate=False).embeddings != []


def test_no_input_gives_no_vectors(server: ModelsServer) -> None:
    assert server.client.embed(EMBEDDER, []).embeddings == []
    assert server.client.embed(EMBEDDER, "").embeddings == []
    assert server.client.embeddings(EMBEDDER, "").embedding == []


def test_the_older_endpoint_gives_the_same_vector(server: ModelsServer) -> None:
    [new] = server.client.embed(EMBEDDER, "reset my password").embeddings

    assert server.client.embeddings(EMBEDDER, "reset my password").embedding == pytest.approx(new, abs=1e-7)


@pytest.mark.parametrize("name", ["nope", TEXT_MODEL, "all-minilm:33m"])
def test_a_model_that_is_not_here_is_not_found(server: ModelsServer, name: str) -> None:
    client = server.client
    missing = (404, f"model '{name}' not found")

    assert refusal(lambda: client.chat(name, [{"role": "user", "content": "hi"}])) == missing
    assert refusal(lambda: client.generate(name, "hi")) == missing
    assert refusal(lambda: client.show(name)) == missing
    assert refusal(lambda: client.embed(name, "hi")) == (404, f'model "{name}" not found, try pulling it first')


def test_the_embedding_model_answers_to_its_name_with_and_without_tag(server: ModelsServer) -> None:
    assert server.client.embed("all-minilm:latest", "hi").model == "all-minilm:latest"
    assert server.client.embed("all-minilm", "hi").model == "all-minilm"


def test_the_embedding_model_does_not_talk(server: ModelsServer) -> None:
    said = refusal(lambda: server.client.chat(EMBEDDER, [{"role": "user", "content": "hi"}]))

    assert said == (400, '"all-minilm" does not support chat')


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("/api/embed", b"", "missing request body"),
        ("/api/embed", b"{", "Invalid JSON"),
        ("/api/embed", b"[]", "should be an object"),
        ("/api/embed", b'{"input": "x"}', "model: Field required"),
        ("/api/embed", b'{"model": "all-minilm", "input": [1]}', "invalid input type"),
        ("/api/embed", b'{"model": "all-minilm", "input": {"a": "b"}}', "invalid input type"),
        ("/api/embed", b'{"model": "all-minilm", "input": "x", "truncate": "maybe"}', "truncate:"),
        ("/api/chat", b'{"model": "all-minilm", "messages": [{"role": "boss", "content": "x"}]}', "messages.0.role:"),
        ("/api/chat", b'{"model": "all-minilm", "options": {"temperature": "hot"}}', "options.temperature:"),
        ("/api/show", b"{}", "model: Field required"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(server: ModelsServer, path: str, body: bytes, error: str) -> None:
    answer = httpx.post(server.url + path, content=body)

    assert answer.status_code == 400
    assert error in answer.json()["error"]


def test_an_unknown_path_is_answered_in_the_same_form(server: ModelsServer) -> None:
    assert httpx.get(f"{server.url}/v1/models").json() == {"error": "Not Found"}
    assert httpx.get(f"{server.url}/api/chat").status_code == 405


def test_a_request_in_the_name_of_another_host_is_refused(server: ModelsServer) -> None:
    assert httpx.get(f"{server.url}/api/tags", headers={"Host": "evil.example"}).status_code == 400


def test_pulling_the_embedding_model_succeeds_and_an_unknown_one_fails(server: ModelsServer) -> None:
    assert server.client.pull(EMBEDDER).status == "success"
    assert [line.status for line in server.client.pull(EMBEDDER, stream=True)] == ["pulling manifest", "success"]
    assert refusal(lambda: server.client.pull("nope")) == (500, "pull model manifest: file does not exist")


@asynccontextmanager
async def async_client(server: ModelsServer) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(server.url, timeout=60)
    try:
        yield client
    finally:
        await client.close()


async def test_a_full_line_refuses_at_once_and_a_client_that_leaves_frees_its_place(tmp_path: Path) -> None:
    with models_server(tmp_path, "--text-model", "none", "--max-queue", "1") as busy:
        async with async_client(busy) as client:
            await client.embed(EMBEDDER, "load the model")
            calls = [asyncio.create_task(client.embed(EMBEDDER, [LONG] * 400)) for _ in range(3)]
            done, waiting = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)

            [refused] = [call.exception() for call in done]
            assert isinstance(refused, ollama.ResponseError)
            assert (refused.status_code, refused.error[:30]) == (503, "server busy, please try again.")

            left = time.monotonic()
            for call in waiting:
                call.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            assert len(await _vectors_once_there_is_room(client)) == 1
            assert time.monotonic() - left < 8


async def _vectors_once_there_is_room(client: ollama.AsyncClient) -> Sequence[Sequence[float]]:
    while True:
        try:
            return (await client.embed(EMBEDDER, "short")).embeddings
        except ollama.ResponseError as error:
            if error.status_code != 503:
                raise
            await asyncio.sleep(0.1)


async def test_a_stop_answers_who_waits_and_ends_at_once(tmp_path: Path) -> None:
    with models_server(tmp_path, "--text-model", "none") as stopping:
        async with async_client(stopping) as client:
            await client.embed(EMBEDDER, "load the model")
            call = asyncio.create_task(client.embed(EMBEDDER, [LONG] * 400))
            await asyncio.sleep(0.5)
            began = time.monotonic()
            stopping.process.terminate()

            with pytest.raises(ollama.ResponseError, match="stopping"):
                await call
        assert await asyncio.to_thread(stopping.process.wait, 10) == 0
        assert time.monotonic() - began < 3
        assert "Traceback" not in stopping.log()
        assert "event=models_server_stopped" in stopping.log()


def test_an_address_others_can_reach_is_refused(tmp_path: Path) -> None:
    refused = run_models_server("--host", "0.0.0.0", "--data", str(tmp_path))

    assert refused.returncode == 2
    assert "0.0.0.0 is not a loopback address" in refused.stderr


def test_a_port_in_use_is_named(server: ModelsServer, tmp_path: Path) -> None:
    port = server.url.rsplit(":", 1)[1]

    refused = run_models_server("--port", port, "--data", str(tmp_path), "--text-model", "none")

    assert refused.returncode == 1
    assert f"Port {port} of 127.0.0.1 cannot be used: Address already in use" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_text_model_is_listed_once_its_file_has_arrived(tmp_path: Path) -> None:
    with models_server(tmp_path, "--text-model", TEXT_MODEL, ATUM_GGUF_ALLOW_ANY="1") as waiting:
        before = [model.model for model in waiting.client.list().models]
        (tmp_path / f"{TEXT_FILE}.part").write_bytes(b"half a file")
        during = [model.model for model in waiting.client.list().models]
        (tmp_path / TEXT_FILE).write_bytes(b"a whole file")
        after = {model.model: model.digest for model in waiting.client.list().models}

    assert before == during == ["all-minilm:latest"]
    assert after[TEXT_MODEL] == hashlib.sha256(b"a whole file").hexdigest()


def test_a_file_that_is_not_the_published_one_is_not_offered(tmp_path: Path) -> None:
    (tmp_path / TEXT_FILE).write_bytes(b"not the model")

    with models_server(tmp_path, "--text-model", TEXT_MODEL) as careful:
        assert [model.model for model in careful.client.list().models] == ["all-minilm:latest"]
        assert refusal(lambda: careful.client.generate(TEXT_MODEL, "hi"))[0] == 404


def test_pulling_the_text_model_brings_its_file_here_with_progress(tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"x" * 3_000_000)
    data = tmp_path / "data"

    with models_server(data, "--text-model", TEXT_MODEL, ATUM_GGUF=str(own), ATUM_GGUF_ALLOW_ANY="1") as server:
        lines = list(server.client.pull(TEXT_MODEL, stream=True))
        listed = [model.model for model in server.client.list().models]

    assert (lines[0].status, lines[-1].status) == ("pulling manifest", "success")
    assert (lines[-2].completed, lines[-2].total) == (3_000_000, 3_000_000)
    assert listed == ["all-minilm:latest", TEXT_MODEL]


def test_a_pull_that_fails_says_why(tmp_path: Path) -> None:
    with models_server(tmp_path, "--text-model", TEXT_MODEL, ATUM_GGUF="/nowhere/model.gguf") as server:
        status, error = refusal(lambda: server.client.pull(TEXT_MODEL))

    assert status == 500
    assert "/nowhere/model.gguf, and there is no such file" in error


def test_a_file_that_is_no_model_is_an_error_and_vectors_go_on(tmp_path: Path) -> None:
    (tmp_path / TEXT_FILE).write_bytes(b"not a model")

    with models_server(tmp_path, "--text-model", TEXT_MODEL, ATUM_GGUF_ALLOW_ANY="1") as server:
        status, error = refusal(lambda: server.client.generate(TEXT_MODEL, "hi"))
        vectors = server.client.embed(EMBEDDER, "hi").embeddings

    assert status == 500
    assert f"The text model {TEXT_FILE} could not be loaded" in error
    assert len(vectors) == 1


def test_without_libgomp_the_text_model_is_not_offered_and_vectors_go_on(tmp_path: Path) -> None:
    (tmp_path / TEXT_FILE).write_bytes(b"a model")
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    (libraries / "libgomp.so.1").write_text("a library that cannot be loaded, found before the real one")

    with models_server(
        tmp_path, "--text-model", TEXT_MODEL, ATUM_GGUF_ALLOW_ANY="1", LD_LIBRARY_PATH=str(libraries)
    ) as server:
        listed = [model.model for model in server.client.list().models]
        status, error = refusal(lambda: server.client.generate(TEXT_MODEL, "hi"))
        vectors = server.client.embed(EMBEDDER, "hi").embeddings
        warned = server.log().count("event=text_model_unavailable")

    assert listed == ["all-minilm:latest"]
    assert (status, "install libgomp1" in error) == (500, True)
    assert len(vectors) == 1
    assert warned == 1
